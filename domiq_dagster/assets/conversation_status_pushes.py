"""Outward: every pending change on its way to ResMan."""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
)

from domiq_dagster.assets.dry_run import DryRunConfig, forecast_metadata
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.sources import domiq_conversation
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.sync.dry_run import forecast_push
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.backlog import AccountQueue, Backlog, PropertyQueue, load_backlog


@asset(
    deps=[domiq_conversation, inbound_status_changes],
    group_name="outbound",
    kinds={"python", "postgres"},
    output_required=False,  # a dry run materialises nothing
)
def conversation_status_pushes(
    context: AssetExecutionContext, config: DryRunConfig, sync: SyncResource
) -> Iterator[MaterializeResult]:  # type: ignore[type-arg]
    """What is due in the delivery queue, sent to ResMan and settled in status_sync_log. Changes that
    cannot be sent now stay pending; nothing is lost by a run that stops early."""
    if config.dry_run:
        with sync.database() as engine:
            with engine.connect() as connection:
                chosen = load_integrations(connection)
            found = [forecast_push(engine, integration) for integration in chosen]
        context.log_event(AssetObservation(context.asset_key, metadata=forecast_metadata(found)))
        return
    with sync.open() as ends:
        options = PushOptions(budget=sync.budget, max_accounts=sync.max_accounts)
        report = push(ends.engine, ends.client, options)
        with ends.engine.connect() as connection:
            left = load_backlog(connection)
    for account, why in report.outages.items():
        context.log.warning(f"ResMan account {account} was left ({why}); its changes stay pending")
    by_property = [_property_row(q, report.by_property.get(q.partition_key, {})) for q in left.properties]
    metadata = {
        "pushed": MetadataValue.int(report.total("success")),
        "failed": MetadataValue.int(report.total("failed")),
        "postponed": MetadataValue.int(report.total("postponed")),
        **_left(left),
        "ended_because": MetadataValue.text(report.ended),
        "outcomes": MetadataValue.json(dict(report.by_outcome)),
    }
    if rows := [r for r in by_property if any(isinstance(v, int) and v for v in r.data.values())]:
        metadata["by_property"] = MetadataValue.table(rows)
    if rows := [_account_row(a) for a in left.accounts]:
        metadata["by_account"] = MetadataValue.table(rows)
    yield MaterializeResult(metadata=metadata)


def _left(left: Backlog) -> dict[str, Any]:
    """The figures that are worth a plot: what waits, for how long, and how fast it goes."""
    figures: dict[str, Any] = {
        "still_pending": MetadataValue.int(left.pending),
        "due": MetadataValue.int(left.due),
        "held": MetadataValue.int(left.on_hold),
        "unknown_outcomes": MetadataValue.int(left.unknown),
        "oldest_pending_minutes": MetadataValue.float(round((left.oldest_seconds or 0.0) / 60, 1)),
        "pushes_per_second": MetadataValue.float(round(left.per_second or 0.0, 2)),
    }
    if left.catch_up_seconds is not None:  # else nobody can tell
        figures["catch_up_minutes"] = MetadataValue.float(round(left.catch_up_seconds / 60, 1))
    return figures


def _property_row(queue: PropertyQueue, pushed: Mapping[str, int]) -> TableRecord:
    return TableRecord(
        {
            "property": queue.partition_key,
            **{result: pushed.get(result, 0) for result in ("success", "failed", "postponed")},
            "pending": queue.pending,
            "conflicts": queue.conflicts,
            "wait_for_settings": queue.settings,
            "wait_for_contact": queue.contact,
            "unknown": queue.unknown,
            "oldest": _span(queue.oldest_seconds),
        }
    )


def _account_row(queue: AccountQueue) -> TableRecord:
    rate = queue.per_second
    return TableRecord(
        {
            "account": queue.account_id,
            "pending": queue.pending,
            "held": queue.on_hold,
            "unknown": queue.unknown,
            "oldest": _span(queue.oldest_seconds),
            "rate": "none yet" if rate is None else f"{60 * rate:.0f}/min",
            "caught_up_in": "cannot tell"
            if queue.catch_up_seconds is None
            else _span(queue.catch_up_seconds),
            "paused_until": f"{queue.paused_until:%Y-%m-%d %H:%M:%S %Z}" if queue.paused_until else "",
            "paused_because": queue.paused_because or "",
        }
    )


def _span(seconds: float | None) -> str:
    return "" if seconds is None else in_words(seconds)
