"""Applies 015_faults.sql: records in trouble, who is alive, and when an account was last paused."""

from domiq_dagster.db.migrate import run_file

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("015_faults.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
