"""Applies 005_change_capture.sql: the outbox functions and the trigger on the log."""

from domiq_dagster.db.migrate import run_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("005_change_capture.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
