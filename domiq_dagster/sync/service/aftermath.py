"""What follows changes, as they come: the workflow rules, and the notices, on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.notify import notify_changes
from domiq_dagster.sync.notifications.sender import deliver_due
from domiq_dagster.sync.notifications.status import due
from domiq_dagster.sync.rules import run_rules
from domiq_dagster.sync.rules.check import unruled_changes
from domiq_dagster.sync.service.tally import Tally

_RULES_SECONDS = 15.0
"""How long the rules go on before notices have their turn."""


def take_along(engine: Engine, channels: Channels | None, tally: Tally, stop: Callable[[], bool]) -> None:
    """Runs the rules and sends the notices that are due. Without `channels` notices wait in the outbox.

    Args:
        stop: asked before each notice.

    Raises:
        Exception: the database is gone, or what all rules need could not be read.
    """
    with engine.connect() as connection:
        unruled, waiting = unruled_changes(connection), due(connection)
    templates = channels.templates if channels else None
    if unruled:
        tally.ruled(run_rules(engine, templates=templates, seconds=_RULES_SECONDS))
    if waiting.changes or waiting.notices or unruled:
        notified = notify_changes(engine, templates)
        sent = deliver_due(engine, channels, stop=stop) if channels is not None else None
        if notified.changes or notified.problems or (sent is not None and (sent.by_state or sent.problems)):
            tally.told(notified, sent)
