"""How far back a pull asks, what it may claim, and when a full read is too short to be true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.pull.overlap import PullRules, overlap_for, pull_window, too_short

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RULES = PullRules()


@pytest.mark.parametrize(
    ("late_hours", "overlap_hours"), [(0, 26), (10, 26), (20, 30), (40, 60), (200, 168), (9000, 168)]
)
def test_the_overlap_follows_the_lateness_between_a_floor_and_a_cap(
    late_hours: float, overlap_hours: float
) -> None:
    assert overlap_for(late_hours * 3600, RULES) == timedelta(hours=overlap_hours)


@given(
    st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.floats(0, 1e9),
    st.booleans(),
    st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
)
def test_no_future_is_asked_for_and_only_what_reaches_back_is_claimed(
    watermark: datetime | None, late: float, full: bool, since: datetime | None
) -> None:
    asked = pull_window(watermark, late, RULES, NOW, full=full, since=since)
    assert asked.since <= NOW
    if asked.claims:
        assert asked.since <= (NOW - RULES.first_span if watermark is None else watermark - RULES.overlap)
    if since is None and not full:
        assert asked.claims


@pytest.mark.parametrize(
    ("fetched", "known", "missing", "believed"),
    [
        (100, 100, 0, True),
        (0, 0, 0, True),
        (0, 1, 1, False),
        (99, 100, 1, True),
        (5, 10, 5, True),
        (4, 10, 6, False),
        (990, 1000, 100, True),
        (890, 1000, 101, False),
    ],
)
def test_a_full_read_that_lacks_too_much_is_not_believed(
    fetched: int, known: int, missing: int, believed: bool
) -> None:
    assert (too_short(fetched, known, missing, RULES) is None) == believed
