"""Leads in both systems before the run, and the application that changes their statuses during it.

Three kinds of conversation: `linked` has its lead at ResMan already; `new` has none yet; `twin` has none
either and is one of two of the same person, whom nobody may create twice.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from sqlalchemy import text

from domiq_dagster.db.migrate import migrate
from domiq_dagster.demo.stage import API_KEY, PARTNER_ID
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.wiring import open_engine
from tests.chaos.stage import Database, Stage

STATUSES = (
    "contacted", "qualified", "tour_scheduled", "engaged", "application", "lost", "lost", "follow_up_needed",
)  # fmt: skip
_TWIN_STATUSES = ("contacted", "qualified", "tour_scheduled")
"""A lost lead is a lead that moved at ResMan, for the other conversation of the pair."""


@dataclass(frozen=True, slots=True)
class Lead:
    conversation_id: UUID
    chatbot_id: UUID
    user_id: UUID
    email: str
    kind: str


@dataclass(frozen=True, slots=True)
class Size:
    changes: int
    properties: int
    conversations: int

    @property
    def accounts(self) -> int:
        return max(3, self.properties // 4)


def build(stage: Stage, size: Size, dice: random.Random, *, settings_known: bool) -> list[Lead]:
    """The same properties in both, and the leads; afterwards no change is pending. Unless the properties'
    settings are known, the workers will have to ask ResMan for them."""
    properties = [_Property(n, str(1000 + n % size.accounts), dice) for n in range(size.properties)]
    leads = [_lead(n, properties[n % len(properties)], dice) for n in range(size.conversations)]
    twins = [
        Lead(_id(dice), lead.chatbot_id, lead.user_id, lead.email, "twin")
        for lead in leads
        if lead.kind == "twin"
    ]
    by_chatbot = {p.chatbot_id: p for p in properties}
    linked = [(lead, by_chatbot[lead.chatbot_id], _id(dice), _id(dice)) for lead in leads if _linked(lead)]
    stage.standin.control("reset", {"world": _resman_world(properties, linked)})
    with open_engine(stage.database.url, check=False) as engine:
        migrate(engine)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # nothing is captured
            connection.execute(text("INSERT INTO company (id, name) VALUES (:c, 'Chaos')"), {"c": _COMPANY})
            for statement in _PROPERTIES:
                connection.execute(text(statement), [p.row() for p in properties])
            connection.execute(
                text('INSERT INTO "user" (id, first_name, last_name, email) VALUES (:u, :f, :l, :e)'),
                [{"u": x.user_id, "f": "Ada", "l": f"Example{n}", "e": x.email} for n, x in enumerate(leads)],
            )
            for statement in _LINKED:
                connection.execute(text(statement), [_link_row(*entry) for entry in linked])
            integrations = load_integrations(connection)
        if settings_known:
            wire = ResManConfig(stage.standin.url, stage.standin.url, PARTNER_ID, API_KEY)
            with ResManClient(wire) as client:
                assert complete_settings(engine, client, integrations) == []
    return leads + twins


class Application:
    """DomIQ: several connections that change statuses until enough changes are made.

    `made` counts the changes of acknowledged transactions; `acknowledged` has them. A transaction whose
    acknowledgement was lost may or may not have happened: what the log says counts.
    """

    def __init__(self, database: Database, leads: list[Lead], size: Size, seed: int, seconds: float) -> None:
        self._database = database
        self._leads = leads
        self._size = size
        self._seed = seed
        self._seconds = seconds
        self._lock = threading.Lock()
        self._inserted = {lead.conversation_id for lead in leads if _linked(lead)}
        self.made = 0
        self.acknowledged: list[tuple[UUID, str]] = []
        self.interruptions = 0
        self.stop = threading.Event()

    def write(self, number: int) -> None:
        """One writer, to its end. The changes are spread over the run's time."""
        dice = random.Random(f"{self._seed}:writer:{number}")
        began = time.monotonic()
        while self._more():
            try:
                with psycopg.connect(self._database.url) as connection:
                    while self._more():
                        self._transaction(connection, list(self._edits(dice)))
                        ahead = self._seconds * self.made / self._size.changes - (time.monotonic() - began)
                        self.stop.wait(min(max(ahead, 0.0), 0.5))
            except psycopg.Error:
                # The database went away, or chose us in a deadlock: the application comes back.
                self.interruptions += 1
                self.stop.wait(0.2)

    def _more(self) -> bool:
        return self.made < self._size.changes and not self.stop.is_set()

    def _edits(self, dice: random.Random) -> Iterator[tuple[Lead, str]]:
        """One transaction's: one change, several of one conversation, or of several conversations."""
        shape = dice.random()
        chosen = [self._pick(dice) for _ in range(dice.randint(2, 4) if shape > 0.8 else 1)]
        for lead in sorted(chosen, key=lambda x: x.conversation_id):
            for _ in range(dice.randint(2, 4) if 0.6 < shape <= 0.8 else 1):
                yield lead, dice.choice(_TWIN_STATUSES if lead.kind == "twin" else STATUSES)

    def _pick(self, dice: random.Random) -> Lead:
        """Some conversations are busier than others."""
        return self._leads[int(len(self._leads) * dice.random() ** 1.5)]

    def _transaction(
        self, connection: psycopg.Connection[tuple[object, ...]], edits: list[tuple[Lead, str]]
    ) -> None:
        changed = []
        with connection.transaction():
            for lead, status in edits:
                made = 0
                if lead.conversation_id not in self._inserted:
                    made = connection.execute(
                        "INSERT INTO conversation (id, chatbot_id, user_id, status) VALUES (%s, %s, %s, %s) "
                        "ON CONFLICT (id) DO NOTHING",
                        [lead.conversation_id, lead.chatbot_id, lead.user_id, status],
                    ).rowcount
                if not made:
                    made = connection.execute(
                        "UPDATE conversation SET status = %s WHERE id = %s AND status <> %s",
                        [status, lead.conversation_id, status],
                    ).rowcount
                if made:
                    changed.append((lead.conversation_id, status))
        with self._lock:
            self.made += len(changed)
            self.acknowledged += changed
            self._inserted.update(conversation_id for conversation_id, _ in changed)


