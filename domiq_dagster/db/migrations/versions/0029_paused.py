"""Pauses of properties: who paused one, since when and why."""

from domiq_dagster.db.migrate import run_file

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("029_paused.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
