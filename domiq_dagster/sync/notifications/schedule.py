"""When a notice may go: not in quiet hours, and not as the sixth within a quarter of an hour. Pure: the
database tells the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """A property's row in domiq_sync.notification_settings, or what holds without one."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    quiet_channels: tuple[str, ...] = ("email", "sms", "slack")
    urgent_breaks_quiet: bool = True
    most_single: int = 5
    window_minutes: int = 15

    @classmethod
    def of(cls, row: Any) -> NotificationSettings:
        """From a row with the table's columns, which are NULL where the property has none."""
        if row.most_single is None:
            return cls()
        return cls(
            row.quiet_from,
            row.quiet_until,
            tuple(row.quiet_channels),
            row.urgent_breaks_quiet,
            row.most_single,
            row.window_minutes,
        )


def quiet_until(
    settings: NotificationSettings, channel: str, urgent: bool, now: datetime, zone: ZoneInfo
) -> datetime | None:
    """When the quiet hours that hold now end; None where none hold for this notice."""
    begins, ends = settings.quiet_from, settings.quiet_until
    if begins is None or ends is None or begins == ends or channel not in settings.quiet_channels:
        return None
    if urgent and settings.urgent_breaks_quiet:
        return None
    local = now.astimezone(zone)
    clock = local.time()
    over_midnight = ends < begins
    quiet = clock >= begins or clock < ends if over_midnight else begins <= clock < ends
    if not quiet:
        return None
    day = local.date() + timedelta(days=1 if over_midnight and clock >= begins else 0)
    # Where clocks are put forward, an hour that is skipped is taken as if they had not been.
    until = datetime.combine(day, ends, zone)
    # An hour that comes twice ends with its second coming, which is behind `now` for certain.
    return until if until > now else until.replace(fold=1)


class BurstStep(Enum):
    """What becomes of a notice that is due."""

    SEND = auto()
    POSTPONE = auto()
    GATHER = auto()


@dataclass(frozen=True, slots=True)
class Recent:
    """What one address had of late, by one channel.

    Attributes:
        waiting: how many more notices are due for it.
        sent: when the last ones went to it within the window, the newest first, at most `most_single`.
        digest_at: when the last digest did.
        digest_waits: a digest is still to be sent.
    """

    waiting: int
    sent: Sequence[datetime] = ()
    digest_at: datetime | None = None
    digest_waits: bool = False


def burst(settings: NotificationSettings, now: datetime, recent: Recent) -> tuple[BurstStep, datetime | None]:
    """What to do with a notice to an address that had `recent`.

    There is one digest a window, and at most `most_single` notices by themselves.

    Returns:
        The step; with POSTPONE the moment until which to wait.
    """
    window = timedelta(minutes=settings.window_minutes)
    if recent.digest_waits:
        return BurstStep.GATHER, None
    if recent.digest_at is not None and recent.digest_at + window > now:
        return BurstStep.POSTPONE, recent.digest_at + window
    room = settings.most_single - len(recent.sent)
    if room <= 0:
        return BurstStep.POSTPONE, recent.sent[settings.most_single - 1] + window
    crowded = recent.waiting > 0 and 1 + recent.waiting > room
    return (BurstStep.GATHER if crowded else BurstStep.SEND), None
