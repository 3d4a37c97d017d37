"""Applies 008_linking.sql: lease milestones, decisions about links, and ends on record."""

from domiq_dagster.db.migrate import run_file

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("008_linking.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
