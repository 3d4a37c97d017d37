"""Who chats in the demo, where and when, and how each lead stands on both sides. Decides; writes nothing.

The kinds of a lead that both sides know:
  agreeing         ResMan's status covers DomIQ's
  moved_at_resman  staff went on after the chat: Lost, Applicant or Resident, while DomIQ is still earlier
  moved_on_both    staff and chatbot went on to different ends
  newer_in_domiq   the chat began after ResMan's last news of the lead
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from domiq_dagster.demo.people import PeopleMaker, Person, other_notation, phone_digits

DAYS: Final = 60
_BOTH_SIDES, _ONLY_DOMIQ = 0.525, 0.2
_MOVED_AT_RESMAN, _MOVED_ON_BOTH, _NEWER = 0.12, 0.015, 0.02
_TWICE_HERE, _AT_TWO_PROPERTIES = 0.03, 0.01
_EARLY: Final = ("new", "contacted", "qualified", "tour_scheduled")
_COVERED: Final[dict[str, tuple[str, ...]]] = {
    "Prospect": _EARLY,
    "Applicant": ("application",),
    "Resident": ("leased",),
    "Lost": ("lost",),
}
_OWN_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "new": ("initial_contact",),
    "contacted": ("engaged", "follow_up_needed"),
    "tour_scheduled": ("tour_booked",),
    "application": ("application_started",),
}
_NOT_LEADS: Final = ("active", "completed", "scheduled", "converted", None)
_NOT_LEAD_WEIGHTS: Final = (48, 30, 7, 7, 8)


@dataclass(slots=True)
class Visitor:
    """One row of DomIQ's "user"."""

    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None


@dataclass(slots=True)
class Scene:
    """One conversation. `lead_status` is what `status` stands for, None where it is no lead status."""

    property_id: str
    """ResMan's."""
    visitor: Visitor
    status: str | None
    lead_status: str | None
    began: datetime


@dataclass(slots=True)
class Cast:
    visitors: list[Visitor] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    matched_by: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Lead:
    """What is needed of one prospect."""

    property_id: str
    status: str
    last_modified: datetime
    person: Person
    name_is_unique: bool


def cast_world(
    state: Mapping[str, Any], dice: random.Random, people: PeopleMaker, now: datetime, conversations: int
) -> Cast:
    """So many conversations for the world of a stand-in's state, in the proportions of this module."""
    return _Casting(state, dice, people, now, conversations).cast


def lead_people(state: Mapping[str, Any]) -> list[tuple[str, str, str | None, str | None]]:
    """Everybody at ResMan: first name, last name, e-mail, phone."""
    return [
        (p["firstName"], p["lastName"], p.get("email"), p.get("phone"))
        for prospect in state["prospects"]
        for p in prospect["people"]
    ]


