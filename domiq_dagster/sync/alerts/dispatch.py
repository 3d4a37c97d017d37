"""Who is notified of an alert, and whether the message went out.

The in-app notice for operators, the preferences with status_type `sync_alert` of every property that an
alert touches (an address that several of them name gets one message), and the operator's own address. All of
it goes through the outbox, and is written in the transaction that decides it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.cases import Subject
from domiq_dagster.sync.alerts.incidents import Transition
from domiq_dagster.sync.alerts.texts import AlertText
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.outbox import Notice, enqueue, operator_notice
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.notifications.sender import SendReport, deliver_due
from domiq_dagster.sync.trouble import Faults

QUERIES = load_queries(__package__, "dispatch.sql")
IN_APP = "operators"
"""The recipient of the in-app notice, which DomIQ shows to whoever runs the sync."""
_BUDGET = Budget(seconds=30.0, rows=500)
"""A sensor has a minute for its tick."""


class AlertNotSent(Exception):
    """A message of an alert did not go out. It is on record, and tried again where that can help."""


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """One thing that people are notified of: a transition of an incident.

    Attributes:
        alert_id: the stored incident.
        number: which of its transitions it is, from 1.
        subject: what the alert is about.
        properties: the partition keys of the properties that it is about.
        property_ids: those whose preferences say who wants to know.
    """

    alert_id: UUID
    number: int
    subject: Subject
    transition: Transition
    text: AlertText
    properties: Sequence[str]
    property_ids: Sequence[UUID]


class _Unsent(NamedTuple):
    """Messages of alerts that did not go out by one channel."""

    channel: str
    state: str
    reason: str | None
    messages: int


def enqueue_notice(connection: Connection, notice: AlertNotice) -> int:
    """Puts the notices of one transition into the outbox, in the caller's transaction.

    Returns:
        How many notices that were.
    """
    property_id = notice.subject.property_id
    subject, body = notice.text.subject, notice.text.body
    notices = [
        Notice(
            property_id,
            "in_app",
            IN_APP,
            subject,
            body,
            alert_id=notice.alert_id,
            dedup_key=_key(notice, "in_app", IN_APP),
        ),
        operator_notice(
            subject,
            body,
            property_id=property_id,
            alert_id=notice.alert_id,
            dedup_key=_key(notice, "operator", ""),
        ),
        *_preferred(connection, notice),
    ]
    return enqueue(connection, notices)


def _preferred(connection: Connection, notice: AlertNotice) -> Iterator[Notice]:
    """Notices to whomever the touched properties want notified, each address once."""
    seen = set()
    rows = connection.execute(QUERIES.preferences, {"property_ids": list(notice.property_ids)}).all()
    faults = Faults("the recipients of preference {} cannot be made out")
    for row in rows:
        with faults.of(str(row.id), savepoint=connection):
            found = resolve(connection, row.property_id, row.recipients, row.channel)
        if (said := faults.sentences.get(str(row.id))) is not None:
            found = [Address("(nobody)", problem=f"its recipients cannot be made out: {said}")]
        for address in found:
            # A role that nobody holds is a problem of its property; an address is the same everywhere.
            key = (row.channel, address.recipient, row.property_id if address.problem else None)
            if key in seen:
                continue
            seen.add(key)
            yield Notice(
                row.property_id,
                row.channel,
                address.recipient,
                notice.text.subject,
                notice.text.body,
                alert_id=notice.alert_id,
                preference_id=row.id,
                urgent=True,
                problem=address.problem,
                dedup_key=_key(notice, *map(str, key)),
            )


def _key(notice: AlertNotice, *recipient: str) -> str:
    """The same notice goes to the same recipient once. A digest, since an address is personal."""
    parts = "\n".join(("alert", str(notice.alert_id), str(notice.number), *recipient))
    return hashlib.sha256(parts.encode()).hexdigest()


def send_alerts(engine: Engine, channels: Channels, *, budget: Budget = _BUDGET) -> SendReport:
    """Sends what is due in the outbox, and complains of messages of alerts that do not go out.

    Args:
        channels: how each channel is reached.
        budget: for how long (seconds), and how many messages a channel (rows).

    Returns:
        What was sent, of alerts and of whatever else was due.

    Raises:
        AlertNotSent: a message of an alert waits although its channel was asked; or it was refused or may
            not have arrived, which is raised once for each time that it ended so.
    """
    report = deliver_due(engine, channels, budget=budget)
    with engine.begin() as connection:
        waiting = [_Unsent(*row) for row in connection.execute(QUERIES.unsent)]
        lost = [_Unsent(*row) for row in connection.execute(QUERIES.complain)]
    if waiting or lost:
        parts = [
            f"{u.messages} by {u.channel} {u.state} ({u.reason or 'no reason given'})"
            for u in (*lost, *waiting)
        ]
        raise AlertNotSent(
            f"Messages of alerts did not go out: {'; '.join(parts)}. What waits is tried again; see "
            "`domiq-sync alerts list`, and whether the address of the channel in the environment is right."
        )
    return report
