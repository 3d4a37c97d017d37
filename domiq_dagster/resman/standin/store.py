"""The one store behind v1 and v2: accounts, properties, prospects, and the indexes by which they are found.

What belongs here: keeping records, handing out ids and stamps, finding. What does not: what a post or a staff
edit means (`posting`, `staff`), or any wire format.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from .instants import Clock, system_clock
from .records import Account, Person, Property, Prospect

_NAMESPACE: Final = uuid.UUID("6f0c6f0e-8d5b-4f61-9d0a-0d5f3f1f7a11")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED: Final = timedelta(minutes=10)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Oddity:
    """`values` stand in v2's answer instead of the record's own, key by key; `instead`, if there is one (in a
    tuple, since it may be null), stands there instead of the whole."""

    values: Mapping[str, Any] = field(default_factory=dict)
    instead: tuple[Any, ...] = ()

    def shown(self, answer: dict[str, Any]) -> Any:
        return self.instead[0] if self.instead else {**answer, **self.values}


class Store:
    """Records in memory. Not for several threads: the server calls it from its one event loop."""

    def __init__(self, clock: Clock = system_clock, seed: int = 1) -> None:
        self.clock = clock
        self.seed = seed
        self.serial = 0
        self.last_stamp = _EPOCH
        self.changes = 0
        self.accounts: dict[str, Account] = {}
        self.properties: dict[str, Property] = {}
        self.prospects: dict[str, Prospect] = {}
        self.odd: dict[str, Oddity] = {}
        """How v2 shows prospects, by id, that it does not show as it should. Not kept in the state's file."""
        self.remembers = False
        """Whether it keeps what prospects were a while ago, for reads that lag."""
        self._past: dict[str, list[tuple[datetime, Prospect | None]]] = {}
        """What prospects were until when, by id, the oldest first; None: nothing yet."""
        self.beside: dict[str, list[str]] = {}
        """By endpoint, what stands in its list beside the records, as it is written: JSON or XML that need
        not be well formed. Not kept in the state's file."""
        self._by_property: dict[str, dict[str, Prospect]] = {}
        self._by_contact: dict[tuple[str, str, str], dict[str, Prospect]] = {}

    def new_id(self) -> str:
        """The next GUID: the same seed and the same history give the same ids."""
        self.serial += 1
        return str(uuid.uuid5(_NAMESPACE, f"{self.seed}:{self.serial}"))

    def stamp(self) -> datetime:
        """Now, but always later than any stamp before, by a microsecond if need be."""
        self.last_stamp = max(self.clock(), self.last_stamp + _TICK)
        return self.last_stamp

    def add_account(self, account: Account) -> None:
        self.accounts[account.account_id] = account
        self.changes += 1

    def add_property(self, record: Property) -> None:
        self.properties[record.property_id] = record
        self._by_property.setdefault(record.property_id, {})
        self.changes += 1

    def add(self, prospect: Prospect) -> None:
        """Takes in a prospect whose property is known."""
        if self.remembers and prospect.last_modified >= self.clock() - _REMEMBERED:
            self._past.setdefault(prospect.prospect_id, []).append((self.clock(), None))
        self.prospects[prospect.prospect_id] = prospect
        self._by_property[prospect.property_id][prospect.prospect_id] = prospect
        self._index(prospect)
        self.last_stamp = max(self.last_stamp, prospect.last_modified)
        self.changes += 1

    def remove(self, prospect: Prospect) -> None:
        self._unindex(prospect)
        del self.prospects[prospect.prospect_id]
        del self._by_property[prospect.property_id][prospect.prospect_id]
        self.changes += 1

    @contextmanager
    def revising(self, prospect: Prospect, silent: bool = False) -> Iterator[Prospect]:
        """Around every change of a prospect.

        Keeps the indexes right and moves lastModified, unless silent.
        """
        self._remember(prospect)
        self._unindex(prospect)
        try:
            yield prospect
        finally:
            self._index(prospect)
            self.changes += 1
        if not silent:
            prospect.last_modified = self.stamp()

    def as_of(self, prospect: Prospect, when: datetime) -> Prospect | None:
        """What a prospect was at a time not long ago; None where it was not there."""
        for until, past in self._past.get(prospect.prospect_id, ()):
            if until > when:
                return past
        return prospect

    def _remember(self, prospect: Prospect) -> None:
        """Keeps what it is before it is changed, for reads that lag."""
        if not self.remembers:
            return
        now = self.clock()
        kept = [p for p in self._past.get(prospect.prospect_id, ()) if p[0] > now - _REMEMBERED]
        self._past[prospect.prospect_id] = [*kept, (now, copy.deepcopy(prospect))]

    def property_of(self, account_id: str, property_id: str) -> Property | None:
        """The property, if this account may see it."""
        record = self.properties.get(property_id) or self.properties.get(property_id.strip().lower())
        return record if record is not None and record.account_id == account_id else None

    def properties_of(self, account_id: str) -> list[Property]:
        return [p for p in self.properties.values() if p.account_id == account_id]

    def prospects_of(self, property_id: str) -> list[Prospect]:
        """All prospects of a property, in no promised order."""
        return list(self._by_property.get(property_id, {}).values())

    def prospect_at(self, property_id: str, prospect_id: str) -> Prospect | None:
        prospects = self._by_property.get(property_id, {})
        return prospects.get(prospect_id) or prospects.get(prospect_id.strip().lower())

    def with_email(self, property_id: str, email: str) -> list[Prospect]:
        return self._with(property_id, "email", email.strip().lower())

    def with_phone(self, property_id: str, phone: str) -> list[Prospect]:
        return self._with(property_id, "phone", phone_digits(phone))

    def with_name(self, property_id: str, first_name: str, last_name: str) -> list[Prospect]:
        return self._with(property_id, "name", _name_key(first_name, last_name))

    def _with(self, property_id: str, kind: str, value: str) -> list[Prospect]:
        return list(self._by_contact.get((property_id, kind, value), {}).values()) if value else []

    def _index(self, prospect: Prospect) -> None:
        for key in _contact_keys(prospect):
            self._by_contact.setdefault(key, {})[prospect.prospect_id] = prospect

    def _unindex(self, prospect: Prospect) -> None:
        for key in _contact_keys(prospect):
            holders = self._by_contact.get(key, {})
            holders.pop(prospect.prospect_id, None)
            if not holders:
                self._by_contact.pop(key, None)


def phone_digits(phone: str) -> str:
    """The digits of a phone number, without the country code 1."""
    digits = "".join(c for c in phone if c.isdigit())
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


def _name_key(first_name: str, last_name: str) -> str:
    return f"{first_name.strip().lower()}\n{last_name.strip().lower()}"


def _contact_keys(prospect: Prospect) -> set[tuple[str, str, str]]:
    keys: set[tuple[str, str, str]] = set()
    for person in prospect.people:
        keys.update((prospect.property_id, kind, value) for kind, value in _person_keys(person) if value)
    return keys


def _person_keys(person: Person) -> Iterator[tuple[str, str]]:
    yield "name", _name_key(person.first_name, person.last_name)
    yield "email", (person.email or "").strip().lower()
    yield "phone", phone_digits(person.phone or "")
