"""When a push takes no further change."""

from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.stopping import StopSignal


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_account_that_was_left_ends_the_push_soon_and_never_later() -> None:
    clock = Clock()
    stop = StopSignal(Budget(seconds=600, rows=10), lambda: False, clock)
    clock.now = 100
    stop.hasten(60)
    assert stop.take_row()
    clock.now = 160
    assert not stop.take_row()
    assert stop.why == "the time budget is used up"
    assert not stop.at_once()  # what is in hand is finished

    stop = StopSignal(Budget(seconds=600, rows=10), lambda: False, clock)
    clock.now = 750
    stop.hasten(60)
    clock.now = 759
    assert stop.take_row()
    clock.now = 760
    assert not stop.take_row()


def test_an_interruption_ends_before_the_next_request_and_keeps_its_first_reason() -> None:
    stop = StopSignal(Budget(), lambda: False, Clock())
    assert not stop.at_once()
    stop.end("interrupted")
    stop.end("again")
    assert stop.at_once()
    assert not stop.take_row()
    assert stop.why == "interrupted"


def test_rows_that_were_not_needed_are_given_back() -> None:
    stop = StopSignal(Budget(rows=1), lambda: False, Clock())
    assert stop.take_row()
    stop.return_row()
    assert stop.take_row()
    assert not stop.take_row()
