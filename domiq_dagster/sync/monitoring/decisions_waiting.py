"""Decisions that wait for a person, counted: conflicts, changes in doubt, link reviews. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "decisions_waiting.sql")


@dataclass(frozen=True, slots=True)
class DecisionsWaiting:
    """What waits at one property for one reason.

    Attributes:
        partition_key: None where the property is not connected.
        reason: conflict (both sides moved, and the policy is manual_review), doubt (nobody can see whether a
            post has arrived), link (a person and a lead fit only by a guess).
        waiting: how many.
        since: when the first of them began to wait (aware).
    """

    partition_key: str | None
    reason: str
    waiting: int
    since: datetime


def decisions_waiting(connection: Connection) -> list[DecisionsWaiting]:
    """Counts them by property and reason, the most first."""
    return rows_as(DecisionsWaiting, connection.execute(QUERIES.waiting))
