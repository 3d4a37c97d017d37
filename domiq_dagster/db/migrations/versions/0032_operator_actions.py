"""What people decided: who, when and why."""

from domiq_dagster.db.migrate import run_file

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("032_operator_actions.sql")


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
