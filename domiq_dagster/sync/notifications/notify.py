"""Telling people about changes: each logged change looks at its property's preferences once.

What they ask for goes into the outbox in the transaction that marks the changes as looked at, so a crash
between two batches repeats nothing and loses nothing. `outbox.deliver_due` sends it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.content import PRIORITIES, facts, urgency
from domiq_dagster.sync.notifications.outbox import Message, enqueue_counted
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates
from domiq_dagster.sync.queue.changes import UnnotifiedChange, lock_unnotified, mark_notified
from domiq_dagster.sync.status_map import StatusMap, load_status_map

QUERIES = load_queries(__package__, "notify.sql")
_ANY_STATUS = frozenset({"", "*", "any", "all"})
ALERTS = "sync_alert"
"""The status_type of preferences that are about the sync itself: no change is told to them."""
_BATCH = 500


@dataclass(slots=True)
class Notified:
    """What was done: changes looked at; notices by channel that were delivered (in-app), put into the outbox,
    or known to be undeliverable."""

    changes: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    undeliverable: Counter[str] = field(default_factory=Counter)


def notify_changes(engine: Engine, templates: Templates | None = None) -> Notified:
    """Looks at every change not yet looked at."""
    total = Notified()
    templates = templates or Templates()
    while True:
        with engine.begin() as connection:
            changes = lock_unnotified(connection, most=_BATCH)
            if not changes:
                return total
            for (channel, state), count in _notify(connection, changes, templates).items():
                getattr(total, state)[channel] += count
            mark_notified(connection, [change.change_id for change in changes])
            total.changes += len(changes)


def _notify(
    connection: Connection, changes: Sequence[UnnotifiedChange], templates: Templates
) -> Counter[tuple[str, str]]:
    places = {c.property_id for c in changes}
    preferences: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(QUERIES.preferences, {"property_ids": list(places)}):
        preferences[row.property_id].append(row)
    maps = {place: load_status_map(connection, place) for place in preferences}
    wanted = [
        (change, preference)
        for change in changes
        for preference in preferences[change.property_id]
        if _wants(preference.status_type, change.new_status, maps[change.property_id])
    ]
    addresses = {
        preference.id: resolve(
            connection,
            preference.property_id,
            preference.recipients,
            preference.notification_method or "in_app",
        )
        for _, preference in wanted
    }
    in_app = {c.change_id for c, p in wanted if (p.notification_method or "in_app") == "in_app"}
    told = facts(connection, in_app, private=False)
    messages = [
        _message(change, preference, address, told, templates)
        for change, preference in wanted
        for address in addresses[preference.id]
    ]
    return enqueue_counted(connection, messages)


def _wants(status_type: str | None, new_status: str | None, statuses: StatusMap) -> bool:
    """Whether a preference is about this status, in either of DomIQ's vocabularies."""
    if new_status is None:
        return False
    wanted = (status_type or "").strip().lower()
    if wanted == ALERTS:
        return False
    if wanted in _ANY_STATUS or wanted == new_status.lower():
        return True
    meant = statuses.lead_status(wanted)
    return meant is not None and meant == statuses.lead_status(new_status)


def _message(
    change: UnnotifiedChange,
    preference: Row[Any],
    address: Address,
    told: Mapping[UUID, Mapping[str, Any]],
    templates: Templates,
) -> Message:
    """In-app notices are put in words now, since DomIQ shows the row; the others when they are sent."""
    channel = preference.notification_method or "in_app"
    subject, body, problem = "", "", address.problem
    if channel == "in_app" and problem is None:
        try:
            subject, body = templates.render(preference.template_id, channel, told[change.change_id])
        except TemplateProblem as error:
            problem = str(error)
    return Message(
        change.property_id,
        channel,
        address.recipient,
        subject,
        body,
        change_id=change.change_id,
        preference_id=preference.id,
        urgent=PRIORITIES.get(change.lead_status or "") == "urgent" or urgency(change.context_data) == "high",
        problem=problem,
    )
