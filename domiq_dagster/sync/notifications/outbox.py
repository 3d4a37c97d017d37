"""The outbox of notices: what is to be sent to whom, each once.

To send something, put it here in the transaction that decides it; `sender.deliver_due` sends it afterwards:

    enqueue(connection, [Notice(property_id, "email", address.recipient, subject, body, rule_id=..., ...)])

`recipients.resolve` makes addresses of what a preference, a rule or an alert names; an Address with a
`problem` goes in as `Notice(..., problem=address.problem)` and is then visible as undeliverable. Whoever
looks after the sync itself is reached with `operator_notice(...)`, at every address in
DOMIQ_OPERATOR_ADDRESS.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.recipients import OPERATOR

QUERIES = load_queries(__package__, "outbox.sql")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that one recipient is to be told: a row of the outbox before it is written.

    Attributes:
        property_id: whose settings hold for it; None for what concerns no single property.
        channel: email, sms, slack, in_app or operator.
        recipient: an address of the channel, or a role, which becomes addresses when it is sent.
        subject, body: the words. Without a body, a notice that has a `change_id` is put in words when it is
            sent (by `template_id`, or that of its preference): so a lead's name is stored nowhere.
        change_id, preference_id, alert_id, rule_id: what it is about, and on whose account it is sent.
        report_id: of the page that goes with it, where the channel takes one along.
        dedup_key: the same key goes in once. If not given, it stands for who is told what on whose account.
        urgent: may break quiet hours; what is about an alert always does.
        problem: why it cannot be sent at all.
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
    report_id: UUID | None = None
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
        words = () if self.preference_id else (self.subject, self.body, self.template_id)
        parts = json.dumps([*origin, self.channel, self.recipient, *words], default=str)
        return hashlib.sha256(parts.encode()).hexdigest()

    def as_row(self) -> dict[str, Any]:
        """As the outbox's statement takes it."""
        return {
            "property_id": self.property_id,
            "change_id": self.change_id,
            "preference_id": self.preference_id,
            "alert_id": self.alert_id,
            "rule_id": self.rule_id,
            "report_id": self.report_id,
            "channel": self.channel,
            "recipient": self.recipient,
            "subject": self.subject,
            "body": self.body,
            "template_id": self.template_id,
            "dedup_key": self.key,
            "urgent": self.urgent,
            "problem": self.problem,
        }


def operator_notice(
    subject: str,
    body: str,
    *,
    property_id: UUID | None = None,
    alert_id: UUID | None = None,
    dedup_key: str | None = None,
) -> Notice:
    """A notice to whoever looks after the sync.

    It goes to every address in DOMIQ_OPERATOR_ADDRESS, each of which counts by itself. Without that variable
    it is undeliverable, which is visible and can be retried.
    """
    return Notice(
        property_id, OPERATOR, OPERATOR, subject, body, alert_id=alert_id, dedup_key=dedup_key, urgent=True
    )


def enqueue(connection: Connection, notices: Sequence[Notice]) -> int:
    """Puts notices into the outbox, in the caller's transaction.

    In-app ones are delivered with that, the others are pending.

    Returns:
        How many were new.
    """
    return sum(enqueue_counted(connection, notices).values())


def enqueue_counted(connection: Connection, notices: Sequence[Notice]) -> Counter[tuple[str, str]]:
    """As `enqueue`; returns how many were new by channel and state."""
    if not notices:
        return Counter()
    rows = json.dumps([notice.as_row() for notice in notices], default=str)
    new = connection.execute(QUERIES.enqueue, {"notices": rows})
    return Counter((row.channel, row.state) for row in new)
