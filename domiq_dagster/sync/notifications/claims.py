"""Notices that are being sent: claiming, settling and postponing them.

A notice is claimed under a lease, as deliveries to ResMan are, and marked just before its first byte leaves.
A worker that dies before that mark has sent nothing: the notice is claimed again. One that dies after it
leaves an outcome that nobody can ask for: the notice is `unknown`, shown by `domiq-sync notifications`, and
not repeated unless a person says so.

Every write after a claim names the lease token that the claim gave. A worker that lost its lease matches no
row: it is told so, and rolls back what else its transaction did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, TextClause

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.recipients import zone
from domiq_dagster.sync.notifications.schedule import NotificationSettings

QUERIES = load_queries(__package__, "claims.sql")


@dataclass(frozen=True, slots=True)
class ClaimedNotice:
    """A notice that this worker has until its lease ends.

    Attributes:
        recipient: an address of the channel, or a role.
        subject, body: the words, where it came with some.
        report_id: of the page that goes with it.
        attempts: how often it was tried before.
        template_id: of its preference, else its own.
        settings: of its property.
        zone: the property's.
        now: when it was claimed, by the database's clock.
    """

    id: UUID
    property_id: UUID | None
    change_id: UUID | None
    alert_id: UUID | None
    report_id: UUID | None
    channel: str
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    urgent: bool
    is_digest: bool
    attempts: int
    lease_token: int
    template_id: str | None
    settings: NotificationSettings
    zone: ZoneInfo
    now: datetime


@dataclass(frozen=True, slots=True)
class LapsedNotice:
    """A notice whose worker began to send it and did not come back."""

    id: UUID
    channel: str
    alert_id: UUID | None
    state_reason: str


def lock_channel(connection: Connection, channel: str) -> None:
    """Keeps others from claiming notices of this channel until the transaction ends."""
    connection.execute(QUERIES.lock_channel_claims, {"channel": channel})


def claim(connection: Connection, channel: str, worker: str, lease_seconds: float) -> ClaimedNotice | None:
    """Claims the longest-due notice of a channel, which `lock_channel` has locked. None where none is due."""
    values = {"channel": channel, "worker": worker, "lease_seconds": lease_seconds}
    row = connection.execute(QUERIES.claim, values).first()
    return None if row is None else _claimed(row)


def _claimed(row: Row[Any]) -> ClaimedNotice:
    return ClaimedNotice(
        id=row.id,
        property_id=row.property_id,
        change_id=row.change_id,
        alert_id=row.alert_id,
        report_id=row.report_id,
        channel=row.channel,
        recipient=row.recipient,
        subject=row.subject,
        body=row.body,
        urgent=row.urgent,
        is_digest=row.is_digest,
        attempts=row.attempts,
        lease_token=row.lease_token,
        template_id=row.template_id,
        settings=NotificationSettings.of(row),
        zone=zone(row.time_zone),
        now=row.now,
    )


def mark_sending(connection: Connection, claimed: ClaimedNotice, lease_seconds: float) -> bool:
    """Notes that the first byte is about to leave; the lease then lasts that long.

    Returns:
        Whether it was the worker's own still, and had not run out.
    """
    return under_lease(connection, QUERIES.mark_sending, claimed, lease_seconds=lease_seconds) is not None


def settle(connection: Connection, claimed: ClaimedNotice, state: str, reason: str | None) -> bool:
    """Gives a notice its final state: delivered, undeliverable, unknown or suppressed.

    Returns:
        Whether the lease was the worker's own still.
    """
    if under_lease(connection, QUERIES.settle, claimed, state=state, reason=reason) is None:
        return False
    if claimed.is_digest and state == "delivered":
        connection.execute(QUERIES.clear_digested_texts, {"id": claimed.id})
    return True


def postpone(
    connection: Connection, claimed: ClaimedNotice, reason: str, *, seconds: float, most_hours: int
) -> str | None:
    """Postpones a notice of which nothing was sent: it may be claimed again after `seconds`.

    Returns:
        Its state: pending; or undeliverable, where it has been tried for more than `most_hours`. None where
        the lease was not the worker's own any more.
    """
    values = {"reason": reason, "seconds": seconds, "most_hours": most_hours}
    postponed = under_lease(connection, QUERIES.postpone, claimed, **values)
    return None if postponed is None else str(postponed.state)


def split(connection: Connection, claimed: ClaimedNotice, recipients: Sequence[str]) -> bool:
    """Puts a notice for each of these addresses in the place of this one.

    Returns:
        Whether the lease was the worker's own still.
    """
    return under_lease(connection, QUERIES.split, claimed, recipients=list(recipients)) is not None


def give_up_lapsed(connection: Connection, channel: str) -> list[LapsedNotice]:
    """Settles what a worker began to send and never settled, as unknown."""
    rows = connection.execute(QUERIES.give_up_lapsed, {"channel": channel})
    return rows_as(LapsedNotice, rows)


def store_text(connection: Connection, notice_id: UUID, subject: str, body: str) -> None:
    """Stores the words of an in-app notice, which DomIQ shows."""
    connection.execute(QUERIES.store_text, {"id": notice_id, "subject": subject, "body": body})


def clear_old_texts(connection: Connection) -> None:
    """Deletes the words of what could not be delivered, once nobody will want to retry it any more."""
    connection.execute(QUERIES.clear_old_texts)


def under_lease(
    connection: Connection, query: TextClause, claimed: ClaimedNotice, **values: object
) -> Row[Any] | None:
    """Runs a statement that names the lease.

    Returns:
        The first row that it returns. None where it matches nothing, since the lease was lost: what else the
        transaction did is to be rolled back.
    """
    known = {"id": claimed.id, "lease_token": claimed.lease_token, "channel": claimed.channel}
    return connection.execute(query, {**known, **values}).first()
