"""The log by day: what was changed, in which direction, how fast it went and how it ended."""

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
from domiq_dagster.sync.report.daily import DayCount, count_day
from domiq_dagster.sync.report.day_figures import success_rate
from domiq_dagster.sync.trouble import Faults


@dg.asset(
    partitions_def=days,
    backfill_policy=one_run,
    deps=[status_sync_log],
    group_name="record",
    owners=OWNERS,
    freshness_policy=AFTER_MIDNIGHT,
    kinds={"pandas", "postgres", "table"},
    tags={"direction": "both", "writes_to": "domiq_sync"},
    metadata={**stored_in("domiq_sync.daily_figure"), **explained_in("status_sync_daily")},
    output_required=False,  # a dry run materialises nothing
)
@told_without_values
def status_sync_daily(
    context: dg.AssetExecutionContext, config: DryRunConfig, domiq: DomiqResource
) -> Iterator[dg.AssetObservation | dg.MaterializeResult[None]]:
    """The figures of one UTC day by property and direction: changes and how they ended, how long they took,
    moves between statuses, reasons of failures, requests (`domiq_sync.daily_figure`); by property also
    conflicts and how many leads were in step (`daily_property`).

    **From** status_sync_log and its archive, a little after midnight UTC; days that nobody counted are
    counted by themselves, in one run.

    **Red**: a day that could not be counted; it is as it was, and the days beside it are counted.

    **Then** materialise that day again: it is counted anew each time."""
    counted: dict[str, dict[str, Any]] = {}
    faults = Faults("day {} could not be counted")
    with domiq.engine() as engine:
        for day in context.partition_keys:
            with faults.of(day):
                counted[day] = _count(engine, day, keep=not config.dry_run)
    if faults.sentences:
        for day, metadata in counted.items() if not config.dry_run else ():
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=day, metadata=metadata))
        raise dg.Failure(
            f"{len(faults.sentences)} of {len(context.partition_keys)} days could not be counted; the others "
            "were.",
            metadata=dict(sorted(faults.sentences.items())[:_MOST_NAMED]),
        )
    if config.dry_run:
        for day, metadata in counted.items():
            yield dg.AssetObservation(context.asset_key, partition=day, metadata={**metadata, **DRY})
        return
    for day, metadata in counted.items():
        context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=day)
    yield dg.MaterializeResult()


_MOST_NAMED = 20
"""So many days are named that could not be counted."""
_SHOWN = [
    *("property", "sync_direction", "changes", "success", "failed", "pending", "success_rate"),
    *("latency_p50", "latency_p95", "requests", "throttled"),
]
"""The columns of the day's table in the UI; the others are lists, and in the database."""


def _count(engine: Engine, day: str, *, keep: bool) -> dict[str, Any]:
    """Counts one day anew, and tells what there was."""
    with engine.connect() as connection:
        counted = count_day(connection, date.fromisoformat(day))
        if keep:
            connection.commit()
    return day_metadata(counted)


def day_metadata(counted: DayCount) -> dict[str, Any]:
    """A day's figures, under the names that they have on every asset. What nobody can tell is left out."""
    success, failed = counted.sum("success"), counted.sum("failed")
    latency = {name: counted.latency[name] for name in ("latency_p50", "latency_p95")}
    told = {"success_rate": success_rate(success, failed), **latency, "diverged": counted.diverged}
    return {
        "changes": counted.sum("changes"),
        "dagster/partition_row_count": len(counted.figures),
        "applied": counted.sum("success", "from_resman"),
        "pushed": counted.sum("success", "to_resman"),
        "failed": failed,
        "pending": counted.sum("pending"),
        "conflicts": int(counted.properties["conflicts_opened"].sum()),
        "requests": counted.sum("requests"),
        "throttled": counted.sum("throttled"),
        **{name: round(value, 3) for name, value in told.items() if value is not None},
        "by_property": frame_table(counted.figures[_SHOWN]),
    }
