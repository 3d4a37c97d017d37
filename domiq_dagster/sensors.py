"""What runs when something happens: changes to push or to tell of, a property connected, a gap in the pulls,
a property in trouble. Each asks the database, which knows, rather than Dagster's runs, which forget."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dagster import (
    AddDynamicPartitionsRequest,
    AssetKey,
    DefaultSensorStatus,
    DeleteDynamicPartitionsRequest,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from domiq_dagster.jobs import FULL, all_jobs, full_reread, notify, pull, push
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import covered, ranges
from domiq_dagster.resources import SyncResource, ThresholdResource
from domiq_dagster.run_liveness import bury_dead_runs, live_runs
from domiq_dagster.sync.alerts.dispatch import send_alerts
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.incidents import Transition
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.backlog import queue_depth
from domiq_dagster.sync.monitoring.gaps import Gap, gaps
from domiq_dagster.sync.notifications.status import due
from domiq_dagster.sync.rules.check import unruled_changes
from domiq_dagster.sync.workers import forget_the_dead, runs_seen

_ON = DefaultSensorStatus.RUNNING
_ASK_AGAIN_SECONDS = 600
_LONGEST_REST_SECONDS = 7200
LEADS = AssetKey("resman_leads")
REASON = "domiq/reason"
"""The tag of runs that a sensor asks for beside the live pull. dagster.yaml lets one of them run at a time,
so that the live pull and the pushes always find a place."""
_NOT_AGAIN = {"dagster/max_retries": "0"}
"""Of runs that the next tick asks for again, should they die."""
_LONG_PUSH = timedelta(seconds=30)
"""A push over this goes on for who knows how long: notices do not wait for its end."""


@sensor(
    job=push,
    minimum_interval_seconds=5,
    default_status=_ON,
    description="Pushes when changes are due, or wait for the workflow rules, unless a push is under way: "
    "that one takes them along.",
)
def pending_changes(context: SensorEvaluationContext, sync: SyncResource) -> RunRequest | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        waiting, unruled, seen = queue_depth(connection), unruled_changes(connection), runs_seen(connection)
    if not waiting.due and not unruled:
        return SkipReason(f"nothing is due ({waiting.pending} pending)")
    if _under_way(context, seen, "push"):
        return SkipReason("a push is under way")
    return RunRequest(
        tags={
            "domiq/due": str(waiting.due),
            **({"domiq/unruled": str(unruled)} if unruled else {}),
            **_NOT_AGAIN,
        }
    )


@sensor(
    job=notify,
    minimum_interval_seconds=5,
    default_status=_ON,
    description="Sends notices when changes were not looked at for them, or when notices are due, unless a "
    "run that takes them along soon is under way.",
)
def pending_notices(context: SensorEvaluationContext, sync: SyncResource) -> RunRequest | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        waiting, seen = due(connection), runs_seen(connection)
    if not (waiting.changes or waiting.notices):
        return SkipReason("nobody is to be told of anything now")
    if _under_way(context, seen, "notify"):
        return SkipReason("notices are being sent")
    if _under_way(context, seen, "push", not_for=_LONG_PUSH):
        return SkipReason("a push is under way, which sends them at its end")
    return RunRequest(tags=_NOT_AGAIN)


@sensor(
    job=pull,
    minimum_interval_seconds=15,
    default_status=_ON,
    description="Adds a partition for each property that is connected, drops those that are gone, and "
    "backfills new ones in one run.",
)
def connected_properties(context: SensorEvaluationContext, sync: SyncResource) -> SensorResult | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        connected = [i.partition_key for i in load_integrations(connection, enabled_only=False)]
        enabled = {i.partition_key for i in load_integrations(connection)}
    known = list(context.instance.get_dynamic_partitions(str(properties.name)))
    new = [key for key in connected if key not in known]
    gone = [key for key in known if key not in connected]
    if not new and not gone:
        return SkipReason(f"{len(known)} properties, none new")
    asked = ranges([k for k in known if k not in gone] + new, enabled.intersection(new))
    requests: list[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] = []
    if new:
        requests.append(properties.build_add_request(new))
    if gone:
        requests.append(properties.build_delete_request(gone))
    return SensorResult(
        run_requests=[RunRequest(tags={**tags, REASON: "connected"}) for tags in asked],
        dynamic_partitions_requests=requests,
    )


@sensor(
    job=pull,
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Backfills properties that are behind ResMan (never pulled, switched on again, failed, not "
    "pulled or not read in full for too long), in one run over the range of them, or in few.",
)
def pull_gaps(context: SensorEvaluationContext, sync: SyncResource) -> SensorResult | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        found = {g.partition_key: g for g in gaps(connection, sync.pull_gap, sync.full_gap)}
        seen = runs_seen(connection)
    known = list(context.instance.get_dynamic_partitions(str(properties.name)))
    asked = {k: a for k, a in _asked(context.cursor).items() if k in found}
    now = time.time()
    ready = [
        gap
        for key, gap in found.items()
        if key in known and not gap.paused and (key not in asked or now >= asked[key].again_at)
    ]
    if ready:
        under_way = _pulled_just_now(context, seen, known)
        ready = [gap for gap in ready if gap.partition_key not in under_way]
    if not ready:
        # What was closed is forgotten: should it open again, it is asked about at once.
        context.update_cursor(_remember(asked))
        return SkipReason(_why_not(found.values(), known))
    requests = [
        RunRequest(tags={**tags, REASON: "gap"}, run_config=FULL if full else None)
        for full in (False, True)
        for tags in ranges(known, {g.partition_key for g in ready if g.full is full})
    ]
    asked |= {g.partition_key: _Asked(now, asked.get(g.partition_key, _NEVER).times + 1) for g in ready}
    return SensorResult(run_requests=requests, cursor=_remember(asked))


class _Asked(NamedTuple):
    """When a gap was last asked about, and how often since it opened."""

    at: float
    times: int

    @property
    def again_at(self) -> float:
        """A gap that stays open is asked about less and less: what a pull cannot mend, people must."""
        return self.at + min(_ASK_AGAIN_SECONDS * 2.0 ** (self.times - 1), _LONGEST_REST_SECONDS)


_NEVER = _Asked(0.0, 0)


def _pulled_just_now(
    context: SensorEvaluationContext, seen: Mapping[str, bool], known: Sequence[str]
) -> set[str]:
    """The keys that a run under way pulls, whoever asked for it: it closes their gaps."""
    runs = live_runs(context.instance, seen)
    pulling = [
        run
        for run in runs
        if run.job_name in (pull.name, full_reread.name) or LEADS in (run.asset_selection or ())
    ]
    return set().union(*(covered(known, run.tags) for run in pulling))


def _why_not(found: Collection[Gap], known: Collection[str]) -> str:
    paused = sum(gap.paused for gap in found)
    unknown = sum(gap.partition_key not in known for gap in found)
    others = len(found) - paused - unknown
    parts = [
        f"{count} {why}"
        for count, why in (
            (paused, "whose account does not answer"),
            (unknown, "without a partition yet"),
            (others, "asked about already or being pulled"),
        )
        if count
    ]
    return f"{len(found)} gaps" + (f": {', '.join(parts)}" if parts else "")


@sensor(
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Looks at every property and account, tells people once when one turns bad and once when it "
    "recovers, and fails while a message does not go out. Reads the tables, so it works while no run does.",
    job=push,
)
def alerts(context: SensorEvaluationContext, sync: SyncResource, thresholds: ThresholdResource) -> SkipReason:
    with sync.database() as engine:
        evaluation = evaluate(engine, thresholds.threshold)
        for notice in evaluation.notices:
            log = context.log.info if notice.transition is Transition.RECOVERED else context.log.error
            log(f"alert {notice.transition}: {notice.text.body}")
        # After the state is stored: a message that cannot be sent fails this tick and is tried at the next.
        send_alerts(engine, sync.channels)
    opened = evaluation.notices_of(Transition.OPENED, Transition.REOPENED)
    closed = evaluation.notices_of(Transition.RECOVERED)
    return SkipReason(f"{len(opened)} alerts opened, {len(closed)} closed")


@sensor(
    minimum_interval_seconds=15,
    default_status=_ON,
    description="Marks runs as failed whose process is gone: nobody waits for them, and their place is free.",
    job=push,
)
def dead_runs(context: SensorEvaluationContext, sync: SyncResource) -> SkipReason:
    with sync.database() as engine, engine.begin() as connection:
        seen = runs_seen(connection)
        forget_the_dead(connection)
    found = bury_dead_runs(context.instance, seen, [job.name for job in all_jobs])
    for run in found:
        context.log.error(f"run {run.run_id} of {run.job_name} is dead: marked as failed")
    return SkipReason(f"{len(found)} dead runs")


def _under_way(
    context: SensorEvaluationContext,
    seen: Mapping[str, bool],
    job_name: str,
    *,
    not_for: timedelta | None = None,
) -> bool:
    """Whether a run of the job is under way; given `not_for`, one that was not there yet so long ago."""
    since = None if not_for is None else datetime.now(UTC) - not_for
    return bool(live_runs(context.instance, seen, job_name=job_name, created_after=since))


def _asked(cursor: str | None) -> dict[str, _Asked]:
    found = json.loads(cursor) if cursor else {}
    # A cursor of an earlier version holds times alone.
    return {key: _Asked(*one) if isinstance(one, list) else _Asked(one, 1) for key, one in found.items()}


def _remember(asked: Mapping[str, _Asked]) -> str:
    return json.dumps({key: [one.at, one.times] for key, one in asked.items()})


all_sensors = [pending_changes, pending_notices, connected_properties, pull_gaps, alerts, dead_runs]
