"""Who is told of what: one alert for a cause that several properties share, one each for the rest. Pure.

In this order, and what one explains is not told again by the next:

1. An account that ResMan does not answer (`resman_down`), or whose credentials it refuses (`credentials`). It
   lasts until what was due then has gone across and every property of the account was pulled again.
2. A sync that stands still (`standstill`): changes are due and nothing is asked, or pulls neither succeed nor
   fail, at two properties at least, or at any after a time in which nobody looked.
3. Three properties or more in the same trouble, for the same reason where one is on record (`shared:...`).
4. Each property for itself.

A cause that is known holds on to what it took: until the last of its properties is well, none of them is told
of by itself. A property that already has an alert of its own keeps it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domiq_dagster.sync.alerts.incidents import AlertRules, Look, Phase, Spell
from domiq_dagster.sync.alerts.readings import ALL_KINDS, OUTAGES, Kind, Place, Reading, Readings
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds

CREDENTIALS = "credentials"
RESMAN_DOWN = "resman_down"
STANDSTILL = "standstill"
SHARED = "shared:"
SHARED_BY = 3
"""How many properties in the same trouble make one alert."""

_OPEN_AFTER = {CREDENTIALS: timedelta(minutes=2), RESMAN_DOWN: timedelta(minutes=5)}
_REFUSED = frozenset({"bad_credentials", "not_entitled"})
_CONSEQUENCES = frozenset({Kind.NO_PULL, Kind.NO_PUSH, Kind.OLDEST_PENDING})


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about: one kind of trouble of a property, or (property_id None) a cause."""

    property_id: UUID | None
    kind: str


@dataclass(frozen=True, slots=True)
class Case:
    """A subject as it looks now. `members` are the readings that are bad because of it; `places` all
    properties that it touches; `accounts` the reason by account, of a cause that is about accounts."""

    subject: Subject
    look: Look
    rules: AlertRules
    members: tuple[Reading, ...] = ()
    places: tuple[Place, ...] = ()
    accounts: Mapping[str, str] = field(default_factory=dict)
    unwatched_since: datetime | None = None

    def figures(self) -> dict[str, Any]:
        """What goes on record with the alert, as plain values."""
        if self.subject.property_id is not None:
            return dict(self.members[0].figures) if self.members else {}
        return {
            "properties": [p.partition_key for p in self.places],
            "property_ids": [str(p.property_id) for p in self.places],
            "accounts": dict(self.accounts),
            "unwatched_since": self.unwatched_since.isoformat() if self.unwatched_since else None,
        }


def rules_of(threshold: Threshold, kind: str) -> AlertRules:
    """The times of a spell, as the threshold in force has them."""
    return AlertRules(
        open_after=_OPEN_AFTER.get(kind, timedelta(0)),
        recover_after=timedelta(minutes=threshold.recover_minutes),
        reopen_within=timedelta(minutes=threshold.reopen_minutes),
        remind_after=timedelta(hours=threshold.reminder_hours),
    )


def cases(
    seen: Readings,
    spells: Mapping[Subject, Spell],
    thresholds: Thresholds,
    kinds: Collection[Kind] = ALL_KINDS,
) -> list[Case]:
    """Every subject that is bad or has a spell that is not closed, each once. `kinds` are those that were
    read: causes are judged only where all that they explain was."""
    sorting = _Sorting(seen, spells, thresholds)
    found: list[Case] = []
    if set(kinds) >= _CONSEQUENCES:
        found += sorting.accounts()
        found += sorting.standstill()
    found += sorting.shared(kinds)
    found += sorting.single()
    return found


