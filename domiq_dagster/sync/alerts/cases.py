"""What an alert is about, and how it looks at one evaluation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domiq_dagster.sync.alerts.incidents import AlertRules, Observation
from domiq_dagster.sync.alerts.thresholds import Threshold
from domiq_dagster.sync.alerts.watched import CaptureMisses, Reading, WatchedProperty

CREDENTIALS = "credentials"
RESMAN_DOWN = "resman_down"
STANDSTILL = "standstill"
CAPTURE_MISSES = "capture_misses"
NOT_ENTITLED = "not_entitled"
SHARED = "shared:"
"""Before the kind of trouble and its reason, of a cause that is known by them alone."""

_OPEN_AFTER = {CREDENTIALS: timedelta(minutes=2), RESMAN_DOWN: timedelta(minutes=5)}
"""A breaker that opens and closes again at once is no news; other kinds have waited in their thresholds."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about: one kind of trouble of a property, or (property_id None) a cause."""

    property_id: UUID | None
    kind: str


@dataclass(frozen=True, slots=True)
class IncidentCase:
    """A subject as one evaluation found it.

    Attributes:
        observation: how it looks.
        rules: the times of its incident.
        members: the readings that are bad because of it.
        properties: all properties that it touches.
        accounts: of a cause that is about accounts, the reason by account.
        unwatched_since: since when nobody had watched, of a standstill that is only seen now.
        misses: what capture could not log, of the alert about that.
    """

    subject: Subject
    observation: Observation
    rules: AlertRules
    members: tuple[Reading, ...] = ()
    properties: tuple[WatchedProperty, ...] = ()
    accounts: Mapping[str, str] = field(default_factory=dict)
    unwatched_since: datetime | None = None
    misses: CaptureMisses | None = None

    def figures(self) -> dict[str, Any]:
        """What goes on record with the alert, as plain values."""
        if self.subject.property_id is not None:
            return dict(self.members[0].figures) if self.members else {}
        missed = {"misses": self.misses.changes} if self.misses and self.misses.changes else {}
        return {
            **missed,
            "properties": [p.partition_key for p in self.properties],
            "property_ids": [str(p.property_id) for p in self.properties],
            "accounts": dict(self.accounts),
            "unwatched_since": self.unwatched_since.isoformat() if self.unwatched_since else None,
        }


def rules_of(threshold: Threshold, kind: str) -> AlertRules:
    """The times of an incident of this kind, as the threshold in force has them."""
    return AlertRules(
        open_after=_OPEN_AFTER.get(kind, timedelta(0)),
        recover_after=timedelta(minutes=threshold.recover_minutes),
        reopen_within=timedelta(minutes=threshold.reopen_minutes),
        remind_after=timedelta(hours=threshold.reminder_hours),
    )
