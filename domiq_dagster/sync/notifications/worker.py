"""One notice from its claim to its end. Each step is a transaction that the lease guards: whoever lost it
writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from domiq_dagster.sync.notifications import channel_state, claims
from domiq_dagster.sync.notifications.bursts import postpone_or_gather
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.channels.message import Message, SendResult, SendStatus, unknown
from domiq_dagster.sync.notifications.claims import ClaimedNotice
from domiq_dagster.sync.notifications.content import compose
from domiq_dagster.sync.notifications.outcomes import (
    POSTPONED,
    LostLease,
    NoticeResult,
    Outcome,
    Postpone,
    SendingRules,
    Settle,
    Split,
)
from domiq_dagster.sync.notifications.recipients import OPERATOR, normal, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem
from domiq_dagster.sync.trouble import is_lost_database, is_passing, log_fault, sentence

logger = logging.getLogger(__name__)
_LONGEST_ASKED = 3600.0
"""Seconds. A service that asks for a longer pause is asked again after it."""


class ChannelWorker:
    """Sends the notices of one channel, one after the other.

    Attributes:
        channel: which channel.

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
        self.channel = channel
        self._name = name
        self._rules = rules
        self._jitter = jitter

    def give_up_lapsed(self) -> list[NoticeResult]:
        """Settles what a worker began to send and never settled."""
        with self._engine.begin() as connection:
            lapsed = claims.give_up_lapsed(connection, self.channel)
        return [NoticeResult(n.id, n.channel, "unknown", n.state_reason, n.alert_id) for n in lapsed]

    def reserve_send_time(self) -> float:
        """Takes the channel's next moment; seconds until then."""
        with self._engine.begin() as connection:
            return channel_state.reserve_send_time(connection, self.channel)

    def send_next(self) -> NoticeResult | None:
        """Sends the next notice that may go now; None where nothing is due."""
        while (claimed := self._claim()) is not None:
            result = claimed if isinstance(claimed, NoticeResult) else self._send(claimed)
            if result is not None:
                return result
        return None

    def _claim(self) -> ClaimedNotice | NoticeResult | None:
        """The next notice that may go now, or one of which not even that could be found out, with how it
        ended."""
        while True:
            with self._engine.begin() as connection:
                claims.lock_channel(connection, self.channel)
                claimed = claims.claim(connection, self.channel, self._name, self._rules.lease)
                if claimed is None:
                    return None
                try:
                    with connection.begin_nested():
                        waits = postpone_or_gather(connection, claimed)
                except Exception as fault:
                    if is_lost_database(fault):
                        raise
                    log_fault(f"notice {claimed.id}: it could not be found out whether it may go", fault)
                    result = self._store(connection, claimed, self._after_fault(fault))
                    if result is not None:
                        return result
                    continue
                if not waits:
                    return claimed

    def _send(self, claimed: ClaimedNotice) -> NoticeResult | None:
        """None where the notice became several, or another worker has it. What goes wrong with one notice is
        its own outcome; a lost database is raised."""
        try:
            with self._engine.begin() as connection:
                prepared = self._prepare(connection, claimed)
                if not isinstance(prepared, _Prepared):
                    return self._store(connection, claimed, prepared)
        except Exception as fault:
            if is_lost_database(fault):
                raise
            log_fault(f"notice {claimed.id} could not be prepared", fault)
            outcome = self._after_fault(fault)
            with self._engine.begin() as connection:
                return self._store(connection, claimed, outcome)
        try:
            result = self._channels.send(claimed.channel, prepared.address, prepared.message)
        except Exception as fault:
            log_fault(f"notice {claimed.id} could not be sent", fault)
            result = unknown(sentence(fault))
        with self._engine.begin() as connection:
            return self._store(connection, claimed, self._after_sending(connection, claimed, result))

    def _after_fault(self, fault: Exception) -> Settle | Postpone:
        """How a notice ends that could not be made ready: nothing of it was sent."""
        if is_passing(fault):
            return Postpone(sentence(fault), self._rules.first_pause)
        return Settle("undeliverable", sentence(fault))

    def _prepare(self, connection: Connection, claimed: ClaimedNotice) -> _Prepared | Outcome:
        """The message and where it goes, once its sending is on record; or how the notice ends without."""
        if (problem := self._channels.problem(claimed.channel)) is not None:
            # Nobody asked for it: the notice in DomIQ tells of the same, and doctor says what is unset.
            nobody = claimed.channel == OPERATOR and OPERATOR not in self._channels.problems
            return Settle("suppressed" if nobody else "undeliverable", problem)
        address = self._address(connection, claimed)
        if not isinstance(address, str):
            return address
        try:
            message = compose(connection, claimed, self._channels)
        except TemplateProblem as error:
            return Settle("undeliverable", str(error))
        if isinstance(message, Settle):
            return message
        if claimed.channel == "in_app":
            return Settle("delivered", shown=message)
        if not claims.mark_sending(connection, claimed, self._rules.sending_lease):
            return LostLease()
        return _Prepared(address, message)

    def _address(self, connection: Connection, claimed: ClaimedNotice) -> str | Settle | Split:
        """The address to send to; or how the notice ends instead."""
        if claimed.channel == OPERATOR:
            operators = len(self._channels.operators)
            if claimed.recipient != OPERATOR or operators == 1:
                return claimed.recipient
            return Split([f"{OPERATOR} {n}" for n in range(1, operators + 1)])
        if (address := normal(claimed.channel, claimed.recipient)) is not None:
            return address
        # A role that nobody held, or that could not be looked up, when the notice was written.
        found = resolve(connection, claimed.property_id, claimed.recipient, claimed.channel)
        holders = [a.recipient for a in found if a.problem is None]
        return Split(holders) if holders else Settle("undeliverable", found[0].problem)

    def _after_sending(
        self, connection: Connection, claimed: ClaimedNotice, result: SendResult
    ) -> Settle | Postpone:
        """How the notice ends; what its channel showed of itself is noted."""
        if result.status is SendStatus.DELIVERED:
            channel_state.resume(connection, claimed.channel)
            return Settle("delivered")
        if result.status is SendStatus.REFUSED:
            channel_state.resume(connection, claimed.channel)
            return Settle("undeliverable", result.reason)
        # After an unknown outcome too: one notice is in doubt then, and not all that wait.
        outage = result.reason if result.whole_channel or result.status is SendStatus.UNKNOWN else None
        seconds = self._pause_seconds(connection, claimed, result, outage is not None)
        if outage is not None:
            channel_state.pause(connection, claimed.channel, outage, seconds)
        if result.status is SendStatus.UNKNOWN:
            return Settle("unknown", result.reason, outage)
        return Postpone(result.reason, seconds, outage)

    def _pause_seconds(
        self, connection: Connection, claimed: ClaimedNotice, result: SendResult, outage: bool
    ) -> float:
        failures = claimed.attempts
        if outage:
            failures = channel_state.consecutive_failures(connection, claimed.channel)
        longest = min(self._rules.longest_pause, self._rules.first_pause * 2.0 ** min(failures, 16))
        asked = min(result.retry_after or 0.0, _LONGEST_ASKED)
        return max(asked, self._jitter() * longest)

    def _store(self, connection: Connection, claimed: ClaimedNotice, outcome: Outcome) -> NoticeResult | None:
        """Writes how a notice ended. Where its lease was lost, all that the transaction did is undone.

        Returns:
            None where the notice became several, or another worker has it.
        """
        state = self._write(connection, claimed, outcome)
        if state is None:
            connection.rollback()
            logger.warning("notice %s was taken over by another worker", claimed.id)
            return None
        if not isinstance(outcome, Settle | Postpone):
            return None
        return NoticeResult(
            claimed.id, claimed.channel, state, outcome.reason, claimed.alert_id, outcome.outage
        )

    def _write(self, connection: Connection, claimed: ClaimedNotice, outcome: Outcome) -> str | None:
        """The state of the notice, as a report calls it; None where the lease was lost."""
        if isinstance(outcome, Settle):
            if not claims.settle(connection, claimed, outcome.state, outcome.reason):
                return None
            if outcome.shown is not None:
                claims.store_text(connection, claimed.id, outcome.shown.subject, outcome.shown.text)
            return outcome.state
        if isinstance(outcome, Postpone):
            hours = self._rules.most_hours
            state = claims.postpone(
                connection, claimed, outcome.reason, seconds=outcome.seconds, most_hours=hours
            )
            return POSTPONED if state == "pending" else state
        if isinstance(outcome, Split) and claims.split(connection, claimed, outcome.recipients):
            return "suppressed"
        return None


@dataclass(frozen=True, slots=True)
class _Prepared:
    address: str
    message: Message
