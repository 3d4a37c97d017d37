"""Retention: for how long each kind of record is kept, and the least that the sync itself needs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from sqlalchemy import Connection

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.sync.alerts.thresholds import longest_window
from domiq_dagster.sync.notifications.retention import widest_window
from domiq_dagster.sync.pull.overlap import PullRules

_DAY = timedelta(days=1)
LEAST_DAYS = {
    # name in Retention: (days, what looks back so far)
    "attempts_days": (30, "read-backs and a restore look back"),
    "pulls_days": (
        PullRules().late_memory.days + 1,
        "the overlap of pulls and the check for days without one look back",
    ),
    "notices_days": (7, "digests and `domiq-sync notifications` look back"),
    "unread_notices_days": (7, "people look back"),
    "archive_after_days": (30, "matching a change with its move, retries and a restore look back"),
}


class TooShort(DatabaseError):
    """Something would go that is still needed; the text says what, and how long it must stay."""


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days records are kept.

    Attributes:
        attempts_days: each step of getting a change to ResMan.
        pulls_days: each pull, one by one; how many prospects they brought stays counted.
        notices_days: notices that ended; those that DomIQ shows, once they are read.
        unread_notices_days: notices that DomIQ shows and nobody has read.
        archive_after_days: settled rows of status_sync_log, before they move to the archive; None: they stay.
    """

    attempts_days: float = 90
    pulls_days: float = 90
    notices_days: float = 90
    unread_notices_days: float = 365
    archive_after_days: float | None = None

    def check(self, connection: Connection) -> None:
        """Whether all that is still needed is kept.

        Raises:
            TooShort: it is not.
        """
        for field in fields(self):
            days = getattr(self, field.name)
            least, why = LEAST_DAYS[field.name]
            if days is not None and not days >= least:
                raise TooShort(f"{field.name} is {days:g}, and {why}: give {least} or more.")
        window = widest_window(connection)
        if timedelta(days=min(self.notices_days, self.unread_notices_days)) < window:
            raise TooShort(
                f"notices_days is {self.notices_days:g}, and at a property notices to one address are "
                f"counted over {window / _DAY:g} days (notification_settings.window_minutes): keep them at "
                "least as long."
            )
        alerts = longest_window(connection)
        if self.archive_after_days is not None and timedelta(days=self.archive_after_days) < alerts:
            raise TooShort(
                f"archive_after_days is {self.archive_after_days:g}, and an alert counts the changes of "
                f"{alerts / _DAY:g} days (threshold.window_hours): keep them at least as long."
            )
