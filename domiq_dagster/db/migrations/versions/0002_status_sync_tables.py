"""Applies 002_status_sync_tables.sql: the contract: tables, constraints, comments, indexes."""

from domiq_dagster.db.migrate import run_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("002_status_sync_tables.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
