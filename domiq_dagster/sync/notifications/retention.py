"""Notices that are no longer kept are deleted, step by step."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "retention.sql")
FIRST = UUID(int=0)
"""Before the id of every notice."""


def widest_window(connection: Connection) -> timedelta:
    """How far back the notices to one address are counted."""
    return timedelta(minutes=connection.scalar(QUERIES.widest_window) or 0)


def forget_some(
    connection: Connection, *, before: datetime, unread_before: datetime, after: UUID, rows: int
) -> tuple[int, UUID | None]:
    """Deletes what ended before `before` of the next notices by id. The caller commits.

    Args:
        unread_before: the same for those that DomIQ shows and nobody has read.
        after: the id that the last step came to.
        rows: how many are looked at.

    Returns:
        How many went, and the id at which the next step goes on; None: there is nothing more.
    """
    values = {"before": before, "unread_before": unread_before, "after": after, "rows": rows}
    done = connection.execute(QUERIES.forget_some, values).one()
    return done.removed, done.last
