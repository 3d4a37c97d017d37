"""The outbox of notices: what is to be told to whom, and getting it there once.

To send something, put it here in the transaction that decides it; `deliver_due` sends it afterwards:

    enqueue(connection, [Message(property_id, "email", address.recipient, subject, body, rule_id=..., ...)])

`recipients.resolve` makes addresses of what a preference, a rule or an alert names; an Address with a
`problem` goes in as `Message(..., problem=address.problem)` and is then visible as undeliverable. Whoever
looks after the sync itself is reached with `operator_message(...)`, at every address in
DOMIQ_OPERATOR_ADDRESS.

A notice is claimed under a lease, as deliveries to ResMan are, and marked just before its first byte leaves.
A worker that dies before that mark has sent nothing: the notice is claimed again. One that dies after it
leaves an outcome that nobody can ask for: the notice is `unknown`, shown by `domiq-sync notifications`, and
not repeated unless a person says so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.content import gather_in_app
from domiq_dagster.sync.notifications.recipients import OPERATOR
from domiq_dagster.sync.notifications.sender import Ended, SendingRules, Worker

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "outbox.sql")
_LONGEST_WAIT = 10.0
"""Seconds. A channel whose next moment is further off is left to the next call."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notice to one recipient. `channel` is email, sms, slack, in_app or operator.

    Without a body, one that has a `change_id` is put in words when it is sent (by `template_id`, or that of
    its preference): so a lead's name is stored nowhere. `urgent` may break quiet hours; an alert always does.
    `problem` says why it cannot be sent at all. `dedup_key`: the same key goes in once; if not given it
    stands for who is told what on whose account.
    """

    property_id: UUID | None
    channel: str
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    change_id: UUID | None = None
    preference_id: UUID | None = None
    alert_id: UUID | None = None
    rule_id: UUID | None = None
    dedup_key: str | None = None
    template_id: str | None = None
    urgent: bool = False
    problem: str | None = None

    @property
    def key(self) -> str:
        """The key by which it goes in once. A digest, since its parts may be personal."""
        if self.dedup_key is not None:
            return self.dedup_key
        origin = (self.change_id, self.preference_id, self.alert_id, self.rule_id)
        if not any(origin):
            return uuid.uuid4().hex
        said = () if self.preference_id else (self.subject, self.body, self.template_id)
        parts = json.dumps([*origin, self.channel, self.recipient, *said], default=str)
        return hashlib.sha256(parts.encode()).hexdigest()


def operator_message(
    subject: str,
    body: str,
    *,
    property_id: UUID | None = None,
    alert_id: UUID | None = None,
    dedup_key: str | None = None,
) -> Message:
    """A message to whoever looks after the sync: it goes to every address in DOMIQ_OPERATOR_ADDRESS, each of
    which counts by itself. Without that variable it is undeliverable, which is visible and can be retried."""
    return Message(
        property_id, OPERATOR, OPERATOR, subject, body, alert_id=alert_id, dedup_key=dedup_key, urgent=True
    )


def enqueue(connection: Connection, messages: Sequence[Message]) -> int:
    """Puts messages into the outbox, in the caller's transaction. In-app ones are delivered with that, the
    others are pending. Returns how many were new."""
    return sum(enqueue_counted(connection, messages).values())


def enqueue_counted(connection: Connection, messages: Sequence[Message]) -> Counter[tuple[str, str]]:
    """As `enqueue`; returns how many were new by channel and state."""
    if not messages:
        return Counter()
    rows = [
        {
            "property_id": m.property_id,
            "change_id": m.change_id,
            "preference_id": m.preference_id,
            "alert_id": m.alert_id,
            "rule_id": m.rule_id,
            "channel": m.channel,
            "recipient": m.recipient,
            "subject": m.subject,
            "body": m.body,
            "template_id": m.template_id,
            "dedup_key": m.key,
            "urgent": m.urgent,
            "problem": m.problem,
        }
        for m in messages
    ]
    new = connection.execute(QUERIES.enqueue, {"messages": json.dumps(rows, default=str)})
    return Counter((row.channel, row.state) for row in new)


@dataclass(slots=True)
class Delivered:
    """What a delivery did: how many notices ended in which state, by channel and state (`put_off`: nothing
    was sent, and they wait). `failures`: those that ended undeliverable or unknown. `outages`: channels that
    had to be left, and why."""

    by_state: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Ended] = field(default_factory=list)
    outages: dict[str, str] = field(default_factory=dict)
    ended: str = "nothing more is due"

    def total(self, state: str) -> int:
        return sum(count for (_, found), count in self.by_state.items() if found == state)

    def note(self, ended: Ended) -> None:
        self.by_state[ended.channel, ended.state] += 1
        if ended.state in ("undeliverable", "unknown"):
            self.failures.append(ended)
            logger.warning(
                "notice %s by %s is %s: %s", ended.notification_id, ended.channel, ended.state, ended.reason
            )


def deliver_due(
    engine: Engine,
    channels: Channels,
    *,
    budget: Budget | None = None,
    rules: SendingRules | None = None,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> Delivered:
    """Sends what is due until nothing more is, the budget (seconds, and messages per channel) is used up, or
    `stop` says so. Channels go side by side; each keeps the pace that all workers share, and is left where it
    does not answer. `jitter` gives 0 to 1."""
    budget, rules = budget or Budget(), rules or SendingRules()
    report = Delivered()
    with engine.begin() as connection:
        connection.execute(QUERIES.forget)
        gather_in_app(connection, channels.templates)
    with engine.begin() as connection:
        due = list(connection.scalars(QUERIES.due_channels))
    if not due:
        return report
    ends = clock() + budget.seconds

    def serve(channel: str) -> tuple[list[Ended], str | None, str | None]:
        worker = Worker(engine, channels, channel, worker_name(), rules, jitter)
        found: list[Ended] = worker.lapsed()
        for _ in range(budget.rows):
            if stop() or clock() >= ends:
                return found, None, "asked to stop" if stop() else "the time budget is used up"
            wait = worker.slot()
            if wait > _LONGEST_WAIT:
                return found, None, "the pace of a channel"
            if wait > 0:
                pause(wait)
            ended = worker.one()
            if ended is None:
                return found, None, None
            found.append(ended)
            if ended.outage is not None:
                return found, ended.outage, None
        return found, None, "the row budget is used up"

    with ThreadPoolExecutor(max_workers=len(due), thread_name_prefix="notices") as pool:
        for channel, (found, outage, why) in zip(due, pool.map(serve, due), strict=True):
            for ended in found:
                report.note(ended)
            if outage is not None:
                report.outages[channel] = outage
            report.ended = why or report.ended
    return report


@dataclass(frozen=True, slots=True)
class Due:
    """Whether changes wait to be looked at for notices, and whether notices wait to be sent."""

    changes: bool
    messages: bool


def due(connection: Connection) -> Due:
    """What a call of `notify_changes` and `deliver_due` would find to do now."""
    row = connection.execute(QUERIES.due).one()
    return Due(row.changes, row.messages)
