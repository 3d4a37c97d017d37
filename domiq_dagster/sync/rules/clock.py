"""Times by a property's clock: the time of day that a condition names, and when a task falls due. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

Daytime = Callable[[datetime], bool]
"""Whether a moment, by the property's clock, is within a time of day."""

_SATURDAY = 5


def between(start: time, end: time) -> Daytime:
    """From `start` up to, but not at, `end`; over midnight where `end` is earlier."""
    if start < end:
        return lambda local: start <= local.time() < end
    return lambda local: local.time() >= start or local.time() < end


_NINE_TO_FIVE = between(time(9), time(17))


def _business_hours(local: datetime) -> bool:
    return local.weekday() < _SATURDAY and _NINE_TO_FIVE(local)


NAMED: dict[str, Daytime] = {
    "morning": between(time(6), time(12)),
    "afternoon": between(time(12), time(17)),
    "evening": between(time(17), time(21)),
    "night": between(time(21), time(6)),
    "business_hours": _business_hours,
    "after_hours": lambda local: not _business_hours(local),
}
"""Times of day by name. Business hours are Monday to Friday, 09:00 to 17:00; holidays are not known."""


def parse_time(value: object) -> time:
    """Reads a time of day such as "09:00" or "09:00:30".

    Raises:
        ValueError: it is written otherwise.
    """
    if isinstance(value, str) and len(value) in (5, 8) and value[2] == ":":
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError('a time of day is written like "09:00"')


def due(
    start: datetime,
    zone: ZoneInfo | None,
    *,
    minutes: int = 0,
    hours: int = 0,
    days: int = 0,
    at: time | None = None,
    business_days: bool = False,
) -> datetime:
    """Tells when something falls due.

    A wall-clock time that a change of daylight saving leaves out comes an hour later, one that it repeats is
    the first.

    Args:
        start: from when it is counted (aware).
        zone: the property's time zone; needed for days, `at` and business days.
        minutes: elapsed time, as `hours`.
        days: these keep the wall clock, across changes of daylight saving.
        at: that time on that day by the property's clock, or, without days, the first that is not before.
        business_days: only Monday to Friday count, and it falls on one.

    Returns:
        The moment, in UTC.

    Raises:
        ValueError: the time zone is needed and not known.
    """
    moment = start.astimezone(UTC) + timedelta(hours=hours, minutes=minutes)
    if not (days or at or business_days):
        return moment
    if zone is None:
        raise ValueError("the property's time zone is not known")
    add_days = _add_business_days if business_days else _add_days
    wall_clock = moment.astimezone(zone).replace(tzinfo=None)
    local = add_days(wall_clock, days)
    if at is not None:
        if not days and local.time() > at:
            local = add_days(local, 1)
        local = datetime.combine(local.date(), at)
    if business_days:
        while local.weekday() >= _SATURDAY:
            local += timedelta(days=1)
    if local == wall_clock:
        return moment  # in an hour that comes twice the wall clock alone would not tell which
    return local.replace(tzinfo=zone).astimezone(UTC)


def _add_days(local: datetime, days: int) -> datetime:
    return local + timedelta(days=days)


def _add_business_days(local: datetime, days: int) -> datetime:
    for _ in range(days):
        local += timedelta(days=1)
        while local.weekday() >= _SATURDAY:
            local += timedelta(days=1)
    return local
