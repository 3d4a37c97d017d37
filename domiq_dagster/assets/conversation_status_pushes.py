"""Outward: every pending change on its way to ResMan."""

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, TableRecord, asset

from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.sources import domiq_conversation
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.measure import backlog
from domiq_dagster.sync.push import push


@asset(
    deps=[domiq_conversation, inbound_status_changes],
    group_name="outbound",
    kinds={"python", "postgres"},
)
def conversation_status_pushes(context: AssetExecutionContext, sync: SyncResource) -> MaterializeResult:  # type: ignore[type-arg]
    """What is due in the delivery queue, sent to ResMan and settled in status_sync_log. Changes that
    cannot be sent now stay pending; nothing is lost by a run that stops early."""
    with sync.open() as ends:
        report = push(ends.engine, ends.client, budget=sync.budget, max_accounts=sync.max_accounts)
        with ends.engine.connect() as connection:
            left = backlog(connection)
    for account, why in report.outages.items():
        context.log.warning(f"ResMan account {account} was left ({why}); its changes stay pending")
    rows = [
        TableRecord({"property": key, **{r: counts[r] for r in ("success", "failed", "postponed")}})
        for key, counts in sorted(report.by_property.items())
    ]
    metadata = {
        "pushed": MetadataValue.int(report.total("success")),
        "failed": MetadataValue.int(report.total("failed")),
        "postponed": MetadataValue.int(report.total("postponed")),
        "still_pending": MetadataValue.int(left.pending),
        "oldest_pending_minutes": MetadataValue.float(round(left.oldest_seconds / 60, 1)),
        "pushes_per_second": MetadataValue.float(
            round(report.delivered / report.seconds, 2) if report.seconds else 0.0
        ),
        "ended_because": MetadataValue.text(report.ended),
        "outcomes": MetadataValue.json(dict(report.by_outcome)),
    }
    if rows:
        metadata["by_property"] = MetadataValue.table(rows)  # type: ignore[assignment]
    return MaterializeResult(metadata=metadata)
