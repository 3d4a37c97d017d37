"""Standing checks of what is wrong now, each with exact counts, a capped sample, and what to do.

A check of an asset belongs here, as a function that asks `sync` and says what it found, and into
`all_checks`. Those that the inbound step evaluates itself are in `assets/inbound_checks`, which says why.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from sqlalchemy import Connection, Engine

from domiq_dagster.assets import (
    conversation_status_pushes,
    status_notifications,
    status_sync_log,
    status_sync_success_rate,
    status_workflow_actions,
)
from domiq_dagster.assets.tables import mended_by, table_unless_empty
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource, LimitsResource, ThresholdResource
from domiq_dagster.sync.alerts.evaluate import Evaluation, evaluate
from domiq_dagster.sync.alerts.incidents import Transition
from domiq_dagster.sync.alerts.readings import database_time, read_all
from domiq_dagster.sync.alerts.texts import describe_all
from domiq_dagster.sync.alerts.thresholds import Threshold, load_thresholds
from domiq_dagster.sync.alerts.watched import TroubleKind
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.monitoring.figures import conservation_problems
from domiq_dagster.sync.notifications.status import RECENT_HOURS, undelivered_counts
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.queue.capture_misses import RECENT_DAYS, outstanding, recent_gaps
from domiq_dagster.sync.rules.check import check_rules
from domiq_dagster.waiting_checks import (
    conflicts_result,
    conflicts_waiting,
    event_log_growth,
    event_log_result,
    standstill,
    standstill_result,
)

_SAMPLE = 20


@dg.asset_check(
    asset=status_sync_success_rate, description="No property fails too many of its recent status syncs."
)
@told_without_values
def failed_sync_threshold(
    context: dg.AssetCheckExecutionContext, domiq: DomiqResource, thresholds: ThresholdResource
) -> dg.AssetCheckResult:
    """Fails and names the properties that are past their threshold: with ERROR where at one of them more than
    twice as much failed as is allowed, else with WARN. It is an evaluation of the alerts too (the sensor
    `alerts` sends what comes of it), so that they are raised as soon as a push has ended."""
    with domiq.engine() as engine:
        evaluation = evaluate(engine, thresholds.threshold, kinds={TroubleKind.FAILED_SYNC})
    for notice in evaluation.notices_of(Transition.OPENED, Transition.REOPENED, Transition.WIDENED):
        context.log.error(f"alert: {notice.text.body}")
    for notice in evaluation.notices_of(Transition.RECOVERED):
        context.log.info(f"recovered: {notice.text.body}")
    return failed_sync_result(evaluation)


def failed_sync_result(evaluation: Evaluation) -> dg.AssetCheckResult:
    """Which properties are past their threshold of failed syncs."""
    past = evaluation.bad(TroubleKind.FAILED_SYNC)
    opened = evaluation.notices_of(Transition.OPENED, Transition.REOPENED)
    recovered = evaluation.notices_of(Transition.RECOVERED)
    rows = [
        {
            "property": r.watched.partition_key,
            "failed": r.figures["failed"],
            "settled": r.figures["settled"],
            "success_rate": round(r.figures["success_rate"], 2),
            "main_reason": r.figures["main_reason"] or "",
            "of_main_reason": r.figures["of_main_reason"],
        }
        for r in past
    ]
    far = any(r.figures["far_past"] for r in past)
    return dg.AssetCheckResult(
        passed=not past,
        severity=dg.AssetCheckSeverity.ERROR if far else dg.AssetCheckSeverity.WARN,
        description=describe_all(past) or "Every property is within its threshold.",
        metadata={
            "properties_past_threshold": len(past),
            "alerts_opened": len(opened),
            "alerts_closed": len(recovered),
            **table_unless_empty("past_threshold", rows),
        },
    )


@dg.asset_check(
    asset=status_sync_log, description="Pending outbound changes and deliveries are the same set."
)
@told_without_values
def conservation(domiq: DomiqResource) -> dg.AssetCheckResult:
    """No pending change without its delivery, no delivery without its pending change."""
    with domiq.engine() as engine, engine.connect() as connection:
        return conservation_result(connection)


def conservation_result(connection: Connection) -> dg.AssetCheckResult:
    """What is pending without a delivery, or the other way round, and what mends it."""
    problems = conservation_problems(connection)
    return dg.AssetCheckResult(
        passed=not problems,
        description="Run the job reconcile_pending: it mends this." if problems else "Nothing is lost.",
        metadata={
            "problems": problems[0]["of_all"] if problems else 0,
            **mended_by("reconcile_pending", passed=not problems),
            "sample": _conservation_rows(connection, problems[:_SAMPLE]),
        },
    )


def _conservation_rows(
    connection: Connection, problems: Sequence[Mapping[str, Any]]
) -> list[dict[str, object]]:
    if not problems:
        return []
    names = PropertyNames(connection)
    return [
        {"property": names.name(p["property_id"]), "problem": p["problem"], "change_id": str(p["change_id"])}
        for p in problems
    ]


@dg.asset_check(
    asset=status_sync_log,
    description="No change that could not be logged when it was made is yet to be found by reconciliation.",
)
@told_without_values
def capture_misses(domiq: DomiqResource) -> dg.AssetCheckResult:
    """Changes that the trigger counted because it could not log them, until a sweep over every property has
    accounted for them, which evaluates this too."""
    with domiq.engine() as engine:
        return capture_misses_result(engine)


def capture_misses_result(engine: Engine) -> dg.AssetCheckResult:
    """How many changes could not be logged, since when, and what to do; and what was found of late."""
    with engine.connect() as connection:
        misses, gaps = outstanding(connection), recent_gaps(connection)
    since = misses.since.isoformat(timespec="seconds") if misses.since else ""
    rows = [
        {
            "changes": gap.changes,
            "since": gap.since.isoformat(timespec="seconds") if gap.since else "",
            "found_at": gap.noticed_at.isoformat(timespec="seconds"),
        }
        for gap in gaps[:_SAMPLE]
    ]
    recently = sum(gap.changes for gap in gaps)
    window = f" since {since}" if since else ""
    return dg.AssetCheckResult(
        passed=not misses.changes,
        description=f"{misses.changes} could not be logged{window} (a full disk, a locked table): see to the "
        "database, then run the job reconcile_pending. It logs the status that each conversation has by "
        "then; what lay between is lost."
        if misses.changes
        else f"Reconciliation has accounted for every change; {recently} could not be logged when made, in "
        f"{RECENT_DAYS} days.",
        metadata={
            "misses": misses.changes,
            **mended_by("reconcile_pending", passed=not misses.changes),
            **({"since": since} if misses.changes and since else {}),
            "accounted_for_lately": recently,
            **table_unless_empty("accounted_for", rows),
        },
    )


@dg.asset_check(
    asset=status_sync_success_rate,
    description="The totals that the success rate is read from agreed with the log when it was last counted.",
)
@told_without_values
def success_rate_totals(domiq: DomiqResource) -> dg.AssetCheckResult:
    """What the nightly recount of the log found, which evaluates this too. What differed was set right then;
    it stays on show until the next one agrees."""
    with domiq.engine() as engine:
        return totals_result(engine)


def totals_result(engine: Engine) -> dg.AssetCheckResult:
    """Whether figures are read from totals, when the log was last counted, and where they had differed."""
    with engine.connect() as connection:
        found = log_totals.totals_state(connection)
    if not found.is_watched:
        told = "Not every trigger fires that the totals need, so each figure counts the log. Where that is "
        told += "not chosen (`--no-capture-trigger`): run `domiq-sync migrate`."
    elif not found.is_counted:
        told = "The log is yet to be counted, and until then each figure counts it: run the job recount_log."
    elif found.differed:
        told = f"The totals were off by {found.differed}, and were set right: something wrote to the log "
        told += "around its triggers (session_replication_role = replica, or a disabled trigger)."
    else:
        told = f"The totals agreed with all {found.changes} changes."
    rows = [
        {
            "of": f"{d.kind} {d.home}" if d.kind in ("chatbot", "property") else d.kind,
            "direction": d.sync_direction,
            "status": d.sync_status,
            "total": d.kept,
            "log": d.logged,
        }
        for d in found.drift[:_SAMPLE]
    ]
    moments = {"counted_at": found.counted_at, "drifted_at": found.drifted_at}
    passed = not found.is_watched or (found.is_counted and not found.differed)
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={
            "changes": found.changes or 0,
            "differed": found.differed,
            **mended_by("recount_log", passed=passed),
            **{name: moment.isoformat(timespec="seconds") for name, moment in moments.items() if moment},
            **table_unless_empty("drift", rows),
        },
    )


@dg.asset_check(asset=conversation_status_pushes, description="No change waits too long to reach ResMan.")
@told_without_values
def oldest_pending_change(domiq: DomiqResource, thresholds: ThresholdResource) -> dg.AssetCheckResult:
    """Fails where the oldest pending change of a property is older than the property's threshold. One that
    waits for a person (a conflict, a lead without e-mail and phone, one in doubt) does not count."""
    with domiq.engine() as engine, engine.connect() as connection:
        return oldest_pending_result(connection, thresholds.threshold)


def oldest_pending_result(connection: Connection, threshold: Threshold) -> dg.AssetCheckResult:
    """Where changes wait too long, and how long the oldest waits."""
    in_force = load_thresholds(connection, threshold)
    found = read_all(connection, in_force, database_time(connection), {TroubleKind.OLDEST_PENDING})
    past = [r for r in found.readings if r.bad]
    pending = sum(r.figures["pending"] for r in found.readings)
    minutes = max((r.figures["oldest_seconds"] for r in found.readings), default=0.0) / 60
    return dg.AssetCheckResult(
        passed=not past,
        description=describe_all(past) or f"{pending} pending; the oldest for {minutes:.0f} minutes.",
        metadata={
            "pending": pending,
            "oldest_pending_minutes": round(minutes, 1),
            "properties_past_threshold": len(past),
        },
    )


@dg.asset_check(
    asset=status_workflow_actions, description="Every active workflow rule can be understood, and runs."
)
@told_without_values
def rules_valid(domiq: DomiqResource) -> dg.AssetCheckResult:
    """Names each rule with an unknown status, field, operator or action, each loop, and each rule that ended
    in an error in the last day. None of them is ever read as false."""
    with domiq.engine() as engine, engine.connect() as connection:
        return rules_result(connection)


def rules_result(connection: Connection) -> dg.AssetCheckResult:
    """What is wrong with the rules."""
    found = check_rules(connection)
    sample = [f.row() for f in found.bad[:_SAMPLE]]
    return dg.AssetCheckResult(
        passed=found.ok,
        severity=dg.AssetCheckSeverity.WARN,
        description=_rules_told(sample, len(found.bad)) or f"All {found.rules} active rules are valid.",
        metadata={
            "rules": found.rules,
            "problems": len(found.problems),
            "loops": len(found.loops),
            "failed_lately": len(found.troubles),
            "sample": sample,
            **table_unless_empty("warnings", [f.row() for f in found.warnings[:_SAMPLE]]),
        },
    )


def _rules_told(sample: Sequence[Mapping[str, object]], bad: int) -> str:
    """What is wrong, each problem once with the rules that have it."""
    by_problem: dict[object, list[str]] = {}
    for row in sample:
        by_problem.setdefault(row["problem"], []).append(str(row["rule"] or row["property"]))
    if not by_problem:
        return ""
    told = "; ".join(f"{', '.join(rules)}: {problem}" for problem, rules in by_problem.items())
    more = f" And {bad - len(sample)} more." if bad > len(sample) else ""
    return f"{told}.{more} Correct the rows; `domiq-sync rules check` says at once whether they are."


@dg.asset_check(asset=status_notifications, description="Every notice of the last day has arrived.")
@told_without_values
def notifications_delivered(domiq: DomiqResource) -> dg.AssetCheckResult:
    """Notices that are undeliverable, or of which nobody can tell whether they arrived, by channel and
    reason."""
    with domiq.engine() as engine, engine.connect() as connection:
        return notices_result(connection)


def notices_result(connection: Connection) -> dg.AssetCheckResult:
    """Which notices have not arrived."""
    found = undelivered_counts(connection)
    figures = {s: sum(f.notices for f in found if f.state == s) for s in ("undeliverable", "unknown")}
    rows = [
        {"channel": f.channel, "state": f.state, "reason": f.reason or "", "notices": f.notices}
        for f in found[:_SAMPLE]
    ]
    told = ", ".join(f"{n} {state}" for state, n in figures.items() if n)
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{told} in {RECENT_HOURS} hours: `domiq-sync notifications` lists them, "
        "and retries them once the reason is mended."
        if found
        else "Every notice has arrived.",
        metadata={**figures, **table_unless_empty("by_reason", rows)},
    )


all_checks = [
    failed_sync_threshold,
    conservation,
    capture_misses,
    success_rate_totals,
    oldest_pending_change,
    standstill,
    conflicts_waiting,
    event_log_growth,
    rules_valid,
    notifications_delivered,
]


def check_results(
    engine: Engine, instance: dg.DagsterInstance, thresholds: ThresholdResource, limits: LimitsResource
) -> dict[dg.AssetCheckKey, dg.AssetCheckResult]:
    """What each check says now, by its key, for whoever evaluates them outside of a run. Those whose cost
    goes with the leads (`inbound_checks`) are not among them."""
    of_failures = evaluate(engine, thresholds.threshold, kinds={TroubleKind.FAILED_SYNC})
    found = {
        failed_sync_threshold.check_key: failed_sync_result(of_failures),
        capture_misses.check_key: capture_misses_result(engine),
        success_rate_totals.check_key: totals_result(engine),
        event_log_growth.check_key: event_log_result(instance, limits),
    }
    with engine.connect() as connection:
        found |= {
            conservation.check_key: conservation_result(connection),
            oldest_pending_change.check_key: oldest_pending_result(connection, thresholds.threshold),
            standstill.check_key: standstill_result(connection, thresholds.threshold),
            conflicts_waiting.check_key: conflicts_result(connection),
            rules_valid.check_key: rules_result(connection),
            notifications_delivered.check_key: notices_result(connection),
        }
    return found
