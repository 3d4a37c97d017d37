"""Times for a person: how long ago, or exact."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from domiq_dagster.cli.views import times

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def exact() -> Iterator[None]:
    times.be_exact()
    yield
    times._manner.exact = False


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=4), "4 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(hours=3, minutes=5), "3 h 5 min ago"),
        (timedelta(days=7), "7 d ago"),
        (timedelta(days=90), "on 2025-12-01"),
        (-timedelta(seconds=20), "in 20 s"),
    ],
)
def test_a_time_is_told_as_a_person_says_it(ago: timedelta, told: str) -> None:
    assert times.when(NOW - ago, NOW) == told


def test_what_never_was_is_said_so() -> None:
    assert times.when(None) == "never"
    assert times.when(None, never="at an unknown time") == "at an unknown time"


def test_a_span_until_now_is_told_as_one() -> None:
    assert times.since(NOW - timedelta(minutes=5), NOW) == "for 5 min"
    assert times.in_the_last(NOW - timedelta(days=7), NOW) == "in the last 7 d"
    assert times.after(NOW + timedelta(seconds=0.44), NOW) == "+0.4 s"


@pytest.mark.usefixtures("exact")
def test_with_utc_each_time_is_exact() -> None:
    assert times.when(NOW) == "2026-03-01 12:00:00 UTC"
    assert times.since(NOW) == times.in_the_last(NOW) == "since 2026-03-01 12:00:00 UTC"
    assert times.after(NOW, NOW) == "12:00:00.000000"
