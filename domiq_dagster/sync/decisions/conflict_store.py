"""Conflicts, as they are stored: pairs of statuses that a person decides about. The caller commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.queue import lanes

QUERIES = load_queries(__package__, "conflict_store.sql")


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """A pair of statuses that waits for a person.

    Attributes:
        partition_key: its property's; None where that is not connected.
    """

    id: UUID
    partition_key: str | None
    conversation_id: UUID
    prospect_id: str
    domiq_status: str | None
    resman_status: str
    opened_at: datetime


def open_conflict(
    connection: Connection,
    property_id: UUID,
    conversation_id: UUID,
    prospect_id: str,
    statuses: tuple[str | None, str],
) -> None:
    """Opens a conflict about a conversation, or tells an open one what it is about now. `statuses`: DomIQ's
    and ResMan's."""
    domiq_status, resman_status = statuses
    connection.execute(
        QUERIES.open,
        {
            "property_id": property_id,
            "conversation_id": conversation_id,
            "prospect_id": prospect_id,
            "domiq_status": domiq_status,
            "resman_status": resman_status,
        },
    )


def close_conflicts(
    connection: Connection, conversation_ids: Collection[UUID], resolution: str, *, by: str | None = None
) -> None:
    """Closes the open conflicts of some conversations, on record with what or who decided."""
    _close(connection, conversation_ids, resolution, by)


def end_conflicts(connection: Connection, conversation_ids: Collection[UUID], resolution: str) -> None:
    """Closes them, and lets what waited for a person go on at once."""
    ended = _close(connection, conversation_ids, resolution, None)
    lanes.wake(connection, lanes.CONFLICT, *ended)


def open_conflicts(connection: Connection) -> list[OpenConflict]:
    """The open ones, the oldest first."""
    return rows_as(OpenConflict, connection.execute(QUERIES.listed))


def _close(
    connection: Connection, conversation_ids: Collection[UUID], resolution: str, by: str | None
) -> list[UUID]:
    values = {"conversation_ids": list(conversation_ids), "resolution": resolution, "by": by}
    return list(connection.scalars(QUERIES.close, values))


def erase_conflicts(connection: Connection, conversations: Collection[UUID], *, open_too: bool) -> int:
    """Erases the conflicts of conversations that are decided, or all of them, and returns how many."""
    values = {"conversations": list(conversations), "open_too": open_too}
    return len(connection.execute(QUERIES.erase, values).all())


def count_open(connection: Connection, conversations: Collection[UUID]) -> int:
    """How many conflicts of conversations wait for a person."""
    return connection.scalar(QUERIES.count_open, {"conversations": list(conversations)}) or 0
