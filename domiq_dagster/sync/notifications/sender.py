"""One notice from its claim to its end. Each step is a transaction that the database's word guards: whoever
no longer holds the lease writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.channels.message import SendResult, SendStatus
from domiq_dagster.sync.notifications.content import NothingToTell, in_words
from domiq_dagster.sync.notifications.recipients import OPERATOR, normal, resolve, zone
from domiq_dagster.sync.notifications.schedule import Settings, Step, burst, quiet_until
from domiq_dagster.sync.notifications.templates import TemplateProblem

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "outbox.sql")
_LONGEST_ASKED = 3600.0
"""Seconds. A service that asks for a longer pause is asked again after it."""


@dataclass(frozen=True, slots=True)
class SendingRules:
    """Times in seconds. `lease` is for preparing a notice; `sending_lease` outlasts the longest conversation
    with a server. A channel that does not answer pauses for up to `first_pause`, doubled with each failure to
    at most `longest_pause`."""

    lease: float = 60.0
    sending_lease: float = 300.0
    first_pause: float = 10.0
    longest_pause: float = 900.0
    most_hours: int = 24
    """For how long a notice is tried whose channel does not take it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one notice ended: its state (or `put_off`), and why. `outage`: the channel is not to be asked
    on."""

    notification_id: UUID
    channel: str
    state: str
    reason: str | None = None
    alert_id: UUID | None = None
    outage: str | None = None


class LostLease(Exception):
    """Somebody else holds the notice now."""


class Worker:
    """Sends the notices of one channel, one after the other."""

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

    def lapsed(self) -> list[Ended]:
        """Gives up what a worker began to send and never settled."""
        with self._engine.begin() as connection:
            rows = connection.execute(QUERIES.lapsed, {"channel": self._channel}).all()
        return [Ended(r.id, r.channel, "unknown", r.state_reason, r.alert_id) for r in rows]

    def slot(self) -> float:
        """Takes the channel's next moment; seconds until then."""
        with self._engine.begin() as connection:
            wait = connection.scalar(QUERIES.slot, {"channel": self._channel})
        return float(wait or 0.0)

    def one(self) -> Ended | None:
        """The next notice to its end; None where nothing is due."""
        while (held := self._take()) is not None:
            try:
                if (ended := self._send(held)) is not None:
                    return ended
            except LostLease:
                logger.warning("notice %s was taken over by another worker", held.id)
        return None

    def _take(self) -> Row[Any] | None:
        """Claims the next notice that may go now. Those that may not are held until they may, or gathered."""
        while True:
            with self._engine.begin() as connection:
                # In turn: two claims for one address would each wait for a row that the other holds.
                connection.execute(QUERIES.claims_in_turn, {"channel": self._channel})
                values = {"channel": self._channel, "worker": self._name, "lease_seconds": self._rules.lease}
                held = connection.execute(QUERIES.claim, values).first()
                if held is None or not self._kept_back(connection, held):
                    return held

    def _kept_back(self, connection: Connection, held: Row[Any]) -> bool:
        """Whether the notice waits for the end of quiet hours, for the end of the window in which its address
        had enough, or went into a digest."""
        if held.alert_id is not None or held.channel in ("in_app", OPERATOR):
            return False
        settings = Settings.of(held)
        until = quiet_until(settings, held.channel, held.urgent, held.now, zone(held.time_zone))
        if until is not None:
            of_place = {"property_id": held.property_id, "urgent_breaks": settings.urgent_breaks_quiet}
            _write(connection, "hold_quiet", held, until=until, **of_place)
            return True
        if held.is_digest:
            return False
        address = {"channel": held.channel, "recipient": held.recipient}
        limits = {"window_minutes": settings.window_minutes, "most_single": settings.most_single}
        lately = connection.execute(QUERIES.told_lately, {**address, **limits}).one()
        step, until = burst(
            settings, held.now, lately.waiting, lately.told, lately.digest_at, lately.digest_waits
        )
        if step is Step.HOLD:
            _write(connection, "hold_address", held, until=until, recipient=held.recipient)
        elif step is Step.GATHER:
            more = {"property_id": held.property_id, "urgent": held.urgent, "recipient": held.recipient}
            _write(connection, "gather", held, **more)
        return step is not Step.SEND

    def _send(self, held: Row[Any]) -> Ended | None:
        with self._engine.begin() as connection:
            if (problem := self._channels.problem(held.channel)) is not None:
                return self._settle(connection, held, "undeliverable", problem)
            address = self._address(connection, held)
            if not isinstance(address, str):
                return address
            try:
                message = in_words(connection, held, self._channels)
            except NothingToTell as error:
                return self._settle(connection, held, "suppressed", str(error))
            except TemplateProblem as error:
                return self._settle(connection, held, "undeliverable", str(error))
            if held.channel == "in_app":
                words = {"id": held.id, "subject": message.subject, "body": message.text}
                connection.execute(QUERIES.put_words, words)
                return self._settle(connection, held, "delivered", None)
            _write(connection, "begin_sending", held, lease_seconds=self._rules.sending_lease)
        result = self._channels.send(held.channel, address, message)
        with self._engine.begin() as connection:
            return self._end(connection, held, result)

    def _address(self, connection: Connection, held: Row[Any]) -> str | Ended | None:
        """The address to send to; or how the notice ended instead; or None where it became several."""
        several: list[str] = []
        if held.channel == OPERATOR:
            if held.recipient != OPERATOR or len(self._channels.operators) == 1:
                return str(held.recipient)
            several = [f"{OPERATOR} {n}" for n in range(1, len(self._channels.operators) + 1)]
        elif (address := normal(held.channel, held.recipient)) is not None:
            return address
        else:
            # A role that nobody held, or that could not be looked up, when the notice was written.
            found = resolve(connection, held.property_id, held.recipient, held.channel)
            several = [a.recipient for a in found if a.problem is None]
            if not several:
                return self._settle(connection, held, "undeliverable", found[0].problem)
        _write(connection, "split", held, recipients=several)
        return None

    def _end(self, connection: Connection, held: Row[Any], result: SendResult) -> Ended:
        if result.status in (SendStatus.DELIVERED, SendStatus.REFUSED):
            connection.execute(QUERIES.open_channel, {"channel": held.channel})
            state = "delivered" if result.status is SendStatus.DELIVERED else "undeliverable"
            return self._settle(connection, held, state, result.reason or None)
        # After an unknown outcome too: one notice is in doubt then, and not all that wait.
        channel_fails = result.whole_channel or result.status is SendStatus.UNKNOWN
        failures = held.attempts
        if channel_fails:
            query = QUERIES.channel_failures
            failures = connection.scalar(query, {"channel": held.channel}) or 0
        ceiling = min(self._rules.longest_pause, self._rules.first_pause * 2.0 ** min(failures, 16))
        asked = min(result.retry_after or 0.0, _LONGEST_ASKED)
        seconds = max(asked, self._jitter() * ceiling)
        if channel_fails:
            values = {"channel": held.channel, "reason": result.reason, "seconds": seconds}
            connection.execute(QUERIES.pause_channel, values)
        if result.status is SendStatus.UNKNOWN:
            ended = self._settle(connection, held, "unknown", result.reason)
            return replace(ended, outage=result.reason)
        limits = {"reason": result.reason, "seconds": seconds, "most_hours": self._rules.most_hours}
        state = _write(connection, "put_off", held, **limits).state
        how = "put_off" if state == "pending" else state
        outage = result.reason if result.whole_channel else None
        return Ended(held.id, held.channel, how, result.reason, held.alert_id, outage)

    def _settle(self, connection: Connection, held: Row[Any], state: str, reason: str | None) -> Ended:
        _write(connection, "settle", held, state=state, reason=reason)
        if held.is_digest and state == "delivered":
            connection.execute(QUERIES.forget_told, {"id": held.id})
        return Ended(held.id, held.channel, state, reason, held.alert_id)


def _write(connection: Connection, query: str, held: Row[Any], **values: Any) -> Any:
    """Runs a statement that names the lease. Raises LostLease where it matches nothing, which rolls back."""
    known = {"id": held.id, "lease_token": held.lease_token, "channel": held.channel}
    result = connection.execute(QUERIES[query], {**known, **values})
    if result.rowcount == 0 and query != "split":
        raise LostLease(f"notice {held.id}")
    return result.first() if result.returns_rows else None
