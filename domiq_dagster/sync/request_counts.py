"""The requests that went out: counted where each passes, the account's gate, and stored by property and day.

What is counted is kept in memory and stored together, every few seconds and at the end: a process that dies
takes the count of those seconds with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.config import Endpoint
from domiq_dagster.resman.ids import canonical_id

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "request_counts.sql")
_STORED_SECONDS = 10.0
"""How often what was counted is stored, while requests are made."""
_V2 = "GET /"
"""How the names of v2's endpoints begin."""


@dataclass(slots=True)
class Requests:
    """How many requests this thread has made since it began to count them, and for how many seconds they
    were under way."""

    made: int = 0
    seconds: float = 0.0


_counting: ContextVar[Requests | None] = ContextVar("counting", default=None)


@contextmanager
def requests_of_this_thread() -> Iterator[Requests]:
    """Counts the requests that this thread makes within the block, and their time."""
    counted = Requests()
    before = _counting.set(counted)
    try:
        yield counted
    finally:
        _counting.reset(before)


class RequestCounts:
    """Counts the requests of one gate, for any number of threads.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: Counter[tuple[str, str, str]] = Counter()
        self._stored_at = clock()

    def note(self, account_id: str, endpoint: Endpoint | None) -> None:
        """A request is sent."""
        mine = _counting.get()
        if mine is not None:
            mine.made += 1
        if endpoint is None:
            return
        about = canonical_id(endpoint.property_id).lower() if endpoint.property_id else ""
        api = "v2" if endpoint.name.startswith(_V2) else "v1"
        with self._lock:
            self._counted[account_id, about, api] += 1

    def note_end(self, seconds: float) -> None:
        """A request has ended that was under way for so long."""
        mine = _counting.get()
        if mine is not None:
            mine.seconds += seconds

    @property
    def is_due(self) -> bool:
        """Whether it is time to store what was counted."""
        return self._clock() - self._stored_at >= _STORED_SECONDS

    def store(self, connection: Connection) -> None:
        """Adds what was counted to what is stored, in one statement; the caller commits. What cannot be
        stored is kept for the next time: no request fails for it."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
            self._stored_at = self._clock()
        if not counted:
            return
        # In one order, or two processes would wait for each other's rows.
        rows = sorted(counted.items())
        values = {
            "accounts": [key[0] for key, _ in rows],
            "properties": [key[1] for key, _ in rows],
            "apis": [key[2] for key, _ in rows],
            "counts": [count for _, count in rows],
        }
        try:
            connection.execute(QUERIES.store, values)
        except (DBAPIError, DatabaseError) as error:
            logger.warning("how many requests were made could not be stored: %s", type(error).__name__)
            with self._lock:
                self._counted.update(counted)


@dataclass(frozen=True, slots=True)
class DayCount:
    """The requests of one day (UTC) about one property, or about the account itself (`partition_key`
    None)."""

    day: date
    account_id: str
    partition_key: str | None
    v1: int
    v2: int


def days(connection: Connection, most: int) -> list[DayCount]:
    """The counts of the last so many days, the newest day and the busiest property first."""
    return rows_as(DayCount, connection.execute(QUERIES.days, {"days": most}))


def forget_old(connection: Connection) -> None:
    """Forgets what is older than 90 days; the caller commits."""
    connection.execute(QUERIES.forget)
