"""What a channel is given to send, and what it can say about how that ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A page in HTML that goes with a mail. Other channels send the words alone."""

    file_name: str
    html: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent through a channel, in its final words. The subject is one line: what ends lines in it, a
    property's name or a rule's words, becomes a blank. `is_markup`: the text comes from a template for the
    channel, whose links and mentions count; those in anybody else's words (a rule's, a property's name) do
    not."""

    id: UUID
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    is_markup: bool = False
    enclosed: Enclosed | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", " ".join((self.subject or "").split()))


class SendStatus(StrEnum):
    """How a sending ended. LATER: nothing was sent, and it may be tried again."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SendResult:
    """How a sending ended, and why.

    Attributes:
        status: see `SendStatus`.
        reason: names nobody and nothing secret; empty for what was delivered.
        whole_channel: it speaks of the channel, not of this message.
        retry_after: seconds, as the other side asked.
    """

    status: SendStatus
    reason: str
    whole_channel: bool = False
    retry_after: float | None = None


DELIVERED = SendResult(SendStatus.DELIVERED, "")


def refused(reason: str) -> SendResult:
    """The other side takes this message never, or not for this recipient."""
    return SendResult(SendStatus.REFUSED, reason)


def unknown(reason: str) -> SendResult:
    """The message left, and may have arrived."""
    return SendResult(SendStatus.UNKNOWN, reason)


def later(reason: str, *, whole_channel: bool = False, retry_after: float | None = None) -> SendResult:
    """Nothing was sent, and it may be tried again."""
    return SendResult(SendStatus.LATER, reason, whole_channel, retry_after)


class Channel(Protocol):
    """One configured channel. Never raises for what the other side does."""

    def send(self, recipient: str, message: Message) -> SendResult: ...


_WORST_FIRST = (SendStatus.UNKNOWN, SendStatus.LATER, SendStatus.REFUSED, SendStatus.DELIVERED)


def combined(results: Iterable[SendResult]) -> SendResult:
    """How one message ended that went to several targets: as the worst of them.

    To send it again would be to send it to all of them. So it is for later only while nobody has it.
    """
    ends = sorted(results, key=lambda r: _WORST_FIRST.index(r.status))
    worst, best = ends[0], ends[-1]
    if worst.status is SendStatus.LATER and best.status is SendStatus.DELIVERED:
        return replace(worst, status=SendStatus.UNKNOWN)
    return worst
