"""Prospects of one property that look like one person: by the rules that recognise a person (`matching`),
each prospect held against the others. Contact data comes in, and only ids go out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.linking.matching import (
    SHARED_BY,
    Contact,
    SharedContacts,
    fits,
    name_fit,
    person_contact,
    untagged,
)
from domiq_dagster.sync.status_map import status_with_milestone

_RULES = ("email", "phone", "name")


@dataclass(frozen=True, slots=True)
class Recognised:
    """A prospect, by what each of its people can be recognised."""

    prospect_id: str
    status: str
    people: Sequence[Contact] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Alike:
    """Prospects that look like one person.

    Attributes:
        prospect_ids: in order.
        rules: what they share: `email`, `phone`, `name`; the strongest first.
        names_fit: each of them has somebody whose name fits another's. Where it is false they may be a
            household that shares an address.
    """

    prospect_ids: tuple[str, ...]
    rules: tuple[str, ...]
    names_fit: bool


def recognised(prospect: Prospect, shared: SharedContacts) -> Recognised:
    """What a prospect's people can be recognised by; only the main person by name."""
    people = prospect.people
    main = next((p for p in people if p.is_main), None) or next(iter(people), None)
    contacts = [
        person_contact(p.first_name, p.last_name, p.emails, p.phones, shared=shared, by_name=p is main)
        for p in people
    ]
    status = status_with_milestone(prospect.status, prospect.lease)
    return Recognised(prospect.prospect_id, status, contacts)


def alike(prospects: Sequence[Recognised]) -> list[Alike]:
    """The groups of prospects that look like one person, the surest first: those whose names fit, then by
    what they share. An e-mail or phone that stands at `SHARED_BY` prospects or more is nobody's own."""
    groups = _Groups(len(prospects))
    for rule in _RULES:
        for one, other, fit in _pairs(prospects, rule):
            groups.join(one, other, rule, named=fit)
    found = []
    for members, rules, names_fit in groups.found():
        ids = tuple(sorted(prospects[i].prospect_id for i in members))
        found.append(Alike(ids, tuple(r for r in _RULES if r in rules), names_fit))
    return sorted(found, key=lambda a: (not a.names_fit, _RULES.index(a.rules[0]), a.prospect_ids))


def _pairs(prospects: Sequence[Recognised], rule: str) -> Iterator[tuple[int, int, bool]]:
    """Pairs that a rule finds to be one, each with whether the names fit."""
    by_value: dict[object, dict[int, Contact]] = {}
    for i, prospect in enumerate(prospects):
        for person in prospect.people:
            for value in person.values(rule):
                key = untagged(str(value)) if rule == "email" else value
                by_value.setdefault(key, {}).setdefault(i, person)
    for members in by_value.values():
        if len(members) < 2 or (rule != "name" and len(members) >= SHARED_BY):
            continue
        for (i, one), (k, other) in combinations(members.items(), 2):
            if fits(rule, one, other):
                yield i, k, name_fit(one, other) > 0


class _Groups:
    """Which of them belong together (union and find), and why."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._rules: dict[int, set[str]] = {}
        self._named: set[int] = set()

    def join(self, one: int, other: int, rule: str, *, named: bool) -> None:
        for i in (one, other):
            self._rules.setdefault(i, set()).add(rule)
            if named:
                self._named.add(i)
        self._parent[self._root(one)] = self._root(other)

    def found(self) -> Iterator[tuple[list[int], set[str], bool]]:
        """Each group: its members, the rules that joined them, and whether each has a name that fits."""
        members: dict[int, list[int]] = {}
        for i in self._rules:
            members.setdefault(self._root(i), []).append(i)
        for group in members.values():
            rules = set().union(*(self._rules[i] for i in group))
            yield group, rules, all(i in self._named for i in group)

    def _root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i
