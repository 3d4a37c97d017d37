"""What is stored of pulls: how far each property has come (its watermark), and each pull for the record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import one_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.pull.windows import Reach

QUERIES = load_queries(__package__, "record.sql")


@dataclass(frozen=True, slots=True)
class PullStart:
    """What a pull begins with.

    Attributes:
        started_at: by the database's clock.
        watermark, covered_since: where earlier pulls ended and began; None: nowhere yet.
        knows_any: whether anything is stored of the property.
        misses_any: whether anything of it is missing.
        late_seconds: how late its latest newcomer of the recent past came.
        is_first: whether no pull was ever stored.
        in_trouble: the keys of prospects that could not be read, the one that was met least lately first.
    """

    started_at: datetime
    watermark: datetime | None
    covered_since: datetime | None
    window_seconds: float | None
    window_reach_seconds: float | None
    is_first: bool
    knows_any: bool
    misses_any: bool
    late_seconds: float
    in_trouble: list[str]

    @property
    def reach(self) -> Reach | None:
        """What is remembered of reading in windows; None where one answer was enough."""
        if not self.window_seconds or self.window_reach_seconds is None:
            return None
        return Reach(timedelta(seconds=self.window_reach_seconds), timedelta(seconds=self.window_seconds))


@dataclass(frozen=True, slots=True)
class PullRecord:
    """One pull, as it goes on record.

    Attributes:
        missing, rejected_reason: see `deletions.MissingLeads`.
    """

    full_read: bool
    modified_since: datetime
    overlap_seconds: float
    requests: int
    fetched: int = 0
    stored: int = 0
    linked: int = 0
    unchanged: int = 0
    silent: int = 0
    late_seconds: float = 0.0
    missing: int = 0
    rejected_reason: str | None = None
    error: str | None = None


class PullHistory:
    """The watermark and the pulls of one property. The caller commits."""

    def __init__(self, connection: Connection, property_id: UUID) -> None:
        self._connection = connection
        self._property_id = property_id

    def begin(self, late_memory: timedelta) -> PullStart:
        """Where the last pull ended. `late_memory`: for how long a late newcomer counts."""
        values = {"property_id": self._property_id, "remembered_seconds": late_memory.total_seconds()}
        return one_as(PullStart, self._connection.execute(QUERIES.begin, values))

    def finish(
        self,
        start: PullStart,
        record: PullRecord,
        *,
        watermark: datetime | None,
        covered_since: datetime | None,
        reach: Reach | None,
    ) -> datetime | None:
        """Stores how far the property has come.

        Args:
            watermark: the newest lastModified that is safely stored; None: it claims nothing.
            covered_since: since when was asked for all.

        Returns:
            The watermark, which no pull takes back.
        """
        values = {
            "property_id": self._property_id,
            "started_at": start.started_at,
            "full_read": record.full_read and record.rejected_reason is None,
            "is_judged": record.full_read and start.knows_any,
            "rejected_reason": record.rejected_reason,
            "watermark": watermark,
            "covered_since": covered_since,
            "window_seconds": reach.width.total_seconds() if reach else None,
            "window_reach_seconds": reach.span.total_seconds() if reach else None,
        }
        stored: datetime | None = self._connection.execute(QUERIES.finish, values).scalar_one()
        return stored

    def record(self, start: PullStart, record: PullRecord, *, seldom: bool = False) -> int | None:
        """Puts a pull on record. Returns the record's id.

        Args:
            seldom: one that brought nothing does not go on record (and has no id) where another one did
                shortly before.
        """
        values = {"property_id": self._property_id, "started_at": start.started_at, **asdict(record)}
        brought = record.stored or record.linked or record.missing or record.full_read or record.error
        values["seldom"] = seldom and not brought
        record_id: int | None = self._connection.execute(QUERIES.record, values).scalar()
        return record_id

    def requests_today(self, integration: Integration) -> int:
        """How many requests were made about the property on this day (UTC), as far as they are stored."""
        values = {
            "account_id": integration.account_id,
            "resman_property_id": integration.resman_property_id.lower(),
        }
        made: int = self._connection.execute(QUERIES.requests_today, values).scalar_one()
        return made

    def record_failure(self, start: PullStart, error: str) -> None:
        """Remembers since when the property could not be pulled, and why."""
        values = {"property_id": self._property_id, "started_at": start.started_at, "error": error}
        self._connection.execute(QUERIES.record_failure, values)

    def record_vanished(self, record_id: int, vanished: int, linked: int) -> None:
        """Adds to a record what came of prospects that were gone."""
        values = {"id": record_id, "vanished": vanished, "linked": linked}
        self._connection.execute(QUERIES.record_vanished, values)
