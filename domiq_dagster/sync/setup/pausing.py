"""Pausing properties and resuming them, on record with who did it, when and why.

A property that is paused is switched off (`sync_enabled`): nothing is claimed, pulled or applied there.
DomIQ's changes are logged as ever and stay pending. Once it is resumed it is pulled, and what is pending goes
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.operator_actions import Deciding, record

QUERIES = load_queries(__package__, "pausing.sql")


def pause(connection: Connection, property_ids: Iterable[UUID], *, by: str, because: str) -> set[UUID]:
    """Pauses these properties; the caller commits. One that was switched off without a pause gets its record.

    Returns:
        Those that are paused now and were not before.
    """
    values = {"ids": list(property_ids), "by": by, "because": because}
    connection.execute(QUERIES.lock, values)
    connection.execute(QUERIES.switch_off, values)
    begun = set(connection.scalars(QUERIES.begin, values))
    for property_id in sorted(begun):
        record(connection, Deciding.PAUSE, by, because, property_id=property_id)
    return begun


def resume(connection: Connection, property_ids: Iterable[UUID], *, by: str, why: str | None = None) -> None:
    """Ends the pauses of these properties and switches them on; the caller commits."""
    ids = list(property_ids)
    values = {"ids": ids, "by": by}
    connection.execute(QUERIES.lock, values)
    connection.execute(QUERIES.end, values)
    connection.execute(QUERIES.switch_on, values)
    for property_id in ids:
        record(connection, Deciding.RESUME, by, why, property_id=property_id)


def erase_reasons(connection: Connection, patterns: Sequence[str]) -> int:
    """Takes out of the record why a property was paused, where it may tell of a person. The caller commits.

    Args:
        patterns: PostgreSQL's regular expressions, which the reason in lower case is held against.

    Returns:
        In how many pauses.
    """
    return len(connection.execute(QUERIES.erase_reasons, {"patterns": list(patterns)}).all())


def under_way(connection: Connection, property_ids: Iterable[UUID]) -> int:
    """How many changes of these properties are being sent just now."""
    return connection.scalar(QUERIES.under_way, {"ids": list(property_ids)}) or 0
