"""When the jobs run by the clock. All are on by default: a sync that nobody switched on is a sync that
silently does nothing."""

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    build_schedule_from_partitioned_job,
    schedule,
)

from domiq_dagster.jobs import daily, full_reread, pull, reconcile_pending
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import all_properties

_ON = DefaultScheduleStatus.RUNNING


@schedule(
    job=pull,
    cron_schedule="*/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes: all connected properties, in one run.",
)
def pull_every_10_minutes(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    return _request(context)


@schedule(
    job=full_reread,
    cron_schedule="30 3 * * *",
    default_status=_ON,
    description="Nightly: read every prospect again.",
)
def full_reread_nightly(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    return _request(context)


def _request(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    tags = all_properties(context.instance.get_dynamic_partitions(str(properties.name)))
    return RunRequest(tags=tags) if tags else SkipReason("no property is connected")


reconcile_every_10_minutes = ScheduleDefinition(
    job=reconcile_pending,
    cron_schedule="5-59/10 * * * *",
    default_status=_ON,
    description="Every 10 minutes, between two pulls: find and mend.",
)
count_daily = build_schedule_from_partitioned_job(
    daily,
    hour_of_day=0,
    minute_of_hour=15,
    default_status=_ON,
    description="Every night: count the day that ended.",
)

all_schedules = [pull_every_10_minutes, full_reread_nightly, reconcile_every_10_minutes, count_daily]
