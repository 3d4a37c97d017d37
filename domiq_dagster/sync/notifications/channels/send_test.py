"""One test message by a channel, past the outbox: whether its address in the environment is right."""

from __future__ import annotations

import uuid

from domiq_dagster.sync.notifications.channels.channels import OUTWARD, Channels
from domiq_dagster.sync.notifications.channels.message import Message, SendResult, SendStatus
from domiq_dagster.sync.notifications.recipients import OPERATOR, normal
from domiq_dagster.sync.notifications.templates import as_html

_SUBJECT = "DomIQ: a test message"
_BODY = "This is a test of the notices about lead statuses. If you can read it, the channel works."


class CannotSend(Exception):
    """The test message cannot be sent; the text says what to set or write."""


def send_test(channels: Channels, channel: str, recipient: str | None) -> SendResult:
    """Sends a test, and says how that ended; for `operator`, at every address, the first failure.

    Raises:
        CannotSend: there is nothing to send by; the text says what to do.
    """
    if channel not in (*OUTWARD, OPERATOR):
        raise CannotSend(f"There is no channel {channel}: choose {', '.join(OUTWARD)} or {OPERATOR}.")
    if (problem := channels.problem(channel)) is not None:
        raise CannotSend(f"{problem[0].upper()}{problem[1:]}.")
    body = f"{_SUBJECT}. {_BODY}" if channel == "sms" else _BODY
    message = Message(uuid.uuid4(), _SUBJECT, body, as_html(_BODY))
    if channel == OPERATOR:
        results = [s.send(OPERATOR, message) for s in channels.operators]
        return next((r for r in results if r.status is not SendStatus.DELIVERED), results[0])
    if not recipient:
        raise CannotSend(f"Say where to: --test {channel} --to ADDRESS.")
    if (address := normal(channel, recipient)) is None:
        raise CannotSend(f"That is no address for {channel}.")
    return channels.send(channel, address, message)
