"""Outward: every pending change on its way to ResMan."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from domiq_dagster.assets.catalogue import OWNERS, explained_in, stored_in
from domiq_dagster.assets.dry_run import DryRunConfig, forecast_metadata
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.sources import domiq_conversation
from domiq_dagster.assets.tables import rows_of, table_unless_empty
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource, LimitsResource, ResmanResource
from domiq_dagster.sync.delivery.push import PushOptions, PushReport, push
from domiq_dagster.sync.dry_run import forecast_push
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.backlog import AccountQueue, Backlog, PropertyQueue, load_backlog
from domiq_dagster.sync.monitoring.divergence import diverged_when_last_noted
from domiq_dagster.sync.monitoring.pauses import Pause
from domiq_dagster.sync.monitoring.recently_settled import RecentlySettled, recently_settled
from domiq_dagster.wiring import outside_mark


@dg.asset(
    deps=[domiq_conversation, inbound_status_changes],
    group_name="outbound",
    owners=OWNERS,
    kinds={"python", "postgres", "api"},
    tags={"direction": "outbound", "writes_to": "resman"},
    metadata={**stored_in("domiq_sync.attempt"), **explained_in("conversation_status_pushes")},
    output_required=False,  # a dry run materialises nothing
)
@told_without_values
def conversation_status_pushes(
    context: dg.AssetExecutionContext,
    config: DryRunConfig,
    domiq: DomiqResource,
    resman: ResmanResource,
    limits: LimitsResource,
) -> Iterator[dg.AssetObservation | dg.MaterializeResult[None]]:
    """DomIQ's status changes on their way to ResMan: what is due is sent, and settled in status_sync_log.

    **From** the delivery queue, which a trigger fills as soon as a conversation's status moves. Each request
    is on record in `domiq_sync.attempt`. What cannot be sent now stays pending; nothing is lost by a run that
    stops early.

    **Red**: changes wait too long, nothing is sent although something is due, or a person must decide.

    **Then** `domiq-sync status` says what waits and for what, `domiq-sync conflicts` what is to be
    decided."""
    if config.dry_run:
        with domiq.engine() as engine:
            with engine.connect() as connection:
                chosen = load_integrations(connection)
            found = [forecast_push(engine, integration) for integration in chosen]
        yield dg.AssetObservation(context.asset_key, metadata=forecast_metadata(found))
        return
    options = PushOptions(
        budget=limits.push_budget, max_accounts=limits.max_accounts, mark=outside_mark(os.environ)
    )
    with resman.client(domiq) as client, domiq.engine(pool_size=limits.connections) as engine:
        report = push(engine, client, options)
        with engine.connect() as connection:
            left, recent = load_backlog(connection), recently_settled(connection)
            metadata = push_metadata(report, left, recent, diverged=diverged_when_last_noted(connection))
            metadata |= rows_of(connection, "domiq_sync.attempt")
    for account, why in report.outages.items():
        context.log.warning(f"ResMan account {account} was left ({why}); its changes stay pending")
    for problem in report.problems:
        context.log.warning(problem)
    yield dg.MaterializeResult(metadata=metadata)


def push_metadata(
    report: PushReport, left: Backlog, recent: RecentlySettled, *, diverged: int
) -> dict[str, Any]:
    """What was pushed, what is left, how long what was settled of late has taken, and how many leads diverged
    when somebody last looked."""
    by_property = [_property_row(q, report.by_property.get(q.partition_key, {})) for q in left.properties]
    busy = [
        row for row in by_property if row["paused"] or any(isinstance(v, int) and v for v in row.values())
    ]
    return {
        "pushed": report.total("success"),
        "failed": report.total("failed"),
        "postponed": report.total("postponed"),
        **_left(left),
        **_recent(recent),
        "diverged": diverged,
        "ended_because": report.ended,
        "outcomes": dict(report.by_outcome),
        "problems": len(report.problems),
        **table_unless_empty("by_property", busy),
        **table_unless_empty("by_account", [_account_row(account) for account in left.accounts]),
    }


def _left(left: Backlog) -> dict[str, int | float]:
    """The figures that are worth a plot: what waits, for how long, and how fast it goes."""
    figures = {
        "pending": left.pending,
        "still_pending": left.pending,
        "due": left.due,
        "held": left.on_hold,
        "unknown_outcomes": left.unknown,
        "oldest_pending_seconds": round(left.oldest_seconds or 0.0, 1),
        "oldest_pending_minutes": round((left.oldest_seconds or 0.0) / 60, 1),
        "pushes_per_second": round(left.per_second or 0.0, 2),
    }
    if left.catch_up_seconds is not None:  # else nobody can tell
        figures["catch_up_minutes"] = round(left.catch_up_seconds / 60, 1)
    return figures


def _recent(recent: RecentlySettled) -> dict[str, int | float]:
    """Of the last hour. What nobody can tell, since nothing was settled, is left out: 0 would be a plot's
    best point."""
    figures = {
        "latency_p50": recent.latency_p50,
        "latency_p95": recent.latency_p95,
        "success_rate": recent.success_rate,
    }
    told = {name: round(value, 3) for name, value in figures.items() if value is not None}
    return {**told, "requests": recent.requests, "throttled": recent.throttled}


def _property_row(queue: PropertyQueue, pushed: Mapping[str, int]) -> dict[str, Any]:
    return {
        "property": queue.partition_key,
        **{result: pushed.get(result, 0) for result in ("success", "failed", "postponed")},
        "pending": queue.pending,
        "conflicts": queue.conflicts,
        "wait_for_settings": queue.settings,
        "wait_for_contact": queue.contact,
        "wait_for_grants": queue.grants,
        "in_doubt": queue.in_doubt,
        "unknown": queue.unknown,
        "oldest": _span(queue.oldest_seconds),
        "paused": _paused(queue.pause),
    }


def _paused(pause: Pause | None) -> str:
    return "" if pause is None else pause.redacted


def _account_row(queue: AccountQueue) -> dict[str, Any]:
    rate, catch_up = queue.per_second, queue.catch_up_seconds
    return {
        "account": queue.account_id,
        "pending": queue.pending,
        "held": queue.on_hold,
        "unknown": queue.unknown,
        "oldest": _span(queue.oldest_seconds),
        "rate": "none yet" if rate is None else f"{60 * rate:.0f}/min",
        "caught_up_in": "cannot tell" if catch_up is None else in_words(catch_up),
        "paused_until": f"{queue.paused_until:%Y-%m-%d %H:%M:%S %Z}" if queue.paused_until else "",
        "paused_because": queue.paused_because or "",
    }


def _span(seconds: float | None) -> str:
    return "" if seconds is None else in_words(seconds)
