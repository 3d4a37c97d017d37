"""The figures of each day: latency, moves, time in status, conflicts, requests."""

from domiq_dagster.db.migrate import run_file

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("030_daily_figures.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
