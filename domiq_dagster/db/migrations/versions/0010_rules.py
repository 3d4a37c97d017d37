"""Applies 010_rules.sql: which changes the workflow rules have looked at, what they decided, tasks."""

from domiq_dagster.db.migrate import run_file

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("010_rules.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
