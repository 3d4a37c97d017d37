"""What people do between two syncs of the demo: the chatbot's moves in DomIQ, the staff's in ResMan.

Everything is chosen such that one more sync brings both sides together: an application event does not
make an applicant at ResMan, so staff convert whoever has one; the chatbot says application or leased only
where staff take the same step; where a person decides conflicts, only one side moves.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import requests
from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.demo.casting import lead_people
from domiq_dagster.demo.chat import Topic
from domiq_dagster.demo.people import PeopleMaker
from domiq_dagster.demo.world import tour_time

QUERIES = load_queries(__package__, "edits.sql")
_EARLY: Final = frozenset({"new", "contacted", "qualified", "tour_scheduled"})
_NEXT: Final[dict[str, tuple[str, ...]]] = {
    "new": ("contacted", "qualified"),
    "contacted": ("qualified", "tour_scheduled"),
    "qualified": ("tour_scheduled",),
}
_BATCH: Final = 200
_TIMEOUT: Final = 30.0


@dataclass(slots=True)
class Stirred:
    """How many leads were changed, by kind."""

    chatbot: dict[str, int] = field(default_factory=dict)
    """Conversations: forward, tour_booked, tour_moved, pre_qualified, two_steps, lost, back, joined, older,
    application, leased, new_conversation, and both_sides."""
    staff: dict[str, int] = field(default_factory=dict)
    """Prospects: Lost, Applicant, Resident, Prospect, note; converted (for their application event), and
    application, leased, both_sides: together with the chatbot."""

    @property
    def total(self) -> int:
        return sum(self.chatbot.values()) + sum(self.staff.values())


def stir(engine: Engine, standin_url: str, *, seed: int, share: float = 1.0) -> Stirred:
    """Changes about 150 conversations, begins 30, and edits about 130 prospects at the stand-in.

    The database must be migrated, connected and synced once. `share` scales the numbers. The same
    database, stand-in and seed give the same edits. Raises requests.RequestException if the stand-in
    does not take them; DomIQ is changed first.
    """
    with requests.Session() as http:
        http.trust_env = False
        state = http.get(f"{standin_url}/_standin/state?requests=false", timeout=_TIMEOUT)
        state.raise_for_status()
        stirring = _Stirring(engine, state.json(), random.Random(f"stir:{seed}"), share)
        stirring.run()
        edits = stirring.edits
        for start in range(0, len(edits), _BATCH):
            body = {"edits": edits[start : start + _BATCH]}
            http.post(f"{standin_url}/_standin/edits", json=body, timeout=_TIMEOUT).raise_for_status()
    return Stirred(dict(stirring.chatbot), dict(stirring.staff))


class _Stirring:
    """Each conversation and each prospect is picked once at most."""

    def __init__(self, engine: Engine, state: Mapping[str, Any], dice: random.Random, share: float) -> None:
        self.edits: list[dict[str, Any]] = []
        self.chatbot: Counter[str] = Counter()
        self.staff: Counter[str] = Counter()
        self._engine = engine
        self._state = state
        self._dice = dice
        self._share = share
        self._now = datetime.now(UTC)
        self._prospects: dict[str, Mapping[str, Any]] = {p["prospectId"]: p for p in state["prospects"]}
        self._zones = {p["propertyId"]: p["timeZone"] for p in state["properties"]}
        self._reasons = {a: [r["name"] for r in rs] for a, rs in state["lostReasons"].items()}
        with engine.connect() as connection:
            self._rows = connection.execute(QUERIES.conversations).all()
            self._taken = set(connection.scalars(QUERIES.unsettled_prospects))
            self._known = connection.execute(QUERIES.known_people).all()
        dice.shuffle(self._rows)  # type: ignore[arg-type]

    def run(self) -> None:
        self._convert_applicants()
        self._move_both_sides()
        self._move_together()
        self._move_chatbot()
        self._begin_conversations()
        self._move_staff()

    def _count(self, number: int) -> int:
        return max(1, round(number * self._share))

    # Picking

    def _pick(self, number: int, fits: Callable[[Row[Any]], bool]) -> Iterator[Row[Any]]:
        """So many linked conversations that speak for their lead, and that nobody picked yet."""
        left = self._count(number)
        for row in self._rows:
            if left and row.is_current and row.prospect_id not in self._taken:
                prospect = self._prospects.get(row.prospect_id)
                if prospect is not None and prospect["status"] == row.resman_status and fits(row):
                    self._taken.add(row.prospect_id)
                    left -= 1
                    yield row

    def _early(self, row: Row[Any], *statuses: str) -> bool:
        return row.resman_status == "Prospect" and row.lead_status in (statuses or _EARLY)

    # Both sides

    def _convert_applicants(self) -> None:
        """An application that DomIQ told of: staff make the applicant."""
        for prospect_id, prospect in self._prospects.items():
            applied = any(e["type"] == "Application" for e in prospect["events"])
            if applied and prospect["status"] == "Prospect" and prospect_id not in self._taken:
                self._edit("converted", prospect_id, status="Applicant")

    def _move_both_sides(self) -> None:
        """The policy decides, or what ResMan cannot undo; every policy but manual_review gets its share."""
        for policy, number in (("domiq_wins", 3), ("furthest_progress", 3), ("resman_wins", 5)):

            def fits(row: Row[Any], policy: str = policy) -> bool:
                return row.conflict_policy == policy and self._early(row, "contacted", "qualified")

            for n, row in enumerate(self._pick(number, fits)):
                if n % 3 == 0:
                    self._forward(row, "both_sides")
                    self._lose("both_sides", row.prospect_id)
                elif n % 3 == 1:
                    self._set(row, "lost", "both_sides")
                    self._edit("both_sides", row.prospect_id, status="Applicant")
                else:
                    self._forward(row, "both_sides")
                    self._edit("both_sides", row.prospect_id, status="Applicant")

    def _move_together(self) -> None:
        """The chatbot and the staff report the same step."""
        for row in self._pick(6, lambda r: self._early(r, "qualified", "tour_scheduled")):
            self._set(row, "application", "application")
            self._edit("application", row.prospect_id, status="Applicant")
        for row in self._pick(3, lambda r: self._early(r, "tour_scheduled")):
            self._set(row, "leased", "leased")
            self._edit("leased", row.prospect_id, status="Resident")

    # The chatbot

    def _move_chatbot(self) -> None:
        for row in self._pick(55, lambda r: self._early(r, "new", "contacted", "qualified")):
            self._forward(row, "forward")
        for row in self._pick(30, lambda r: self._early(r, "contacted", "qualified") and not r.is_book_tour):
            self._run("book_tour", row, tour=self._tour(row))
            self.chatbot["tour_booked"] += 1
        for row in self._pick(12, lambda r: self._early(r, "new", "contacted") and not r.pre_qualified):
            self._run("pre_qualify", row)
            self.chatbot["pre_qualified"] += 1
        for row in self._pick(10, lambda r: self._early(r, "contacted")):
            self._run("set_status", row, status="qualified")
            self._run("set_tour_time", row, status="tour_scheduled", tour=self._tour(row))
            self.chatbot["two_steps"] += 1
        for row in self._pick(18, self._early):
            self._set(row, "lost", "lost")
        for row in self._pick(5, lambda r: r.lead_status == "lost" and r.resman_status == "Lost"):
            self._set(row, "contacted", "back")
        for row in self._pick(8, lambda r: self._early(r, "tour_scheduled")):
            self._run("move_tour", row)
            self.chatbot["tour_moved"] += 1
        self._move_unlinked()

    def _move_unlinked(self) -> None:
        """Idle chats that become leads, and older chats of a lead, for which a newer one speaks."""
        idle = [r for r in self._rows if r.prospect_id is None and r.lead_status is None]
        idle = [r for r in idle if r.reachable and not r.siblings]
        for row in idle[: self._count(10)]:
            self._set(row, self._dice.choice(("contacted", "qualified")), "joined")
        older = [r for r in self._rows if r.is_current is False and r.lead_status in ("new", "contacted")]
        for row in older[: self._count(3)]:
            self._set(row, "qualified", "older")

    def _forward(self, row: Row[Any], kind: str) -> None:
        status = self._dice.choice(_NEXT[row.lead_status])
        if status == "tour_scheduled":
            word = "tour_booked" if self._dice.random() < 0.2 else status
            self._run("set_tour_time", row, status=word, tour=self._tour(row))
            self.chatbot[kind] += 1
        else:
            self._set(row, status, kind)

    def _set(self, row: Row[Any], status: str, kind: str) -> None:
        self._run("set_status", row, status=status)
        self.chatbot[kind] += 1

    def _tour(self, row: Row[Any]) -> datetime:
        return tour_time(self._now, self._zones[row.resman_property_id], self._dice)

    def _run(self, query: str, row: Row[Any], **values: object) -> None:
        """A transaction of its own, as the chatbot's are."""
        with self._engine.begin() as connection:
            connection.execute(QUERIES[query], {"conversation_id": row.conversation_id, **values})

    def _begin_conversations(self) -> None:
        people = PeopleMaker(self._dice)
        people.know(lead_people(self._state))
        people.know((r.first_name, r.last_name, r.email, r.phone) for r in self._known)
        property_ids = sorted({r.property_id for r in self._rows})
        if not property_ids:
            return
        for _ in range(self._count(30)):
            with self._engine.begin() as connection:
                self._begin(connection, people, self._dice.choice(property_ids))
            self.chatbot["new_conversation"] += 1

    def _begin(self, connection: Connection, people: PeopleMaker, property_id: uuid.UUID) -> None:
        person, topic = people.make(), Topic(self._dice)
        user_id, conversation_id = self._id(), self._id()
        status = self._dice.choice(("new", "new", "contacted", "qualified"))
        user = {
            "user_id": user_id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "phone": person.phone if self._dice.random() < 0.5 else None,
        }
        connection.execute(QUERIES.new_user, user)
        conversation = {
            "conversation_id": conversation_id,
            "user_id": user_id,
            "property_id": property_id,
            "status": status,
            "lead_score": self._dice.randint(15, 65),
            "summary": topic.summary(status),
        }
        connection.execute(QUERIES.new_conversation, conversation)
        messages = [
            {"conversation_id": conversation_id, "sender": sender, "words": words}
            for sender, words in topic.messages("our community", status, self._dice)
        ]
        connection.execute(QUERIES.new_message, messages)

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self._dice.getrandbits(128), version=4)

    # The staff

    def _move_staff(self) -> None:
        order = sorted(set(self._prospects) - self._taken)
        self._dice.shuffle(order)
        by_status: dict[str, list[str]] = {}
        for prospect_id in order:
            by_status.setdefault(self._prospects[prospect_id]["status"], []).append(prospect_id)
        fresh, lost = by_status.get("Prospect", []), by_status.get("Lost", [])
        applicants = by_status.get("Applicant", [])
        for prospect_id in _next(fresh, self._count(45)):
            self._lose("Lost", prospect_id)
        for prospect_id in _next(fresh, self._count(25)):
            self._edit("Applicant", prospect_id, status="Applicant")
        for prospect_id in _next(applicants, self._count(15)):
            self._edit("Resident", prospect_id, status="Resident")
        for prospect_id in _next(lost, self._count(7)):
            self._edit("Prospect", prospect_id, status="Prospect")
        for prospect_id in _next(fresh, self._count(8)):
            self._edit("note", prospect_id, event={"type": "CallToProspect", "comments": "Left a message."})

    def _lose(self, kind: str, prospect_id: str) -> None:
        reasons = self._reasons[self._prospects[prospect_id]["accountId"]]
        self._edit(kind, prospect_id, status="Lost", lostReason=self._dice.choice(reasons))

    def _edit(self, kind: str, prospect_id: str, **change: object) -> None:
        self._taken.add(prospect_id)
        self.edits.append({"prospectId": prospect_id, **change})
        self.staff[kind] += 1


def _next(ids: list[str], number: int) -> list[str]:
    """Takes so many off the front."""
    taken, ids[:] = ids[:number], ids[number:]
    return taken
