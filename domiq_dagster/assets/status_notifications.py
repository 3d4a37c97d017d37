"""Telling people: each logged change runs its property's notification preferences once."""

from dagster import MaterializeResult, MetadataValue, asset

from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.notify import notify_changes


@asset(deps=[status_sync_log], group_name="record", kinds={"python", "postgres"})
def status_notifications(sync: SyncResource) -> MaterializeResult:  # type: ignore[type-arg]
    """The notices that status_notification_preferences asks for (domiq_sync.notification)."""
    with sync.database() as engine:
        notified = notify_changes(engine)
    return MaterializeResult(
        metadata={
            "changes_looked_at": MetadataValue.int(notified.changes),
            "delivered": MetadataValue.int(notified.delivered.total()),
            "undeliverable": MetadataValue.int(notified.undeliverable.total()),
            "undeliverable_by_channel": MetadataValue.json(dict(notified.undeliverable)),
        }
    )
