"""How the outbox stands: what waits, what did not arrive and why; and retrying it, when a person says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.channel_state import PausedChannel, paused_channels
from domiq_dagster.sync.operator_actions import Deciding, record

QUERIES = load_queries(__package__, "status.sql")
RECENT_HOURS = 24
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class UndeliveredNotice:
    """A notice that is undeliverable or unknown. `recipient` is somebody's address or a role."""

    notification_id: UUID
    property_id: UUID | None
    change_id: UUID | None
    alert_id: UUID | None
    channel: str
    recipient: str = field(repr=False)
    state: str
    reason: str | None
    created_at: datetime
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class UndeliveredCount:
    """How many notices ended so of late."""

    channel: str
    state: str
    reason: str | None
    notices: int


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How the outbox stands.

    Attributes:
        counts: by channel and state, of what waits and of what was settled in the recent hours.
        undelivered: the latest of those that did not arrive for certain.
        paused: channels that do not answer.
    """

    counts: dict[str, dict[str, int]]
    undelivered: Sequence[UndeliveredNotice]
    paused: Sequence[PausedChannel]


@dataclass(frozen=True, slots=True)
class Due:
    """Whether changes wait to be looked at for notices, and whether notices wait to be sent."""

    changes: bool
    notices: bool


def outbox_status(
    connection: Connection, property_id: UUID | None = None, *, hours: int = RECENT_HOURS
) -> OutboxStatus:
    """How the outbox stands, for one property or all of them.

    Args:
        connection: any.
        property_id: None for all.
        hours: how far back what was settled is looked at.
    """
    chosen = {"property_id": property_id, "hours": hours}
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(QUERIES.counts, chosen):
        counts.setdefault(row.channel, {})[row.state] = row.notices
    rows = connection.execute(QUERIES.undelivered, {**chosen, "most": _SHOWN})
    undelivered = rows_as(UndeliveredNotice, rows)
    return OutboxStatus(counts, undelivered, paused_channels(connection))


def undelivered_counts(connection: Connection, *, hours: int = RECENT_HOURS) -> list[UndeliveredCount]:
    """What did not arrive in the recent hours, by channel, state and reason, most first."""
    rows = connection.execute(QUERIES.undelivered_counts, {"hours": hours})
    return rows_as(UndeliveredCount, rows)


def retry(
    engine: Engine,
    *,
    ids: Sequence[UUID] = (),
    all_undeliverable: bool = False,
    property_id: UUID | None = None,
    hours: int = RECENT_HOURS,
    by: str | None = None,
    why: str | None = None,
) -> int:
    """Makes notices pending again.

    Args:
        engine: of DomIQ's database.
        ids: these. They may be unknown, and then perhaps arrive twice.
        all_undeliverable: the recent undeliverable ones too.
        property_id: of this property alone; None for all.
        hours: which ones are recent.
        by: who asks for it, for the record; and why.

    Returns:
        How many.
    """
    chosen = {
        "ids": list(ids),
        "all_undeliverable": all_undeliverable,
        "property_id": property_id,
        "hours": hours,
    }
    with engine.begin() as connection:
        retried = len(connection.execute(QUERIES.retry, chosen).all())
        if retried:
            record(
                connection,
                Deciding.RETRY_NOTICES,
                by,
                why,
                property_id=property_id,
                subject=ids,
                details={"notices": retried},
            )
        return retried


def due(connection: Connection) -> Due:
    """What a call of `notify_changes` and `deliver_due` would find to do now."""
    return Due(**connection.execute(QUERIES.due).one()._mapping)
