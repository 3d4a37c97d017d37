"""The demo's past: what its cycles did is dated back over two weeks, so that there is something to show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "past.sql")
DAYS = 14
"""How many days the demo has, today among them."""
WEEK_BEFORE = (7, 12)
THIS_WEEK = (0, 6)
"""How many days, and some hours, what was logged just now is dated back, at least and at most."""


def date_back(engine: Engine, between: tuple[int, int]) -> None:
    """Dates back what was logged within the last hour, as if the sync had run then. What was logged before
    stays before it, where its days lie further back."""
    with engine.begin() as connection:
        connection.execute(QUERIES.date_back, {"first_day": between[0], "last_day": between[1]})


def days() -> list[date]:
    """The days of the demo (UTC)."""
    today = datetime.now(UTC).date()
    return [today - timedelta(days=n) for n in reversed(range(DAYS))]
