"""What runs when something happens: changes to push or to tell of, a property connected, a gap in the pulls
or in the days that were counted; and what only looks every so often: alerts, and runs whose process is gone.

Each asks the database, which knows, rather than Dagster's runs, which forget. A sensor that starts runs names
their job, and says in their tags why. One that only does something itself names none, and ends in a
SkipReason that says what it did. What runs by the clock belongs in `schedules`.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from domiq_dagster.assets.inbound_checks import INBOUND_CHECKS, inbound_words
from domiq_dagster.check_clock import awaiting_a_look, tell_news
from domiq_dagster.checks import check_results
from domiq_dagster.faults import told_without_values
from domiq_dagster.gap_requests import GapRequests, why_not
from domiq_dagster.jobs import FULL, all_jobs, daily, full_reread, notify, pull, push
from domiq_dagster.partitions import days, properties
from domiq_dagster.ranges import covered, ranges
from domiq_dagster.resources import DomiqResource, LimitsResource, NotifierResource, ThresholdResource
from domiq_dagster.run_liveness import bury_dead_runs, live_runs
from domiq_dagster.sync import patience
from domiq_dagster.sync.alerts.dispatch import send_alerts
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.incidents import Transition
from domiq_dagster.sync.integrations import partition_keys
from domiq_dagster.sync.monitoring.backlog import queue_depth
from domiq_dagster.sync.monitoring.gaps import gaps
from domiq_dagster.sync.monitoring.log_totals import fold
from domiq_dagster.sync.notifications.recipients import OPERATOR
from domiq_dagster.sync.notifications.status import due
from domiq_dagster.sync.report.daily import days_to_count
from domiq_dagster.sync.rules.check import unruled_changes
from domiq_dagster.sync.workers import SERVICE, LiveWorker, forget_the_dead, live_workers, runs_seen

_ON = dg.DefaultSensorStatus.RUNNING
LEADS = dg.AssetKey("resman_leads")
REASON = "domiq/reason"
"""The tag of runs that a sensor asks for beside the live pull. dagster.yaml lets one of them run at a time,
so that the live pull and the pushes always find a place."""
_NOT_AGAIN = {"dagster/max_retries": "0"}
"""Of runs that the next tick asks for again, should they die."""
_SELDOM = 30
"""How often is looked for what nobody waits for, in seconds: each look costs processor time and 1.5 kB."""
_DAYS = 600
"""How often is looked for days that were not counted, in seconds."""
_LONG_PUSH = timedelta(seconds=30)
"""A push over this goes on for who knows how long: notices do not wait for its end."""


def _within(seconds: float) -> int:
    """The interval of a sensor that is to look that often. The daemon comes round every 5 s, and a hair early
    for a tick that began a hair late: that one would be left out until the next round."""
    return round(seconds) - 1


@dg.sensor(
    job=push,
    minimum_interval_seconds=_within(patience.LOOK_FOR_WORK),
    default_status=_ON,
    description="Pushes when changes are due, or wait for the workflow rules, where no worker that goes on "
    "is alive and no push is under way: those take them along.",
)
@told_without_values
def pending_changes(
    context: dg.SensorEvaluationContext, domiq: DomiqResource
) -> dg.RunRequest | dg.SkipReason:
    with domiq.kept_engine() as engine:
        with engine.connect() as connection:
            if workers := live_workers(connection, SERVICE):
                return dg.SkipReason(_who_pushes(workers))
            waiting, unruled = queue_depth(connection), unruled_changes(connection)
            seen = runs_seen(connection) if waiting.due or unruled else {}
        fold(engine)  # what was noted for the totals of the log stays little
    if not waiting.due and not unruled:
        return dg.SkipReason(f"nothing is due ({waiting.pending} pending)")
    if _under_way(context, seen, "push"):
        return dg.SkipReason("a push is under way")
    return dg.RunRequest(
        tags={
            "domiq/due": str(waiting.due),
            **({"domiq/wait_for_rules": str(unruled)} if unruled else {}),
            **_NOT_AGAIN,
        }
    )


@dg.sensor(
    job=notify,
    minimum_interval_seconds=_within(patience.LOOK_SELDOM),
    default_status=_ON,
    description="Sends notices when changes were not looked at for them, or when notices are due, unless a "
    "run that takes them along soon is under way.",
)
@told_without_values
def pending_notices(
    context: dg.SensorEvaluationContext, domiq: DomiqResource
) -> dg.RunRequest | dg.SkipReason:
    with domiq.kept_engine() as engine, engine.connect() as connection:
        if workers := live_workers(connection, SERVICE):
            return dg.SkipReason(_who_pushes(workers))
        waiting = due(connection)
        if not (waiting.changes or waiting.notices):
            return dg.SkipReason("nobody is to be told of anything now")
        seen = runs_seen(connection)
    if _under_way(context, seen, "notify"):
        return dg.SkipReason("notices are being sent")
    if _under_way(context, seen, "push", not_for=_LONG_PUSH):
        return dg.SkipReason("a push is under way, which sends them at its end")
    return dg.RunRequest(tags=_NOT_AGAIN)


@dg.sensor(
    job=pull,
    minimum_interval_seconds=_SELDOM,
    default_status=_ON,
    description="Adds a partition for each property that is connected, drops those that are gone, and "
    "backfills new ones in one run.",
)
@told_without_values
def connected_properties(
    context: dg.SensorEvaluationContext, domiq: DomiqResource
) -> dg.SensorResult | dg.SkipReason:
    with domiq.kept_engine() as engine, engine.connect() as connection:
        connected = partition_keys(connection)
    known = list(context.instance.get_dynamic_partitions(str(properties.name)))
    have = set(known)
    new = [key for key in connected if key not in have]
    gone = [key for key in known if key not in connected]
    if not new and not gone:
        return dg.SkipReason(f"{len(known)} properties, none new")
    enabled = {key for key in new if connected[key]}
    asked = ranges([k for k in known if k in connected] + new, enabled)
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if new:
        requests.append(properties.build_add_request(new))
    if gone:
        requests.append(properties.build_delete_request(gone))
    return dg.SensorResult(
        run_requests=[dg.RunRequest(tags={**tags, REASON: "connected"}) for tags in asked],
        dynamic_partitions_requests=requests,
    )


@dg.sensor(
    job=pull,
    minimum_interval_seconds=_within(patience.LOOK_SELDOM),
    default_status=_ON,
    description="Backfills properties that are behind ResMan (never pulled, switched on again, failed, not "
    "pulled or not read in full for too long), in one run over the range of them, or in few.",
)
@told_without_values
def pull_gaps(
    context: dg.SensorEvaluationContext, domiq: DomiqResource, limits: LimitsResource
) -> dg.SensorResult | dg.SkipReason:
    with domiq.kept_engine() as engine, engine.connect() as connection:
        found = {g.partition_key: g for g in gaps(connection, limits.pull_gap, limits.full_gap)}
        if not found:
            context.update_cursor(GapRequests(None, found).cursor)
            return dg.SkipReason(why_not((), ()))
        seen = runs_seen(connection)
    known = list(context.instance.get_dynamic_partitions(str(properties.name)))
    asked = GapRequests(context.cursor, still_open=found)
    now = time.time()
    ready = [gap for key, gap in found.items() if key in known and not gap.paused and asked.may_ask(key, now)]
    if ready:
        under_way = _pulled_just_now(context, seen, known)
        ready = [gap for gap in ready if gap.partition_key not in under_way]
    if not ready:
        context.update_cursor(asked.cursor)
        return dg.SkipReason(why_not(found.values(), known))
    asked.note((gap.partition_key for gap in ready), now)
    requests = [
        dg.RunRequest(tags={**tags, REASON: "gap"}, run_config=FULL if full else None)
        for full in (False, True)
        for tags in ranges(known, {g.partition_key for g in ready if g.full is full})
    ]
    return dg.SensorResult(run_requests=requests, cursor=asked.cursor)


def _pulled_just_now(
    context: dg.SensorEvaluationContext, seen: Mapping[str, bool], known: Sequence[str]
) -> set[str]:
    """The keys that a run under way pulls, whoever asked for it: it closes their gaps."""
    runs = live_runs(context.instance, seen)
    pulling = [
        run
        for run in runs
        if run.job_name in (pull.name, full_reread.name) or LEADS in (run.asset_selection or ())
    ]
    return set().union(*(covered(known, run.tags) for run in pulling))


@dg.sensor(
    job=daily,
    minimum_interval_seconds=_within(_DAYS),
    default_status=_ON,
    description="Backfills days that were not counted after their end (nothing ran then, or the figures are "
    "new), in one run over the range of them.",
)
@told_without_values
def missing_days(
    context: dg.SensorEvaluationContext, domiq: DomiqResource
) -> dg.SensorResult | dg.SkipReason:
    keys = days.get_partition_keys()
    with domiq.kept_engine() as engine, engine.connect() as connection:
        found = {day.isoformat() for day in days_to_count(connection, date.fromisoformat(keys[0]))}
        seen = runs_seen(connection) if found else {}
    asked, now = GapRequests(context.cursor, still_open=found), time.time()
    ready = {key for key in found if key in keys and asked.may_ask(key, now)}
    if not ready or _under_way(context, seen, daily.name):
        context.update_cursor(asked.cursor)
        return dg.SkipReason(
            f"{len(found)} days to count: {'being counted or asked for already' if found else 'none'}"
        )
    asked.note(ready, now)
    (tags,) = ranges(keys, ready, most=1)
    return dg.SensorResult([dg.RunRequest(tags={**tags, REASON: "missing days"})], cursor=asked.cursor)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Looks at every property and account, tells people once when one turns bad and once when it "
    "recovers, and fails while a message does not go out. Reads the tables, so it works while no run does.",
)
@told_without_values
def alerts(
    context: dg.SensorEvaluationContext,
    domiq: DomiqResource,
    notifier: NotifierResource,
    thresholds: ThresholdResource,
) -> dg.SkipReason:
    with domiq.kept_engine() as engine:
        evaluation = evaluate(engine, thresholds.threshold)
        for notice in evaluation.notices:
            log = context.log.info if notice.transition is Transition.RECOVERED else context.log.error
            log(f"alert {notice.transition}: {notice.text.body}")
        for problem in evaluation.problems:
            context.log.error(problem)
        # After the state is stored: a message that cannot be sent fails this tick and is tried at the next.
        send_alerts(engine, notifier.channels)
    opened = evaluation.notices_of(Transition.OPENED, Transition.REOPENED)
    closed = evaluation.notices_of(Transition.RECOVERED)
    unset = notifier.channels.problem(OPERATOR)
    note = "" if unset is None else f"; the operator is told in DomIQ alone, since {unset}"
    return dg.SkipReason(f"{len(opened)} alerts opened, {len(closed)} closed{note}")


@dg.sensor(
    minimum_interval_seconds=_within(patience.BURY),
    default_status=_ON,
    description="Marks runs as failed whose process is gone: nobody waits for them, and their place is free.",
)
@told_without_values
def dead_runs(context: dg.SensorEvaluationContext, domiq: DomiqResource) -> dg.SkipReason:
    with domiq.kept_engine() as engine, engine.begin() as connection:
        seen = runs_seen(connection)
        forget_the_dead(connection)
    found = bury_dead_runs(context.instance, seen, [job.name for job in all_jobs])
    for run in found:
        context.log.error(f"run {run.run_id} of {run.job_name} is dead: marked as failed")
    return dg.SkipReason(f"{len(found)} dead runs")


@dg.sensor(
    minimum_interval_seconds=_within(patience.LOOK_AT_CHECKS),
    default_status=_ON,
    description="Looks at the checks, so that one turns green by itself, and tells what is news: those that "
    "cost little each time, the others while they are not green.",
)
@told_without_values
def checks_by_the_clock(
    context: dg.SensorEvaluationContext,
    domiq: DomiqResource,
    thresholds: ThresholdResource,
    limits: LimitsResource,
) -> dg.SkipReason:
    instance, now = context.instance, datetime.now(UTC)
    with domiq.kept_engine() as engine:
        told = tell_news(instance, check_results(engine, instance, thresholds, limits), now)
        wanted = awaiting_a_look(instance, [spec.key for spec in INBOUND_CHECKS], now)
        told += tell_news(instance, inbound_words(engine, limits, wanted), now)
    return dg.SkipReason(f"{told} checks said something new")


def _who_pushes(workers: Sequence[LiveWorker]) -> str:
    """Which worker takes along what is due, and how far behind it is."""
    one = workers[0]
    lag = "it has not looked yet" if one.lag_seconds is None else f"{one.lag_seconds:.1f} s behind"
    more = f", and {len(workers) - 1} more" if len(workers) > 1 else ""
    return f"worker {one.name} is at it, {lag}{more}"


def _under_way(
    context: dg.SensorEvaluationContext,
    seen: Mapping[str, bool],
    job_name: str,
    *,
    not_for: timedelta | None = None,
) -> bool:
    """Whether a run of the job is under way; given `not_for`, one that was not there yet so long ago."""
    since = None if not_for is None else datetime.now(UTC) - not_for
    return bool(live_runs(context.instance, seen, job_name=job_name, created_after=since))


all_sensors = [
    pending_changes,
    pending_notices,
    connected_properties,
    pull_gaps,
    missing_days,
    alerts,
    checks_by_the_clock,
    dead_runs,
]
