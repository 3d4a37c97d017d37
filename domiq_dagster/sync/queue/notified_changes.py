"""Notified changes: which ones were looked at for notices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "notified_changes.sql")


@dataclass(frozen=True, slots=True)
class UnnotifiedChange:
    """A change that nobody looked at for notices.

    Attributes:
        new_status: DomIQ's word, as it was logged.
        context_data: as it was logged; of any shape, and personal.
        lead_status: what `new_status` stands for at this property; None where it is no lead status.
    """

    change_id: UUID
    property_id: UUID
    new_status: str | None
    context_data: Any = field(repr=False)
    lead_status: str | None


def lock_unnotified(
    connection: Connection, *, most: int, skipped: Collection[UUID] = ()
) -> list[UnnotifiedChange]:
    """The first changes that nobody looked at for notices, locked until the transaction ends.

    Args:
        connection: in a transaction, which is to call `mark_notified`.
        most: how many at most. Those that somebody else has locked are left out.
        skipped: changes to leave alone.
    """
    rows = connection.execute(QUERIES.lock_unnotified, {"most": most, "skipped": list(skipped)})
    return rows_as(UnnotifiedChange, rows)


def still_unnotified(connection: Connection, change_ids: Collection[UUID]) -> set[UUID]:
    """Those of the changes that are there and that nobody looked at for notices."""
    return set(connection.scalars(QUERIES.still_unnotified, {"change_ids": list(change_ids)}))


def mark_notified(connection: Connection, change_ids: Sequence[UUID]) -> None:
    """Notes that changes were looked at for notices: nobody will be told of them again."""
    connection.execute(QUERIES.mark_notified, {"change_ids": list(change_ids)})
