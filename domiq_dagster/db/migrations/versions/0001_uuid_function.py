"""Applies 001_uuid_function.sql: uuid_generate_v4() must exist before any table that defaults to it."""

from domiq_dagster.db.migrate import run_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("001_uuid_function.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
