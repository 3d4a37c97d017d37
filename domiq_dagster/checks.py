"""Standing checks of what is wrong now, each with exact counts, a capped sample, and what to do.

A check of an asset belongs here, as a function that asks `sync` and says what it found, and into
`all_checks`. The two that the inbound step evaluates itself are in `assets/inbound_checks`, which says why.
"""

from collections.abc import Sequence

import dagster as dg

from domiq_dagster.assets import (
    conversation_status_pushes,
    status_notifications,
    status_sync_log,
    status_sync_success_rate,
    status_workflow_actions,
)
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.resources import DomiqResource, ThresholdResource
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.incidents import Transition
from domiq_dagster.sync.alerts.readings import database_time, read_all
from domiq_dagster.sync.alerts.texts import describe
from domiq_dagster.sync.alerts.thresholds import load_thresholds
from domiq_dagster.sync.alerts.watched import Reading, TroubleKind
from domiq_dagster.sync.monitoring.figures import conservation_problems
from domiq_dagster.sync.notifications.status import RECENT_HOURS, undelivered_counts
from domiq_dagster.sync.rules.check import check_rules

_SAMPLE = 20


@dg.asset_check(
    asset=status_sync_success_rate, description="No property fails too many of its recent status syncs."
)
def failed_sync_threshold(
    context: dg.AssetCheckExecutionContext, domiq: DomiqResource, thresholds: ThresholdResource
) -> dg.AssetCheckResult:
    """Fails and names the properties that are past their threshold: with ERROR where at one of them more than
    twice as much failed as is allowed, else with WARN. It is an evaluation of the alerts too (the sensor
    `alerts` sends what comes of it), so that they are raised as soon as a push has ended."""
    with domiq.engine() as engine:
        evaluation = evaluate(engine, thresholds.threshold, kinds={TroubleKind.FAILED_SYNC})
    past = evaluation.bad(TroubleKind.FAILED_SYNC)
    opened = evaluation.notices_of(Transition.OPENED, Transition.REOPENED)
    recovered = evaluation.notices_of(Transition.RECOVERED)
    for notice in evaluation.notices_of(Transition.OPENED, Transition.REOPENED, Transition.WIDENED):
        context.log.error(f"alert: {notice.text.body}")
    for notice in recovered:
        context.log.info(f"recovered: {notice.text.body}")
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
        description=_sentences(past) or "Every property is within its threshold.",
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
def conservation(domiq: DomiqResource) -> dg.AssetCheckResult:
    """No pending change without its delivery, no delivery without its pending change."""
    with domiq.engine() as engine, engine.connect() as connection:
        problems = conservation_problems(connection)
    return dg.AssetCheckResult(
        passed=not problems,
        description="Run the job reconcile_pending: it mends this." if problems else "Nothing is lost.",
        metadata={
            "problems": problems[0]["of_all"] if problems else 0,
            "sample": [{k: str(v) for k, v in p.items() if k != "of_all"} for p in problems[:_SAMPLE]],
        },
    )


@dg.asset_check(asset=conversation_status_pushes, description="No change waits too long to reach ResMan.")
def oldest_pending_change(domiq: DomiqResource, thresholds: ThresholdResource) -> dg.AssetCheckResult:
    """Fails where the oldest pending change of a property is older than the property's threshold. One that
    waits for a person (a conflict, a lead without e-mail and phone) does not count."""
    with domiq.engine() as engine, engine.connect() as connection:
        in_force = load_thresholds(connection, thresholds.threshold)
        found = read_all(connection, in_force, database_time(connection), {TroubleKind.OLDEST_PENDING})
    past = [r for r in found.readings if r.bad]
    pending = sum(r.figures["pending"] for r in found.readings)
    minutes = max((r.figures["oldest_seconds"] for r in found.readings), default=0.0) / 60
    return dg.AssetCheckResult(
        passed=not past,
        description=_sentences(past) or f"{pending} pending; the oldest for {minutes:.0f} minutes.",
        metadata={
            "pending": pending,
            "oldest_pending_minutes": round(minutes, 1),
            "properties_past_threshold": len(past),
        },
    )


@dg.asset_check(
    asset=status_workflow_actions, description="Every active workflow rule can be understood, and runs."
)
def rules_valid(domiq: DomiqResource) -> dg.AssetCheckResult:
    """Names each rule with an unknown status, field, operator or action, each loop, and each rule that ended
    in an error in the last day. None of them is ever read as false."""
    with domiq.engine() as engine, engine.connect() as connection:
        found = check_rules(connection)
    sample = [f.row() for f in found.bad[:_SAMPLE]]
    return dg.AssetCheckResult(
        passed=found.ok,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{s['rule'] or s['property']}: {s['problem']}" for s in sample)
        or f"All {found.rules} active rules are valid.",
        metadata={
            "rules": found.rules,
            "problems": len(found.problems),
            "loops": len(found.loops),
            "failed_lately": len(found.troubles),
            "sample": sample,
            **table_unless_empty("warnings", [f.row() for f in found.warnings[:_SAMPLE]]),
        },
    )


@dg.asset_check(asset=status_notifications, description="Every notice of the last day has arrived.")
def notifications_delivered(domiq: DomiqResource) -> dg.AssetCheckResult:
    """Notices that are undeliverable, or of which nobody can tell whether they arrived, by channel and
    reason."""
    with domiq.engine() as engine, engine.connect() as connection:
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


def _sentences(past: Sequence[Reading]) -> str:
    """One a property; a table follows in the metadata, so a thousand need not stand here."""
    more = f" And {len(past) - _SAMPLE} more." if len(past) > _SAMPLE else ""
    return " ".join(describe(r) for r in past[:_SAMPLE]) + more


all_checks = [
    failed_sync_threshold,
    conservation,
    oldest_pending_change,
    rules_valid,
    notifications_delivered,
]
