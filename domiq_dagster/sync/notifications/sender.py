"""Draining the outbox: channels side by side, the notices of each one after the other."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy import Engine

from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.notifications.bursts import gather_in_app
from domiq_dagster.sync.notifications.channel_state import due_channels
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.claims import clear_old_texts
from domiq_dagster.sync.notifications.outcomes import NoticeResult, SendingRules
from domiq_dagster.sync.notifications.worker import ChannelWorker
from domiq_dagster.sync.trouble import Faults

logger = logging.getLogger(__name__)
_LONGEST_WAIT = 10.0
"""Seconds. A channel whose next moment is further off is left to the next call."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock, the waiting and the chance of a worker.

    Attributes:
        clock: seconds; only differences count.
        pause: waits for so many seconds.
        jitter: gives 0 to 1.
    """

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


@dataclass(slots=True)
class SendReport:
    """What a call of `deliver_due` did.

    Attributes:
        by_state: how many notices ended in which state, by channel and state (`put_off`: nothing was sent,
            and they wait).
        failures: those that ended undeliverable or unknown.
        outages: channels that had to be left, and why.
        problems: a sentence for each channel whose sending ended in a fault.
        ended: why it ended.
    """

    by_state: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[NoticeResult] = field(default_factory=list)
    outages: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    ended: str = "nothing more is due"

    def total(self, state: str) -> int:
        """How many notices ended so, over all channels."""
        return sum(count for (_, found), count in self.by_state.items() if found == state)

    def add(self, result: NoticeResult) -> None:
        """Counts one notice, and logs it if it failed."""
        self.by_state[result.channel, result.state] += 1
        if result.state in ("undeliverable", "unknown"):
            self.failures.append(result)
            logger.warning(
                "notice %s by %s is %s: %s", result.notice_id, result.channel, result.state, result.reason
            )


def deliver_due(
    engine: Engine,
    channels: Channels,
    *,
    budget: Budget | None = None,
    rules: SendingRules | None = None,
    stop: Callable[[], bool] = lambda: False,
    timing: Timing | None = None,
) -> SendReport:
    """Sends what is due, until nothing more is.

    Channels go side by side; each keeps the pace that all workers share, and is left where it does not
    answer.

    Args:
        engine: of DomIQ's database; a session or two a channel.
        channels: what can be sent. A notice by another channel is undeliverable.
        budget: ends it after so many seconds, or so many notices of a channel.
        rules: how long things may take.
        stop: asked before each notice, from several threads.
        timing: for tests.

    Returns:
        How the notices ended. What ends badly is in it, and raises nothing.
    """
    budget, timing = budget or Budget(), timing or Timing()
    rules = rules or SendingRules()
    report = SendReport()
    with engine.begin() as connection:
        tidying = Faults("{} failed")
        with tidying.of("clearing old texts", savepoint=connection):
            clear_old_texts(connection)
        with tidying.of("gathering bursts", savepoint=connection):
            report.problems += gather_in_app(connection, channels.templates)
    report.problems += [f"{what} failed: {said}" for what, said in tidying.sentences.items()]
    with engine.begin() as connection:
        due = due_channels(connection)
    if not due:
        return report
    end = _End(timing.clock() + budget.seconds, stop, timing)
    workers = [ChannelWorker(engine, channels, c, worker_name(), rules, timing.jitter) for c in due]
    with ThreadPoolExecutor(max_workers=len(due), thread_name_prefix="notices") as pool:
        drained = pool.map(lambda worker: _drain(worker, end, budget.rows), workers)
        for channel, found in zip(due, drained, strict=True):
            for result in found.results:
                report.add(result)
            if found.outage is not None:
                report.outages[channel] = found.outage
            if found.problem is not None:
                report.problems.append(f"sending by {channel}: {found.problem}")
            report.ended = found.ended or report.ended
    return report


@dataclass(frozen=True, slots=True)
class _End:
    """When to stop, whatever is due."""

    at: float
    asked: Callable[[], bool]
    timing: Timing

    def reached(self) -> str | None:
        """Why to stop now; None if not yet."""
        if self.asked():
            return "asked to stop"
        return "the time budget is used up" if self.timing.clock() >= self.at else None


@dataclass(slots=True)
class _Drained:
    """What one channel came to.

    Attributes:
        ended: why it was left with more to do.
        problem: the fault that it ended in, if it did.
    """

    results: list[NoticeResult]
    outage: str | None = None
    problem: str | None = None
    ended: str | None = None


def _drain(worker: ChannelWorker, end: _End, most: int) -> _Drained:
    """Sends the notices of one channel, at most so many. What goes wrong is the channel's own."""
    drained = _Drained([])
    faults = Faults("sending by {} failed")
    with faults.of(worker.channel):
        drained = _send_due(worker, end, most, drained)
    drained.problem = faults.sentences.get(worker.channel)
    return drained


def _send_due(worker: ChannelWorker, end: _End, most: int, drained: _Drained) -> _Drained:
    drained.results += worker.give_up_lapsed()
    for _ in range(most):
        drained.ended = end.reached()
        if drained.ended is not None:
            return drained
        wait = worker.reserve_send_time()
        if wait > _LONGEST_WAIT:
            drained.ended = "the pace of a channel"
            return drained
        if wait > 0:
            end.timing.pause(wait)
        result = worker.send_next()
        if result is None:
            return drained
        drained.results.append(result)
        if result.outage is not None:
            drained.outage = result.outage
            return drained
    drained.ended = "the row budget is used up"
    return drained
