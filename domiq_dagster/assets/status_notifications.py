"""Telling people: each logged change runs its property's notification preferences once."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetObservation, MaterializeResult, MetadataValue, asset

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.measure import unnotified
from domiq_dagster.sync.notify import notify_changes


@asset(
    deps=[status_sync_log],
    group_name="record",
    kinds={"python", "postgres"},
    output_required=False,  # a dry run materialises nothing
)
def status_notifications(
    context: AssetExecutionContext, config: DryRunConfig, sync: SyncResource
) -> Iterator[MaterializeResult]:  # type: ignore[type-arg]
    """The notices that status_notification_preferences asks for (domiq_sync.notification)."""
    with sync.database() as engine:
        if config.dry_run:
            changes, preferences = unnotified(engine)
            figures = {
                "changes_to_look_at": MetadataValue.int(changes),
                "would_match_a_preference": MetadataValue.int(preferences),
            }
            context.log_event(AssetObservation(context.asset_key, metadata={**figures, **DRY}))
            return
        notified = notify_changes(engine)
    yield MaterializeResult(
        metadata={
            "changes_looked_at": MetadataValue.int(notified.changes),
            "delivered": MetadataValue.int(notified.delivered.total()),
            "undeliverable": MetadataValue.int(notified.undeliverable.total()),
            "undeliverable_by_channel": MetadataValue.json(dict(notified.undeliverable)),
        }
    )
