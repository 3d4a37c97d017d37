"""ResMan's ids in one spelling."""

from domiq_dagster.db.migrate import run_file

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("021_resman_ids.sql")


def downgrade() -> None:
    raise RuntimeError("How the ids were spelt before is not kept.")
