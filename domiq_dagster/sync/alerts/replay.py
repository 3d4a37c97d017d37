"""Replaying one kind of trouble at one property: readings over time in, alerts out. Pure.

By the same incidents and thresholds as the live alerts (incidents.py, thresholds.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domiq_dagster.sync.alerts.incidents import (
    AlertRules,
    Incident,
    Observation,
    Transition,
    advance,
    next_change_at,
)
from domiq_dagster.sync.alerts.thresholds import Threshold

Point = tuple[int, bool]
"""From the observation of this number until the next point, things looked so."""


@dataclass(frozen=True, slots=True)
class Grid:
    """When a replay observes: at the end of each step of time.

    Steps are numbered from the beginning of 1970, so that step n ends after (n + 1) * step_seconds.

    Attributes:
        step_seconds: how long a step is.
        last: the number of the last step that is observed.
    """

    step_seconds: int
    last: int

    def time_of(self, number: int) -> datetime:
        """When the observation of this number is made."""
        return datetime.fromtimestamp((number + 1) * self.step_seconds, UTC)

    def first_after(self, seconds: float) -> int:
        """The number of the first observation that is made after a moment, in seconds since 1970."""
        return int(seconds // self.step_seconds)

    def first_from(self, moment: datetime) -> int:
        """The number of the first observation that is made at a moment or after it."""
        steps_ended = -(-int(moment.timestamp()) // self.step_seconds)  # rounded up
        return steps_ended - 1


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that people would have got.

    Attributes:
        at: when they would have been notified.
        until: when it was over; None if it goes on.
        again: whether it was an incident that came back.
    """

    at: datetime
    until: datetime | None
    again: bool

    def seconds(self, end: datetime) -> float:
        """How long it lasted, or has lasted at the end of the replay."""
        return ((self.until or end) - self.at).total_seconds()


def failed_sync_points(counts: Sequence[Sequence[int]], threshold: Threshold, grid: Grid) -> Iterator[Point]:
    """Finds where the recent window turns bad or good.

    Args:
        counts: of each step in which anything was settled its number, successes and failures, in order.
        threshold: with the length of the window, and what is bad in it.
        grid: when it is observed.
    """
    window = max(1, round(threshold.window.total_seconds() / grid.step_seconds))
    success = failed = come = gone = 0
    total = len(counts)
    before = False
    while gone < total:
        # The next moment at which something enters the window or leaves it.
        leaves = counts[gone][0] + window
        now = min(counts[come][0], leaves) if come < total else leaves
        if now > grid.last:
            return
        while come < total and counts[come][0] == now:
            success += counts[come][1]
            failed += counts[come][2]
            come += 1
        while gone < come and counts[gone][0] + window == now:
            success -= counts[gone][1]
            failed -= counts[gone][2]
            gone += 1
        bad = failed > 0 and threshold.is_past(success, failed)
        if bad is not before:
            before = bad
            yield now, bad


def age_points(
    stretches: Iterable[tuple[datetime, datetime]], limit_seconds: float, grid: Grid
) -> Iterator[Point]:
    """Finds where an age turns bad or good.

    Args:
        stretches: from when to when something aged, in the order in which they began. They may overlap.
        limit_seconds: all of a stretch that lies further behind its beginning is bad.
        grid: when it is observed.
    """
    begun: int | None = None
    ended = -1
    for began_at, ended_at in stretches:
        first = grid.first_after(began_at.timestamp() + limit_seconds)
        over = grid.first_after(ended_at.timestamp())
        if over <= first:
            continue
        if begun is not None and first <= ended:
            ended = max(ended, over)
            continue
        if begun is not None:
            yield from _bad_between(begun, ended, grid.last)
        begun, ended = first, over
    if begun is not None:
        yield from _bad_between(begun, ended, grid.last)


def _bad_between(begun: int, ended: int, last: int) -> Iterator[Point]:
    if begun <= last:
        yield begun, True
    if ended <= last:
        yield ended, False


def replay(points: Iterable[Point], rules: AlertRules, grid: Grid) -> list[Firing]:
    """Replays which alerts people would have got.

    Args:
        points: how things looked, in order; before the first they looked good.
        rules: the times of an incident.
        grid: when they are observed.
    """
    replayed = _Replay(rules, grid)
    number, bad = -1, False
    for changes, turns_bad in (*points, (grid.last + 1, False)):
        replayed.stay(number, bad, changes)
        if changes > grid.last:
            break
        replayed.observe(changes, turns_bad)
        number, bad = changes, turns_bad
    return replayed.firings()


class _Replay:
    """The incidents of one property and kind, observed in the order of time."""

    def __init__(self, rules: AlertRules, grid: Grid) -> None:
        self._rules = rules
        self._grid = grid
        self._incident: Incident | None = None
        self._transitions: list[tuple[datetime, Transition]] = []

    def observe(self, number: int, bad: bool) -> None:
        """Makes the observation of this number."""
        at = self._grid.time_of(number)
        self._incident, transition = advance(self._incident, Observation(at, bad), self._rules)
        if transition is not None:
            self._transitions.append((at, transition))

    def stay(self, number: int, bad: bool, until: int) -> None:
        """Makes the observations between two, all of which find the same. Only those are made that can
        change anything: a property may look the same for months."""
        while True:
            observation = Observation(self._grid.time_of(number), bad)
            due = next_change_at(self._incident, observation, self._rules)
            if due is None:
                return
            number = max(number + 1, self._grid.first_from(due))
            if number >= until:
                return
            self.observe(number, bad)

    def firings(self) -> list[Firing]:
        """What the transitions so far come to."""
        found: list[Firing] = []
        for at, transition in self._transitions:
            if transition in (Transition.OPENED, Transition.REOPENED):
                found.append(Firing(at, None, transition is Transition.REOPENED))
            elif transition is Transition.RECOVERED:
                found[-1] = Firing(found[-1].at, at, found[-1].again)
        return found


def between(moments: Sequence[datetime], after: datetime, until: datetime) -> int:
    """How many of these moments, in order, lie after one and not after another."""
    return bisect_right(moments, until) - bisect_right(moments, after)
