"""Collects what the page shows, as plain values: how things stand, what waits, and the days' figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.figures import PropertyFigures, property_figures
from domiq_dagster.sync.monitoring.pauses import open_pauses
from domiq_dagster.sync.report.daily import Days, days_between, figures_of_days, time_now
from domiq_dagster.sync.report.day_figures import NO_STATUS
from domiq_dagster.sync.report.service_level import CatchUp, catch_up, diverged_by_age
from domiq_dagster.sync.report.waiting import WaitingLead, waiting_leads

if TYPE_CHECKING:
    import pandas as pd

OUT, IN = "to_resman", "from_resman"
LEAD_STATUSES = ("new", "contacted", "qualified", "tour_scheduled", "application", "leased", "lost")
LONGEST_DAYS = 92
"""The longest range of a report."""
_LATE_PULL = timedelta(hours=1)
_MOST_MOVES = 8
_MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class DayFlow:
    """One day of a property, or of all: changes that were logged, and what became of them.

    Attributes:
        outbound, inbound: changes by direction; failed: of both.
        timed: changes that got to ResMan, of which it is on record when; within_10s, within_1min: of those.
    """

    day: date
    outbound: int = 0
    inbound: int = 0
    failed: int = 0
    success: int = 0
    timed: int = 0
    within_10s: int = 0
    within_1min: int = 0
    requests: int = 0
    throttled: int = 0

    @property
    def changes(self) -> int:
        return self.outbound + self.inbound


@dataclass(frozen=True, slots=True)
class Flow:
    """The days of a property, or of all, and their sums."""

    days: Sequence[DayFlow]

    def sum(self, name: str) -> int:
        return sum(getattr(day, name) for day in self.days)

    @property
    def success_rate(self) -> float | None:
        """Percent of what was settled; None where nothing was."""
        return percent(self.sum("success"), self.sum("success") + self.sum("failed"))

    @property
    def within_10s(self) -> float | None:
        """Percent of the timed changes."""
        return percent(self.sum("within_10s"), self.sum("timed"))

    @property
    def within_1min(self) -> float | None:
        return percent(self.sum("within_1min"), self.sum("timed"))


@dataclass(frozen=True, slots=True)
class PropertyLine:
    """How one property stands, and how its days were.

    Attributes:
        in_step, awaiting, diverged: of the compared leads.
        under_way: a change that is on its way explains the difference, or a person decides.
        trouble: what is amiss with the property itself, in a few words; None: nothing.
    """

    key: str
    name: str
    compared: int
    in_step: int
    awaiting: int
    diverged: int
    waiting: int
    last_pull_at: datetime | None
    trouble: str | None
    flow: Flow

    @property
    def under_way(self) -> int:
        return self.compared - self.in_step - self.awaiting - self.diverged

    @property
    def in_step_percent(self) -> float | None:
        return percent(self.in_step, self.compared)


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows.

    Attributes:
        at: when it was made (aware).
        first, last: the range of days (UTC), both of it; the last may not be over.
        properties: those that are connected, or the one that was asked about.
        flow: their days together; before: the range of the same length before it.
        funnel: how many leads came to each lead status; moves: (was, became) and how many.
        days_in_status: for how many days leads typically had had the status that they left.
        reasons: what changes failed of, the most first.
        diverged: for each of service_level.AGES how many leads.
    """

    at: datetime
    first: date
    last: date
    properties: Sequence[PropertyLine]
    waiting: Sequence[WaitingLead]
    flow: Flow
    before: Flow
    funnel: Mapping[str, int]
    moves: Sequence[tuple[str, str, int]]
    days_in_status: Mapping[str, float]
    reasons: Sequence[tuple[str, int]]
    conflicts_opened: int
    conflicts_decided: int
    in_step_by_day: Mapping[date, float]
    diverged: Sequence[int]
    accounts: Sequence[CatchUp]
    names: Mapping[str, str] = field(default_factory=dict)
    """What each property is called, by its partition key."""

    @property
    def compared(self) -> int:
        return sum(p.compared for p in self.properties)

    @property
    def in_step(self) -> int:
        return sum(p.in_step for p in self.properties)

    @property
    def in_step_percent(self) -> float | None:
        return percent(self.in_step, self.compared)


def percent(part: int, whole: int) -> float | None:
    """None of nothing."""
    return 100.0 * part / whole if whole else None


def read_days(connection: Connection, last: date, days: int) -> Days:
    """The figures that a report needs: of so many days until the last, and of as many before them."""
    return figures_of_days(connection, last - timedelta(days=2 * days - 1), last)


