"""Changes: the place of each row of status_sync_log in the order of all, its property, and what of it is no
news. The caller commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "changes.sql")


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A change that was just logged; `old_status` is None where it is the first of its conversation."""

    id: UUID
    old_status: str | None


def adopt(connection: Connection, change_ids: Sequence[UUID]) -> None:
    """Gives changes their places and, where they are pending and go out, their deliveries, in this order.
    Those that have them keep them."""
    connection.execute(QUERIES.adopt, {"change_ids": list(change_ids)})


def adopt_unadopted(connection: Connection) -> list[UUID | None]:
    """Gives a place to each row of the log that has none.

    Returns:
        The property of each.
    """
    return _adopt(connection, connection.scalars(QUERIES.unadopted).all())


def adopt_undelivered(connection: Connection) -> list[UUID | None]:
    """Gives a delivery to each pending outbound change that has none.

    Returns:
        The property of each.
    """
    return _adopt(connection, connection.scalars(QUERIES.undelivered).all())


def _adopt(connection: Connection, change_ids: Sequence[UUID]) -> list[UUID | None]:
    if not change_ids:
        return []
    adopt(connection, change_ids)
    return list(connection.scalars(QUERIES.properties_of, {"change_ids": list(change_ids)}))


def find_properties(connection: Connection) -> list[UUID | None]:
    """Finds the property of changes that were logged before their conversation led to one.

    Returns:
        The property of each that has one now.
    """
    return list(connection.scalars(QUERIES.find_properties))


def no_news(connection: Connection, change_ids: Collection[UUID]) -> None:
    """Has no rule run and nobody told of changes that say where a conversation stood before its property was
    connected."""
    connection.execute(QUERIES.no_news, {"change_ids": list(change_ids)})


def no_rules_for_the_past(
    connection: Connection, change_id: UUID, property_id: UUID, prospect_id: str
) -> None:
    """Has no rule run for an inbound change that ResMan had before the property was connected."""
    values = {"change_id": change_id, "property_id": property_id, "prospect_id": prospect_id}
    connection.execute(QUERIES.no_rules_for_the_past, values)
