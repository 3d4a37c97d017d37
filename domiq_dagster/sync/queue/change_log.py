"""The log of changes: what decisions and repair log themselves, and failed changes that are pending again.

Changes that people and the chatbot make are logged by the capture trigger. The caller commits.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import one_as, rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.queue import changes

QUERIES = load_queries(__package__, "change_log.sql")


@dataclass(frozen=True, slots=True)
class AppliedStatus:
    """A status of ResMan's that has just become DomIQ's.

    Attributes:
        domiq_status: what DomIQ showed before it.
        new_status: what DomIQ shows now.
        status_reason: ResMan's own, where it gives one.
        context_data: what goes on record with the change.
    """

    conversation_id: UUID
    property_id: UUID
    prospect_id: str
    domiq_status: str | None
    new_status: str | None
    status_reason: str | None = field(repr=False)
    context_data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change that was logged just now. `old_status` is None for the first of its conversation."""

    id: UUID
    old_status: str | None


def log_inbound(connection: Connection, applied: AppliedStatus) -> UUID:
    """Logs a status of ResMan's that was applied, as a change that has arrived.

    Where the last change logged does not end at the status that DomIQ showed before, what lies between is
    logged first.

    Returns:
        The inbound change.
    """
    values = {
        "conversation_id": applied.conversation_id,
        "property_id": applied.property_id,
        "prospect_id": applied.prospect_id,
        "domiq_status": applied.domiq_status,
        "how": "found when ResMan's status was applied",
        "new_status": applied.new_status,
        "status_reason": applied.status_reason,
        "context": json.dumps(applied.context_data),
    }
    changes.log_as(connection, "sync")
    change_id: UUID = connection.execute(QUERIES.log_inbound, values).scalar_one()
    return change_id


def log_outbound(
    connection: Connection,
    *,
    conversation_id: UUID,
    prospect_id: str,
    agreed_domiq_status: str | None,
    domiq_status: str | None,
    status_reason: str,
) -> NewChange:
    """Logs DomIQ's status as a pending change, which goes on from the last one logged.

    Args:
        agreed_domiq_status: what it goes on from where none was logged.
    """
    values = {
        "conversation_id": conversation_id,
        "prospect_id": prospect_id,
        "agreed_domiq_status": agreed_domiq_status,
        "domiq_status": domiq_status,
        "status_reason": status_reason,
    }
    changes.log_as(connection, "sync")
    return one_as(NewChange, connection.execute(QUERIES.log_outbound, values))


def log_uncaptured(connection: Connection, conversation_ids: Collection[UUID]) -> list[NewChange]:
    """Logs the status of each conversation whose last change says another one, as a pending change.

    Args:
        conversation_ids: of conversations that the caller has locked.
    """
    changes.log_as(connection, "sync")
    values = {"ids": list(conversation_ids)}
    return rows_as(NewChange, connection.execute(QUERIES.log_uncaptured, values))


def log_uncaptured_tours(
    connection: Connection, property_id: UUID, conversation_ids: Collection[UUID]
) -> list[NewChange]:
    """Logs the tour of each conversation at a property whose last change says another time, as a pending
    change with the same status before and after.

    Args:
        conversation_ids: of conversations that the caller has locked.
    """
    changes.log_as(connection, "sync")
    values = {"property_id": property_id, "ids": list(conversation_ids)}
    return rows_as(NewChange, connection.execute(QUERIES.log_uncaptured_tours, values))


def put_back(connection: Connection, change_ids: Collection[UUID], record: Mapping[str, Any]) -> set[UUID]:
    """Makes failed changes pending again, with a record of that in each of them.

    Args:
        record: who asked for it, and how the changes were chosen.

    Returns:
        Those that were failed still. They have no delivery yet: see `changes.adopt`.
    """
    values = {"ids": list(change_ids), "record": json.dumps(record)}
    return set(connection.scalars(QUERIES.put_back, values))
