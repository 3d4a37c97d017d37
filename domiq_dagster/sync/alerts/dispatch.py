"""Who is told of an alert, and whether the message went out.

The in-app notice for operators, the preferences with status_type `sync_alert` of every property that an alert
touches (an address that several of them name is told once), and the operator's own address. All of it goes
through the outbox, and is written in the transaction that decides it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.texts import Said
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.outbox import Notice, enqueue, operator_notice
from domiq_dagster.sync.notifications.recipients import resolve
from domiq_dagster.sync.notifications.sender import SendReport, deliver_due

QUERIES = load_queries(__package__, "alerts.sql")
IN_APP = "operators"
"""The recipient of the in-app notice, which DomIQ shows to whoever looks after the sync."""
_BUDGET = Budget(seconds=30.0, rows=500)
"""A sensor has a minute for its tick."""


class AlertNotSent(Exception):
    """A message of an alert did not go out. It is on record, and tried again where that can help."""


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """One turn of one alert. property_id: None for a cause; touched: the properties whose preferences say who
    wants to know; n: which turn of the spell it is."""

    alert_id: UUID
    n: int
    property_id: UUID | None
    touched: Sequence[UUID]
    said: Said


def post(connection: Connection, notice: AlertNotice) -> int:
    """Puts the notices of one turn into the outbox, in the caller's transaction. Returns how many."""
    said = notice.said
    notices = [
        Notice(
            notice.property_id,
            "in_app",
            IN_APP,
            said.subject,
            said.body,
            alert_id=notice.alert_id,
            dedup_key=_key(notice, "in_app", IN_APP),
        ),
        operator_notice(
            said.subject,
            said.body,
            property_id=notice.property_id,
            alert_id=notice.alert_id,
            dedup_key=_key(notice, "operator", ""),
        ),
        *_preferred(connection, notice),
    ]
    return enqueue(connection, notices)


def _preferred(connection: Connection, notice: AlertNotice) -> Iterator[Notice]:
    seen = set()
    rows = connection.execute(QUERIES.preferences, {"property_ids": list(notice.touched)}).all()
    for row in rows:
        for address in resolve(connection, row.property_id, row.recipients, row.channel):
            # A role that nobody holds is a problem of its property; an address is the same everywhere.
            key = (row.channel, address.recipient, row.property_id if address.problem else None)
            if key in seen:
                continue
            seen.add(key)
            yield Notice(
                row.property_id,
                row.channel,
                address.recipient,
                notice.said.subject,
                notice.said.body,
                alert_id=notice.alert_id,
                preference_id=row.id,
                urgent=True,
                problem=address.problem,
                dedup_key=_key(notice, *map(str, key)),
            )


def _key(notice: AlertNotice, *whom: str) -> str:
    """The same turn goes to the same address once. A digest, since an address is personal."""
    parts = "\n".join(("alert", str(notice.alert_id), str(notice.n), *whom))
    return hashlib.sha256(parts.encode()).hexdigest()


def send_alerts(engine: Engine, channels: Channels, *, budget: Budget = _BUDGET) -> SendReport:
    """Sends what is due in the outbox, and complains of what does not go out.

    Raises:
        AlertNotSent: a message of an alert waits although its channel was asked, or, told once for each
            message, it was refused or may not have arrived.
    """
    done = deliver_due(engine, channels, budget=budget)
    with engine.begin() as connection:
        waiting = connection.execute(QUERIES.unsent).all()
        lost = connection.execute(QUERIES.complain).all()
    if waiting or lost:
        parts = [
            f"{r.messages} by {r.channel} {r.state} ({r.reason or 'no reason given'})"
            for r in (*lost, *waiting)
        ]
        raise AlertNotSent(
            f"Messages of alerts did not go out: {'; '.join(parts)}. What waits is tried again; see "
            "`domiq-sync alerts list`, and whether the address of the channel in the environment is right."
        )
    return done