def collect(
    connection: Connection,
    *,
    days: int = 7,
    property_ids: Sequence[UUID] | None = None,
    figures: Days | None = None,
) -> Report:
    """Reads all that a report of the last days needs.

    Args:
        connection: any; nothing is written.
        days: how many, today among them; at most LONGEST_DAYS.
        property_ids: only these properties; None: all that are connected.
        figures: what `read_days` read, for whoever makes several reports: today's are counted for it. The
            report ends with their last day.
    """
    now = time_now(connection)
    found = figures or read_days(connection, now.date(), days)
    last = found.last
    first = last - timedelta(days=days - 1)
    one = property_ids[0] if property_ids is not None and len(property_ids) == 1 else None
    chosen = [
        f for f in property_figures(connection, one) if property_ids is None or f.property_id in property_ids
    ]
    keys = {f.partition_key for f in chosen}
    mine = _of(found.figures, keys)
    waiting = [w for w in waiting_leads(connection, one) if w.partition_key in keys]
    in_range = mine[mine["day"] >= first]
    states = _of(found.properties, keys)
    states = states[states["day"] >= first]
    return Report(
        at=now,
        first=first,
        last=last,
        properties=_lines(connection, chosen, waiting, in_range, days_between(first, last), now),
        waiting=waiting,
        flow=_flow(in_range, days_between(first, last)),
        before=_flow(mine[mine["day"] < first], days_between(found.first, first - timedelta(days=1))),
        funnel=_funnel(in_range),
        moves=_moves(in_range),
        days_in_status=_days_in_status(in_range),
        reasons=_added(in_range["reasons"]).most_common(_MOST_REASONS),
        conflicts_opened=int(states["conflicts_opened"].sum()),
        conflicts_decided=int(states["conflicts_decided"].sum()),
        in_step_by_day=_in_step_by_day(states),
        diverged=_ages(diverged_by_age(connection, one), keys),
        accounts=_accounts(connection, keys),
        names={f.partition_key: _shown(f.property_name) for f in chosen},
    )


def _of(frame: pd.DataFrame, keys: Iterable[str]) -> pd.DataFrame:
    return frame[frame["property"].isin(list(keys))]


def _lines(
    connection: Connection,
    chosen: Sequence[PropertyFigures],
    waiting: Iterable[WaitingLead],
    figures: pd.DataFrame,
    days: Sequence[date],
    now: datetime,
) -> list[PropertyLine]:
    count = Counter(w.partition_key for w in waiting)
    paused = open_pauses(connection)
    return [
        PropertyLine(
            key=f.partition_key,
            name=_shown(f.property_name),
            compared=f.compared,
            in_step=f.verdicts["agrees"],
            awaiting=f.verdicts["awaiting"],
            diverged=f.diverged,
            waiting=count[f.partition_key],
            last_pull_at=f.last_pull_at,
            trouble="paused" if f.partition_key in paused else _trouble(f, now),
            flow=_flow(_of(figures, [f.partition_key]), days),
        )
        for f in chosen
    ]


def _shown(name: str) -> str:
    """A name of somebody else's as one line of text: no character that is none, or that turns the writing."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def _trouble(figures: PropertyFigures, now: datetime) -> str | None:
    if figures.last_pull_at is None:
        return "never read from ResMan"
    if figures.failing_since is not None:
        return "ResMan cannot be read"
    return "not read from ResMan for over an hour" if now - figures.last_pull_at > _LATE_PULL else None


def _flow(figures: pd.DataFrame, days: Sequence[date]) -> Flow:
    """The days of the range, those without a row too."""
    names = ("failed", "success", "timed", "within_10s", "within_1min", "requests", "throttled")
    sums = figures.assign(
        outbound=figures["changes"].where(figures["sync_direction"] == OUT, 0),
        inbound=figures["changes"].where(figures["sync_direction"] == IN, 0),
        requests=figures["requests"].astype(float).fillna(0),
    )
    by_day = sums.groupby("day")[["outbound", "inbound", *names]].sum()
    rows = {day: {str(k): int(v) for k, v in row.items()} for day, row in by_day.to_dict("index").items()}
    return Flow([DayFlow(day, **rows.get(day, {})) for day in days])


def _added(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in counts:
        found.update(each)
    return found


def _funnel(figures: pd.DataFrame) -> dict[str, int]:
    """In the order of the statuses; a lead that came to one of them on two days counts twice."""
    found = _added(figures["funnel"])
    return {status: found[status] for status in LEAD_STATUSES}


def _moves(figures: pd.DataFrame) -> list[tuple[str, str, int]]:
    """The most frequent ones between two statuses, the most first."""
    found: Counter[tuple[str, str]] = Counter()
    for moves in figures["moves"]:
        for was, became in moves.items():
            if was != NO_STATUS:
                found.update({(was, to): changes for to, changes in became.items()})
    return [(was, to, changes) for (was, to), changes in found.most_common(_MOST_MOVES)]


def _days_in_status(figures: pd.DataFrame) -> dict[str, float]:
    """The mean of the days' medians, each counting as often as leads left the status that day."""
    leads: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    for found in figures["time_in_status"]:
        for status, stayed in found.items():
            leads[status] += stayed["leads"]
            seconds[status] = seconds.get(status, 0.0) + stayed["leads"] * stayed["median_seconds"]
    return {s: seconds[s] / leads[s] / 86400 for s in LEAD_STATUSES if leads[s]}


def _in_step_by_day(states: pd.DataFrame) -> dict[date, float]:
    """Percent of the compared leads, on the days on which that was counted."""
    known = states.dropna(subset=["compared", "in_step"])
    sums = known.groupby("day")[["in_step", "compared"]].sum()
    found = zip(sums.index, sums["in_step"], sums["compared"], strict=True)
    return {day: 100.0 * float(in_step) / float(compared) for day, in_step, compared in found if compared}


def _ages(found: Mapping[str, Sequence[int]], keys: Iterable[str]) -> list[int]:
    mine = [counts for key, counts in found.items() if key in keys]
    return [sum(column) for column in zip(*mine, strict=True)] if mine else [0, 0, 0, 0]


def _accounts(connection: Connection, keys: Iterable[str]) -> list[CatchUp]:
    backlog = load_backlog(connection)
    wanted = {p.account_id for p in backlog.properties if p.partition_key in keys}
    return [a for a in catch_up(backlog) if a.account_id in wanted]
