"""What alerts look at: every connected property against its threshold, and every account's breaker.

Read from the tables, never from what a run said: a sync that has silently stopped is seen as well. One query
a kind, whatever the number of properties.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds
from domiq_dagster.sync.monitoring.divergence import diverged_since
from domiq_dagster.sync.monitoring.figures import recent_failures

QUERIES = load_queries(__package__, "readings.sql")
_MOST_ATTEMPTS = 50_000
NOT_ASKED = frozenset({"breaker_open", "request_in_doubt", "account_busy", "not_asked"})
"""Outcomes of attempts that never left: the account was not asked."""
OUTAGES = NOT_ASKED | {
    *("unreachable", "no_answer", "busy", "server_fault", "garbled", "bad_credentials", "no_such_endpoint"),
}
"""Kinds of errors, and outcomes, that speak of an account as a whole."""


class Kind(StrEnum):
    """What can be wrong with a property."""

    FAILED_SYNC = "failed_sync"
    OLDEST_PENDING = "oldest_pending"
    DIVERGENCE = "divergence"
    NO_PULL = "no_pull"
    NO_PUSH = "no_push"


ALL_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Place:
    """One property that is looked after."""

    property_id: UUID
    partition_key: str
    property_name: str
    account_id: str
    outbound: bool
    pulled_at: datetime
    never_pulled: bool
    last_error: str | None
    open_until: datetime | None
    open_reason: str | None
    account_paused_at: datetime | None = None
    owes: bool = False

    @property
    def catches_up(self) -> bool:
        """Whether its account was paused, and what had to wait for that was not made up for since: it has
        changes to send from before, or was not pulled since. Whatever else keeps it from being pulled is a
        trouble of its own."""
        if self.account_paused_at is None:
            return False
        error = self.last_error.partition(":")[0] if self.last_error else None
        unread = self.never_pulled or self.pulled_at <= self.account_paused_at
        return self.owes or (unread and (error is None or error in OUTAGES))


@dataclass(frozen=True, slots=True)
class Reading:
    """One property and one kind of trouble. `figures` are plain values, ages in seconds; `reason` is a short
    word that properties with the same trouble share, or None where none is on record."""

    place: Place
    kind: Kind
    bad: bool
    figures: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """All that one look saw. looked_before: when the look before it was, None for the first."""

    at: datetime
    places: Sequence[Place]
    readings: Sequence[Reading]
    looked_before: datetime | None = None


def database_time(connection: Connection) -> datetime:
    """The database's clock."""
    now = connection.scalar(QUERIES.now)
    assert isinstance(now, datetime)
    return now


def note_look(connection: Connection, now: datetime) -> datetime | None:
    """Notes that the sync was looked after, and returns when it was before."""
    before: datetime | None = connection.scalar(QUERIES.looked, {"now": now})
    return before


def read_all(
    connection: Connection,
    thresholds: Thresholds,
    now: datetime,
    kinds: Collection[Kind] = ALL_KINDS,
) -> Readings:
    """Reads these kinds at all properties that are switched on. Changes nothing."""
    places = [Place(**r._mapping) for r in connection.execute(QUERIES.places, {"outages": sorted(OUTAGES)})]
    settings = {p.property_id: thresholds.of(p.property_id) for p in places}
    readers = {
        Kind.FAILED_SYNC: _failed,
        Kind.OLDEST_PENDING: _pending,
        Kind.DIVERGENCE: _diverged,
        Kind.NO_PULL: _pulls,
        Kind.NO_PUSH: _pushes,
    }
    found: list[Reading] = []
    for kind in Kind:
        if kind in kinds:
            found += readers[kind](connection, places, settings, now)
    return Readings(now, places, found)


_Settings = Mapping[UUID, Threshold]


def _failed(
    connection: Connection, places: Sequence[Place], settings: _Settings, now: datetime
) -> list[Reading]:
    rows = recent_failures(connection, {p.property_id: now - settings[p.property_id].window for p in places})
    by_id = {r.property_id: r for r in rows}
    found = []
    for place in places:
        row, threshold = by_id.get(place.property_id), settings[place.property_id]
        if row is None:  # disconnected a moment ago
            continue
        figures = {
            "success": row.success,
            "failed": row.failed,
            "settled": row.settled,
            "success_rate": row.success_rate,
            "main_reason": row.main_reason,
            "of_main_reason": row.of_main_reason,
            "window_hours": threshold.window_hours,
            "far_past": threshold.is_far_past(row.success, row.failed),
        }
        bad = threshold.is_past(row.success, row.failed)
        found.append(Reading(place, Kind.FAILED_SYNC, bad, figures, row.main_reason))
    return found


def _pending(
    connection: Connection, places: Sequence[Place], settings: _Settings, now: datetime
) -> list[Reading]:
    rows = {r.property_id: r for r in connection.execute(QUERIES.oldest_pending)}
    found = []
    for place in places:
        row = rows.get(place.property_id)
        seconds = (now - row.enqueued_at).total_seconds() if row and row.enqueued_at else 0.0
        figures = {"oldest_seconds": seconds, "pending": row.pending if row else 0}
        bad = seconds > 60 * settings[place.property_id].oldest_pending_minutes
        found.append(Reading(place, Kind.OLDEST_PENDING, bad, figures))
    return found


def _diverged(
    connection: Connection, places: Sequence[Place], settings: _Settings, now: datetime
) -> list[Reading]:
    def since(place: Place) -> datetime:
        return now - timedelta(minutes=settings[place.property_id].diverged_minutes)

    counts = diverged_since(connection, {p.property_id: since(p) for p in places})
    found = []
    for place in places:
        diverged = counts.get(place.property_id, 0)
        bad = diverged > settings[place.property_id].most_diverged
        found.append(Reading(place, Kind.DIVERGENCE, bad, {"diverged": diverged}))
    return found


def _pulls(
    connection: Connection, places: Sequence[Place], settings: _Settings, now: datetime
) -> list[Reading]:
    found = []
    for place in places:
        seconds = (now - place.pulled_at).total_seconds()
        figures = {"seconds": seconds, "never": place.never_pulled, "error": place.last_error}
        # What stands before the colon is the error's kind; the rest may differ from property to property.
        reason = place.last_error.partition(":")[0] if place.last_error else None
        bad = seconds > 60 * settings[place.property_id].no_pull_minutes
        found.append(Reading(place, Kind.NO_PULL, bad, figures, reason))
    return found


def _pushes(
    connection: Connection, places: Sequence[Place], settings: _Settings, now: datetime
) -> list[Reading]:
    due = {r.property_id: r.due_since for r in connection.execute(QUERIES.longest_due, {"now": now})}
    longest = max((s.no_push_minutes for s in settings.values()), default=0.0)
    recent = {
        "most": _MOST_ATTEMPTS,
        "since": now - timedelta(minutes=longest),
        "not_asked": sorted(NOT_ASKED),
    }
    tried = {r.account_id: r.tried_at for r in connection.execute(QUERIES.last_attempts, recent)}
    found = []
    for place in places:
        # While the account's breaker is open nobody is to ask, and the account itself is the trouble.
        waits = place.outbound and not (place.open_until and place.open_until > now)
        since = due.get(place.property_id) if waits else None
        if since is not None and place.account_id in tried:
            since = max(since, tried[place.account_id])
        seconds = (now - since).total_seconds() if since else 0.0
        bad = seconds > 60 * settings[place.property_id].no_push_minutes
        found.append(Reading(place, Kind.NO_PUSH, bad, {"seconds": seconds}))
    return found
