"""Replaying thresholds over the past: when they would have fired, for how long, and whether more failed then.

What can be replayed is what is kept: failures (the log), waiting changes (the log and the attempts), and
pulls. `NOT_REPLAYED` says what cannot. Each property is replayed by itself: what the breakers did is not
kept, so that nothing is known of causes that properties shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.causes import rules_of
from domiq_dagster.sync.alerts.readings import Kind, database_time
from domiq_dagster.sync.alerts.replay import Firing, Point, age_points, between, failed_sync_points, replay
from domiq_dagster.sync.alerts.thresholds import Threshold
from domiq_dagster.sync.integrations import Integration

QUERIES = load_queries(__package__, "backtest.sql")
REPLAYED = (Kind.FAILED_SYNC, Kind.OLDEST_PENDING, Kind.NO_PULL)
NOT_REPLAYED = (
    "A change counts as it ended, and from when it was logged: when it failed is not kept, nor that it had "
    "failed before a retry.",
    "Waiting changes are those with an attempt on record, whatever they waited for; those that a retry put "
    "back are left out.",
    "Divergence, changes that are due while nothing is sent, and causes that properties share (an account "
    "that is closed, a sync that stands still) cannot be replayed: their past is not kept.",
)
_LONGEST_STEP = 300


@dataclass(frozen=True, slots=True)
class PropertyFiring:
    """One alert that people would have got. more_failures: how many changes of the property failed of those
    that were logged in the hours after it."""

    partition_key: str
    kind: Kind
    firing: Firing
    more_failures: int


@dataclass(slots=True)
class Replayed:
    """One kind of trouble over all properties. failures: all failed changes there; in_alert: those that were
    logged while an alert was open."""

    kind: Kind
    firings: list[PropertyFiring] = field(default_factory=list)
    failures: int = 0
    in_alert: int = 0

    @property
    def followed(self) -> int:
        """How many alerts were followed by more failures."""
        return sum(f.more_failures > 0 for f in self.firings)

    @property
    def precision(self) -> float | None:
        """The share of alerts that were followed by more failures; None where there were none."""
        return self.followed / len(self.firings) if self.firings else None


@dataclass(frozen=True, slots=True)
class Backtest:
    """A replay: from when to when, with a look every step, and what came of it by kind."""

    since: datetime
    until: datetime
    step_seconds: int
    follow: timedelta
    kinds: Sequence[Replayed]


def backtest(
    connection: Connection,
    properties: Sequence[Integration],
    settings: Mapping[UUID, Threshold],
    *,
    days: float = 90.0,
    follow: timedelta = timedelta(hours=24),
    kinds: Iterable[Kind] = REPLAYED,
    now: datetime | None = None,
) -> Backtest:
    """Replays the threshold of each of these properties over the last days. Changes nothing.

    Args:
        settings: the threshold by property; the ones in force, or changed ones.
        follow: for how long after an alert further failures count as having followed it.
        now: the end of the replay (aware); the database's clock, if not given.
    """
    until = now or database_time(connection)
    since = until - timedelta(days=days)
    step = _step(settings.values())
    past = _Past(connection, {p.property_id: p for p in properties}, settings, since, until, step, follow)
    readers = {
        Kind.FAILED_SYNC: past.failed_sync,
        Kind.OLDEST_PENDING: past.oldest_pending,
        Kind.NO_PULL: past.no_pull,
    }
    return Backtest(since, until, step, follow, [past.replayed(k, readers[k]()) for k in kinds])


def _step(thresholds: Iterable[Threshold]) -> int:
    """Seconds between two looks: five minutes, or less where a window is short; never less than a minute."""
    shortest = min((t.window.total_seconds() for t in thresholds), default=_LONGEST_STEP * 12)
    return int(min(_LONGEST_STEP, max(60, shortest // 12)))


_Points = Iterator[tuple[UUID, Iterable[Point]]]


class _Past:
    """What the database keeps of a stretch of time, property by property."""

    def __init__(
        self,
        connection: Connection,
        properties: Mapping[UUID, Integration],
        settings: Mapping[UUID, Threshold],
        since: datetime,
        until: datetime,
        step: int,
        follow: timedelta,
    ) -> None:
        self.connection, self.properties, self.settings = connection, properties, settings
        self.since, self.until, self.step, self.follow = since, until, step, follow
        self.last = int(until.timestamp() // step) - 1
        self._failures: dict[UUID, list[datetime]] | None = None

    def replayed(self, kind: Kind, points: _Points) -> Replayed:
        found = Replayed(kind)
        for property_id, readings in points:
            firings = replay(readings, rules_of(self.settings[property_id], kind), self.step, self.last)
            firings = [f for f in firings if f.at >= self.since]
            if not firings:
                continue
            failures = self.failures().get(property_id, [])
            key = self.properties[property_id].partition_key
            for f in firings:
                more = between(failures, f.at, f.at + self.follow)
                found.firings.append(PropertyFiring(key, kind, f, more))
                found.in_alert += between(failures, f.at, f.until or self.until)
        found.failures = sum(map(len, self.failures().values()))
        found.firings.sort(key=lambda f: (f.firing.at, f.partition_key))
        return found

    def failures(self) -> dict[UUID, list[datetime]]:
        """When changes failed, in order."""
        if self._failures is None:
            self._failures = {}
            for row in self._rows("failures"):
                self._failures.setdefault(row[0], []).append(row[1])
        return self._failures

    def failed_sync(self) -> _Points:
        # A window reaches back before the first look.
        longest = max((t.window for t in self.settings.values()), default=timedelta(0))
        steps = int(longest.total_seconds() // self.step) + 1
        rows = self._rows("settled", since=self.since - longest, step=self.step, longest=steps)
        for property_id, counts in rows:
            threshold = self.settings[property_id]
            yield property_id, failed_sync_points(counts, threshold, self.step, self.last)

    def oldest_pending(self) -> _Points:
        return self._ages("waits", lambda t: t.oldest_pending_minutes)

    def no_pull(self) -> _Points:
        return self._ages("pulls", lambda t: t.no_pull_minutes)

    def _ages(self, query: str, limit: Callable[[Threshold], float]) -> _Points:
        least = min((limit(t) for t in self.settings.values()), default=0.0)
        rows = self._rows(query, least_minutes=least)
        for property_id, stretches in groupby(rows, key=lambda row: row[0]):
            seconds = 60 * limit(self.settings[property_id])
            yield property_id, age_points(((r[1], r[2]) for r in stretches), seconds, self.step, self.last)

    def _rows(self, query: str, **values: Any) -> Iterator[Sequence[Any]]:
        given = {"since": self.since, "until": self.until, "property_ids": list(self.properties)}
        wanted = {name: v for name, v in {**given, **values}.items() if f":{name}" in QUERIES[query].text}
        rows = self.connection.execute(QUERIES[query], wanted, execution_options={"yield_per": 10_000})
        return iter(rows)
