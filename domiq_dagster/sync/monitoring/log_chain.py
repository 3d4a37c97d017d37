"""Replaying each conversation's lead status from the log, and finding where the log does not add up.

The chain: each row's old_status is the new_status of the row before it, and the last new_status is where the
conversation stands. docs/linking.md says where that may fail for a while, and what closes it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "log_chain.sql")


@dataclass(frozen=True, slots=True)
class LoggedStatus:
    """One value that a conversation's lead status had. `change_id` is None for the first value, which the
    first row tells as its old status."""

    status: str | None
    change_id: UUID | None
    at: datetime | None
    direction: str | None


@dataclass(frozen=True, slots=True)
class Break:
    """Where the log does not replay: see log_chain.sql for the kinds. For `old_status`, `expected` is where
    the row before ended and `found` where this one begins; for `end`, `expected` is where the last row ends
    and `found` where the conversation stands."""

    kind: str
    conversation_id: UUID
    change_id: UUID
    expected: str | None
    found: str | None


def replay(connection: Connection, conversation_ids: Iterable[UUID]) -> dict[UUID, list[LoggedStatus]]:
    """The values of each conversation's lead status that the log tells, from the first to the last."""
    told: dict[UUID, list[LoggedStatus]] = {}
    rows = connection.execute(QUERIES.replay, {"conversation_ids": list(conversation_ids)})
    for row in rows:
        values = told.setdefault(row.conversation_id, [])
        if not values:
            values.append(LoggedStatus(row.old_status, None, None, None))
        values.append(LoggedStatus(row.new_status, row.change_id, row.created_at, row.sync_direction))
    return told


def breaks(connection: Connection, property_id: UUID | None = None, *, most: int = 1_000) -> list[Break]:
    """Where the log does not replay, at one property or anywhere, at most so many; empty when all is well."""
    rows = connection.execute(QUERIES.breaks, {"property_id": property_id, "most": most})
    return rows_as(Break, rows)
