"""Reading what alerts are about: every watched property against its threshold, and its account's breaker.

Read from the tables, never from what a run reported: a sync that has silently stopped is seen as well. One
query a kind, whatever the number of properties.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds
from domiq_dagster.sync.alerts.watched import (
    ALL_KINDS,
    NOT_ASKED,
    OUTAGES,
    CaptureMisses,
    Reading,
    Readings,
    TroubleKind,
    WatchedProperty,
)
from domiq_dagster.sync.grants import missing_grants
from domiq_dagster.sync.monitoring.divergence import diverged_since
from domiq_dagster.sync.monitoring.figures import recent_failures
from domiq_dagster.sync.queue import capture_misses
from domiq_dagster.sync.trouble import GRANT, Faults, TroubleCount, count_troubles

QUERIES = load_queries(__package__, "readings.sql")
_MOST_ATTEMPTS = 50_000


def database_time(connection: Connection) -> datetime:
    """The database's clock (aware)."""
    now = connection.scalar(QUERIES.now)
    assert isinstance(now, datetime)
    return now


def record_evaluation(connection: Connection, now: datetime) -> datetime | None:
    """Records that the sync is being watched, in the caller's transaction.

    Returns:
        When it last was before; None if never.
    """
    before: datetime | None = connection.scalar(QUERIES.record_evaluation, {"now": now})
    return before


def read_all(
    connection: Connection,
    thresholds: Thresholds,
    now: datetime,
    kinds: Collection[TroubleKind] = ALL_KINDS,
) -> Readings:
    """Reads how every property that is switched on looks. Changes nothing.

    Args:
        thresholds: what counts as bad, by property.
        now: as of when (aware).
        kinds: the kinds of trouble to read.

    Returns:
        One reading a property and kind, kind by kind, and in each the properties by partition key.
    """
    rows = connection.execute(QUERIES.watched_properties, {"outages": sorted(OUTAGES)})
    properties = rows_as(WatchedProperty, rows)
    reader = _Reader(connection, properties, thresholds, now)
    found: list[Reading] = []
    faults = Faults("{} could not be read for alerts")
    for kind in TroubleKind:
        if kind in kinds:
            with faults.of(kind, savepoint=connection):
                found += list(reader.read(kind))
    problems = [f"{kind} could not be read: {said}" for kind, said in faults.sentences.items()]
    lacking = missing_grants(connection, [watched.property_id for watched in properties])
    return Readings(now, properties, found, problems=problems, missing_grants=lacking)


def read_misses(connection: Connection, readings: Readings) -> Readings:
    """Reads what capture could not log, into the readings of an evaluation. What a sweep accounted for since
    the evaluation before is among it, so that people are told of it however soon the sweep came."""
    faults = Faults("{} could not be read for alerts")
    with faults.of("capture_misses", savepoint=connection):
        open_now = capture_misses.outstanding(connection)
        before = readings.evaluated_before
        gaps = capture_misses.gaps_after(connection, before) if before is not None else []
        since = [gap.since for gap in gaps] + ([open_now.since] if open_now.changes else [])
        misses = CaptureMisses(
            open_now.changes + sum(gap.changes for gap in gaps),
            open_now.changes,
            min((s for s in since if s), default=None) if None not in since else None,
        )
        return replace(readings, misses=misses)
    problems = [f"{kind} could not be read: {said}" for kind, said in faults.sentences.items()]
    return replace(readings, problems=[*readings.problems, *problems])


class _Pending(NamedTuple):
    """How many changes of a property are pending, and when the oldest was logged that waits for nobody's
    decision; None where each does."""

    pending: int = 0
    oldest_at: datetime | None = None