class _Property:
    """A property on both sides."""

    def __init__(self, number: int, account: str, dice: random.Random) -> None:
        self.name = f"Chaos {number:02d}"
        self.account = account
        self.property_id, self.chatbot_id, self.resman_id = _id(dice), _id(dice), _id(dice)

    def row(self) -> dict[str, object]:
        return {
            "company": _COMPANY, "property": self.property_id, "chatbot": self.chatbot_id,
            "name": self.name, "account": self.account, "resman": str(self.resman_id),
        }  # fmt: skip


def _id(dice: random.Random) -> UUID:
    return uuid.UUID(int=dice.getrandbits(128), version=4)


def _lead(number: int, prop: _Property, dice: random.Random) -> Lead:
    kind = dice.choices(("linked", "new", "twin"), (0.72, 0.22, 0.06))[0]
    return Lead(_id(dice), prop.chatbot_id, _id(dice), f"ada.{number}@example.com", kind)


def _linked(lead: Lead) -> bool:
    return lead.kind == "linked"


def _resman_world(
    properties: list[_Property], linked: list[tuple[Lead, _Property, UUID, UUID]]
) -> dict[str, object]:
    return {
        "accounts": sorted({p.account for p in properties}),
        "properties": [
            {
                "propertyId": str(p.resman_id),
                "accountId": p.account,
                "name": p.name,
                "timeZone": "America/Chicago",
            }
            for p in properties
        ],
        "prospects": [
            {
                "prospectId": str(prospect_id),
                "propertyId": str(prop.resman_id),
                "status": "Prospect",
                "people": [
                    {
                        "personId": str(person_id),
                        "firstName": "Ada",
                        "lastName": "Example",
                        "email": lead.email,
                        "isMainContact": True,
                    }
                ],
            }
            for lead, prop, prospect_id, person_id in linked
        ],
    }


def _link_row(lead: Lead, prop: _Property, prospect_id: UUID, person_id: UUID) -> dict[str, object]:
    return {
        "conversation": lead.conversation_id, "chatbot": lead.chatbot_id, "user": lead.user_id,
        "property": prop.property_id, "prospect": str(prospect_id), "person": str(person_id),
    }  # fmt: skip


_COMPANY = UUID(int=1, version=4)
_PROPERTIES = (
    "INSERT INTO property (id, company_id, name, address, city, state, zip_code) "
    "VALUES (:property, :company, :name, '1 Main St', 'Austin', 'TX', '78701')",
    "INSERT INTO chatbot (id, property_id, name) VALUES (:chatbot, :property, :name)",
    "INSERT INTO domiq_sync.account (resman_account_id) VALUES (:account) ON CONFLICT DO NOTHING",
    "INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, partition_key) "
    "VALUES (:property, :account, :resman, replace(lower(:name), ' ', '-'))",
)
_LINKED = (
    "INSERT INTO conversation (id, chatbot_id, user_id, status) "
    "VALUES (:conversation, :chatbot, :user, 'new')",
    "INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, person_id, linked_by, "
    "agreed_domiq_status, agreed_resman_status, agreed_at) "
    "VALUES (:conversation, :property, :prospect, :person, 'email', 'new', 'Prospect', clock_timestamp())",
    "INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, person_id, status, effective_status, "
    "content_hash, read_at) "
    "VALUES (:property, :prospect, :person, 'Prospect', 'Prospect', '', clock_timestamp())",
)
