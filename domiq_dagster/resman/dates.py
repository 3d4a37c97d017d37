"""Dates as ResMan writes them, and as it wants them written. Inside the project a time is aware and UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

_GAP_BEFORE_OFFSET = re.compile(r"\s+(?=(?:Z|[+-]\d\d)(?::?\d\d)?$)")
_LONGEST = 60
_LONGEST_DATE = len("2025-W45-1")
# ISO 8601 lets a day end at 24:00, and a minute have a leap second; Python's datetime has neither.
_END_OF_DAY = re.compile(r"(?<=[T ])24(?=:?00(?::?00(?:[.,]0*)?)?(?:Z|[+-]|\Z))")
_LEAP_SECOND = re.compile(r"(?<=\d\d:\d\d:)60(?:[.,]\d*)?(?=Z|[+-]|\Z)")


def parse_when(text: str) -> datetime | date:
    """An ISO 8601 text: a date-time becomes aware UTC (UTC too where it names no offset), a bare date a date.

    Raises:
        ValueError: it is neither. The message does not repeat the text.
    """
    text = text.strip().upper()
    if len(text) > _LONGEST:
        raise ValueError("not an ISO 8601 date")
    if " " in text:
        text = _GAP_BEFORE_OFFSET.sub("", text)
    try:
        if len(text) <= _LONGEST_DATE:
            return date.fromisoformat(text)
        when = _date_time(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not an ISO 8601 date") from None


def _date_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        earlier, days = _END_OF_DAY.subn("00", text, count=1)
        earlier, seconds = _LEAP_SECOND.subn("59", earlier, count=1)
        if not days and not seconds:
            raise
        return datetime.fromisoformat(earlier) + timedelta(days=days, seconds=seconds)


def parse_instant(text: str) -> datetime:
    """Like `parse_when`, but a bare date becomes its midnight in UTC."""
    return as_instant(parse_when(text))


def as_instant(when: datetime | date) -> datetime:
    """Aware UTC: a bare date becomes its midnight."""
    if isinstance(when, datetime):
        return when
    return datetime(when.year, when.month, when.day, tzinfo=UTC)


def mits_time(when: datetime) -> str:
    """`yyyy-MM-ddTHH:mm:ssZ`, fractions dropped. Raises ValueError for a time without offset."""
    return _utc(when).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def http_time(when: datetime, *, not_after: datetime) -> str:
    """RFC 1123 in GMT, of `when` or `not_after`, whichever is earlier; fractions dropped, so never later."""
    return format_datetime(min(_utc(when), _utc(not_after)).replace(microsecond=0), usegmt=True)


def search_window(start: datetime, end: datetime) -> tuple[str, str]:
    """Both ends as v1 SearchProspects was seen to take them (`2020-03-01 00:00:00+00:00`).

    Whole seconds, rounded outward, so that nothing at either edge is missed.
    """
    first, last = _utc(start), _utc(end)
    if last.microsecond:
        last = last.replace(microsecond=0) + timedelta(seconds=1)
    return str(first.replace(microsecond=0)), str(last)


def _utc(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError("a time without offset cannot be sent to ResMan")
    return when.astimezone(UTC)
