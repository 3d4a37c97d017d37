"""What is stored of a lead while its change is delivered: its status as we know it, the pair agreed, and the
lock that keeps two workers from creating one person twice. The caller commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db import advisory_locks
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries("domiq_dagster.sync.queue", "queue.sql")
_WAIT_A_LITTLE = text("SET LOCAL lock_timeout = '5s'")


def touch(
    connection: Connection, property_id: UUID, prospect_id: str, person_id: str | None, status: str
) -> None:
    """Notes what a lead shows as our own post left it: newer than any pull under way."""
    _store(connection, property_id, prospect_id, person_id, status, ours=True, known_since=None)


def note_read(
    connection: Connection,
    property_id: UUID,
    prospect_id: str,
    person_id: str | None,
    status: str,
    *,
    known_since: datetime | None,
) -> None:
    """Notes what a lead shows as it was read, unless somebody else has noted anything of it since
    `known_since` (what `touched_at` was before the reading; None: it was not there)."""
    _store(connection, property_id, prospect_id, person_id, status, ours=False, known_since=known_since)


def _store(
    connection: Connection,
    property_id: UUID,
    prospect_id: str,
    person_id: str | None,
    status: str,
    *,
    ours: bool,
    known_since: datetime | None,
) -> None:
    connection.execute(
        QUERIES.touch_lead,
        {
            "property_id": property_id,
            "prospect_id": prospect_id,
            "person_id": person_id,
            "status": status,
            "effective_status": status,
            "ours": ours,
            "known_since": known_since,
        },
    )


def agree(
    connection: Connection, conversation_id: UUID, pair: tuple[str, str], person_id: str | None = None
) -> None:
    """Remembers the pair of statuses (DomIQ's, ResMan's) that a settled change leaves behind."""
    connection.execute(
        QUERIES.agree,
        {"d": pair[0], "r": pair[1], "person_id": person_id, "conversation_id": conversation_id},
    )


def note_moved(connection: Connection, conversation_id: UUID, status: str) -> None:
    """Our own first post of two moved the lead: that is no news from ResMan, whatever becomes of the
    second."""
    connection.execute(QUERIES.note_moved, {"status": status, "conversation_id": conversation_id})


def lock_person(connection: Connection, property_id: UUID, user_id: UUID) -> bool:
    """One search-and-create at a time for one user at one property. Held by the session until unlocked;
    False where another worker has had it for some seconds. Commits."""
    connection.execute(_WAIT_A_LITTLE)
    locked = advisory_locks.lock(connection, _person(property_id, user_id))
    connection.commit()
    return locked


def unlock_person(connection: Connection, property_id: UUID, user_id: UUID) -> None:
    """Gives the lock back."""
    advisory_locks.unlock(connection, _person(property_id, user_id))


def _person(property_id: UUID, user_id: UUID) -> str:
    return f"domiq_sync.person:{property_id}{user_id}"
