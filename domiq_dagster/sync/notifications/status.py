"""How notices stand: what waits, what did not arrive and why; and putting it back, when a person says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "outbox.sql")
RECENT_HOURS = 24
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Trouble:
    """A notice that is undeliverable or unknown. `recipient` is somebody's address or a role."""

    notification_id: UUID
    property_id: UUID | None
    change_id: UUID | None
    alert_id: UUID | None
    channel: str
    recipient: str = field(repr=False)
    state: str
    reason: str | None
    created_at: datetime
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many notices ended so of late."""

    channel: str
    state: str
    reason: str | None
    notices: int


@dataclass(frozen=True, slots=True)
class Standing:
    """`counts`: by channel and state, of what waits and of what was settled in the recent hours. `troubles`:
    the latest of those that did not arrive for certain. `paused`: channels that do not answer, until when and
    why."""

    counts: dict[str, dict[str, int]]
    troubles: Sequence[Trouble]
    paused: Sequence[tuple[str, datetime, str]]


def standing(
    connection: Connection, property_id: UUID | None = None, *, hours: int = RECENT_HOURS
) -> Standing:
    """How the notices of a property stand, or all of them."""
    chosen = {"property_id": property_id, "hours": hours}
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(QUERIES.counts, chosen):
        counts.setdefault(row.channel, {})[row.state] = row.notices
    rows = connection.execute(QUERIES.troubles, {**chosen, "most": _SHOWN})
    troubles = [
        Trouble(
            r.id,
            r.property_id,
            r.change_id,
            r.alert_id,
            r.channel,
            r.recipient,
            r.state,
            r.state_reason,
            r.created_at,
            r.settled_at,
        )
        for r in rows
    ]
    paused = connection.execute(QUERIES.paused_channels)
    return Standing(counts, troubles, [(p.channel, p.open_until, p.open_reason) for p in paused])


def trouble_counts(connection: Connection, *, hours: int = RECENT_HOURS) -> list[ReasonCount]:
    """What did not arrive of late, most first."""
    rows = connection.execute(QUERIES.trouble_counts, {"hours": hours})
    return [ReasonCount(r.channel, r.state, r.state_reason, r.notices) for r in rows]


def put_back(
    engine: Engine,
    *,
    ids: Sequence[UUID] = (),
    all_undeliverable: bool = False,
    property_id: UUID | None = None,
    hours: int = RECENT_HOURS,
) -> int:
    """Makes notices pending again; returns how many. Named ones may be unknown, and then perhaps arrive
    twice; `all_undeliverable` takes the recent undeliverable ones only."""
    chosen = {
        "ids": list(ids),
        "all_undeliverable": all_undeliverable,
        "property_id": property_id,
        "hours": hours,
    }
    with engine.begin() as connection:
        return len(connection.execute(QUERIES.retry, chosen).all())
