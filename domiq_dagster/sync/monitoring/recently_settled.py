"""Changes to ResMan that were settled in the last hour: how many, how they ended, and how long each took from
being logged. Reads only, and no more than the newest attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "recently_settled.sql")
WINDOW = timedelta(hours=1)
_MOST_ATTEMPTS = 5_000


@dataclass(frozen=True, slots=True)
class RecentlySettled:
    """The changes that were settled in the window.

    Attributes:
        success, failed: how many.
        latency_p50, latency_p95: in seconds from logging a change until it was settled;
            half of them, and 95 of 100, took no longer. None where nothing was settled.
        requests: how many were made for changes, whether or not they were settled.
        throttled: how many of those ResMan turned away since it had too many.
    """

    success: int
    failed: int
    latency_p50: float | None
    latency_p95: float | None
    requests: int
    throttled: int

    @property
    def success_rate(self) -> float | None:
        """In percent; None where nothing was settled."""
        settled = self.success + self.failed
        return 100.0 * self.success / settled if settled else None


def recently_settled(connection: Connection) -> RecentlySettled:
    """Reads them. Of a busier hour than 5,000 attempts only the newest are looked at."""
    values = {"most": _MOST_ATTEMPTS, "window_seconds": WINDOW.total_seconds()}
    return RecentlySettled(**connection.execute(QUERIES.recently_settled, values).one()._mapping)
