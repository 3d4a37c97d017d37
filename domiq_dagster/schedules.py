"""When the jobs run by the clock. All are on by default: a sync that nobody switched on is a sync that
silently does nothing. What runs because something happened belongs in `sensors`."""

from datetime import UTC, timedelta

import dagster as dg

from domiq_dagster.faults import told_without_values
from domiq_dagster.jobs import (
    FULL,
    SENT,
    daily,
    full_reread,
    housekeeping_job,
    pull,
    reconcile_pending,
    recount_log,
    report,
)
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import SCHEDULE_NAME, all_properties, ranges
from domiq_dagster.resources import DomiqResource
from domiq_dagster.run_liveness import live_runs
from domiq_dagster.sync import patience
from domiq_dagster.sync.monitoring.gaps import gaps
from domiq_dagster.sync.workers import SERVICE, live_workers, runs_seen

_ON = dg.DefaultScheduleStatus.RUNNING
_PULLED_BY_WORKERS = timedelta(seconds=patience.PULL_FLOOR)
"""A property that was pulled so lately, and without a fault, needs no run while a worker is alive."""


@dg.schedule(
    job=pull,
    cron_schedule="*/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes: all connected properties, in one run, unless workers that go on keep them "
    "all up to date.",
)
@told_without_values
def pull_every_10_minutes(
    context: dg.ScheduleEvaluationContext, domiq: DomiqResource
) -> dg.RunRequest | dg.SkipReason:
    with domiq.kept_engine() as engine, engine.connect() as connection:
        workers = live_workers(connection, SERVICE)
        behind = gaps(connection, _PULLED_BY_WORKERS) if workers else []
    if workers and not behind:
        return dg.SkipReason(f"worker {workers[0].name} is at it, and every property was pulled lately")
    return _request(context, domiq, pull_every_10_minutes.name)


@dg.schedule(
    job=full_reread,
    cron_schedule="30 3 * * *",
    default_status=_ON,
    description="Nightly: read every prospect again.",
)
@told_without_values
def full_reread_nightly(
    context: dg.ScheduleEvaluationContext, domiq: DomiqResource
) -> dg.RunRequest | dg.SkipReason:
    return _request(context, domiq, full_reread_nightly.name, FULL)


def _request(
    context: dg.ScheduleEvaluationContext,
    domiq: DomiqResource,
    name: str,
    config: dg.RunConfig | None = None,
) -> dg.RunRequest | dg.SkipReason:
    """One run over all properties, unless the last one is still under way: a second would wait for the same
    accounts, and take a place in which a push could run. A backfill does not count: it holds nothing up."""
    tags = all_properties(context.instance.get_dynamic_partitions(str(properties.name)))
    if not tags:
        return dg.SkipReason("no property is connected")
    with domiq.kept_engine() as engine, engine.connect() as connection:
        seen = runs_seen(connection)
    if live_runs(context.instance, seen, tags={SCHEDULE_NAME: name}):
        return dg.SkipReason("the last one is still under way")
    return dg.RunRequest(tags=tags, run_config=config)


reconcile_every_10_minutes = dg.ScheduleDefinition(
    name="reconcile_every_10_minutes",
    job=reconcile_pending,
    cron_schedule="5-59/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes, between two pulls: find and mend.",
)


recount_nightly = dg.ScheduleDefinition(
    name="recount_nightly",
    job=recount_log,
    cron_schedule="45 2 * * *",
    default_status=_ON,
    description="Nightly: count the log, and compare its totals.",
)


@dg.schedule(
    job=daily,
    cron_schedule="15 0 * * *",
    execution_timezone="UTC",
    default_status=_ON,
    description="Every night: count the day that ended, and the one before it anew.",
)
@told_without_values
def count_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    # Dagster's own schedule of a partitioned job takes the last partition, and that is today. What was logged
    # late on the day before may have been settled since it was counted.
    ended = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date()
    wanted = [(ended - timedelta(days=1)).isoformat(), ended.isoformat()]
    (tags,) = ranges(wanted, wanted, most=1)
    return dg.RunRequest(tags=tags)


report_weekly = dg.ScheduleDefinition(
    name="report_weekly",
    job=report,
    cron_schedule="0 15 * * 1",
    execution_timezone="UTC",
    run_config=SENT,
    default_status=_ON,
    description="Mondays at 15:00 UTC, the morning in the United States: make the report, and send it to "
    "those who asked: nobody, unless a preference has the status_type sync_report.",
)


housekeeping_nightly = dg.ScheduleDefinition(
    name="housekeeping_nightly",
    job=housekeeping_job,
    cron_schedule="40 2 * * *",
    default_status=_ON,
    description="Every night: delete what is older than its retention.",
)

all_schedules = [
    pull_every_10_minutes,
    full_reread_nightly,
    reconcile_every_10_minutes,
    recount_nightly,
    count_daily,
    report_weekly,
    housekeeping_nightly,
]
