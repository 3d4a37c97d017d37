"""The log by day: what was changed, in which direction, and how it ended."""

from collections.abc import Iterator
from datetime import date

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    BackfillPolicy,
    MaterializeResult,
    MetadataValue,
    asset,
)

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.tables import table
from domiq_dagster.partitions import days
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.monitoring.figures import count_day


@asset(
    partitions_def=days,
    backfill_policy=BackfillPolicy.single_run(),
    deps=[status_sync_log],
    group_name="record",
    kinds={"pandas", "postgres"},
    output_required=False,  # a dry run materialises nothing
)
def status_sync_daily(
    context: AssetExecutionContext, config: DryRunConfig, sync: SyncResource
) -> Iterator[MaterializeResult]:  # type: ignore[type-arg]
    """The changes of one UTC day, per property, direction and status (domiq_sync.daily_total)."""
    with sync.database() as engine:
        for day in context.partition_keys:
            with engine.connect() as connection:
                frame = count_day(connection, date.fromisoformat(day))
                if config.dry_run:
                    connection.rollback()
                else:
                    connection.commit()
            failed = frame.loc[frame["sync_status"] == "failed", "changes"].sum()
            metadata = {
                "changes": MetadataValue.int(int(frame["changes"].sum())),
                "failed": MetadataValue.int(int(failed)),
                "by_property": table(frame),
            }
            if config.dry_run:
                context.log_event(
                    AssetObservation(context.asset_key, partition=day, metadata={**metadata, **DRY})
                )
            else:
                context.add_asset_metadata(metadata, asset_key="status_sync_daily", partition_key=day)
    if not config.dry_run:
        yield MaterializeResult()
