"""Changes that capture could not log are counted; indexes for what goes with a deleted property."""

from domiq_dagster.db.migrate import run_file

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("020_capture_misses.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
