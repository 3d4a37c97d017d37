"""Telling people: each logged change runs its property's notification preferences once."""

from collections import Counter
from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
)

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.status_workflow_actions import status_workflow_actions
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.monitoring.figures import unnotified
from domiq_dagster.sync.notifications.notify import notify_changes
from domiq_dagster.sync.notifications.sender import deliver_due


@asset(
    deps=[status_sync_log, status_workflow_actions],
    group_name="record",
    kinds={"python", "postgres"},
    output_required=False,  # a dry run materialises nothing
)
def status_notifications(
    context: AssetExecutionContext, config: DryRunConfig, sync: SyncResource
) -> Iterator[MaterializeResult]:  # type: ignore[type-arg]
    """The notices that status_notification_preferences, rules and alerts ask for, sent by e-mail, SMS and
    Slack or written for DomIQ to show (domiq_sync.notification). What cannot be sent now waits in the
    outbox."""
    channels = sync.channels
    for channel, problem in channels.problems.items():
        context.log.warning(f"notices by {channel} cannot be sent: {problem}")
    with sync.database() as engine:
        if config.dry_run:
            changes, preferences = unnotified(engine)
            figures = {
                "changes_to_look_at": MetadataValue.int(changes),
                "would_match_a_preference": MetadataValue.int(preferences),
            }
            context.log_event(AssetObservation(context.asset_key, metadata={**figures, **DRY}))
            return
        notified = notify_changes(engine, channels.templates)
        delivered = deliver_due(engine, channels, budget=sync.notice_budget)
    for channel, why in delivered.outages.items():
        context.log.warning(f"notices by {channel} wait: {why}")
    ended = Counter(delivered.by_state)
    for state in ("delivered", "undeliverable"):
        ended.update({(channel, state): n for channel, n in getattr(notified, state).items()})
    undeliverable = {channel: n for (channel, state), n in ended.items() if state == "undeliverable"}
    rows = [TableRecord({"channel": c, "state": s, "notices": n}) for (c, s), n in sorted(ended.items())]
    yield MaterializeResult(
        metadata={
            "changes_looked_at": MetadataValue.int(notified.changes),
            **{
                state: MetadataValue.int(sum(n for (_, found), n in ended.items() if found == state))
                for state in ("delivered", "undeliverable", "unknown", "put_off")
            },
            "undeliverable_by_channel": MetadataValue.json(undeliverable),
            "ended_because": MetadataValue.text(delivered.ended),
            **({"by_channel": MetadataValue.table(rows)} if rows else {}),
        }
    )
