"""The service level: how long leads have diverged, and how far behind each ResMan account is. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.monitoring.backlog import Backlog

QUERIES = load_queries(__package__, "service_level.sql")
_HOURS = (1.0, 24.0, 168.0)
AGES = ("under an hour", "1 to 24 hours", "1 to 7 days", "over 7 days")
"""For how long leads have diverged, in the order of the counts."""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """One ResMan account's queue.

    Attributes:
        waiting_for_people: of the pending changes, those that no rate will move.
        oldest_seconds: None where nothing is pending.
        seconds: until what can move will have gone; None: nobody can tell.
        paused_because: why it is not asked just now; None: it is.
    """

    account_id: str
    pending: int
    waiting_for_people: int
    oldest_seconds: float | None
    seconds: float | None
    paused_because: str | None


def diverged_by_age(connection: Connection, property_id: UUID | None = None) -> dict[str, list[int]]:
    """How many leads diverge at each property, for each of AGES; properties without any are not in it."""
    found: dict[str, list[int]] = {}
    for row in connection.execute(
        QUERIES.diverged_by_age, {"hours": list(_HOURS), "property_id": property_id}
    ):
        found.setdefault(row.partition_key, [0] * len(AGES))[row.age] = row.leads
    return found


def catch_up(backlog: Backlog) -> list[CatchUp]:
    """How far behind each account is; those without a connected property are left out."""
    return [
        CatchUp(a.account_id, a.pending, a.on_hold, a.oldest_seconds, a.catch_up_seconds, a.paused_because)
        for a in backlog.accounts
        if a.properties
    ]
