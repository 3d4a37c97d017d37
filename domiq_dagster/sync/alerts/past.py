"""Reading the past, as far as it is kept, in the form in which thresholds are replayed over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, TextClause

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.replay import Grid, Point, age_points, failed_sync_points
from domiq_dagster.sync.alerts.thresholds import Threshold
from domiq_dagster.sync.alerts.watched import TroubleKind

QUERIES = load_queries(__package__, "past.sql")
_ROWS_AT_A_TIME = 10_000

Points = Iterator[tuple[UUID, Iterable[Point]]]
"""How one kind of trouble looked over time, property by property."""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time (aware), and when in it a replay observes."""

    since: datetime
    until: datetime
    grid: Grid


class _Settled(NamedTuple):
    """Of each step of time in which a property's changes were settled: its number, successes, failures."""

    property_id: UUID
    counts: Sequence[Sequence[int]]


class _Stretch(NamedTuple):
    """From when to when something of a property aged."""

    property_id: UUID
    began_at: datetime
    ended_at: datetime


class _Failure(NamedTuple):
    """When a change of a property was logged that failed."""

    property_id: UUID
    logged_at: datetime


_RowT = TypeVar("_RowT", _Settled, _Stretch, _Failure)


class Past:
    """What the database keeps of a period at some properties.

    Args:
        connection: on which it is read, piece by piece, while points are asked for.
        settings: the threshold to replay, by property.
        period: of when.
    """

    def __init__(self, connection: Connection, settings: Mapping[UUID, Threshold], period: Period) -> None:
        self._connection = connection
        self._settings = settings
        self._period = period

    @cached_property
    def failures(self) -> Mapping[UUID, Sequence[datetime]]:
        """When the changes were logged that failed, by property, in order."""
        rows = self._rows(_Failure, QUERIES.failures, since=self._period.since)
        return {
            property_id: [row.logged_at for row in group]
            for property_id, group in groupby(rows, key=lambda row: row.property_id)
        }

    def points(self, kind: TroubleKind) -> Points:
        """Where one kind of trouble turned bad or good, by the thresholds to replay.

        Raises:
            ValueError: what this kind is read from is not kept.
        """
        if kind is TroubleKind.FAILED_SYNC:
            return self._failed_sync()
        if kind is TroubleKind.OLDEST_PENDING:
            return self._ages(QUERIES.waits, lambda threshold: threshold.oldest_pending_minutes)
        if kind is TroubleKind.NO_PULL:
            return self._ages(QUERIES.pulls, lambda threshold: threshold.no_pull_minutes)
        raise ValueError(f"{kind.value} cannot be replayed: its past is not kept")

    def _failed_sync(self) -> Points:
        grid = self._period.grid
        # A window reaches back before the first observation.
        longest = max((t.window for t in self._settings.values()), default=timedelta(0))
        rows = self._rows(
            _Settled,
            QUERIES.settled,
            since=self._period.since - longest,
            step=grid.step_seconds,
            longest=int(longest.total_seconds() // grid.step_seconds) + 1,
        )
        for row in rows:
            yield row.property_id, failed_sync_points(row.counts, self._settings[row.property_id], grid)

    def _ages(self, query: TextClause, limit_minutes: Callable[[Threshold], float]) -> Points:
        least = min((limit_minutes(t) for t in self._settings.values()), default=0.0)
        period = self._period
        rows = self._rows(_Stretch, query, since=period.since, until=period.until, least_minutes=least)
        for property_id, stretches in groupby(rows, key=lambda row: row.property_id):
            seconds = 60 * limit_minutes(self._settings[property_id])
            ages = ((stretch.began_at, stretch.ended_at) for stretch in stretches)
            yield property_id, age_points(ages, seconds, period.grid)

    def _rows(self, row_type: type[_RowT], query: TextClause, **given: Any) -> Iterator[_RowT]:
        """The rows of a query about these properties, some thousand at a time: there may be millions."""
        rows = self._connection.execute(
            query,
            {"property_ids": list(self._settings), **given},
            execution_options={"yield_per": _ROWS_AT_A_TIME},
        )
        return (row_type(*row) for row in rows)
