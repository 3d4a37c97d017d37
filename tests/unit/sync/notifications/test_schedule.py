"""When a notice may go: quiet hours in the property's zone, and bursts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.sync.notifications.schedule import (
    BurstStep,
    NotificationSettings,
    Recent,
    burst,
    quiet_until,
)

CHICAGO = ZoneInfo("America/Chicago")
NIGHT = NotificationSettings(quiet_from=time(21), quiet_until=time(8))
NOON = NotificationSettings(quiet_from=time(12), quiet_until=time(14))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


@pytest.mark.parametrize(
    ("settings", "now", "until"),
    [
        (NIGHT, "2026-03-03 20:59", None),
        (NIGHT, "2026-03-03 21:00", "2026-03-04 08:00"),
        (NIGHT, "2026-03-04 03:00", "2026-03-04 08:00"),
        (NIGHT, "2026-03-04 08:00", None),
        (NIGHT, "2026-03-07 22:00", "2026-03-08 08:00"),  # clocks are put forward in that night
        (NIGHT, "2026-10-31 22:00", "2026-11-01 08:00"),  # and back in this one
        (NOON, "2026-03-03 11:59", None),
        (NOON, "2026-03-03 12:00", "2026-03-03 14:00"),
        (NOON, "2026-03-03 14:00", None),
        (NotificationSettings(), "2026-03-03 03:00", None),
        (NotificationSettings(quiet_from=time(8), quiet_until=time(8)), "2026-03-03 08:00", None),
    ],
)
def test_quiet_hours_end_where_the_property_is(
    settings: NotificationSettings, now: str, until: str | None
) -> None:
    expected = None if until is None else at(until)
    assert quiet_until(settings, "sms", False, at(now).astimezone(UTC), CHICAGO) == expected


def test_urgent_notices_and_other_channels_are_not_held_unless_the_property_says_so() -> None:
    now = at("2026-03-03 23:00")
    strict = NotificationSettings(time(21), time(8), ("sms",), urgent_breaks_quiet=False)
    assert quiet_until(NIGHT, "sms", True, now, CHICAGO) is None
    assert quiet_until(strict, "sms", True, now, CHICAGO) is not None
    assert quiet_until(strict, "email", False, now, CHICAGO) is None


@given(
    st.times(),
    st.times(),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["America/Chicago", "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_quiet_hours_always_end_within_a_day_and_are_over_then(
    begins: time, ends: time, now: datetime, name: str
) -> None:
    zone = ZoneInfo(name)
    settings = NotificationSettings(begins, ends)
    until = quiet_until(settings, "sms", False, now, zone)
    if until is not None:
        assert now < until.astimezone(UTC) <= now + timedelta(hours=26)
        again = quiet_until(settings, "sms", False, until.astimezone(UTC), zone)
        # Where the end falls into an hour that comes twice or not at all, one more look is enough.
        assert again is None or again.astimezone(UTC) - until.astimezone(UTC) <= timedelta(hours=1)


NOW = at("2026-03-03 12:00")


def ago(*minutes: int) -> list[datetime]:
    return [NOW - timedelta(minutes=m) for m in minutes]


@pytest.mark.parametrize(
    ("waiting", "sent", "digest", "waits", "step", "minutes"),
    [
        (0, [], None, False, BurstStep.SEND, None),
        (4, [], None, False, BurstStep.SEND, None),
        (5, [], None, False, BurstStep.GATHER, None),
        (499, [], None, False, BurstStep.GATHER, None),
        (0, [1, 2, 3, 4], None, False, BurstStep.SEND, None),
        (1, [1, 2, 3, 4], None, False, BurstStep.GATHER, None),
        (0, [1, 2, 3, 4, 10], None, False, BurstStep.POSTPONE, 5),
        (9, [1, 2, 3, 4, 10], None, False, BurstStep.POSTPONE, 5),
        (0, [3], 3, False, BurstStep.POSTPONE, 12),
        (0, [], None, True, BurstStep.GATHER, None),
    ],
)
def test_a_burst_becomes_one_digest_a_window(
    waiting: int, sent: list[int], digest: int | None, waits: bool, step: BurstStep, minutes: int | None
) -> None:
    digest_at = None if digest is None else ago(digest)[0]
    recent = Recent(waiting, ago(*sent), digest_at, waits)
    found, until = burst(NotificationSettings(), NOW, recent)
    assert found is step
    assert until == (None if minutes is None else NOW + timedelta(minutes=minutes))
