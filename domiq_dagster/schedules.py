"""When the jobs run by the clock. All are on by default: a sync that nobody switched on is a sync that
silently does nothing."""

from datetime import UTC, timedelta

from dagster import (
    DefaultScheduleStatus,
    RunConfig,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from domiq_dagster.jobs import FULL, daily, full_reread, pull, reconcile_pending
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import all_properties
from domiq_dagster.resources import SyncResource
from domiq_dagster.run_liveness import live_runs
from domiq_dagster.sync.workers import runs_seen

_ON = DefaultScheduleStatus.RUNNING
SCHEDULE_NAME = "dagster/schedule_name"
"""The tag that Dagster gives a schedule's runs."""


@schedule(
    job=pull,
    cron_schedule="*/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes: all connected properties, in one run.",
)
def pull_every_10_minutes(context: ScheduleEvaluationContext, sync: SyncResource) -> RunRequest | SkipReason:
    return _request(context, sync, pull_every_10_minutes.name)


@schedule(
    job=full_reread,
    cron_schedule="30 3 * * *",
    default_status=_ON,
    description="Nightly: read every prospect again.",
)
def full_reread_nightly(context: ScheduleEvaluationContext, sync: SyncResource) -> RunRequest | SkipReason:
    return _request(context, sync, full_reread_nightly.name, FULL)


def _request(
    context: ScheduleEvaluationContext, sync: SyncResource, name: str, config: RunConfig | None = None
) -> RunRequest | SkipReason:
    """One run over all properties, unless the last one is still under way: a second would wait for the same
    accounts, and take a place in which a push could run. A backfill does not count: it holds nothing up."""
    tags = all_properties(context.instance.get_dynamic_partitions(str(properties.name)))
    if not tags:
        return SkipReason("no property is connected")
    with sync.database() as engine, engine.connect() as connection:
        seen = runs_seen(connection)
    if live_runs(context.instance, seen, tags={SCHEDULE_NAME: name}):
        return SkipReason("the last one is still under way")
    return RunRequest(tags=tags, run_config=config)


reconcile_every_10_minutes = ScheduleDefinition(
    name="reconcile_every_10_minutes",
    job=reconcile_pending,
    cron_schedule="5-59/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes, between two pulls: find and mend.",
)


@schedule(
    job=daily,
    cron_schedule="15 0 * * *",
    execution_timezone="UTC",
    default_status=_ON,
    description="Every night: count the day that ended.",
)
def count_daily(context: ScheduleEvaluationContext) -> RunRequest:
    # Dagster's own schedule of a partitioned job takes the last partition, and that is today.
    ended = context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)
    return RunRequest(partition_key=ended.date().isoformat())


all_schedules = [pull_every_10_minutes, full_reread_nightly, reconcile_every_10_minutes, count_daily]
