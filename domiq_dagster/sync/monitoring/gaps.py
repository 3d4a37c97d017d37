"""Gaps: properties whose leads are behind ResMan, and days without a pull. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "gaps.sql")


@dataclass(frozen=True, slots=True)
class Gap:
    """A property whose leads are behind ResMan, and why; see gaps.sql for the reasons."""

    partition_key: str
    property_id: UUID
    reason: str
    last_pull_at: datetime | None
    last_full_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    paused: bool
    """ResMan does not answer for its account just now."""

    @property
    def full(self) -> bool:
        """Whether only a full re-read closes it."""
        return self.reason == "no_full_read"


def gaps(connection: Connection, max_age: timedelta, max_full_age: timedelta | None = None) -> list[Gap]:
    """Connected properties that are behind: their last good pull is older than `max_age`, failed, never
    was, or is from before the sync was last switched on; or their last full re-read is older than
    `max_full_age` (None: that is not asked)."""
    limits = {
        "max_age_seconds": max_age.total_seconds(),
        "max_full_age_seconds": None if max_full_age is None else max_full_age.total_seconds(),
    }
    return rows_as(Gap, connection.execute(QUERIES.gaps, limits))


@dataclass(frozen=True, slots=True)
class DaysWithoutPull:
    """The days (UTC) of the recent past in which a property had no good pull."""

    partition_key: str
    days: int
    first_day: date
    last_day: date


def days_without_pull(connection: Connection, days: int = 30) -> list[DaysWithoutPull]:
    """Properties that missed whole days of the last `days`. What was missed is made up for by the next pull,
    which goes on from the watermark: this is for the record."""
    return rows_as(DaysWithoutPull, connection.execute(QUERIES.days_without_pull, {"days": days}))
