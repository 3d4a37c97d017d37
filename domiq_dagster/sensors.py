"""What runs when something happens: changes to push or to tell of, a property connected, a gap in the pulls,
a property in trouble. Each asks the database, which knows, rather than Dagster's runs, which forget."""

import json
import time
from datetime import UTC, datetime, timedelta

from dagster import (
    AddDynamicPartitionsRequest,
    DagsterRunStatus,
    DefaultSensorStatus,
    DeleteDynamicPartitionsRequest,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from domiq_dagster.jobs import notify, pull, push
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import covering
from domiq_dagster.resources import SyncResource, ThresholdResource
from domiq_dagster.sync.alert_sending import send_alerts
from domiq_dagster.sync.alert_states import Turn
from domiq_dagster.sync.alerts import look
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.measure import backlog, gaps
from domiq_dagster.sync.outbox import due

_ON = DefaultSensorStatus.RUNNING
_UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]
_ASK_AGAIN_SECONDS = 600
_LONG_PUSH = timedelta(seconds=30)
"""A push over this goes on for who knows how long: notices do not wait for its end."""


@sensor(
    job=push,
    minimum_interval_seconds=5,
    default_status=_ON,
    description="Pushes when changes are due, unless a push is under way: that one takes them along.",
)
def pending_changes(context: SensorEvaluationContext, sync: SyncResource) -> RunRequest | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        waiting = backlog(connection)
    if not waiting.due:
        return SkipReason(f"nothing is due ({waiting.pending} pending)")
    if _under_way(context, "push"):
        return SkipReason("a push is under way")
    return RunRequest(tags={"domiq/due": str(waiting.due)})


@sensor(
    job=notify,
    minimum_interval_seconds=5,
    default_status=_ON,
    description="Sends notices when changes were not looked at for them, or when notices are due, unless a "
    "run that takes them along soon is under way.",
)
def pending_notices(context: SensorEvaluationContext, sync: SyncResource) -> RunRequest | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        waiting = due(connection)
    if not (waiting.changes or waiting.messages):
        return SkipReason("nobody is to be told of anything now")
    if _under_way(context, "notify"):
        return SkipReason("notices are being sent")
    if _under_way(context, "push", not_for=_LONG_PUSH):
        return SkipReason("a push is under way, which sends them at its end")
    return RunRequest()


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
    tags = covering([k for k in known if k not in gone] + new, enabled.intersection(new))
    requests: list[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] = []
    if new:
        requests.append(properties.build_add_request(new))
    if gone:
        requests.append(properties.build_delete_request(gone))
    return SensorResult(
        run_requests=[RunRequest(tags={**tags, "domiq/reason": "connected"})] if tags else [],
        dynamic_partitions_requests=requests,
    )


@sensor(
    job=pull,
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Backfills properties whose last good pull is too old, in one run over the range of them.",
)
def pull_gaps(context: SensorEvaluationContext, sync: SyncResource) -> SensorResult | SkipReason:
    with sync.database() as engine, engine.connect() as connection:
        found = {g.partition_key for g in gaps(connection, sync.pull_gap)}
    known = list(context.instance.get_dynamic_partitions(str(properties.name)))
    asked = {k: t for k, t in _asked(context.cursor).items() if k in found}
    now = time.time()
    wanted = {k for k in found.intersection(known) if now - asked.get(k, 0.0) >= _ASK_AGAIN_SECONDS}
    if not wanted:
        return SkipReason(f"{len(found)} gaps, none to ask about now")
    if _under_way(context, "pull") or _under_way(context, "full_reread"):
        return SkipReason("a pull is under way")
    cursor = json.dumps({**asked, **dict.fromkeys(wanted, now)})
    tags = {**covering(known, wanted), "domiq/reason": "gap"}
    return SensorResult(run_requests=[RunRequest(tags=tags)], cursor=cursor)


@sensor(
    minimum_interval_seconds=60,
    default_status=_ON,
    description="Looks at every property and account, tells people once when one turns bad and once when it "
    "recovers, and fails while a message does not go out. Reads the tables, so it works while no run does.",
    job=push,
)
def alerts(context: SensorEvaluationContext, sync: SyncResource, thresholds: ThresholdResource) -> SkipReason:
    with sync.database() as engine:
        looked = look(engine, thresholds.threshold)
        for told in looked.told:
            log = context.log.info if told.turn is Turn.RECOVERED else context.log.error
            log(f"alert {told.turn}: {told.said.body}")
        # After the state is stored: a message that cannot be sent fails this tick and is tried at the next.
        send_alerts(engine, sync.channels)
    opened, closed = looked.turns(Turn.OPENED, Turn.REOPENED), looked.turns(Turn.RECOVERED)
    return SkipReason(f"{len(opened)} alerts opened, {len(closed)} closed")


def _under_way(context: SensorEvaluationContext, job_name: str, *, not_for: timedelta | None = None) -> bool:
    """Whether a run of the job is under way; given `not_for`, one that was not there yet so long ago."""
    since = None if not_for is None else datetime.now(UTC) - not_for
    filters = RunsFilter(job_name=job_name, statuses=_UNDER_WAY, created_after=since)
    return bool(context.instance.get_run_records(filters, limit=1))


def _asked(cursor: str | None) -> dict[str, float]:
    return dict(json.loads(cursor)) if cursor else {}


all_sensors = [pending_changes, pending_notices, connected_properties, pull_gaps, alerts]
