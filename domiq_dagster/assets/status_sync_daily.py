"""The log by day: what was changed, in which direction, and how it ended."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.catalogue import AFTER_MIDNIGHT, OWNERS, explained_in, stored_in
from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.tables import frame_table
from domiq_dagster.faults import told_without_values
from domiq_dagster.partitions import days, one_run
from domiq_dagster.resources import DomiqResource
from domiq_dagster.sync.monitoring.figures import count_day


@dg.asset(
    partitions_def=days,
    backfill_policy=one_run,
    deps=[status_sync_log],
    group_name="record",
    owners=OWNERS,
    freshness_policy=AFTER_MIDNIGHT,
    kinds={"pandas", "postgres", "table"},
    tags={"direction": "both", "writes_to": "domiq_sync"},
    metadata={**stored_in("domiq_sync.daily_total"), **explained_in("status_sync_daily")},
    output_required=False,  # a dry run materialises nothing
)
@told_without_values
def status_sync_daily(
    context: dg.AssetExecutionContext, config: DryRunConfig, domiq: DomiqResource
) -> Iterator[dg.AssetObservation | dg.MaterializeResult[None]]:
    """The changes of one UTC day, counted by property, direction and status (`domiq_sync.daily_total`).

    **From** status_sync_log and its archive, a little after midnight UTC.

    **Red**: a day whose run failed; the days beside it are as they were.

    **Then** materialise that day again: it is counted anew each time."""
    with domiq.engine() as engine:
        counted = {day: _count(engine, day, keep=not config.dry_run) for day in context.partition_keys}
    if config.dry_run:
        for day, metadata in counted.items():
            yield dg.AssetObservation(context.asset_key, partition=day, metadata={**metadata, **DRY})
        return
    for day, metadata in counted.items():
        context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=day)
    yield dg.MaterializeResult()


def _count(engine: Engine, day: str, *, keep: bool) -> dict[str, Any]:
    """Counts one day anew, and tells what there was."""
    with engine.connect() as connection:
        frame = count_day(connection, date.fromisoformat(day))
        if keep:
            connection.commit()
    return {
        "changes": int(frame["changes"].sum()),
        "dagster/partition_row_count": len(frame),
        "failed": int(frame.loc[frame["sync_status"] == "failed", "changes"].sum()),
        "by_property": frame_table(frame),
    }
