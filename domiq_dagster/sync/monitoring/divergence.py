"""How the two sides stand to each other: how each linked lead compares, which diverge and since when, and
what share of the leads could be compared at all. One query over all properties, however many there are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "divergence.sql")
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('domiq_sync.divergence', 0))")
SAMPLE = 20
"""How many ids of a property's diverged conversations are named."""

REPAIRS: Mapping[str, str] = {
    "moved": "materialise its partition of inbound_status_changes, or wait for reconcile_pending",
    "undated": "materialise its partition of resman_leads: no pull has read the lead yet",
    "push_failed": "mend what `domiq-sync explain` names, then domiq-sync retry --property {key}",
    "direction": "change the property's direction, or one of the two statuses, by hand",
    "settled": "change one of the two statuses by hand: ResMan's cannot be undone from outside",
}
"""What mends a divergence, by its cause (see standing.sql)."""

WHY_NOT_COMPARED: Mapping[str, str] = {
    "never_pulled": "its property was never pulled",
    "no_contact": "neither e-mail nor phone to recognise anybody by",
    "ambiguous": "several leads fit",
    "unlinked": "no lead was found at ResMan yet",
    "older_conversation": "a newer conversation speaks for its lead",
    "lead_not_read": "its lead was not read yet",
    "unknown_word": "ResMan's status has no meaning in the status map",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one linked lead compares; see standing.sql for the verdicts."""

    conversation_id: UUID
    prospect_id: str
    domiq_status: str | None
    resman_status: str
    verdict: str
    agreed_at: datetime | None


@dataclass(slots=True)
class Divergence:
    """The leads of one property that diverge. `since` is when the first of them was first seen to; None
    where nobody has noted it yet. `causes` counts them, `sample` names the first of each cause."""

    partition_key: str
    property_id: UUID
    causes: Counter[str] = field(default_factory=Counter)
    since: datetime | None = None
    sample: list[UUID] = field(default_factory=list)

    @property
    def leads(self) -> int:
        return self.causes.total()

    @property
    def repair(self) -> str:
        """What to do, for each cause."""
        return "; ".join(
            f"{count}: {REPAIRS[cause].format(key=self.partition_key)}"
            for cause, count in sorted(self.causes.items())
        )


@dataclass(slots=True)
class Coverage:
    """Of the conversations with a lead status at one property, or at several: how many could be compared
    with a lead, and why the others could not. `left_alone` counts those without a lead status, by status."""

    compared: int = 0
    not_compared: Counter[str] = field(default_factory=Counter)
    left_alone: Counter[str] = field(default_factory=Counter)

    @property
    def leads(self) -> int:
        return self.compared + self.not_compared.total()

    @property
    def percent(self) -> float | None:
        """None where there is no lead."""
        return 100.0 * self.compared / self.leads if self.leads else None

    def add(self, other: Coverage) -> None:
        self.compared += other.compared
        self.not_compared += other.not_compared
        self.left_alone += other.left_alone


def comparison(connection: Connection, property_id: UUID) -> list[Comparison]:
    """Every current link of a property with its verdict."""
    rows = _ask(connection, "comparison", [property_id])
    return [
        Comparison(r.conversation_id, r.prospect_id, r.domiq_status, r.resman_status, r.verdict, r.agreed_at)
        for r in rows
    ]


def verdicts(
    connection: Connection, property_ids: Collection[UUID] | None = None
) -> dict[UUID, Counter[str]]:
    """How many current links have each verdict, per property; a property without links is not in it."""
    found: dict[UUID, Counter[str]] = {}
    for row in _ask(connection, "verdicts", property_ids):
        found.setdefault(row.property_id, Counter())[row.verdict] = row.links
    return found


def note_divergence(connection: Connection, property_ids: Collection[UUID] | None = None) -> tuple[int, int]:
    """Remembers when leads were first seen to diverge; returns how many are new, and how many are over:
    none where somebody else is noting them just now (two at once could deadlock). The caller commits."""
    if not connection.scalar(_ALONE):
        return 0, 0
    row = _ask(connection, "note_divergence", property_ids)[0]
    return row.begun, row.over


def divergences(
    connection: Connection, property_ids: Collection[UUID] | None = None, *, most: int = SAMPLE
) -> list[Divergence]:
    """The properties at which leads diverge, in the order of their partition keys."""
    found: dict[UUID, Divergence] = {}
    for row in _ask(connection, "divergences", property_ids, most=most):
        one = found.setdefault(row.property_id, Divergence(row.partition_key, row.property_id))
        one.causes[row.cause] = row.leads
        one.since = min(filter(None, (one.since, row.since)), default=None)
        one.sample = [*one.sample, *row.sample][:most]
    return list(found.values())


def diverged_since(connection: Connection, since: Mapping[UUID, datetime]) -> dict[UUID, int]:
    """How many leads diverge at each of these properties, of which neither side was written since the time
    given for it."""
    windows = [{"property_id": str(place), "since": moment.isoformat()} for place, moment in since.items()]
    rows = _ask(connection, "diverged_since", list(since), windows=json.dumps(windows))
    return {row.property_id: row.leads for row in rows}


def coverage(connection: Connection, property_ids: Collection[UUID] | None = None) -> dict[UUID, Coverage]:
    """Per connected property with any conversation."""
    rows = connection.execute(QUERIES.coverage, {"property_ids": _ids(property_ids)})
    found: dict[UUID, Coverage] = {}
    for row in rows:
        one = found.setdefault(row.property_id, Coverage())
        if row.reason == "compared":
            one.compared += row.conversations
        elif row.reason == "no_lead_status":
            one.left_alone[row.status] += row.conversations
        else:
            one.not_compared[row.reason] += row.conversations
    return found


def _ask(
    connection: Connection, query: str, property_ids: Collection[UUID] | None, **values: object
) -> list[Any]:
    asked = text(f"WITH standing AS ({QUERIES.standing.text}) {QUERIES[query].text}")
    return list(connection.execute(asked, {"property_ids": _ids(property_ids), **values}))


def _ids(property_ids: Collection[UUID] | None) -> list[UUID] | None:
    return None if property_ids is None else list(property_ids)
