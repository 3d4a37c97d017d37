"""How a claimed notice may end, and the times and limits that decide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domiq_dagster.sync import patience
from domiq_dagster.sync.notifications.channels.message import Message

POSTPONED = "put_off"
"""How a report calls a notice of which nothing was sent, and which waits."""


@dataclass(frozen=True, slots=True)
class SendingRules:
    """How long things may take; times in seconds.

    Attributes:
        lease: for preparing a notice.
        sending_lease: outlasts the longest conversation with a server.
        first_pause: a channel that does not answer pauses for up to so long, doubled with each failure,
        longest_pause: to at most this.
        most_hours: for how long a notice is tried whose channel does not take it.
    """

    lease: float = patience.NOTICE_LEASE
    sending_lease: float = patience.SENDING_LEASE
    first_pause: float = 10.0
    longest_pause: float = 900.0
    most_hours: int = 24


@dataclass(frozen=True, slots=True)
class Settle:
    """The notice gets its final state.

    Attributes:
        state: `delivered`, `undeliverable`, `unknown` or `suppressed`.
        reason: why; names nobody. None where it was delivered.
        outage: why the channel is not to be asked on.
        shown: the words that DomIQ shows of it, for an in-app notice.
    """

    state: str
    reason: str | None = None
    outage: str | None = None
    shown: Message | None = None


@dataclass(frozen=True, slots=True)
class Postpone:
    """The notice goes back into the outbox: nothing was sent.

    Attributes:
        reason: why; names nobody.
        seconds: until it may be claimed again.
        outage: why the channel is not to be asked on.
    """

    reason: str
    seconds: float
    outage: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A notice for each of these addresses takes its place."""

    recipients: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LostLease:
    """Somebody else has claimed the notice, or it is settled: nothing is written."""


Outcome = Settle | Postpone | Split | LostLease
"""How one claimed notice ends."""


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What became of one notice.

    Attributes:
        state: its state in the outbox, or `put_off`.
        reason: why; names nobody.
        outage: why the channel is not to be asked on.
    """

    notice_id: UUID
    channel: str
    state: str
    reason: str | None = None
    alert_id: UUID | None = None
    outage: str | None = None
