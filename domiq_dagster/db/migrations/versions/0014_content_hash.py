"""Applies 014_content_hash.sql: forgets the hashes that were made in another way."""

from domiq_dagster.db.migrate import run_file

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("014_content_hash.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
