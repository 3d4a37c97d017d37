"""One notice from its claim to its end. Each step is a transaction that the lease guards: whoever lost it
writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.sync.notifications import channel_state, claims
from domiq_dagster.sync.notifications.bursts import postpone_or_gather
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.channels.message import Message, SendResult, SendStatus
from domiq_dagster.sync.notifications.claims import ClaimedNotice, LostLease
from domiq_dagster.sync.notifications.content import NothingToSend, compose
from domiq_dagster.sync.notifications.recipients import OPERATOR, normal, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem

logger = logging.getLogger(__name__)
POSTPONED = "put_off"
"""How a report calls a notice of which nothing was sent, and which waits."""
_LONGEST_ASKED = 3600.0
"""Seconds. A service that asks for a longer pause is asked again after it."""


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

    lease: float = 60.0
    sending_lease: float = 300.0
    first_pause: float = 10.0
    longest_pause: float = 900.0
    most_hours: int = 24


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """How one notice ended.

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


class ChannelWorker:
    """Sends the notices of one channel, one after the other.

    Args:
        engine: a session a step.
        channels: what can be sent.
        channel: which of them.
        name: this worker's.
        rules: how long things may take.
        jitter: gives 0 to 1, the part of a pause that is taken.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Channels,
        channel: str,
        name: str,
        rules: SendingRules,
        jitter: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._channel = channel
        self._name = name
        self._rules = rules
        self._jitter = jitter

    def give_up_lapsed(self) -> list[NoticeResult]:
        """Settles what a worker began to send and never settled."""
        with self._engine.begin() as connection:
            lapsed = claims.give_up_lapsed(connection, self._channel)
        return [NoticeResult(n.id, n.channel, "unknown", n.state_reason, n.alert_id) for n in lapsed]

    def reserve_send_time(self) -> float:
        """Takes the channel's next moment; seconds until then."""
        with self._engine.begin() as connection:
            return channel_state.reserve_send_time(connection, self._channel)

    def send_next(self) -> NoticeResult | None:
        """Sends the next notice that may go now; None where nothing is due."""
        while (claimed := self._claim()) is not None:
            try:
                if (result := self._send(claimed)) is not None:
                    return result
            except LostLease:
                logger.warning("notice %s was taken over by another worker", claimed.id)
        return None

    def _claim(self) -> ClaimedNotice | None:
        while True:
            with self._engine.begin() as connection:
                claims.lock_channel(connection, self._channel)
                claimed = claims.claim(connection, self._channel, self._name, self._rules.lease)
                if claimed is None or not postpone_or_gather(connection, claimed):
                    return claimed

    def _send(self, claimed: ClaimedNotice) -> NoticeResult | None:
        """None where the notice became several."""
        with self._engine.begin() as connection:
            prepared = self._prepare(connection, claimed)
            if not isinstance(prepared, _Prepared):
                return prepared
            claims.mark_sending(connection, claimed, self._rules.sending_lease)
        result = self._channels.send(claimed.channel, prepared.address, prepared.message)
        with self._engine.begin() as connection:
            return self._end(connection, claimed, result)

    def _prepare(self, connection: Connection, claimed: ClaimedNotice) -> _Prepared | NoticeResult | None:
        """The message and where it goes; or how the notice ended without; or None where it became several."""
        if (problem := self._channels.problem(claimed.channel)) is not None:
            return _settle(connection, claimed, "undeliverable", problem)
        address = self._address(connection, claimed)
        if not isinstance(address, str):
            return address
        try:
            message = compose(connection, claimed, self._channels)
        except NothingToSend as error:
            return _settle(connection, claimed, "suppressed", str(error))
        except TemplateProblem as error:
            return _settle(connection, claimed, "undeliverable", str(error))
        if claimed.channel == "in_app":
            claims.store_text(connection, claimed.id, message.subject, message.text)
            return _settle(connection, claimed, "delivered", None)
        return _Prepared(address, message)

    def _address(self, connection: Connection, claimed: ClaimedNotice) -> str | NoticeResult | None:
        """The address to send to; or how the notice ended instead; or None where it became several."""
        if claimed.channel == OPERATOR:
            operators = len(self._channels.operators)
            if claimed.recipient != OPERATOR or operators == 1:
                return claimed.recipient
            claims.split(connection, claimed, [f"{OPERATOR} {n}" for n in range(1, operators + 1)])
            return None
        if (address := normal(claimed.channel, claimed.recipient)) is not None:
            return address
        # A role that nobody held, or that could not be looked up, when the notice was written.
        found = resolve(connection, claimed.property_id, claimed.recipient, claimed.channel)
        holders = [a.recipient for a in found if a.problem is None]
        if not holders:
            return _settle(connection, claimed, "undeliverable", found[0].problem)
        claims.split(connection, claimed, holders)
        return None

    def _end(self, connection: Connection, claimed: ClaimedNotice, result: SendResult) -> NoticeResult:
        if result.status is SendStatus.DELIVERED:
            channel_state.resume(connection, claimed.channel)
            return _settle(connection, claimed, "delivered", None)
        if result.status is SendStatus.REFUSED:
            channel_state.resume(connection, claimed.channel)
            return _settle(connection, claimed, "undeliverable", result.reason)
        # After an unknown outcome too: one notice is in doubt then, and not all that wait.
        outage = result.whole_channel or result.status is SendStatus.UNKNOWN
        seconds = self._pause_seconds(connection, claimed, result, outage)
        if outage:
            channel_state.pause(connection, claimed.channel, result.reason, seconds)
        if result.status is SendStatus.UNKNOWN:
            return _settle(connection, claimed, "unknown", result.reason, outage=result.reason)
        state = claims.postpone(
            connection, claimed, result.reason, seconds=seconds, most_hours=self._rules.most_hours
        )
        return NoticeResult(
            claimed.id,
            claimed.channel,
            POSTPONED if state == "pending" else state,
            result.reason,
            claimed.alert_id,
            result.reason if outage else None,
        )

    def _pause_seconds(
        self, connection: Connection, claimed: ClaimedNotice, result: SendResult, outage: bool
    ) -> float:
        failures = claimed.attempts
        if outage:
            failures = channel_state.consecutive_failures(connection, claimed.channel)
        longest = min(self._rules.longest_pause, self._rules.first_pause * 2.0 ** min(failures, 16))
        asked = min(result.retry_after or 0.0, _LONGEST_ASKED)
        return max(asked, self._jitter() * longest)


@dataclass(frozen=True, slots=True)
class _Prepared:
    address: str
    message: Message


def _settle(
    connection: Connection,
    claimed: ClaimedNotice,
    state: str,
    reason: str | None,
    *,
    outage: str | None = None,
) -> NoticeResult:
    claims.settle(connection, claimed, state, reason)
    return NoticeResult(claimed.id, claimed.channel, state, reason, claimed.alert_id, outage)
