"""Replaying one kind of trouble at one property: readings over time in, spells out. Pure, and by the same
states and thresholds as the live alerts (alert_states.py, thresholds.py)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domiq_dagster.sync.alerts.incidents import AlertRules, Look, Spell, Turn, next_turn, step
from domiq_dagster.sync.alerts.thresholds import Threshold

Point = tuple[int, bool]
"""At the look of this number, and until the next point, things looked so."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What people would have been told: when, and until when it lasted (None: it goes on). again: it was a
    spell that came back."""

    at: datetime
    until: datetime | None
    again: bool

    def seconds(self, end: datetime) -> float:
        return ((self.until or end) - self.at).total_seconds()


def failed_sync_points(
    counts: Sequence[Sequence[int]], threshold: Threshold, step_seconds: int, last: int
) -> Iterator[Point]:
    """The readings of the recent window, look by look, where they change. `counts`: of each step in which
    anything was settled its number, successes and failures, in order; a look is taken at a step's end."""
    window = max(1, round(threshold.window.total_seconds() / step_seconds))
    success = failed = come = gone = 0
    total = len(counts)
    before = False
    while gone < total:
        # The next moment at which something enters the window or leaves it.
        leaves = counts[gone][0] + window
        now = min(counts[come][0], leaves) if come < total else leaves
        if now > last:
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
    stretches: Iterable[tuple[datetime, datetime]], limit_seconds: float, step_seconds: int, last: int
) -> Iterator[Point]:
    """The readings of an age: of each stretch, in the order in which they began, all that lies further than
    the limit behind its beginning is bad. Stretches may overlap."""
    begun: int | None = None
    ended = -1
    for began_at, ended_at in stretches:
        first = _number(began_at.timestamp() + limit_seconds, step_seconds)
        over = _number(ended_at.timestamp(), step_seconds)
        if over <= first:
            continue
        if begun is not None and first <= ended:
            ended = max(ended, over)
            continue
        if begun is not None:
            yield from _stretch(begun, ended, last)
        begun, ended = first, over
    if begun is not None:
        yield from _stretch(begun, ended, last)


def _stretch(begun: int, ended: int, last: int) -> Iterator[Point]:
    if begun <= last:
        yield begun, True
    if ended <= last:
        yield ended, False


def _number(seconds: float, step_seconds: int) -> int:
    """The number of the first look that is taken after this moment."""
    return int(seconds // step_seconds)


def look_time(number: int, step_seconds: int) -> datetime:
    """When a look is taken: at the end of the step of this number."""
    return datetime.fromtimestamp((number + 1) * step_seconds, UTC)


def replay(points: Iterable[Point], rules: AlertRules, step_seconds: int, last: int) -> list[Firing]:
    """What people would have been told with a look at every step's end up to the number `last`."""
    told: list[tuple[datetime, Turn]] = []
    spell: Spell | None = None
    number, bad = -1, False
    for then, turns in (*points, (last + 1, False)):
        spell = _stay(spell, number, bad, then, rules, step_seconds, told)
        if then > last:
            break
        spell = _look(spell, then, turns, rules, step_seconds, told)
        number, bad = then, turns
    return _firings(told)


def _stay(
    spell: Spell | None,
    number: int,
    bad: bool,
    until: int,
    rules: AlertRules,
    step_seconds: int,
    told: list[tuple[datetime, Turn]],
) -> Spell | None:
    """The looks between two points, of which only those are taken that can turn anything."""
    while True:
        due = next_turn(spell, Look(look_time(number, step_seconds), bad), rules) if number >= 0 else None
        if due is None:
            return spell
        # the first look at or after the moment that it is due
        number = max(number + 1, -(-int(due.timestamp()) // step_seconds) - 1)
        if number >= until:
            return spell
        spell = _look(spell, number, bad, rules, step_seconds, told)


def _look(
    spell: Spell | None,
    number: int,
    bad: bool,
    rules: AlertRules,
    step_seconds: int,
    told: list[tuple[datetime, Turn]],
) -> Spell | None:
    at = look_time(number, step_seconds)
    spell, turn = step(spell, Look(at, bad), rules)
    if turn is not None:
        told.append((at, turn))
    return spell


def _firings(told: Sequence[tuple[datetime, Turn]]) -> list[Firing]:
    found: list[Firing] = []
    for at, turn in told:
        if turn in (Turn.OPENED, Turn.REOPENED):
            found.append(Firing(at, None, turn is Turn.REOPENED))
        elif turn is Turn.RECOVERED:
            found[-1] = Firing(found[-1].at, at, found[-1].again)
    return found


def between(moments: Sequence[datetime], after: datetime, until: datetime) -> int:
    """How many of these moments, in order, lie after one and not after another."""
    return bisect_right(moments, until) - bisect_right(moments, after)
