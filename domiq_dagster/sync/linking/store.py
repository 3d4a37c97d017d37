"""Lead links: which prospect a conversation belongs to, and the pair of statuses last agreed about it. The
only writer of the table lead_link. The caller commits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db import direct
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "store.sql")
_GONE = "missing from two full reads, and ResMan has none of this id"


@dataclass(frozen=True, slots=True)
class AgreedPair:
    """The two statuses of a linked lead that are agreed from now on.

    Attributes:
        domiq_status: None where DomIQ's side is to count as moved.
        resman_status: '' where ResMan's is.
        person_id: ResMan's id of the lead's person, where it has been learned.
    """

    conversation_id: UUID
    domiq_status: str | None
    resman_status: str
    person_id: str | None = None


def link_conversation(
    connection: Connection,
    *,
    property_id: UUID,
    conversation_id: UUID,
    prospect_id: str,
    person_id: str | None,
    linked_by: str,
) -> bool:
    """Links a conversation; of several conversations of one lead the newest becomes current.

    Returns:
        False where it was linked already, or was deleted meanwhile.
    """
    values = {
        "property_id": property_id,
        "conversation_id": conversation_id,
        "prospect_id": prospect_id,
        "person_id": person_id,
        "linked_by": linked_by,
    }
    connection.execute(QUERIES.step_back, values)
    return connection.execute(QUERIES.link, values).rowcount == 1


def unlink(
    connection: Connection,
    *,
    property_id: UUID,
    conversation_id: UUID,
    prospect_id: str,
    reason: str,
    own_change: UUID | None = None,
) -> bool:
    """Closes a link, which goes on record with the reason; the lead's newest other conversation speaks for it
    then.

    Args:
        own_change: the change in the caller's hands, whose lead turned out to be none.

    Returns:
        False, with the link left as it is, while a change is on its way to that lead.
    """
    values = {"property_id": property_id, "conversation_id": conversation_id, "prospect_id": prospect_id}
    closing = {**values, "reason": reason, "own_change": own_change}
    closed = connection.execute(QUERIES.unlink, closing).rowcount == 1
    if closed:
        connection.execute(QUERIES.speak_anew, values)
    return closed


def unlink_gone_lead(connection: Connection, property_id: UUID, prospect_id: str) -> None:
    """Closes every link with a prospect that is gone from ResMan."""
    values = {"property_id": property_id, "prospect_id": prospect_id, "reason": _GONE}
    connection.execute(QUERIES.unlink_lead, values)


def carry_agreed(connection: Connection, property_id: UUID) -> None:
    """Lets conversations whose prospect was gone go on, with the one that they were linked with since, from
    the pair last agreed."""
    values = {"property_id": property_id, "reason": _GONE}
    connection.execute(QUERIES.carry_agreed, values)
    connection.execute(QUERIES.mark_relinked, values)


def lock_conversations_of(connection: Connection, property_id: UUID, prospect_id: str) -> list[UUID]:
    """Locks the conversations that are linked with a prospect, save those that somebody else has locked."""
    values = {"property_id": property_id, "prospect_id": prospect_id}
    return list(connection.scalars(QUERIES.lock_conversations, values))


def count_links(connection: Connection, property_id: UUID, prospect_id: str) -> int:
    """How many conversations are linked with a prospect."""
    values = {"property_id": property_id, "prospect_id": prospect_id}
    return connection.scalar(QUERIES.count_links, values) or 0


def speak_for_leads(connection: Connection) -> list[UUID | None]:
    """Has the newest conversation that is left speak for each lead that none speaks for.

    Returns:
        The property of each.
    """
    return list(connection.scalars(QUERIES.speak_for_leads))


def agree(connection: Connection, *pairs: AgreedPair) -> None:
    """Remembers pairs of statuses as agreed, whatever is there."""
    _agree(connection, pairs, unless_moved=False)


def agree_unless_moved(connection: Connection, pairs: Sequence[AgreedPair]) -> None:
    """Remembers those pairs of which DomIQ's side is as it was read, and no change is open."""
    _agree(connection, pairs, unless_moved=True)


def _agree(connection: Connection, pairs: Sequence[AgreedPair], *, unless_moved: bool) -> None:
    direct.fetch(
        connection,
        QUERIES.agree,
        {
            "conversation_ids": [p.conversation_id for p in pairs],
            "pairs": json.dumps(
                [
                    {
                        "id": str(p.conversation_id),
                        "domiq": p.domiq_status,
                        "resman": p.resman_status,
                        "person": p.person_id,
                    }
                    for p in pairs
                ]
            ),
            "unless_moved": unless_moved,
        },
    )


def note_resman_moved(connection: Connection, conversation_id: UUID, resman_status: str) -> None:
    """Remembers ResMan's side alone: our own first post of two moved the lead, which is no news from ResMan
    whatever becomes of the second."""
    values = {"conversation_id": conversation_id, "resman_status": resman_status}
    connection.execute(QUERIES.note_resman_moved, values)
