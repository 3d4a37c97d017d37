"""Notices of changes: each logged change looks at its property's preferences once.

What they ask for goes into the outbox in the transaction that marks the changes as looked at, so a crash
between two batches repeats nothing and loses nothing. `sender.deliver_due` sends it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.facts import PRIORITIES, change_facts, urgency
from domiq_dagster.sync.notifications.outbox import Notice, enqueue_counted
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates
from domiq_dagster.sync.queue.notified_changes import UnnotifiedChange, lock_unnotified, mark_notified
from domiq_dagster.sync.status_map import StatusMap, load_status_map

QUERIES = load_queries(__package__, "notify.sql")
_ANY_STATUS = frozenset({"", "*", "any", "all"})
ALERTS = "sync_alert"
"""The status_type of preferences that are about the sync itself: they want to hear of no change."""
_BATCH = 500


@dataclass(slots=True)
class Notified:
    """What a call of `notify_changes` did.

    Attributes:
        changes: how many were looked at.
        delivered: notices that are delivered with that (in-app), by channel.
        pending: notices that were put into the outbox, by channel.
        undeliverable: notices that are known to be so, by channel.
    """

    changes: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    undeliverable: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Preference:
    """An active row of status_notification_preferences; `recipients` is of any shape."""

    id: UUID
    property_id: UUID
    status_type: str | None
    notification_method: str | None
    recipients: Any = field(repr=False)
    template_id: str | None

    @property
    def channel(self) -> str:
        return self.notification_method or "in_app"


def notify_changes(engine: Engine, templates: Templates | None = None) -> Notified:
    """Looks at every change not yet looked at, and puts what preferences ask for into the outbox.

    Args:
        engine: of DomIQ's database. Commits a batch at a time.
        templates: for in-app notices; the shipped ones, if not given.
    """
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
    preferences = _preferences(connection, {change.property_id for change in changes})
    maps = {property_id: load_status_map(connection, property_id) for property_id in preferences}
    wanted = [
        (change, preference)
        for change in changes
        for preference in preferences.get(change.property_id, ())
        if _wants(preference.status_type, change.new_status, maps[change.property_id])
    ]
    asked = {preference.id: preference for _, preference in wanted}
    addresses = {
        preference_id: resolve(connection, p.property_id, p.recipients, p.channel)
        for preference_id, p in asked.items()
    }
    in_app = {change.change_id for change, preference in wanted if preference.channel == "in_app"}
    facts = change_facts(connection, in_app, private=False)
    notices = [
        _notice(change, preference, address, facts, templates)
        for change, preference in wanted
        for address in addresses[preference.id]
    ]
    return enqueue_counted(connection, notices)


def _preferences(connection: Connection, property_ids: Iterable[UUID]) -> dict[UUID, list[Preference]]:
    found: dict[UUID, list[Preference]] = defaultdict(list)
    for row in connection.execute(QUERIES.preferences, {"property_ids": list(property_ids)}):
        found[row.property_id].append(Preference(**row._mapping))
    return dict(found)


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


def _notice(
    change: UnnotifiedChange,
    preference: Preference,
    address: Address,
    facts: Mapping[UUID, Mapping[str, Any]],
    templates: Templates,
) -> Notice:
    """In-app notices are put in words now, since DomIQ shows the row; the others when they are sent."""
    subject, body, problem = "", "", address.problem
    if preference.channel == "in_app" and problem is None:
        try:
            subject, body = templates.render(preference.template_id, "in_app", facts[change.change_id])
        except TemplateProblem as error:
            problem = str(error)
    return Notice(
        change.property_id,
        preference.channel,
        address.recipient,
        subject,
        body,
        change_id=change.change_id,
        preference_id=preference.id,
        urgent=PRIORITIES.get(change.lead_status or "") == "urgent" or urgency(change.context_data) == "high",
        problem=problem,
    )
