"""Attempts that are no longer kept are deleted, step by step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "attempt_retention.sql")


def forget_some(connection: Connection, *, before: datetime, after: int, rows: int) -> tuple[int, int | None]:
    """Deletes what is older than `before` of the next attempts by id. The caller commits.

    Args:
        after: the id that the last step came to.
        rows: how many are looked at.

    Returns:
        How many went, and the id at which the next step goes on; None: there is nothing more.
    """
    values = {"before": before, "after": after, "rows": rows, "event_date": before.date().isoformat()}
    done = connection.execute(QUERIES.forget_some, values).one()
    return done.removed, done.last if done.any_old else None
