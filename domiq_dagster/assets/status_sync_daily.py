"""The log by day: what was changed, in which direction, and how it ended."""

from datetime import date

from dagster import AssetExecutionContext, BackfillPolicy, MetadataValue, asset

from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.tables import table
from domiq_dagster.partitions import days
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.measure import count_day


@asset(
    partitions_def=days,
    backfill_policy=BackfillPolicy.single_run(),
    deps=[status_sync_log],
    group_name="record",
    kinds={"pandas", "postgres"},
)
def status_sync_daily(context: AssetExecutionContext, sync: SyncResource) -> None:
    """The changes of one UTC day, per property, direction and status (domiq_sync.daily_total)."""
    with sync.database() as engine:
        for day in context.partition_keys:
            with engine.begin() as connection:
                frame = count_day(connection, date.fromisoformat(day))
            failed = frame.loc[frame["sync_status"] == "failed", "changes"].sum()
            context.add_asset_metadata(
                {
                    "changes": MetadataValue.int(int(frame["changes"].sum())),
                    "failed": MetadataValue.int(int(failed)),
                    "by_property": table(frame),
                },
                asset_key="status_sync_daily",
                partition_key=day,
            )
