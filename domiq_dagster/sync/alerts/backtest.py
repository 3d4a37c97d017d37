"""Replaying thresholds over the past: when they would have fired, for how long, and whether more failed then.

What can be replayed is what is kept: failures (the log), waiting changes (the log and the attempts), and
pulls. `NOT_REPLAYED` says what cannot. Each property is replayed by itself: what the breakers did is not
kept, so that nothing is known of causes that properties shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.alerts.cases import rules_of
from domiq_dagster.sync.alerts.past import Past, Period
from domiq_dagster.sync.alerts.readings import database_time
from domiq_dagster.sync.alerts.replay import Firing, Grid, between, replay
from domiq_dagster.sync.alerts.thresholds import Threshold
from domiq_dagster.sync.alerts.watched import TroubleKind
from domiq_dagster.sync.integrations import Integration

REPLAYED = (TroubleKind.FAILED_SYNC, TroubleKind.OLDEST_PENDING, TroubleKind.NO_PULL)
NOT_REPLAYED = (
    "A change counts as it ended, and from when it was logged: when it failed is not kept, nor that it had "
    "failed before a retry.",
    "Waiting changes are those with an attempt on record, whatever they waited for; those that a retry put "
    "back are left out.",
    "Divergence, changes that are due while nothing is sent, and causes that properties share (an account "
    "that is closed, a sync that stands still) cannot be replayed: their past is not kept.",
)
_LONGEST_STEP = 300
_SHORTEST_STEP = 60
_STEPS_IN_A_WINDOW = 12


@dataclass(frozen=True, slots=True)
class PropertyFiring:
    """One alert that people would have got.

    Attributes:
        more_failures: how many changes of the property failed that were logged in the hours after it.
    """

    partition_key: str
    kind: TroubleKind
    firing: Firing
    more_failures: int


@dataclass(slots=True)
class KindReplay:
    """One kind of trouble, replayed at all properties.

    Attributes:
        failures: how many changes failed there in all.
        in_alert: how many of them were logged while an alert was open.
    """

    kind: TroubleKind
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
    """What a replay came to.

    Attributes:
        since: where it begins.
        until: where it ends.
        step_seconds: how far apart its observations are.
        follow: for how long after an alert further failures count as having followed it.
        kinds: what came of it, by kind of trouble.
    """

    since: datetime
    until: datetime
    step_seconds: int
    follow: timedelta
    kinds: Sequence[KindReplay]


def backtest(
    connection: Connection,
    properties: Sequence[Integration],
    settings: Mapping[UUID, Threshold],
    *,
    days: float = 90.0,
    follow: timedelta = timedelta(hours=24),
    kinds: Iterable[TroubleKind] = REPLAYED,
    now: datetime | None = None,
) -> Backtest:
    """Replays the threshold of each of these properties over the last days. Changes nothing.

    Args:
        settings: the threshold by property; the ones in force, or changed ones.
        days: how far back it begins.
        follow: for how long after an alert further failures count as having followed it.
        kinds: of those in REPLAYED.
        now: the end of the replay (aware); the database's clock, if not given.
    """
    until = now or database_time(connection)
    step = _step_seconds(settings.values())
    grid = Grid(step, last=int(until.timestamp() // step) - 1)
    period = Period(until - timedelta(days=days), until, grid)
    past = Past(connection, {p.property_id: settings[p.property_id] for p in properties}, period)
    keys = {p.property_id: p.partition_key for p in properties}
    scoring = _Scoring(past, keys, settings, period, follow)
    return Backtest(period.since, until, step, follow, [scoring.replay(kind) for kind in kinds])


def _step_seconds(thresholds: Iterable[Threshold]) -> int:
    """How far apart observations are: five minutes, or less where a window is short; never less than a
    minute."""
    longest_window = _LONGEST_STEP * _STEPS_IN_A_WINDOW
    shortest = min((t.window.total_seconds() for t in thresholds), default=longest_window)
    return int(min(_LONGEST_STEP, max(_SHORTEST_STEP, shortest // _STEPS_IN_A_WINDOW)))


@dataclass(frozen=True, slots=True)
class _Scoring:
    """What a replay needs to count, for each alert, what came after it."""

    past: Past
    keys: Mapping[UUID, str]
    settings: Mapping[UUID, Threshold]
    period: Period
    follow: timedelta

    def replay(self, kind: TroubleKind) -> KindReplay:
        """Replays one kind of trouble at all properties."""
        replayed = KindReplay(kind, failures=sum(map(len, self.past.failures.values())))
        for property_id, points in self.past.points(kind):
            rules = rules_of(self.settings[property_id], kind)
            failures = self.past.failures.get(property_id, ())
            for firing in replay(points, rules, self.period.grid):
                if firing.at < self.period.since:
                    continue
                more = between(failures, firing.at, firing.at + self.follow)
                replayed.firings.append(PropertyFiring(self.keys[property_id], kind, firing, more))
                replayed.in_alert += between(failures, firing.at, firing.until or self.period.until)
        replayed.firings.sort(key=lambda fired: (fired.firing.at, fired.partition_key))
        return replayed
