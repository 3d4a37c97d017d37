from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.resman.dates import http_time, mits_time, parse_instant, parse_when, search_window
from domiq_dagster.resman.time_zones import iana_name

AWARE = st.datetimes(
    datetime(1970, 1, 2),
    datetime(9998, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-03T20:34:02Z", datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)),
        ("2025-11-03T20:34:02", datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)),
        ("2025-11-03t20:34:02z", datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)),
        ("2025-11-03T14:34:02.1234567-06:00", datetime(2025, 11, 3, 20, 34, 2, 123456, tzinfo=UTC)),
        ("2025-11-03T14:34:02-0600", datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)),
        ("2025-11-03 20:34:02 +00:00", datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)),
        ("20251103T203402Z", datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)),
        ("2025-11-03T20:34", datetime(2025, 11, 3, 20, 34, tzinfo=UTC)),
        (" 2025-11-03 ", date(2025, 11, 3)),
    ],
)
def test_reads_iso_8601(text: str, expected: datetime | date) -> None:
    found = parse_when(text)
    assert found == expected
    assert type(found) is type(expected)


@given(AWARE)
def test_reads_back_whatever_instant_was_written(when: datetime) -> None:
    assert parse_when(when.isoformat()) == when
    assert parse_when(mits_time(when)) == when.replace(microsecond=0)


@given(st.dates())
def test_a_bare_date_stays_a_date_and_is_midnight_utc_as_an_instant(day: date) -> None:
    assert parse_when(day.isoformat()) == day
    assert parse_instant(day.isoformat()) == datetime(day.year, day.month, day.day, tzinfo=UTC)


@given(st.text())
def test_any_other_text_is_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse_when(text), date)
    except ValueError as error:
        assert str(error) == "not an ISO 8601 date"


@given(AWARE, AWARE)
def test_modified_since_is_never_after_now(when: datetime, now: datetime) -> None:
    text = http_time(when, not_after=now)
    assert text.endswith(" GMT")
    sent = parsedate_to_datetime(text)
    assert sent <= now
    assert sent == min(when, now).astimezone(UTC).replace(microsecond=0)


@given(AWARE, AWARE)
def test_the_search_window_is_rounded_outward(start: datetime, end: datetime) -> None:
    first, last = map(datetime.fromisoformat, search_window(start, end))
    assert timedelta(0) <= start - first < timedelta(seconds=1)
    assert timedelta(0) <= last - end < timedelta(seconds=1)


def test_a_time_without_offset_is_never_sent() -> None:
    with pytest.raises(ValueError, match="without offset"):
        mits_time(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("name", "iana"),
    [
        ("America/Chicago", "America/Chicago"),
        ("america/new_york", "America/New_York"),
        ("Central Standard Time", "America/Chicago"),
        ("Eastern Daylight Time", "America/New_York"),
        ("US Mountain Standard Time", "America/Phoenix"),
        ("Hawaiian Standard Time", "Pacific/Honolulu"),
        ("Alaskan Standard Time", "America/Anchorage"),
        ("SA Western Standard Time", "America/Puerto_Rico"),
        ("Atlantic Standard Time", "America/Halifax"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(UTC-07:00) Arizona", "America/Phoenix"),
        ("Mars Standard Time", None),
        ("../etc/passwd", None),
        ("America", None),
        ("", None),
        (None, None),
    ],
)
def test_time_zones_come_out_as_iana_names(name: str | None, iana: str | None) -> None:
    assert iana_name(name) == iana
