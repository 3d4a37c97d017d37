"""When the jobs run by the clock. All are on by default: a sync that nobody switched on is a sync that
silently does nothing. What runs because something happened belongs in `sensors`."""

from datetime import UTC, timedelta

import dagster as dg

from domiq_dagster.jobs import FULL, daily, full_reread, pull, reconcile_pending
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import all_properties
from domiq_dagster.resources import DomiqResource
from domiq_dagster.run_liveness import live_runs
from domiq_dagster.sync.workers import runs_seen

_ON = dg.DefaultScheduleStatus.RUNNING
SCHEDULE_NAME = "dagster/schedule_name"
"""The tag that Dagster gives a schedule's runs."""


@dg.schedule(
    job=pull,
    cron_schedule="*/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes: all connected properties, in one run.",
)
def pull_every_10_minutes(
    context: dg.ScheduleEvaluationContext, domiq: DomiqResource
) -> dg.RunRequest | dg.SkipReason:
    return _request(context, domiq, pull_every_10_minutes.name)


@dg.schedule(
    job=full_reread,
    cron_schedule="30 3 * * *",
    default_status=_ON,
    description="Nightly: read every prospect again.",
)
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
    with domiq.engine() as engine, engine.connect() as connection:
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


@dg.schedule(
    job=daily,
    cron_schedule="15 0 * * *",
    execution_timezone="UTC",
    default_status=_ON,
    description="Every night: count the day that ended.",
)
def count_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    # Dagster's own schedule of a partitioned job takes the last partition, and that is today.
    ended = context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)
    return dg.RunRequest(partition_key=ended.date().isoformat())


all_schedules = [pull_every_10_minutes, full_reread_nightly, reconcile_every_10_minutes, count_daily]
