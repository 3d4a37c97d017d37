"""The tally: what the service did since it was last told of, and when that is to be told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from domiq_dagster.sync.decisions.apply import Applied
from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.delivery.push import PushReport
from domiq_dagster.sync.notifications.notify import Notified
from domiq_dagster.sync.notifications.sender import SendReport
from domiq_dagster.sync.pull.pull import Pulled
from domiq_dagster.sync.rules import RulesRun

LEAST_PAUSE_SECONDS = 30.0
"""Between two summaries, while nothing but figures changes."""
PULLS_PAUSE_SECONDS = 3600.0
"""Between two times that the pulls of one property are told: Dagster keeps each for good."""
_MOST_PROBLEMS = 100


@dataclass(slots=True)
class PulledProperty:
    """What the pulls of one property brought in a while, and what was decided about it.

    Attributes:
        pulls: how many of them brought something, or were the first.
        pulled: the newest, with the counts of all.
        applied: None where nothing was to be decided.
    """

    pulls: int
    pulled: Pulled
    applied: Applied | None

    def add(self, later: PulledProperty) -> None:
        """Takes in what came later."""
        before, self.pulled = self.pulled, later.pulled
        self.pulled = replace(
            later.pulled,
            fetched=before.fetched + later.pulled.fetched,
            stored=before.stored + later.pulled.stored,
            linked=before.linked + later.pulled.linked,
            unchanged=before.unchanged + later.pulled.unchanged,
            silent=before.silent + later.pulled.silent,
            vanished=before.vanished + later.pulled.vanished,
            requests=before.requests + later.pulled.requests,
        )
        self.pulls += later.pulls
        if self.applied is None or later.applied is None:
            self.applied = later.applied or self.applied
            return
        for name in ("applied", "pushed", "agreed", "held", "left_alone", "conflicts"):
            setattr(self.applied, name, getattr(self.applied, name) + getattr(later.applied, name))
        self.applied.by_reason.update(later.applied.by_reason)
        self.applied.refused = later.applied.refused


@dataclass(slots=True)
class Summary:
    """What one worker did in a while.

    Attributes:
        worker: its name.
        pushed: its deliveries, with the accounts that it has left just now.
        ruled, notified, sent: None where nothing of the kind was to be done.
        pulled: what pulls brought, by partition key.
    """

    worker: str
    pushed: PushReport
    ruled: RulesRun | None = None
    notified: Notified | None = None
    sent: SendReport | None = None
    pulled: dict[str, PulledProperty] = field(default_factory=dict)


class Reports(Protocol):
    """Whoever is told what a worker does."""

    def tell(self, summary: Summary) -> None:
        """Is called from one thread, and may raise anything: it is told again, with what came since."""


@dataclass(slots=True)
class _Done:
    pushed: PushReport = field(default_factory=PushReport)
    ruled: list[RulesRun] = field(default_factory=list)
    notified: list[Notified] = field(default_factory=list)
    sent: list[SendReport] = field(default_factory=list)
    pulled: dict[str, PulledProperty] = field(default_factory=dict)
    is_news: bool = False


class Tally:
    """Counts what is done, for threads side by side.

    Args:
        clock: in seconds.
    """

    def __init__(self, worker: str, clock: Callable[[], float]) -> None:
        self._worker, self._clock = worker, clock
        self._lock = threading.Lock()
        self._done = _Done()
        self._outages: dict[str, str] = {}
        self._told_outages: Mapping[str, str] = {}
        self._told_at: float | None = None
        self._pulls_told_at: dict[str, float] = {}
        self._began_at = clock()
        """From when on a busy worker's half minute counts."""

    def delivered(self, partition_key: str, result: DeliveryResult) -> None:
        with self._lock:
            self._done.pushed.note(partition_key, result)
            self._news()

    def problem(self, sentence: str) -> None:
        """Something went wrong; said once a summary."""
        with self._lock:
            problems = self._done.pushed.problems
            if sentence not in problems and len(problems) < _MOST_PROBLEMS:
                problems.append(sentence)
                self._news()

    def ruled(self, run: RulesRun) -> None:
        with self._lock:
            self._done.ruled.append(run)
            self._news()

    def told(self, notified: Notified, sent: SendReport | None) -> None:
        with self._lock:
            self._done.notified.append(notified)
            if sent is not None:
                self._done.sent.append(sent)
            self._news()

    def pulled(self, partition_key: str, pulled: Pulled, applied: Applied | None) -> None:
        """A property was pulled. One that brought nothing is not told of."""
        decided = applied is not None and (applied.applied or applied.pushed or applied.conflicts)
        if not (pulled.is_news or pulled.unreadable or decided):
            return
        with self._lock:
            self._take_pulled(partition_key, PulledProperty(1, pulled, applied))

    def _take_pulled(self, key: str, found: PulledProperty) -> None:
        if key in self._done.pulled:
            self._done.pulled[key].add(found)
        else:
            self._done.pulled[key] = found

    def _tellable_pulls(self, now: float, *, all_of_them: bool) -> list[str]:
        """The properties of whose pulls something is to be told now."""
        told = self._pulls_told_at
        return [
            key
            for key in self._done.pulled
            if all_of_them or key not in told or now - told[key] >= PULLS_PAUSE_SECONDS
        ]

    def _news(self) -> None:
        if not self._done.is_news:
            self._done.is_news = True
            self._began_at = max(self._clock(), self._told_at or 0.0)

    def outages(self, accounts: Mapping[str, str]) -> None:
        """Which accounts are left just now, and why."""
        with self._lock:
            self._outages = dict(accounts)

    def take(self, *, is_busy: bool, at_last: bool = False) -> Summary | None:
        """What is to be told now: at once where an account is left or comes back; what was done, when nothing
        more is in hand, or while more is, but every half a minute at most. None: nothing.

        Args:
            at_last: the worker ends: whatever was not told yet is.
        """
        with self._lock:
            now = self._clock()
            turned = self._outages != self._told_outages
            since = self._began_at if is_busy else self._told_at
            rested = at_last or since is None or now - since >= LEAST_PAUSE_SECONDS
            pulls = self._tellable_pulls(now, all_of_them=at_last)
            if not turned and not ((self._done.is_news or pulls) and rested):
                return None
            done, self._done = self._done, _Done()
            told = {key: done.pulled.pop(key) for key in pulls}
            self._done.pulled = done.pulled
            self._pulls_told_at.update(dict.fromkeys(told, now))
            self._told_at = self._began_at = now
            self._told_outages = dict(self._outages)
            done.pushed.outages = dict(self._outages)
            done.pushed.ended = "the worker goes on"
        return Summary(
            self._worker, done.pushed, _rules(done.ruled), _notices(done.notified), _sent(done.sent), told
        )

    def give_back(self, summary: Summary) -> None:
        """It could not be told: it is told with what comes."""
        with self._lock:
            done = self._done
            done.pushed = _added(summary.pushed, done.pushed)
            done.ruled = [*([summary.ruled] if summary.ruled else []), *done.ruled]
            done.notified = [*([summary.notified] if summary.notified else []), *done.notified]
            done.sent = [*([summary.sent] if summary.sent else []), *done.sent]
            later, done.pulled = done.pulled, dict(summary.pulled)
            for key, found in later.items():
                self._take_pulled(key, found)
            for key in summary.pulled:
                self._pulls_told_at.pop(key, None)
            done.is_news, self._told_outages = True, {}


