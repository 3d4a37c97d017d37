"""What is on record of the changes of a person's conversations is erased, in the log and in its archive. The
caller commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.queue import lanes

QUERIES = load_queries(__package__, "erasure.sql")
_ATTEMPTS = 50_000
"""So many attempts are searched by one statement."""


def lock_settled(connection: Connection, conversations: Sequence[UUID], *, settle: bool) -> int:
    """Locks the deliveries of conversations, and returns how many there are. No more change of theirs is
    looked at by rules or for notices.

    Args:
        settle: what is pending fails first, unless it is being sent or may have arrived.
    """
    lanes.lock(connection, *conversations)
    values = {"conversations": list(conversations)}
    if settle:
        connection.execute(QUERIES.settle_open, values)
    connection.execute(QUERIES.nothing_to_do, values)
    return connection.scalar(QUERIES.open_deliveries, values) or 0


def change_ids(connection: Connection, conversations: Sequence[UUID]) -> list[UUID]:
    """The changes of conversations, archived ones as well."""
    return list(connection.scalars(QUERIES.change_ids, {"conversations": list(conversations)}))


def erase_changes(connection: Connection, changes: Sequence[UUID], leads: Collection[str]) -> dict[str, int]:
    """Erases what was written freely, the leads' ids and what was sent, and returns how many rows of what.

    Args:
        changes: their ids.
        leads: ids of prospects that no other conversation is linked with.
    """
    values = {"ids": list(changes)}
    done = {
        "log": len(connection.scalars(QUERIES.erase_log, values).all()),
        "archive": len(connection.scalars(QUERIES.erase_archive, values).all()),
        "attempts": len(connection.scalars(QUERIES.erase_attempts, values).all()),
    }
    if leads:
        patterns = [f"%{_literal(lead.lower())}%" for lead in leads]
        last = connection.scalar(QUERIES.last_attempt) or 0
        for after in range(0, last, _ATTEMPTS):
            part = {"after": after, "last": after + _ATTEMPTS, "patterns": patterns}
            done["attempts"] += len(connection.scalars(QUERIES.erase_attempts_naming, part).all())
    return done


def _literal(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
