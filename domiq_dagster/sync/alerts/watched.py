"""What is watched, what can be wrong with it, and how it looks at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domiq_dagster.sync.grants import MissingGrant

NOT_ASKED = frozenset({"breaker_open", "request_in_doubt", "slot_lost", "account_busy", "not_asked"})
"""Outcomes of attempts that never left: the account was not asked."""
OUTAGES = NOT_ASKED | {
    *("unreachable", "no_answer", "busy", "server_fault", "garbled", "bad_credentials", "no_such_endpoint"),
}
"""Kinds of errors, and outcomes, that speak of an account as a whole."""


class TroubleKind(StrEnum):
    """What can be wrong with a property."""

    FAILED_SYNC = "failed_sync"
    OLDEST_PENDING = "oldest_pending"
    DIVERGENCE = "divergence"
    NO_PULL = "no_pull"
    NO_PUSH = "no_push"
    RECORDS = "records_in_trouble"


ALL_KINDS = frozenset(TroubleKind)


@dataclass(frozen=True, slots=True)
class WatchedProperty:
    """One property whose sync is switched on.

    Attributes:
        outbound: whether its changes are sent to ResMan.
        pulled_at: the time of its last good pull; of a property that was never pulled, when it was connected.
        last_error: how its last pull ended: the error's kind, a colon, a sentence; None if it was good.
        open_until: until when its account's breaker is open. It stays set until a request succeeds, also when
            the pause is over and nobody has asked yet.
        open_reason: what kind of error opened the breaker.
        account_paused_at: when the breaker last opened.
        owes_changes: whether a change waits that was to be sent then, and was not tried since or met the
            outage again.
    """

    property_id: UUID
    partition_key: str
    property_name: str
    account_id: str
    outbound: bool
    pulled_at: datetime
    never_pulled: bool
    last_error: str | None
    open_until: datetime | None
    open_reason: str | None
    account_paused_at: datetime | None = None
    owes_changes: bool = False

    @property
    def error_kind(self) -> str | None:
        """The kind of its last pull's error. What stands behind the colon may differ from property to
        property, the kind is what several share."""
        return self.last_error.partition(":")[0] if self.last_error else None

    @property
    def catches_up(self) -> bool:
        """Whether its account was paused, and what had to wait for that was not made up for since.

        It has changes to send from before, or was not pulled since. Whatever else keeps it from being pulled
        is a trouble of its own.
        """
        if self.account_paused_at is None:
            return False
        unread = self.never_pulled or self.pulled_at <= self.account_paused_at
        excused = self.error_kind is None or self.error_kind in OUTAGES
        return self.owes_changes or (unread and excused)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one property looks with regard to one kind of trouble.

    Attributes:
        figures: plain values, by kind: see readings.py. Ages are in seconds.
        reason: a short word that properties with the same trouble share; None where none is on record.
    """

    watched: WatchedProperty
    kind: TroubleKind
    bad: bool
    figures: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CaptureMisses:
    """The status changes that capture could not log. Nobody can tell of which properties they are.

    Attributes:
        changes: how many there are that nothing accounts for yet, or did at the evaluation before.
        outstanding: how many of these nothing accounts for yet.
        since: none of them is older; None where that is not known.
    """

    changes: int
    outstanding: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Readings:
    """All that was read for one evaluation.

    Attributes:
        at: the moment (aware) as of which it was read.
        readings: one a property and kind that was asked for.
        evaluated_before: when the evaluation before this one was; None for the first.
        problems: a sentence for each kind that could not be read. Nobody can tell how it looks.
        misses: what capture could not log; None where it was not read.
        missing_grants: the endpoints that ResMan has not granted, at these properties.
    """

    at: datetime
    properties: Sequence[WatchedProperty]
    readings: Sequence[Reading]
    evaluated_before: datetime | None = None
    problems: Sequence[str] = ()
    misses: CaptureMisses | None = None
    missing_grants: Sequence[MissingGrant] = ()

    @property
    def kinds(self) -> frozenset[TroubleKind]:
        """The kinds that were read."""
        return frozenset(r.kind for r in self.readings)
