"""Lanes: what is done to a conversation's deliveries by whoever does not hold one of them.

A lane is the deliveries of one conversation (its id is the ordering key): they go one after the other. Here
are the locks that keep workers away while something else is decided, what wakes a lane or beats its open
changes, and what reconciliation mends. The caller commits.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.errors import NotEntitled

QUERIES = load_queries(__package__, "lanes.sql")
CONFLICT = "conflict"
"""The outcome with which a change waits for a person's decision between the two sides."""
NO_CONTACT = "no_contact"
"""The outcome with which a change waits for an e-mail address or phone."""
IN_DOUBT = "in_doubt"
"""The outcome with which a change waits for a person's word whether it has arrived."""
NEVER_PULLED = "never_pulled"
"""The outcome with which a change from before its property was connected waits for the first pull."""
NOT_ENTITLED = NotEntitled.kind
"""The outcome with which a change waits for a grant of ResMan's."""
NO_NAME = "no_name"
"""The outcome with which a change waits for the user's name."""
_UNDER_WAY = frozenset({"in_flight", "unknown"})


def lock(connection: Connection, *lanes: UUID) -> None:
    """Locks the deliveries of some conversations until the transaction ends: nobody claims one meanwhile."""
    connection.execute(QUERIES.lock, {"lanes": list(lanes)})


def lock_idle(connection: Connection, lanes: Collection[UUID]) -> bool:
    """Locks the deliveries of some conversations, unless somebody else has one of them locked or one is under
    way; waits for nobody.

    Returns:
        Whether all of them are locked, and none is being sent or may have arrived.
    """
    values = {"lanes": list(lanes)}
    states = connection.scalars(QUERIES.lock_free, values).all()
    return connection.scalar(QUERIES.count, values) == len(states) and _UNDER_WAY.isdisjoint(states)


def is_under_way(connection: Connection, lane: UUID) -> bool:
    """Whether a change of a conversation is being sent, or may have arrived."""
    return bool(connection.scalar(QUERIES.is_under_way, {"lane": lane}))


def wake(connection: Connection, outcome: str, *lanes: UUID) -> None:
    """Lets what waits in some conversations go on at once.

    Args:
        outcome: only what was postponed with this one, CONFLICT, NO_CONTACT or NO_NAME.
        lanes: the conversations' ids.
    """
    connection.execute(QUERIES.wake, {"lanes": list(lanes), "outcome": outcome})


def wake_property(connection: Connection, property_id: UUID) -> None:
    """Lets what waits for a property's settings go on at once."""
    connection.execute(QUERIES.wake_property, {"property_id": property_id})


def wake_pulled(connection: Connection, property_id: UUID) -> None:
    """Lets what waited for a property's first pull go on at once."""
    connection.execute(QUERIES.wake_pulled, {"property_id": property_id, "outcome": NEVER_PULLED})


def wake_granted(connection: Connection, property_ids: Collection[UUID]) -> None:
    """Lets what waited for a grant of ResMan's at these properties go on at once."""
    if property_ids:
        values = {"property_ids": list(property_ids), "outcome": NOT_ENTITLED}
        connection.execute(QUERIES.wake_granted, values)


def supersede_open(
    connection: Connection, lane: UUID, prospect_id: str | None, explanation: Mapping[str, Any]
) -> None:
    """Settles a conversation's open changes as beaten.

    Args:
        lane: the conversation's id; locked, and none of its changes is under way.
        prospect_id: its lead, for the record of those that name none.
        explanation: what beat them, for `context_data.sync`: an `outcome`, a `reason` and what else is to be
            told, all of which JSON can hold.
    """
    values = {"lane": lane, "prospect_id": prospect_id, "explanation": json.dumps(explanation)}
    connection.execute(QUERIES.supersede_open, values)


def doubt(connection: Connection, change_ids: Collection[UUID]) -> None:
    """Has changes read back before they are sent."""
    connection.execute(QUERIES.doubt, {"change_ids": list(change_ids)})


# What reconciliation mends: each returns the property of every delivery that it touched.


def heal_heads(connection: Connection) -> list[UUID | None]:
    """Marks the first of each lane that has none marked."""
    return list(connection.scalars(QUERIES.heal_heads))


def expire_leases(connection: Connection) -> list[UUID | None]:
    """Takes deliveries from workers whose leases ran out; their outcome is unknown."""
    return list(connection.scalars(QUERIES.expire_leases))


def drop_idle(connection: Connection) -> list[UUID | None]:
    """Removes deliveries whose change is not pending any more."""
    return list(connection.scalars(QUERIES.drop_idle))


def fail_orphans(connection: Connection) -> list[UUID | None]:
    """Fails pending changes that name no conversation."""
    return list(connection.scalars(QUERIES.fail_orphans))
