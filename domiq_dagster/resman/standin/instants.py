"""Instants.

The adjustable clock, and the date texts that ResMan takes and gives. All instants are aware and UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The machine's time, aware, in UTC."""
    return datetime.now(UTC)


class AdjustableClock:
    """A clock that runs as `source` does and can be moved, so that nothing has to wait for days to pass."""

    def __init__(self, source: Clock = system_clock) -> None:
        self._source = source
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return self._source() + self.offset

    def advance(self, seconds: float) -> None:
        """Moves the clock by so many seconds; a negative number moves it back."""
        self.offset += timedelta(seconds=seconds)


def iso(instant: datetime) -> str:
    """An instant as ISO 8601 with microseconds and a Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def mits_text(instant: datetime) -> str:
    """An instant as MITS answers show it: whole seconds, with an offset."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def parse_instant(text: str) -> datetime:
    """Reads ISO 8601 (with T or a blank, with or without a zone, or a bare date) or RFC 1123.

    A text without a zone counts as UTC. Raises ValueError for anything else.
    """
    text = text.strip()
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        try:
            instant = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"not a date and time: {text[:60]!r}") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
