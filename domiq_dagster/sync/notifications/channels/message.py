"""What a channel is given to send, and what it can say about how that ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in its final words."""

    id: UUID
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)


class Fate(StrEnum):
    """How a sending ended. LATER: nothing was sent, and it may be tried again."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` names nobody and nothing secret. `whole_channel`: it speaks of the channel, not of this
    message. `retry_after`: seconds, as the other side asked."""

    fate: Fate
    reason: str
    whole_channel: bool = False
    retry_after: float | None = None


class Sender(Protocol):
    """One configured channel. Never raises for what the other side does."""

    def send(self, recipient: str, letter: Letter) -> Outcome: ...
