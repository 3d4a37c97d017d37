"""Applies 013_in_turn.sql: which deliveries joined their lane in turn."""

from domiq_dagster.db.migrate import run_file

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("013_in_turn.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