def _added(before: PushReport, after: PushReport) -> PushReport:
    for key, counts in before.by_property.items():
        after.by_property.setdefault(key, type(counts)()).update(counts)
    after.by_outcome.update(before.by_outcome)
    after.problems = list(dict.fromkeys([*before.problems, *after.problems]))[:_MOST_PROBLEMS]
    return after


def _rules(runs: list[RulesRun]) -> RulesRun | None:
    if not runs:
        return None
    whole = RulesRun()
    for run in runs:
        for key, counts in run.by_property.items():
            whole.by_property.setdefault(key, type(counts)()).update(counts)
    last = runs[-1]
    whole.left, whole.waiting, whole.problems = last.left, last.waiting, last.problems
    return whole


def _notices(found: list[Notified]) -> Notified | None:
    if not found:
        return None
    whole = Notified()
    for one in found:
        whole.changes += one.changes
        whole.delivered.update(one.delivered)
        whole.pending.update(one.pending)
        whole.undeliverable.update(one.undeliverable)
    whole.problems = found[-1].problems
    return whole


def _sent(reports: list[SendReport]) -> SendReport | None:
    if not reports:
        return None
    whole = SendReport()
    for report in reports:
        whole.by_state.update(report.by_state)
    last = reports[-1]
    whole.outages, whole.problems, whole.ended = last.outages, last.problems, last.ended
    return whole
