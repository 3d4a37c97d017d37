"""Applies 009_gaps.sql: since when a property takes part, and since when a lead diverges."""

from domiq_dagster.db.migrate import run_file

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("009_gaps.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
