"""The audit log: every change of either side, with how it ended."""

from dagster import MaterializeResult, MetadataValue, asset

from domiq_dagster.assets.conversation_status_pushes import conversation_status_pushes
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.tables import table
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.monitoring.figures import log_totals_frame


@asset(
    deps=[conversation_status_pushes, inbound_status_changes],
    group_name="record",
    kinds={"postgres"},
)
def status_sync_log(sync: SyncResource) -> MaterializeResult:  # type: ignore[type-arg]
    """The table status_sync_log, counted by direction and status."""
    with sync.database() as engine, engine.connect() as connection:
        frame = log_totals_frame(connection)
    by_status = frame.groupby("sync_status", dropna=False)["changes"].sum()
    return MaterializeResult(
        metadata={
            "changes": MetadataValue.int(int(frame["changes"].sum())),
            "pending": MetadataValue.int(int(by_status.get("pending", 0))),
            "success": MetadataValue.int(int(by_status.get("success", 0))),
            "failed": MetadataValue.int(int(by_status.get("failed", 0))),
            "by_direction": table(frame),
        }
    )
