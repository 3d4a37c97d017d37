"""How a delivery may end, and the times and limits that decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domiq_dagster.resman.errors import Disposition, ResManError, Scope, UnreadableRecord
from domiq_dagster.sync import patience
from domiq_dagster.sync.linking.store import AgreedPair


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """Times in seconds.

    Attributes:
        lease: how long after a worker's last heartbeat another one takes its changes over; it then reads back
            before it sends.
        heartbeat: how often a worker extends its leases.
        longest_hold: for how long it does so.
        fresh: how old our knowledge of a lead may be before it is read again ahead of a post that cannot undo
            anything; ahead of any other it is read in any case.
        first_pause, longest_pause: the bounds of the backoff.
        unknown_pause: the least time before an unknown outcome is read back, since ResMan may still be
            working on a request that we stopped waiting for.
        configuration_pause: how long a change waits for a missing setting or contact before it looks again.
        contact_patience: how long before a change of a lead without e-mail and phone, or without a name,
            fails.
        read_backs: how long after a post of unknown outcome it is looked for, each time; only if it is not
            there the last time is it sent again.
        max_attempts: a number: after so many tries of its own (an outage costs none) a change fails whose
            lead ResMan does not have.
    """

    lease: float = patience.LEASE
    heartbeat: float = patience.HEARTBEAT
    longest_hold: float = patience.LONGEST_HOLD
    fresh: float = 300.0
    first_pause: float = 5.0
    longest_pause: float = 600.0
    unknown_pause: float = patience.UNKNOWN_PAUSE
    configuration_pause: float = 900.0
    contact_patience: float = 14 * 86400.0
    read_backs: Sequence[float] = patience.READ_BACKS
    max_attempts: int = 5


@dataclass(frozen=True, slots=True)
class ShownLead:
    """What a lead shows at ResMan: of which prospect, its main person, and its status in v2's words."""

    prospect_id: str
    person_id: str | None
    status: str


@dataclass(frozen=True, slots=True)
class Settle:
    """The change gets its final status.

    Attributes:
        sync_status: `success` or `failed`.
        outcome, reason: why, in a word and in a sentence.
        prospect_id: its lead, where it is known.
        more: what else goes on record.
        agreed: the pair of statuses that it leaves behind.
        shown: what the lead shows, as our own post left it.
    """

    sync_status: str
    outcome: str
    reason: str
    prospect_id: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    agreed: AgreedPair | None = None
    shown: ShownLead | None = None

    @property
    def explanation(self) -> dict[str, Any]:
        """What goes on record under `context_data.sync`."""
        lead = {} if self.prospect_id is None else {"prospect_id": self.prospect_id}
        return {"outcome": self.outcome, "reason": self.reason, **self.more, **lead}


@dataclass(frozen=True, slots=True)
class Postpone:
    """The change goes back into the queue: nothing is wrong with it.

    Attributes:
        outcome: why, in a word.
        seconds: until it may be claimed again.
        state: `ready`, `waiting` (for a person or a setting) or `unknown` (it may have arrived).
        counted: whether it was a try of its own.
        decide_again: whether the pair of statuses is to be decided about first.
        read_back: whether a post in doubt was looked for, and not found.
    """

    outcome: str
    seconds: float
    state: str = "waiting"
    counted: bool = False
    decide_again: bool = False
    read_back: bool = False


@dataclass(frozen=True, slots=True)
class LostLease:
    """Somebody else holds the change now, or it is gone: nothing is written."""


Outcome = Settle | Postpone | LostLease
"""How one delivery ends."""


def is_of_the_record(error: ResManError) -> bool:
    """Whether an answer says something of this change or this lead alone, which no other try will change."""
    is_refused = error.disposition is Disposition.PERMANENT and error.scope is Scope.CHANGE
    return is_refused or isinstance(error, UnreadableRecord)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of one delivery.

    Attributes:
        result: `success`, `failed`, `postponed` or `lost_lease`.
        outcome: says more, in a word.
        error: what ResMan answered, where that is why.
        state: in which it is postponed; see `Postpone`.
        fault: what the database refused, or our own code could not do, of it or of what follows it.
    """

    result: str
    outcome: str
    error: ResManError | None = None
    state: str | None = None
    fault: str | None = None
