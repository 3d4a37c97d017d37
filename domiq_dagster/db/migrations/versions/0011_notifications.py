"""Applies 011_notifications.sql: the outbox of notices, quiet hours, the pace of channels."""

from domiq_dagster.db.migrate import run_file

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("011_notifications.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
