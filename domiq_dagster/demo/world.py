"""DomIQ's side of the demo: fills its own tables as they were before the sync came."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from psycopg import Connection, Cursor, sql
from sqlalchemy import Engine, text

from domiq_dagster.demo.casting import Cast, Scene, cast_world, lead_people
from domiq_dagster.demo.chat import Topic
from domiq_dagster.demo.connect import company_name
from domiq_dagster.demo.people import PeopleMaker

_SCORES: Final = {
    "new": 20, "contacted": 35, "qualified": 60, "tour_scheduled": 75,
    "application": 90, "leased": 98, "lost": 10,
}  # fmt: skip
_QUALIFIED: Final = frozenset({"qualified", "tour_scheduled", "application", "leased"})
_TOURED: Final = frozenset({"tour_scheduled", "application", "leased"})
_TOUR_TYPES: Final = ("in_person", "in_person", "virtual", "self_guided")
_SOURCES: Final = ("website", "website", "listing_site", "social_media", "text_message")
_STREETS: Final = ("Sample", "Specimen", "Placeholder", "Model", "Pattern", "Instance")
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "company": ("id", "name"),
    "property": (
        "id", "company_id", "name", "address", "city", "state", "zip_code", "property_type", "units_count",
    ),
    "property_manager": (
        "id", "company_id", "first_name", "last_name", "email", "phone", "role", "access_level",
    ),
    "property_manager_assignment": ("id", "property_id", "property_manager_id", "is_primary", "start_date"),
    "chatbot": ("id", "property_id", "name"),
    "user": ("id", "first_name", "last_name", "email", "phone", "lead_source", "created_at"),
    "conversation": (
        "id", "chatbot_id", "user_id", "start_time", "end_time", "is_qualified", "is_book_tour", "tour_type",
        "tour_datetime", "ai_intent_summary", "move_in_date", "price_range_min", "price_range_max",
        "occupants_count", "has_pets", "pre_qualified", "source", "status", "lead_score", "created_at",
        "updated_at",
    ),
    "message": ("id", "conversation_id", "sender_type", "message_text", "timestamp"),
}  # fmt: skip


class WorldNotEmpty(Exception):
    """DomIQ's tables hold something already; the demo fills empty ones only."""


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """How many rows were written, and of the leads that both sides know how they stand."""

    companies: int
    properties: int
    users: int
    conversations: int
    messages: int
    both_sides: int
    kinds: dict[str, int]
    """By the kinds of `casting`, with only_domiq, anonymous and the like."""
    matched_by: dict[str, int]
    """Both sides' leads by what alone or at least they share: email, phone or name."""


def load_world(
    engine: Engine,
    state: Mapping[str, Any],
    *,
    seed: int,
    conversations: int = 2000,
    now: datetime | None = None,
) -> WorldSummary:
    """Fills an empty DomIQ database to go with a stand-in's `GET /_standin/state`.

    All times lie in the 60 days before `now` (aware; default: the present). The same state, seed and
    `now` give the same rows, ids included. One transaction. Raises WorldNotEmpty.
    """
    now = now or datetime.now(UTC)
    dice = random.Random(f"domiq:{seed}")
    people = PeopleMaker(dice)
    people.know(lead_people(state))
    cast = cast_world(state, dice, people, now, conversations)
    rows = _Rows(state, dice, people, now)
    rows.write_properties()
    rows.write_scenes(cast)
    with engine.begin() as connection:
        if connection.scalar(text("SELECT EXISTS (SELECT FROM public.company)")):
            raise WorldNotEmpty("DomIQ's tables are not empty: the demo needs a database of its own.")
        raw = connection.connection.driver_connection
        assert isinstance(raw, Connection)
        with raw.cursor() as cursor:
            for table, columns in _COLUMNS.items():
                _copy(cursor, table, columns, rows.of[table])
        # COPY leaves the planner knowing nothing of the tables, until autovacuum comes round.
        for table in ("conversation", "user", "message"):
            connection.exec_driver_sql(f'ANALYZE public."{table}"')
    shared = ("agreeing", "moved_at_resman", "moved_on_both", "newer_in_domiq")
    return WorldSummary(
        companies=len(rows.of["company"]),
        properties=len(rows.of["property"]),
        users=len(rows.of["user"]),
        conversations=len(rows.of["conversation"]),
        messages=len(rows.of["message"]),
        both_sides=sum(cast.kinds[kind] for kind in shared),
        kinds=dict(cast.kinds),
        matched_by=dict(cast.matched_by),
    )


