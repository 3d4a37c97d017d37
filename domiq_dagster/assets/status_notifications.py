"""Telling people: each logged change runs its property's notification preferences once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg

from domiq_dagster.assets.catalogue import OWNERS, explained_in, stored_in
from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.status_workflow_actions import status_workflow_actions
from domiq_dagster.assets.tables import rows_of, table_unless_empty
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource, NotifierResource
from domiq_dagster.sync.monitoring.figures import unnotified
from domiq_dagster.sync.notifications.notify import Notified, notify_changes
from domiq_dagster.sync.notifications.sender import SendReport, deliver_due

_STATES = ("delivered", "undeliverable", "unknown", "put_off")


@dg.asset(
    deps=[status_sync_log, status_workflow_actions],
    group_name="record",
    owners=OWNERS,
    kinds={"python", "postgres"},
    tags={"direction": "both", "writes_to": "people"},
    metadata={**stored_in("domiq_sync.notification"), **explained_in("status_notifications")},
    output_required=False,  # a dry run materialises nothing
)
@told_without_values
def status_notifications(
    context: dg.AssetExecutionContext,
    config: DryRunConfig,
    domiq: DomiqResource,
    notifier: NotifierResource,
) -> Iterator[dg.AssetObservation | dg.MaterializeResult[None]]:
    """Notices to people about status changes, sent by e-mail, SMS and Slack or written for DomIQ to show.

    **From** status_notification_preferences, workflow rules and alerts, which ask for them. They wait in the
    outbox `domiq_sync.notification`; what cannot be sent now stays there.

    **Red**: a notice of the last day was refused, or nobody knows whether it arrived.

    **Then** `domiq-sync notifications` names the reasons; once they are mended, `--retry-undeliverable`."""
    channels = notifier.channels
    for channel, problem in channels.problems.items():
        context.log.warning(f"notices by {channel} cannot be sent: {problem}")
    if config.dry_run:
        with domiq.engine() as engine:
            changes, preferences = unnotified(engine)
        figures = {"changes_to_look_at": changes, "would_match_a_preference": preferences}
        yield dg.AssetObservation(context.asset_key, metadata={**figures, **DRY})
        return
    with domiq.engine() as engine:
        notified = notify_changes(engine, channels.templates)
        sent = deliver_due(engine, channels, budget=notifier.budget)
        with engine.connect() as connection:
            rows = rows_of(connection, "domiq_sync.notification")
    for problem in (*notified.problems, *sent.problems):
        context.log.warning(problem)
    for channel, why in sent.outages.items():
        context.log.warning(f"notices by {channel} wait: {why}")
    yield dg.MaterializeResult(metadata={**notices_metadata(notified, sent), **rows})


def notices_metadata(notified: Notified, sent: SendReport | None) -> dict[str, Any]:
    """What was written, and what became of it. `sent` is None where there is no channel to send by."""
    sent = sent or SendReport(ended="no channel is set up here")
    ended = Counter(sent.by_state)  # by channel and state
    for state in ("delivered", "undeliverable"):
        ended.update({(channel, state): n for channel, n in getattr(notified, state).items()})
    return {
        "changes_looked_at": notified.changes,
        "problems": len(notified.problems) + len(sent.problems),
        **{state: sum(n for (_, found), n in ended.items() if found == state) for state in _STATES},
        "undeliverable_by_channel": {c: n for (c, state), n in ended.items() if state == "undeliverable"},
        "ended_because": sent.ended,
        **table_unless_empty(
            "by_channel",
            [{"channel": c, "state": state, "notices": n} for (c, state), n in sorted(ended.items())],
        ),
    }
