"""Changes: the place of each row of status_sync_log in the order of all, its property, and what of it is no
news. The caller commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import trouble
from domiq_dagster.sync.trouble import Faults

QUERIES = load_queries(__package__, "changes.sql")


def adopt(connection: Connection, change_ids: Sequence[UUID]) -> None:
    """Gives changes their places and, where they are pending and go out, their deliveries, in this order.
    Those that have them keep them."""
    log_as(connection, "adopted")
    connection.execute(QUERIES.adopt, {"change_ids": list(change_ids)})


def log_as(connection: Connection, writer: str) -> None:
    """Says who logs what this transaction logs from here on: `sync`, or `adopted`, of what was found in the
    log. What nobody says is the application's."""
    connection.execute(QUERIES.log_as, {"writer": writer})


def adopt_unadopted(connection: Connection, faults: Faults) -> list[UUID | None]:
    """Gives a place to each row of the log that has none.

    Args:
        faults: takes what is wrong with those that cannot be given one, by their ids.

    Returns:
        The property of each.
    """
    return _adopt(connection, connection.scalars(QUERIES.unadopted).all(), faults)


def adopt_undelivered(connection: Connection, faults: Faults) -> list[UUID | None]:
    """Gives a delivery to each pending outbound change that has none.

    Args:
        faults: takes what is wrong with those that cannot be given one, by their ids.

    Returns:
        The property of each.
    """
    return _adopt(connection, connection.scalars(QUERIES.undelivered).all(), faults)


def _adopt(connection: Connection, change_ids: Sequence[UUID], faults: Faults) -> list[UUID | None]:
    faults.together({str(i): i for i in change_ids}, partial(adopt, connection), savepoint=connection)
    adopted = [i for i in change_ids if str(i) not in faults.sentences]
    return list(connection.scalars(QUERIES.properties_of, {"change_ids": adopted})) if adopted else []


def note_unadopted(connection: Connection, sentences: Mapping[str, str]) -> None:
    """Notes the changes that could be given no place, or no delivery; what was wrong with the others is over.
    One without a property is noted nowhere.

    Args:
        sentences: what is wrong, by their ids.
    """
    before = trouble.keys_to_take_up(connection, trouble.UNADOPTED)
    trouble.clear(connection, trouble.UNADOPTED, None, set(before) - set(sentences))
    if sentences:
        found = connection.execute(QUERIES.properties_by_log, {"change_ids": list(sentences)})
        by_property: dict[UUID, dict[str, str]] = defaultdict(dict)
        for change_id, property_id in found:
            by_property[property_id][str(change_id)] = sentences[str(change_id)]
        for property_id, said in by_property.items():
            trouble.note(connection, trouble.UNADOPTED, property_id, said)


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
