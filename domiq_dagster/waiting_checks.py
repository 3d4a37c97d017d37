"""Checks of what waits or grows though nothing fails: decisions, a standstill, Dagster's event log. Their
words are made here, and `checks.all_checks` has them with the others."""

from collections import Counter

import dagster as dg
from sqlalchemy import Connection

from domiq_dagster.assets import conversation_status_pushes, status_sync_log
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.event_log import event_log_growth as growth_of
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource, LimitsResource, ThresholdResource
from domiq_dagster.sync.alerts.readings import database_time, read_all
from domiq_dagster.sync.alerts.texts import describe_all
from domiq_dagster.sync.alerts.thresholds import Threshold, load_thresholds
from domiq_dagster.sync.alerts.watched import TroubleKind
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.monitoring.decisions_waiting import decisions_waiting

_SAMPLE = 20
_DECISIONS = {
    "conflict": ("conflicts", "domiq-sync conflicts --resolve CONVERSATION --keep domiq (or resman)"),
    "doubt": ("changes in doubt", "domiq-sync conflicts --arrived CHANGE (or --send-again CHANGE)"),
    "link": ("links", "domiq-sync conflicts --link CONVERSATION --to LEAD (or --never LEAD)"),
}
"""By reason: what they are called, and what decides one."""


@dg.asset_check(asset=conversation_status_pushes, description="No decision waits for a person.")
@told_without_values
def conflicts_waiting(domiq: DomiqResource) -> dg.AssetCheckResult:
    """Conflicts, changes in doubt and link reviews that only a person can decide, by property and reason."""
    with domiq.engine() as engine, engine.connect() as connection:
        return conflicts_result(connection)


def conflicts_result(connection: Connection) -> dg.AssetCheckResult:
    """What waits for a person, since when, and what decides it."""
    found, now = decisions_waiting(connection), database_time(connection)
    counts: Counter[str] = Counter()
    for one in found:
        counts[one.reason] += one.waiting
    told = ", ".join(f"{counts[r]} {name}" for r, (name, _) in _DECISIONS.items() if counts[r])
    rows = [
        {
            "property": one.partition_key or "(not connected)",
            "reason": _DECISIONS[one.reason][0],
            "waiting": one.waiting,
            "oldest": in_words((now - one.since).total_seconds()),
            "then": _DECISIONS[one.reason][1],
        }
        for one in found[:_SAMPLE]
    ]
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"A person must decide: {told}. `domiq-sync conflicts` lists them, with both sides."
        if found
        else "Nothing waits for a person's decision.",
        metadata={
            "waiting": counts.total(),
            **{_DECISIONS[reason][0].replace(" ", "_"): counts[reason] for reason in _DECISIONS},
            **table_unless_empty("by_reason", rows),
        },
    )


@dg.asset_check(asset=conversation_status_pushes, description="Whatever is due is being sent.")
@told_without_values
def standstill(domiq: DomiqResource, thresholds: ThresholdResource) -> dg.AssetCheckResult:
    """Fails where changes are due at a property and nothing was sent for longer than its threshold
    `no_push_minutes`. An account that is paused does not count: it is not to be asked."""
    with domiq.engine() as engine, engine.connect() as connection:
        return standstill_result(connection, thresholds.threshold)


def standstill_result(connection: Connection, threshold: Threshold) -> dg.AssetCheckResult:
    """Where something is due and nothing is sent, and for how long."""
    in_force = load_thresholds(connection, threshold)
    found = read_all(connection, in_force, database_time(connection), {TroubleKind.NO_PUSH})
    past = sorted((r for r in found.readings if r.bad), key=lambda r: -r.figures["seconds"])
    rows = [
        {"property": r.watched.partition_key, "nothing_sent_for": in_words(r.figures["seconds"])}
        for r in past[:_SAMPLE]
    ]
    return dg.AssetCheckResult(
        passed=not past,
        description=describe_all(past) or "Nothing is due that is not being sent.",
        metadata={
            "properties_standing_still": len(past),
            "longest_seconds": round(max((r.figures["seconds"] for r in past), default=0.0), 1),
            **table_unless_empty("by_property", rows),
        },
    )


@dg.asset_check(asset=status_sync_log, description="Dagster's own event log grows slowly enough to be kept.")
@told_without_values
def event_log_growth(context: dg.AssetCheckExecutionContext, limits: LimitsResource) -> dg.AssetCheckResult:
    """Fails where Dagster's database took in more events in a day than `event_log_megabytes`. Dagster deletes
    none by itself; housekeeping deletes old runs with theirs."""
    return event_log_result(context.instance, limits)


def event_log_result(instance: dg.DagsterInstance, limits: LimitsResource) -> dg.AssetCheckResult:
    """How much Dagster's event log grew in a day, and of what."""
    most, found = limits.event_log_megabytes, growth_of(instance)
    if found is None:
        told = "Cannot tell: Dagster's event log is not kept in PostgreSQL (DAGSTER_PG_URL)."
        return dg.AssetCheckResult(passed=True, severity=dg.AssetCheckSeverity.WARN, description=told)
    passed = found.megabytes <= most
    told = f"Dagster's event log took in about {found.megabytes:.1f} MB in a day ({found.events} events)"
    advice = (
        "`of_what` names what it is. The job `housekeeping` deletes old runs; its `runs_days` says how old"
    )
    shares = [{"of_what": kind, "percent": round(share, 1)} for kind, share in found.shares.items()]
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{told}." if passed else f"{told}, which is more than {most:g} MB. {advice}.",
        metadata={
            "megabytes_a_day": round(found.megabytes, 2),
            "events_a_day": found.events,
            **table_unless_empty("of_what", shares[:_SAMPLE]),
        },
    )