class _Sorting:
    """The readings of one look, each of which goes to the first cause that explains it."""

    def __init__(self, seen: Readings, spells: Mapping[Subject, Spell], thresholds: Thresholds) -> None:
        self.seen, self.thresholds = seen, thresholds
        self.live = {s: spell for s, spell in spells.items() if spell.phase is not Phase.CLOSED}
        self.explained: set[tuple[UUID, Kind]] = set()

    def accounts(self) -> Iterator[Case]:
        closed: dict[str, dict[str, str]] = {CREDENTIALS: {}, RESMAN_DOWN: {}}
        for place in self.seen.places:
            if place.open_until is not None:
                reason = place.open_reason or "unknown"
                closed[CREDENTIALS if reason in _REFUSED else RESMAN_DOWN][place.account_id] = reason
        for kind, reasons in closed.items():
            others = {a for k, found in closed.items() if k != kind for a in found}
            lingering = self._scope(kind) - reasons.keys() - others
            members = [
                r
                for r in self._free(_CONSEQUENCES)
                if r.place.account_id in reasons
                or (r.place.account_id in lingering and (r.reason is None or r.reason in OUTAGES))
            ]
            self._explain(members)
            behind = {p.account_id for p in self.seen.places if p.account_id in lingering and p.catches_up}
            touched = reasons.keys() | {r.place.account_id for r in members} | behind
            places = tuple(p for p in self.seen.places if p.account_id in touched)
            yield from self._cause(kind, frozenset(touched), members, places, reasons, lasts=bool(behind))

    def standstill(self) -> Iterator[Case]:
        before = self.seen.looked_before
        limit = timedelta(minutes=self.thresholds.of(None).no_pull_minutes)
        gap = before is not None and self.seen.at - before > limit
        free = list(self._free(_CONSEQUENCES))
        still = {
            r.place.partition_key
            for r in free
            if r.kind is Kind.NO_PUSH or (r.kind is Kind.NO_PULL and r.reason is None)
        }
        held = self._scope(STANDSTILL)
        stands = len(still) >= 2 or (gap and bool(still)) or bool(held)
        taken = still | held if stands else frozenset()
        members = [
            r
            for r in free
            if r.place.partition_key in taken and not (r.kind is Kind.NO_PULL and r.reason is not None)
        ]
        self._explain(members)
        places = _places(members)
        scope = frozenset(p.partition_key for p in places)
        yield from self._cause(STANDSTILL, scope, members, places, {}, before if gap else None)

    def shared(self, kinds: Collection[Kind]) -> Iterator[Case]:
        known = {s.kind: spell.scope for s, spell in self.live.items() if s.kind.startswith(SHARED)}
        groups: dict[str, list[Reading]] = defaultdict(list)
        for name in known:
            if name.split(":")[1] in kinds:
                groups[name] = []
        for reading in self._free(kinds):
            prefix = f"{SHARED}{reading.kind}:"
            held_by = (
                n
                for n, scope in known.items()
                if n.startswith(prefix) and reading.place.partition_key in scope
            )
            name = next(held_by, f"{prefix}{reading.reason or ''}")
            if name in known or reading.reason is not None or reading.kind is not Kind.FAILED_SYNC:
                groups[name].append(reading)
        for name, members in groups.items():
            if name not in known and len(members) < SHARED_BY:
                continue
            self._explain(members)
            places = _places(members)
            yield from self._cause(name, frozenset(p.partition_key for p in places), members, places, {})

    def single(self) -> Iterator[Case]:
        for reading in self.seen.readings:
            subject = Subject(reading.place.property_id, reading.kind)
            if not reading.bad and subject not in self.live:
                continue
            told_elsewhere = (subject.property_id, reading.kind) in self.explained
            look = Look(self.seen.at, None if told_elsewhere else reading.bad)
            rules = rules_of(self.thresholds.of(subject.property_id), reading.kind)
            yield Case(subject, look, rules, (reading,), (reading.place,))

    def _cause(
        self,
        kind: str,
        scope: frozenset[str],
        members: list[Reading],
        places: tuple[Place, ...],
        accounts: Mapping[str, str],
        unwatched_since: datetime | None = None,
        *,
        lasts: bool = False,
    ) -> Iterator[Case]:
        """`lasts`: what it did is not made up for yet, though nothing else shows it any more."""
        subject = Subject(None, kind)
        bad = bool(members or accounts or lasts)
        if bad or subject in self.live:
            look = Look(self.seen.at, bad, scope)
            rules = rules_of(self.thresholds.of(None), kind)
            yield Case(subject, look, rules, tuple(members), places, dict(accounts), unwatched_since)

    def _free(self, kinds: Collection[Kind]) -> Iterator[Reading]:
        """Bad readings of these kinds that nothing explains yet, at properties without an alert of their own
        for it."""
        for reading in self.seen.readings:
            key = (reading.place.property_id, reading.kind)
            taken = key in self.explained or Subject(*key) in self.live
            if reading.bad and reading.kind in kinds and not taken:
                yield reading

    def _explain(self, members: list[Reading]) -> None:
        self.explained.update((r.place.property_id, r.kind) for r in members)

    def _scope(self, kind: str) -> frozenset[str]:
        """What a cause that is open has taken hold of."""
        spell = self.live.get(Subject(None, kind))
        return spell.scope if spell is not None and spell.is_open else frozenset()


def _places(members: list[Reading]) -> tuple[Place, ...]:
    return tuple({r.place.property_id: r.place for r in members}.values())