def _copy(cursor: Cursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    statement = sql.SQL("COPY public.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def tour_time(after: datetime, zone: str, dice: random.Random) -> datetime:
    """A tour one to ten days later, at a full or half hour between 9:00 and 17:00, naive and local to the
    zone, as DomIQ keeps it."""
    day = after.astimezone(ZoneInfo(zone)).date() + timedelta(days=dice.randint(1, 10))
    return datetime.combine(day, time(9)) + timedelta(minutes=30 * dice.randint(0, 16))


class _Rows:
    """The rows of each table, in the order of `_COLUMNS`."""

    def __init__(
        self, state: Mapping[str, Any], dice: random.Random, people: PeopleMaker, now: datetime
    ) -> None:
        self.of: dict[str, list[tuple[object, ...]]] = {table: [] for table in _COLUMNS}
        self._dice = dice
        self._people = people
        self._now = now
        self._records = list(state["properties"])
        self._chatbots: dict[str, uuid.UUID] = {}
        self._properties = {p["propertyId"]: p for p in self._records}

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self._dice.getrandbits(128), version=4)

    def write_properties(self) -> None:
        """Companies with a regional manager each; properties with a primary manager and a chatbot each."""
        companies: dict[str, tuple[uuid.UUID, uuid.UUID]] = {}
        for number, record in enumerate(self._records):
            account = record["accountId"]
            if account not in companies:
                company_id = self._id()
                self.of["company"].append((company_id, company_name(account)))
                companies[account] = company_id, self._manager(company_id, "regional_manager", "admin")
            company_id, regional = companies[account]
            property_id = self._id()
            address = f"{100 + 7 * number} {_STREETS[number % len(_STREETS)]} Avenue"
            self.of["property"].append(
                (
                    property_id, company_id, record["name"], address, record.get("city") or "Sampleville",
                    record.get("state") or "TX", record.get("zip") or "00000", "apartment",
                    self._dice.randrange(80, 320),
                )
            )  # fmt: skip
            primary = self._manager(company_id, "property_manager", "standard")
            since = self._now.date() - timedelta(days=400)
            for manager, is_primary in ((primary, True), (regional, False)):
                self.of["property_manager_assignment"].append(
                    (self._id(), property_id, manager, is_primary, since)
                )
            self._chatbots[record["propertyId"]] = chatbot_id = self._id()
            self.of["chatbot"].append((chatbot_id, property_id, f"{record['name']} Assistant"))

    def _manager(self, company_id: uuid.UUID, role: str, access: str) -> uuid.UUID:
        person, manager_id = self._people.make(), self._id()
        self.of["property_manager"].append(
            (
                manager_id, company_id, person.first_name, person.last_name, person.email, person.phone, role,
                access,
            )
        )  # fmt: skip
        return manager_id

    def write_scenes(self, cast: Cast) -> None:
        first_seen: dict[int, datetime] = {}
        for scene in cast.scenes:
            known = first_seen.get(id(scene.visitor), scene.began)
            first_seen[id(scene.visitor)] = min(known, scene.began)
        ids: dict[int, uuid.UUID] = {}
        for visitor in cast.visitors:
            ids[id(visitor)] = user_id = self._id()
            self.of["user"].append(
                (
                    user_id, visitor.first_name, visitor.last_name, visitor.email, visitor.phone,
                    self._dice.choice(_SOURCES), first_seen[id(visitor)],
                )
            )  # fmt: skip
        for scene in cast.scenes:
            self._scene(scene, ids[id(scene.visitor)])

    def _scene(self, scene: Scene, user_id: uuid.UUID) -> None:
        dice, shown = self._dice, self._properties[scene.property_id]
        conversation_id, topic = self._id(), Topic(dice)
        ended = self._messages(scene, conversation_id, topic)
        lead = scene.lead_status
        toured = lead in _TOURED or scene.status == "scheduled"
        # The chatbot goes on with a lead for some days after the chat itself.
        touched = ended if lead is None else min(self._now, ended + timedelta(days=dice.uniform(0, 5)))
        score = None if lead is None else _SCORES[lead] + dice.randint(-8, 2)
        self.of["conversation"].append(
            (
                conversation_id, self._chatbots[scene.property_id], user_id, scene.began,
                None if scene.status == "active" else ended, lead in _QUALIFIED, toured,
                dice.choice(_TOUR_TYPES) if toured else None,
                tour_time(scene.began, shown["timeZone"], dice) if toured else None,
                topic.summary(lead), self._move_in(lead), topic.low if lead else None,
                topic.high if lead else None, dice.randint(1, 4) if lead else None,
                (topic.pet is not None) if lead else None, lead in _QUALIFIED, dice.choice(_SOURCES),
                scene.status, score, scene.began, touched,
            )
        )  # fmt: skip

    def _messages(self, scene: Scene, conversation_id: uuid.UUID, topic: Topic) -> datetime:
        """Writes what was said and gives the time of the last message."""
        when = scene.began
        property_name = self._properties[scene.property_id]["name"]
        for sender, words in topic.messages(property_name, scene.lead_status, self._dice):
            self.of["message"].append((self._id(), conversation_id, sender, words, when))
            when += timedelta(seconds=self._dice.uniform(2, 90))
        return when

    def _move_in(self, lead: str | None) -> date | None:
        if lead is None or lead in ("new", "lost"):
            return None
        return self._now.date() + timedelta(days=self._dice.randint(7, 90))
