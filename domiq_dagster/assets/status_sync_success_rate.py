"""The success-rate view, read as it is and shown per property."""

from dagster import MaterializeResult, MetadataValue, asset

from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.tables import table
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.monitoring.figures import success_rate_frame


@asset(deps=[status_sync_log], group_name="record", kinds={"pandas", "postgres"})
def status_sync_success_rate(sync: SyncResource) -> MaterializeResult:  # type: ignore[type-arg]
    """The view status_sync_success_rate: of all changes logged for a property, how many percent
    succeeded, and how many failed."""
    with sync.database() as engine, engine.connect() as connection:
        frame = success_rate_frame(connection)
    metadata: dict[str, MetadataValue] = {
        "properties": MetadataValue.int(len(frame)),
        "failed_status_updates": MetadataValue.int(int(frame["failed_status_updates"].sum())),
        "by_property": table(frame),
    }
    if len(frame):
        metadata["lowest_success_rate"] = MetadataValue.float(
            round(float(frame["sync_success_rate"].min()), 2)
        )
    return MaterializeResult(metadata=metadata)