class _Reader:
    """Reads one kind of trouble after the other, of the same properties and as of one moment."""

    def __init__(
        self,
        connection: Connection,
        properties: Sequence[WatchedProperty],
        thresholds: Thresholds,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._now = now
        self._watched: Sequence[tuple[WatchedProperty, Threshold]] = [
            (watched, thresholds.of(watched.property_id)) for watched in properties
        ]

    def read(self, kind: TroubleKind) -> Iterator[Reading]:
        readers: Mapping[TroubleKind, Callable[[], Iterator[Reading]]] = {
            TroubleKind.FAILED_SYNC: self._failed_sync,
            TroubleKind.OLDEST_PENDING: self._oldest_pending,
            TroubleKind.DIVERGENCE: self._divergence,
            TroubleKind.NO_PULL: self._no_pull,
            TroubleKind.NO_PUSH: self._no_push,
            TroubleKind.RECORDS: self._records,
        }
        return readers[kind]()

    def _failed_sync(self) -> Iterator[Reading]:
        since = {watched.property_id: self._now - limits.window for watched, limits in self._watched}
        failures = {f.property_id: f for f in recent_failures(self._connection, since)}
        for watched, limits in self._watched:
            found = failures.get(watched.property_id)
            if found is None:  # disconnected a moment ago
                continue
            figures = {
                "success": found.success,
                "failed": found.failed,
                "settled": found.settled,
                "success_rate": found.success_rate,
                "main_reason": found.main_reason,
                "of_main_reason": found.of_main_reason,
                "window_hours": limits.window_hours,
                "far_past": limits.is_far_past(found.success, found.failed),
            }
            bad = limits.is_past(found.success, found.failed)
            yield Reading(watched, TroubleKind.FAILED_SYNC, bad, figures, found.main_reason)

    def _oldest_pending(self) -> Iterator[Reading]:
        rows = self._connection.execute(QUERIES.oldest_pending)
        by_property = {row.property_id: _Pending(row.pending, row.oldest_at) for row in rows}
        for watched, limits in self._watched:
            found = by_property.get(watched.property_id, _Pending())
            seconds = self._seconds_since(found.oldest_at)
            figures = {"oldest_seconds": seconds, "pending": found.pending}
            bad = seconds > 60 * limits.oldest_pending_minutes
            yield Reading(watched, TroubleKind.OLDEST_PENDING, bad, figures)

    def _divergence(self) -> Iterator[Reading]:
        since = {
            watched.property_id: self._now - timedelta(minutes=limits.diverged_minutes)
            for watched, limits in self._watched
        }
        counts = diverged_since(self._connection, since)
        for watched, limits in self._watched:
            diverged = counts.get(watched.property_id, 0)
            bad = diverged > limits.most_diverged
            yield Reading(watched, TroubleKind.DIVERGENCE, bad, {"diverged": diverged})

    def _no_pull(self) -> Iterator[Reading]:
        for watched, limits in self._watched:
            seconds = self._seconds_since(watched.pulled_at)
            figures = {"seconds": seconds, "never": watched.never_pulled, "error": watched.last_error}
            bad = seconds > 60 * limits.no_pull_minutes
            yield Reading(watched, TroubleKind.NO_PULL, bad, figures, watched.error_kind)

    def _no_push(self) -> Iterator[Reading]:
        due_since = self._due_since()
        asked_at = self._accounts_asked_at()
        for watched, limits in self._watched:
            since = due_since.get(watched.property_id) if self._may_be_pushed(watched) else None
            if since is not None and watched.account_id in asked_at:
                since = max(since, asked_at[watched.account_id])
            seconds = self._seconds_since(since)
            bad = seconds > 60 * limits.no_push_minutes
            yield Reading(watched, TroubleKind.NO_PUSH, bad, {"seconds": seconds})

    def _records(self) -> Iterator[Reading]:
        """Bad are records that were met in trouble twice running: what passes by itself is no news."""
        by_property: dict[UUID, list[TroubleCount]] = {}
        for counted in count_troubles(self._connection):
            if counted.lasting and counted.kind != GRANT:  # which is a cause by itself
                by_property.setdefault(counted.property_id, []).append(counted)
        for watched, _ in self._watched:
            found = by_property.get(watched.property_id, [])
            main = max(found, key=lambda c: c.lasting, default=None)
            figures = {
                "records": sum(c.lasting for c in found),
                "kinds": {c.kind: c.lasting for c in found},
                "sentence": main.sentence if main else None,
                "seconds": self._seconds_since(min((c.since for c in found), default=None)),
            }
            yield Reading(watched, TroubleKind.RECORDS, bool(found), figures, main.kind if main else None)

    def _may_be_pushed(self, watched: WatchedProperty) -> bool:
        """While the account's breaker is open nobody is to ask, and the account itself is the trouble."""
        paused = watched.open_until is not None and watched.open_until > self._now
        return watched.outbound and not paused

    def _due_since(self) -> Mapping[UUID, datetime]:
        rows = self._connection.execute(QUERIES.longest_due, {"now": self._now})
        return {row.property_id: row.due_since for row in rows}

    def _accounts_asked_at(self) -> Mapping[str, datetime]:
        """When each account was last asked, as far back as matters to any property."""
        longest = max((limits.no_push_minutes for _, limits in self._watched), default=0.0)
        given = {
            "most": _MOST_ATTEMPTS,
            "since": self._now - timedelta(minutes=longest),
            "not_asked": sorted(NOT_ASKED),
        }
        rows = self._connection.execute(QUERIES.last_attempts, given)
        return {row.account_id: row.tried_at for row in rows}

    def _seconds_since(self, moment: datetime | None) -> float:
        """An age in seconds; 0 where there is nothing to have one."""
        return (self._now - moment).total_seconds() if moment is not None else 0.0
