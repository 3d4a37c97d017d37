"""An account's slot can be taken over from a session that stands still with it."""

from domiq_dagster.db.migrate import run_file

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("018_slot_takeover.sql")


def downgrade() -> None:
    raise RuntimeError("There is no way back by migration; the version before works with this schema too.")
