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
from domiq_dagster.sync import trouble
from domiq_dagster.sync.notifications.facts import PRIORITIES, change_facts, urgency
from domiq_dagster.sync.notifications.outbox import Notice, enqueue_counted
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.queue.notified_changes import (
    UnnotifiedChange,
    lock_unnotified,
    mark_notified,
    still_unnotified,
)
from domiq_dagster.sync.status_map import StatusMap, load_status_map

QUERIES = load_queries(__package__, "notify.sql")
_ANY_STATUS = frozenset({"", "*", "any", "all"})
OF_NO_CHANGE = ("sync_alert", "sync_report")
"""The status_type of preferences that are about the sync itself, for its alerts and its weekly report: they
want to hear of no change."""
_BATCH = 500


@dataclass(slots=True)
class Notified:
    """What a call of `notify_changes` did.

    Attributes:
        changes: how many were looked at.
        delivered: notices that are delivered with that (in-app), by channel.
        pending: notices that were put into the outbox, by channel.
        undeliverable: notices that are known to be so, by channel.
        problems: a sentence for each change whose notices could not be written, and for each property where
            it cannot be read who holds a role.
    """

    changes: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    undeliverable: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, changes: int, notices: Mapping[tuple[str, str], int]) -> None:
        """Counts changes, and the notices that came of them by channel and state."""
        self.changes += changes
        for (channel, state), count in notices.items():
            getattr(self, state)[channel] += count


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

    A change whose notices cannot be written is noted and waits; at each call such ones come last.

    Args:
        engine: of DomIQ's database. Commits a batch at a time.
        templates: for in-app notices; the shipped ones, if not given.

    Raises:
        Exception: the database is gone.
    """
    looking = _Looking(templates or Templates())
    with engine.connect() as connection:
        looking.parked = [UUID(key) for key in trouble.keys_to_take_up(connection, trouble.TELLING)]
    more = True
    while more:
        with engine.begin() as connection:
            more = looking.look(connection)
    with engine.begin() as connection:
        looking.note_unknown_holders(connection)
    return looking.total


@dataclass(slots=True)
class _Looking:
    """One call of `notify_changes` under way.

    Attributes:
        parked: changes whose notices earlier calls could not write, and that were not taken up yet.
    """

    templates: Templates
    total: Notified = field(default_factory=Notified)
    parked: list[UUID] = field(default_factory=list)
    _left: set[UUID] = field(default_factory=set)
    _taken_up: set[UUID] = field(default_factory=set)
    _unknown_holders: dict[UUID, str | None] = field(default_factory=dict)
    """By property where a role was looked up: why it cannot be read who holds it, if so."""

    def look(self, connection: Connection) -> bool:
        """Looks at one batch, in the caller's transaction. Returns whether there may be another."""
        changes = lock_unnotified(connection, most=_BATCH, skipped=self._left.union(self.parked))
        if changes:
            self._left |= self._write(connection, changes)
            return True
        taken_up, self.parked = self.parked[:_BATCH], self.parked[_BATCH:]
        self._taken_up.update(taken_up)
        # Those that are gone, or that somebody else has looked at, are in trouble no more.
        gone = set(taken_up) - still_unnotified(connection, taken_up)
        trouble.clear(connection, trouble.TELLING, None, [str(i) for i in gone])
        return bool(taken_up)

    def note_unknown_holders(self, connection: Connection) -> None:
        """Notes the properties where it cannot be read who holds a role, in the caller's transaction."""
        if not self._unknown_holders:
            return
        failed = {where: why for where, why in self._unknown_holders.items() if why is not None}
        trouble.replace_part(connection, "recipients", failed, among=self._unknown_holders.keys())
        names = PropertyNames(connection)
        self.total.problems += [f"recipients at {names.name(where)}: {why}" for where, why in failed.items()]

    def _write(self, connection: Connection, changes: Sequence[UnnotifiedChange]) -> set[UUID]:
        """Writes the notices of changes: of all at once, else of each by itself. Returns those of which they
        could not be written."""
        faults = trouble.Faults("the notices of change {} could not be written")

        def write(some: Sequence[UnnotifiedChange]) -> None:
            notices = _notify(connection, some, self.templates, self._unknown_holders)
            mark_notified(connection, [change.change_id for change in some])
            self.total.add(len(some), notices)

        by_id = {str(change.change_id): change for change in changes}
        faults.together(by_id, write, savepoint=connection)
        over = [str(i) for i in self._taken_up if str(i) in by_id and str(i) not in faults.sentences]
        trouble.clear(connection, trouble.TELLING, None, over)
        for property_id in {by_id[key].property_id for key in faults.sentences}:
            here = {k: said for k, said in faults.sentences.items() if by_id[k].property_id == property_id}
            trouble.note(connection, trouble.TELLING, property_id, here)
        self.total.problems += [f"notices of change {key}: {said}" for key, said in faults.sentences.items()]
        return {UUID(key) for key in faults.sentences}


def _notify(
    connection: Connection,
    changes: Sequence[UnnotifiedChange],
    templates: Templates,
    unknown_holders: dict[UUID, str | None],
) -> Counter[tuple[str, str]]:
    """Puts into the outbox what preferences ask for. `unknown_holders` takes, by property where a role was
    looked up, why it cannot be read who holds it, if so."""
    preferences = _preferences(connection, {change.property_id for change in changes})
    maps = {property_id: load_status_map(connection, property_id) for property_id in preferences}
    wanted = [
        (change, preference)
        for change in changes
        for preference in preferences.get(change.property_id, ())
        if _wants(preference.status_type, change.new_status, maps[change.property_id])
    ]
    asked = {preference.id: preference for _, preference in wanted}
    addresses = _addresses(connection, asked.values())
    for preference_id, found in addresses.items():
        if any(address.role is not None for address in found):
            why = next((address.problem for address in found if address.fault), None)
            unknown_holders[asked[preference_id].property_id] = why
    in_app = {change.change_id for change, preference in wanted if preference.channel == "in_app"}
    unreadable = trouble.Faults("nothing can be said of change {}")
    facts = change_facts(connection, in_app, private=False, faults=unreadable)
    notices = [
        _notice(change, preference, address, facts, unreadable.sentences, templates)
        for change, preference in wanted
        for address in addresses[preference.id]
    ]
    return enqueue_counted(connection, notices)


def _addresses(connection: Connection, preferences: Iterable[Preference]) -> dict[UUID, list[Address]]:
    """Whom each preference names. One that nothing can be made of names nobody, and says why."""
    faults = trouble.Faults("the recipients of preference {} cannot be made out")
    found: dict[UUID, list[Address]] = {}
    for preference in preferences:
        key = str(preference.id)
        with faults.of(key, savepoint=connection):
            found[preference.id] = resolve(
                connection, preference.property_id, preference.recipients, preference.channel
            )
        if key in faults.sentences:
            found[preference.id] = [Address("(nobody)", problem=faults.sentences[key])]
    return found


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
    if wanted in OF_NO_CHANGE:
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
    unreadable: Mapping[str, str],
    templates: Templates,
) -> Notice:
    """In-app notices are put in words now, since DomIQ shows the row; the others when they are sent."""
    subject, body, problem = "", "", address.problem
    if preference.channel == "in_app" and problem is None:
        try:
            subject, body = templates.render(preference.template_id, "in_app", facts[change.change_id])
        except TemplateProblem as error:
            problem = str(error)
        except KeyError:
            why = unreadable.get(str(change.change_id), "it is gone")
            problem = f"nothing can be said of the change: {why}"
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
