"""Duplicates: a property's prospects are read from ResMan and held against each other, by the rules that
recognise a person. Nothing is stored, and contact data stays in memory; what is told is ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.prospect import Prospect, UnreadableProspect
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.alike import Alike, Recognised, alike, recognised
from domiq_dagster.sync.linking.matching import SharedContacts
from domiq_dagster.sync.linking.property_contacts import property_contacts
from domiq_dagster.sync.linking.staff_contacts import staff_contacts
from domiq_dagster.sync.pull.overlap import PullRules
from domiq_dagster.sync.pull.windows import Sink, WindowedReader

QUERIES = load_queries(__package__, "duplicates.sql")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What a property's prospects look like.

    Attributes:
        prospects: how many were read.
        unreadable: how many could not be.
        groups: those that look like one person.
        statuses: of their prospects, by id.
        conversations: with how many conversations each of these is linked, by id.
    """

    partition_key: str
    prospects: int
    unreadable: int
    groups: Sequence[Alike]
    statuses: dict[str, str]
    conversations: dict[str, int]


def find_duplicates(
    engine: Engine, client: ResManClient, integration: Integration, now: datetime | None = None
) -> Duplicates:
    """Reads all of a property's prospects and tells which look like one person.

    Args:
        now: when the read ends; by the machine's clock, if not given.

    Raises:
        ResManError: they could not be read.
    """
    now = now or datetime.now(UTC)
    with engine.connect() as connection:
        staff = staff_contacts(connection, integration.property_id)
    reading = _Reading(property_contacts(client, integration) | staff)
    since = now - PullRules().full_span
    WindowedReader(client, integration, since, now, reading.sink()).read()
    read = list(reading.came.values())
    groups = alike(read)
    named = {prospect_id for group in groups for prospect_id in group.prospect_ids}
    with engine.connect() as connection:
        linked = _linked(connection, integration, named)
    return Duplicates(
        integration.partition_key,
        len(read),
        len(reading.unreadable),
        groups,
        {p.prospect_id: p.status for p in read if p.prospect_id in named},
        linked,
    )


def _linked(connection: Connection, integration: Integration, prospect_ids: set[str]) -> dict[str, int]:
    values = {"property_id": integration.property_id, "prospect_ids": sorted(prospect_ids)}
    return {row.prospect_id: row.conversations for row in connection.execute(QUERIES.linked, values)}


@dataclass(slots=True)
class _Reading:
    """What has come so far. `shared`: contacts that are nobody's own."""

    shared: SharedContacts
    came: dict[str, Recognised] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)

    def sink(self) -> Sink:
        return Sink(self._take, self._begin_anew, self._not_seen, self._note)

    def _take(self, answer: Iterator[Prospect]) -> None:
        """One answer, or none of it."""
        read = [recognised(prospect, self.shared) for prospect in answer]
        self.came.update((p.prospect_id, p) for p in read)

    def _begin_anew(self) -> None:
        self.came.clear()

    def _not_seen(self, prospect_ids: list[str]) -> list[str]:
        return [i for i in prospect_ids if i not in self.came and i not in self.unreadable]

    def _note(self, item: UnreadableProspect) -> None:
        self.unreadable.add(item.prospect_id or item.key)
