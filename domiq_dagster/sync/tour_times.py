"""Tour times: what conversation.tour_datetime means, and the instant that is sent for it.

A column with a zone holds an instant. One without holds what a clock shows: the property's own, or UTC, as
the property's setting `tour_times` says, since DomIQ installations have both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

LOCAL = "local"
"""A time without a zone is the property's clock."""
UTC_TIMES = "utc"
"""A time without a zone is UTC."""
_BEYOND = re.compile(r"infinity|\d{5}")
_COLUMN = text(
    "SELECT format_type(a.atttypid, NULL) AS type_name, a.atttypid = 'timestamptz'::regtype AS has_zone "
    "FROM pg_attribute a WHERE a.attrelid = 'public.conversation'::regclass "
    "AND a.attname = 'tour_datetime' AND NOT a.attisdropped"
)


@dataclass(frozen=True, slots=True)
class TourColumn:
    """The type of conversation.tour_datetime in this database."""

    type_name: str
    has_zone: bool


def tour_column(connection: Connection) -> TourColumn | None:
    """The column as it is here; None where there is none."""
    row = connection.execute(_COLUMN).mappings().first()
    return None if row is None else TourColumn(**row)


def as_time(told: str | None) -> datetime | None:
    """A tour's time from the text that PostgreSQL's JSON has of it; None for none, and for a text that is no
    time. Of those that Python cannot reckon with, the first moment that it has, or the last."""
    if told is None:
        return None
    try:
        return datetime.fromisoformat(told)
    except ValueError:
        if told.startswith("-") or told.endswith("BC"):
            return datetime.min
        return datetime.max if _BEYOND.match(told) else None


def sent_as(tour: datetime, tour_times: str, time_zone: str | None) -> datetime:
    """The instant of a tour, in UTC.

    Args:
        tour: as DomIQ has it: aware where the column has a zone, else what a clock shows.
        tour_times: `local` or `utc`: which clock that is.
        time_zone: the property's; needed only for its own clock.

    Returns:
        Of a local time that a clock change repeats, the first; one that it skips counts as if the clock had
        not been changed yet.
    """
    if tour.tzinfo is not None:
        return tour.astimezone(UTC)
    if tour_times == UTC_TIMES:
        return tour.replace(tzinfo=UTC)
    return tour.replace(tzinfo=ZoneInfo(str(time_zone)), fold=0).astimezone(UTC)
