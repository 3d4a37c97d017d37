"""When what a worker did is told, and that nothing of it is lost."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime

from domiq_dagster.sync.decisions.apply import Applied
from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.notifications.notify import Notified
from domiq_dagster.sync.notifications.sender import SendReport
from domiq_dagster.sync.pull.pull import Pulled
from domiq_dagster.sync.rules import RulesRun
from domiq_dagster.sync.service.tally import LEAST_PAUSE_SECONDS, Tally

SENT = DeliveryResult("success", "sent")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_tally() -> tuple[Tally, Clock]:
    clock = Clock()
    return Tally("one", clock), clock


def test_an_idle_worker_tells_nothing() -> None:
    tally, clock = a_tally()
    for _ in range(10):
        clock.now += 3600
        assert tally.take(is_busy=False) is None


def test_the_first_change_is_told_when_nothing_more_is_in_hand() -> None:
    tally, clock = a_tally()
    tally.delivered("flats", SENT)
    assert tally.take(is_busy=True) is None
    clock.now += 0.1
    summary = tally.take(is_busy=False)
    assert summary is not None
    assert (summary.worker, summary.pushed.by_property) == ("one", {"flats": Counter(success=1)})


def test_a_busy_worker_tells_every_half_minute_and_no_more_often() -> None:
    tally, clock = a_tally()
    told = []
    for second in range(301):
        tally.delivered("flats", SENT)
        if (summary := tally.take(is_busy=True)) is not None:
            told.append((second, summary.pushed.total("success")))
        clock.now += 1
    at = [second for second, _ in told]
    assert at[0] == 30
    assert {after - before for before, after in itertools.pairwise(at)} == {31}
    last = tally.take(is_busy=True, at_last=True)
    assert last is not None
    assert sum(count for _, count in told) + last.pushed.total("success") == 301


def test_changes_that_come_one_by_one_are_told_together() -> None:
    tally, clock = a_tally()
    told = []
    for _ in range(100):
        tally.delivered("flats", SENT)
        if (summary := tally.take(is_busy=False)) is not None:
            told.append(summary.pushed.total("success"))
        clock.now += 1
    assert len(told) <= 1 + 100 / LEAST_PAUSE_SECONDS
    last = tally.take(is_busy=False, at_last=True)
    assert last is not None
    assert sum(told) + last.pushed.total("success") == 100


def test_that_an_account_is_left_and_that_it_is_back_are_told_at_once() -> None:
    tally, _clock = a_tally()
    tally.delivered("flats", SENT)
    assert tally.take(is_busy=False) is not None
    tally.outages({"400": "unreachable"})
    left = tally.take(is_busy=True)
    assert left is not None
    assert left.pushed.outages == {"400": "unreachable"}
    assert tally.take(is_busy=True) is None
    tally.outages({})
    back = tally.take(is_busy=True)
    assert back is not None
    assert back.pushed.outages == {}


def test_what_could_not_be_told_is_told_with_what_came_since() -> None:
    tally, clock = a_tally()
    tally.delivered("flats", SENT)
    tally.problem("one thing")
    tally.ruled(RulesRun({"flats": Counter(changes=2)}))
    tally.told(Notified(changes=2), SendReport(by_state=Counter({("email", "delivered"): 1})))
    first = tally.take(is_busy=False)
    assert first is not None
    tally.give_back(first)
    tally.delivered("flats", SENT)
    tally.ruled(RulesRun({"flats": Counter(changes=3)}))
    assert tally.take(is_busy=False) is None, "not at once: whoever is told may be away for a while"
    clock.now += LEAST_PAUSE_SECONDS
    summary = tally.take(is_busy=False)
    assert summary is not None
    assert summary.pushed.total("success") == 2
    assert summary.pushed.problems == ["one thing"]
    assert summary.ruled is not None
    assert summary.ruled.total("changes") == 5
    assert summary.notified is not None
    assert summary.notified.changes == 2
    assert summary.sent is not None
    assert summary.sent.total("delivered") == 1


def test_a_problem_is_said_once_a_summary() -> None:
    tally, _clock = a_tally()
    for _ in range(1000):
        tally.problem("the same")
    summary = tally.take(is_busy=False)
    assert summary is not None
    assert summary.pushed.problems == ["the same"]


def a_pull(**counts: int) -> Pulled:
    begun = datetime(2026, 3, 5, tzinfo=UTC)
    return Pulled("flats", counts.pop("fetched", 3), counts.pop("stored", 0), 0, begun, begun, **counts)  # type: ignore[arg-type]


def test_a_pull_that_brought_nothing_is_not_told() -> None:
    tally, clock = a_tally()
    tally.pulled("flats", a_pull(), None)
    tally.pulled("flats", a_pull(), Applied("flats", agreed=3))
    clock.now += 3600
    assert tally.take(is_busy=False, at_last=True) is None


def test_the_pulls_of_a_property_are_told_together_and_once_an_hour_at_most() -> None:
    tally, clock = a_tally()
    told = []
    for _ in range(720):
        tally.pulled("flats", a_pull(stored=1), Applied("flats", applied=1))
        if (summary := tally.take(is_busy=False)) is not None:
            told.append(summary.pulled["flats"])
        clock.now += 30
    assert len(told) == 6
    assert (told[0].pulls, told[1].pulls) == (1, 120)
    assert told[1].pulled.stored == 120
    assert told[1].applied is not None
    assert told[1].applied.applied == 120
    last = tally.take(is_busy=False, at_last=True)
    assert last is not None
    assert sum(one.pulls for one in told) + last.pulled["flats"].pulls == 720


def test_pulls_that_could_not_be_told_are_told_with_what_comes() -> None:
    tally, clock = a_tally()
    tally.pulled("flats", a_pull(stored=1), None)
    summary = tally.take(is_busy=False)
    assert summary is not None
    tally.pulled("flats", a_pull(stored=2), None)
    tally.give_back(summary)
    clock.now += 60
    again = tally.take(is_busy=False)
    assert again is not None
    assert (again.pulled["flats"].pulls, again.pulled["flats"].pulled.stored) == (2, 3)