class _Casting:
    def __init__(
        self,
        state: Mapping[str, Any],
        dice: random.Random,
        people: PeopleMaker,
        now: datetime,
        conversations: int,
    ) -> None:
        self._dice = dice
        self._people = people
        self._now = now
        self._first = now - timedelta(days=DAYS)
        self._last = now - timedelta(minutes=30)
        self._properties: list[tuple[str, str]] = [
            (p["propertyId"], p["accountId"]) for p in state["properties"]
        ]
        self.cast = Cast()
        self._cast_shared(_leads(state), round(_BOTH_SIDES * conversations))
        self._cast_returning(conversations)
        for _ in range(round(_ONLY_DOMIQ * conversations)):
            self._cast_only_domiq()
        self._cast_twice_here(round(_TWICE_HERE * conversations))
        while len(self.cast.scenes) < conversations:
            self._cast_idle()

    # Leads that both sides know

    def _cast_shared(self, leads: list[_Lead], wanted: int) -> None:
        dice = self._dice
        chosen = dice.sample(leads, min(wanted, round(0.7 * len(leads))))
        kinds = self._kinds(chosen)
        for lead in chosen:
            kind = kinds.get(id(lead), "agreeing")
            visitor = self._known_visitor(lead)
            self._scene(lead.property_id, visitor, *self._status(lead, kind), self._began(lead, kind))
            self.cast.kinds[kind] += 1

    def _kinds(self, chosen: list[_Lead]) -> dict[int, str]:
        """Which of them do not agree, by identity, and how."""
        total = len(chosen)
        room = timedelta(hours=6)
        ended = [
            x for x in chosen if x.status != "Prospect" and self._first + room < x.last_modified < self._now
        ]
        kinds: dict[int, str] = {}
        for lead in ended[: round(_MOVED_AT_RESMAN * total)]:
            kinds[id(lead)] = "moved_at_resman"
        for lead in ended[len(kinds) :][: round(_MOVED_ON_BOTH * total)]:
            kinds[id(lead)] = "moved_on_both"
        older = [
            x
            for x in chosen
            if id(x) not in kinds and x.status in ("Prospect", "Lost") and x.last_modified < self._last - room
        ]
        half = round(_NEWER * total / 2)
        for status in ("Prospect", "Lost"):
            for lead in [x for x in older if x.status == status][:half]:
                kinds[id(lead)] = "newer_in_domiq"
        return kinds

    def _status(self, lead: _Lead, kind: str) -> tuple[str, str]:
        if kind == "moved_at_resman":
            choice = self._dice.choice(_EARLY[1:])
        elif kind == "moved_on_both":
            choice = "application" if lead.status == "Lost" else "lost"
        elif kind == "newer_in_domiq":
            choice = "lost" if lead.status == "Prospect" else self._dice.choice(("contacted", "qualified"))
        else:
            choice = self._dice.choice(_COVERED[lead.status])
        return self._worded(choice), choice

    def _worded(self, lead_status: str) -> str:
        """Now and then the chatbot's own word."""
        own = _OWN_WORDS.get(lead_status)
        return self._dice.choice(own) if own and self._dice.random() < 0.12 else lead_status

    def _began(self, lead: _Lead, kind: str) -> datetime:
        if kind in ("moved_at_resman", "moved_on_both"):
            return self._between(self._first, lead.last_modified - timedelta(minutes=5))
        if kind == "newer_in_domiq":
            return self._between(max(self._first, lead.last_modified + timedelta(minutes=5)), self._last)
        return self._between(self._first, self._last)

    def _known_visitor(self, lead: _Lead) -> Visitor:
        """DomIQ's row of somebody whom ResMan knows too, recognisable by exactly one rule at least."""
        dice, person = self._dice, lead.person
        rules = {
            "email": 70 if person.email else 0,
            "phone": 16 if phone_digits(person.phone) else 0,
            "name": 14 if lead.name_is_unique else 0,
        }
        rule = dice.choices(list(rules), list(rules.values()))[0]
        visitor = Visitor(person.first_name, person.last_name)
        if rule == "email":
            visitor.email = person.email if dice.random() < 0.9 else person.email.capitalize()
            if person.phone and dice.random() < 0.5:
                visitor.phone = other_notation(person.phone, dice)
            if dice.random() < 0.03:
                visitor.first_name, visitor.last_name = "Anonymous", "User"
        elif rule == "phone":
            visitor.phone = other_notation(person.phone, dice)
        self.cast.visitors.append(visitor)
        self.cast.matched_by[rule] += 1
        return visitor

    # Further conversations of the same people

    def _cast_returning(self, conversations: int) -> None:
        """People known by e-mail who also chat at a second property, of their own account if it has one."""
        shared = [s for s in self.cast.scenes if s.visitor.email and s.visitor.first_name != "Anonymous"]
        accounts = dict(self._properties)
        wanted = round(_AT_TWO_PROPERTIES * conversations) if len(self._properties) > 1 else 0
        for scene in self._dice.sample(shared, min(wanted, len(shared))):
            others = [p for p, _ in self._properties if p != scene.property_id]
            near = [p for p in others if accounts[p] == accounts[scene.property_id]]
            status = self._dice.choice(_EARLY)
            property_id = self._dice.choice(near or others)
            self._scene(property_id, scene.visitor, status, status, self._between(self._first, self._last))
            self.cast.kinds["at_two_properties"] += 1

    def _cast_twice_here(self, wanted: int) -> None:
        """People who had chatted at the same property before; the conversation that is there is the newer."""
        edge = self._first + timedelta(days=1)
        visits = Counter(id(s.visitor) for s in self.cast.scenes)
        fit = [s for s in self.cast.scenes if s.began > edge and visits[id(s.visitor)] == 1]
        for scene in self._dice.sample(fit, min(wanted, len(fit))):
            status = self._dice.choice(("completed", "active", "new", "contacted", "qualified"))
            lead_status = None if status in _NOT_LEADS else status
            before = self._between(self._first, scene.began - timedelta(hours=1))
            self._scene(scene.property_id, scene.visitor, status, lead_status, before)
            self.cast.kinds["twice_at_one_property"] += 1

    # People whom only DomIQ knows

    def _cast_only_domiq(self) -> None:
        dice = self._dice
        person = self._people.make()
        visitor = Visitor(person.first_name, person.last_name, person.email, person.phone)
        missing = dice.random()
        if missing < 0.4:
            visitor.phone = None
        elif missing < 0.55:
            visitor.email = None
        self.cast.visitors.append(visitor)
        choice = dice.choices((*_EARLY, "application"), (30, 30, 22, 15, 3))[0]
        began = self._between(self._first, self._last)
        self._scene(self._any_property(), visitor, self._worded(choice), choice, began)
        self.cast.kinds["only_domiq"] += 1

    def _cast_idle(self) -> None:
        """A chat without a lead status: mostly anonymous, some by people who left their e-mail."""
        dice = self._dice
        if dice.random() < 0.7:
            visitor = Visitor("Anonymous", "User")
            self.cast.kinds["anonymous"] += 1
        else:
            person = self._people.make()
            visitor = Visitor(person.first_name, person.last_name, person.email)
            self.cast.kinds["named_without_lead_status"] += 1
        self.cast.visitors.append(visitor)
        status = dice.choices(_NOT_LEADS, _NOT_LEAD_WEIGHTS)[0]
        self._scene(self._any_property(), visitor, status, None, self._between(self._first, self._last))

    def _any_property(self) -> str:
        return self._dice.choice(self._properties)[0]

    def _between(self, first: datetime, last: datetime) -> datetime:
        return first + max(timedelta(), last - first) * self._dice.random()

    def _scene(
        self, property_id: str, visitor: Visitor, status: str | None, lead_status: str | None, began: datetime
    ) -> None:
        self.cast.scenes.append(Scene(property_id, visitor, status, lead_status, began))


def _leads(state: Mapping[str, Any]) -> list[_Lead]:
    """The prospects that can be recognised by e-mail, phone or name."""
    names = Counter(
        (prospect["propertyId"], p["firstName"].lower(), p["lastName"].lower())
        for prospect in state["prospects"]
        for p in prospect["people"]
    )
    leads = []
    for prospect in state["prospects"]:
        main = next((p for p in prospect["people"] if p["isMainContact"]), prospect["people"][0])
        first, last = main["firstName"], main["lastName"]
        unique = bool(first and last) and names[prospect["propertyId"], first.lower(), last.lower()] == 1
        person = Person(first, last, main.get("email") or "", main.get("phone") or "")
        if unique or person.email or phone_digits(person.phone):
            modified = datetime.fromisoformat(prospect["lastModified"])
            leads.append(_Lead(prospect["propertyId"], prospect["status"], modified, person, unique))
    return leads
