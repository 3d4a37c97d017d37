"""The baseline: the contract's tables in schema public, and the machinery's own in domiq_sync."""

from domiq_dagster.db.migrate import run_file

revision = "0016"
down_revision = None
branch_labels = None
depends_on = None

FILES = (
    "001_uuid_function.sql",  # before any table that defaults to uuid_generate_v4()
    "002_status_sync_tables.sql",
    "003_properties.sql",
    "004_status_map.sql",
    "005_changes.sql",
    "006_pulls.sql",
    "007_links.sql",
    "008_rules.sql",
    "009_notifications.sql",
    "010_alerts.sql",
    "011_workers.sql",
)


def upgrade() -> None:
    for name in FILES:
        run_file(name)


def downgrade() -> None:
    raise RuntimeError(
        "There is no way back by migration; DROP SCHEMA domiq_sync CASCADE removes the machinery."
    )
