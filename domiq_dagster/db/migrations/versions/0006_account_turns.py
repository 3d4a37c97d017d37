"""Applies 006_account_turns.sql: turns, ramp and concurrency of ResMan accounts."""

from domiq_dagster.db.migrate import run_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("006_account_turns.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
