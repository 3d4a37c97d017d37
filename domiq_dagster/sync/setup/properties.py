"""Properties on both sides: what DomIQ has, what ResMan has, and which of them are connected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError, Scope
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.resman.models import Property
from domiq_dagster.sync.setup.survey import explain

QUERIES = load_queries(__package__, "properties.sql")


@dataclass(frozen=True, slots=True)
class DomiqProperty:
    """A property of DomIQ's, with how it is connected; what follows `name` is None where it is not.

    Attributes:
        last_pull_at: when it was last read from ResMan; None also where it never was.
    """

    property_id: UUID
    name: str
    partition_key: str | None
    account_id: str | None
    resman_property_id: str | None
    enabled: bool | None
    is_paused: bool | None
    direction: str | None
    policy: str | None
    last_pull_at: datetime | None


@dataclass(frozen=True, slots=True)
class AtResman:
    """What ResMan says it has: by account, and why an account did not answer."""

    properties: Mapping[str, Sequence[Property]]
    silent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unconnected:
    """A property that ResMan has and nobody connected. `namesake`: the only property of DomIQ's that has its
    name and is not connected either."""

    account_id: str
    resman_property_id: str
    name: str
    namesake: UUID | None


@dataclass(frozen=True, slots=True)
class BothSides:
    """All properties.

    Attributes:
        connected, only_domiq: DomIQ's.
        names: what ResMan calls those that are connected, by DomIQ's id; lacks those of which nothing is
            known.
        gone: those that are connected with a property that their account says it does not have.
        only_resman: those that nobody connected.
    """

    connected: Sequence[DomiqProperty]
    only_domiq: Sequence[DomiqProperty]
    names: Mapping[UUID, str]
    gone: frozenset[UUID]
    only_resman: Sequence[Unconnected]


def domiq_properties(connection: Connection) -> list[DomiqProperty]:
    """DomIQ's properties: those that are connected first, in the order of their partition keys."""
    return rows_as(DomiqProperty, connection.execute(QUERIES.listed))


def ask_resman(client: ResManClient, account_ids: Iterable[str]) -> AtResman:
    """Asks each account for its properties; none more once the service as a whole does not answer."""
    found: dict[str, Sequence[Property]] = {}
    silent: dict[str, str] = {}
    down: str | None = None
    for account_id in account_ids:
        if down is not None:
            silent[account_id] = down
            continue
        try:
            found[account_id] = client.properties(account_id)
        except ResManError as error:
            silent[account_id] = explain(error)
            if error.scope is Scope.SERVICE:
                down = "not asked, since ResMan does not answer"
    return AtResman(found, silent)


def pair(domiq: Sequence[DomiqProperty], resman: AtResman) -> BothSides:
    """Puts the two sides together. Where ResMan has a property of the name of one that is not connected, the
    two are proposed to each other, if no other has that name."""
    connected = [p for p in domiq if p.partition_key is not None]
    only_domiq = [p for p in domiq if p.partition_key is None]
    names: dict[UUID, str] = {}
    gone: set[UUID] = set()
    taken: set[tuple[str, str]] = set()
    for one in connected:
        assert one.account_id is not None and one.resman_property_id is not None
        taken.add((one.account_id, canonical_id(one.resman_property_id)))
        there = resman.properties.get(one.account_id)
        if there is None:
            continue
        its_id = canonical_id(one.resman_property_id)
        name = next((p.name for p in there if canonical_id(p.property_id) == its_id), None)
        if name is None:
            gone.add(one.property_id)
        else:
            names[one.property_id] = name
    free = [
        (account, p)
        for account, listed in sorted(resman.properties.items())
        for p in sorted(listed, key=lambda p: (p.name, p.property_id))
        if (account, canonical_id(p.property_id)) not in taken
    ]
    only_resman = [
        Unconnected(account, p.property_id, p.name, _namesake(p.name, only_domiq, [q.name for _, q in free]))
        for account, p in free
    ]
    return BothSides(connected, only_domiq, names, frozenset(gone), only_resman)


def _namesake(name: str, only_domiq: Sequence[DomiqProperty], at_resman: Sequence[str]) -> UUID | None:
    fitting = [p.property_id for p in only_domiq if _plain(p.name) == _plain(name)]
    is_unique = len(fitting) == 1 and sum(_plain(other) == _plain(name) for other in at_resman) == 1
    return fitting[0] if is_unique else None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
