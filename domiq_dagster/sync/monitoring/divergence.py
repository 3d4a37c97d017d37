"""Divergence: how each linked lead compares, which diverge and since when, and what share of the leads could
be compared at all. One query over all properties, however many there are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "divergence.sql")
SAMPLE = 20
"""How many ids of a property's diverged conversations are named."""

REPAIRS: Mapping[str, str] = {
    "moved": "materialise its partition of inbound_status_changes, or wait for reconcile_pending",
    "undated": "materialise its partition of resman_leads: no pull has read the lead yet",
    "push_failed": "mend what `domiq-sync explain` names, then domiq-sync retry --property {key}",
    "direction": "change the property's direction, or one of the two statuses, by hand",
    "settled": "change one of the two statuses by hand: ResMan's cannot be undone from outside",
}
"""What mends a divergence, by its cause (see sql/130_lead_functions.sql)."""

WHY_NOT_COMPARED: Mapping[str, str] = {
    "never_pulled": "its property was never pulled",
    "no_contact": "neither e-mail nor phone to recognise anybody by",
    "ambiguous": "several leads fit",
    "unlinked": "no lead was found at ResMan yet",
    "older_conversation": "a newer conversation speaks for its lead",
    "lead_not_read": "its lead was not read yet",
    "unknown_word": "ResMan's status has no meaning in the status map",
}


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


def verdicts(
    connection: Connection, property_ids: Collection[UUID] | None = None
) -> dict[UUID, Counter[str]]:
    """How many current links have each verdict, per property; a property without links is not in it."""
    found: dict[UUID, Counter[str]] = {}
    for row in connection.execute(QUERIES.verdicts, _at(property_ids)):
        found.setdefault(row.property_id, Counter())[row.verdict] = row.links
    return found


def note_divergence(connection: Connection, property_ids: Collection[UUID] | None = None) -> tuple[int, int]:
    """Remembers when leads were first seen to diverge. The caller commits.

    Returns:
        How many are new, and how many are over: none where somebody else is noting them just now (two at once
        could deadlock).
    """
    if not connection.scalar(QUERIES.alone):
        return 0, 0
    row = connection.execute(QUERIES.note_divergence, _at(property_ids)).one()
    return row.begun, row.over


def divergences(
    connection: Connection, property_ids: Collection[UUID] | None = None, *, most: int = SAMPLE
) -> list[Divergence]:
    """The properties at which leads diverge, in the order of their partition keys."""
    found: dict[UUID, Divergence] = {}
    for row in connection.execute(QUERIES.divergences, {**_at(property_ids), "most": most}):
        one = found.setdefault(row.property_id, Divergence(row.partition_key, row.property_id))
        one.causes[row.cause] = row.leads
        one.since = min(filter(None, (one.since, row.since)), default=None)
        one.sample = [*one.sample, *row.sample][:most]
    return list(found.values())


def diverged_when_last_noted(connection: Connection) -> int:
    """How many leads of switched-on properties diverged when that was last noted, by the sweep or for an
    alert. Cheap, since nothing is compared."""
    return connection.scalar(QUERIES.count_noted) or 0


def diverged_since(connection: Connection, since: Mapping[UUID, datetime]) -> dict[UUID, int]:
    """How many leads diverge at each of these properties, of which neither side was written since the time
    given for it."""
    windows = [{"property_id": str(p), "since": moment.isoformat()} for p, moment in since.items()]
    rows = connection.execute(QUERIES.diverged_since, {"windows": json.dumps(windows)})
    return {row.property_id: row.leads for row in rows}


def coverage(connection: Connection, property_ids: Collection[UUID] | None = None) -> dict[UUID, Coverage]:
    """Per connected property with any conversation."""
    found: dict[UUID, Coverage] = {}
    for row in connection.execute(QUERIES.coverage, _at(property_ids)):
        one = found.setdefault(row.property_id, Coverage())
        if row.reason == "compared":
            one.compared += row.conversations
        elif row.reason == "no_lead_status":
            one.left_alone[row.status] += row.conversations
        else:
            one.not_compared[row.reason] += row.conversations
    return found


def _at(property_ids: Collection[UUID] | None) -> dict[str, list[UUID] | None]:
    return {"property_ids": None if property_ids is None else list(property_ids)}


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """A word of ResMan's for a status that means nothing at a property, and how many of its leads have it."""

    partition_key: str
    property_id: UUID
    word: str
    leads: int


def unknown_words(connection: Connection, property_ids: Collection[UUID] | None = None) -> list[UnknownWord]:
    """The words of ResMan's that the status map lacks, by property; of all, if none are given."""
    values = {"property_ids": None if property_ids is None else list(property_ids)}
    return rows_as(UnknownWord, connection.execute(QUERIES.unknown_words, values))
