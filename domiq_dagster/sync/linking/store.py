"""What is stored of links: which prospect a conversation belongs to, what people decided about that, and
what they have to be asked. The caller commits."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.linking.matching import NONE_SHARED, SharedContacts, shared_contacts

QUERIES = load_queries(__package__, "links.sql")


def link_conversation(
    connection: Connection,
    *,
    property_id: UUID,
    conversation_id: UUID,
    prospect_id: str,
    person_id: str | None,
    linked_by: str,
) -> bool:
    """Links a conversation; of several conversations of one lead the newest becomes current. Returns
    False where it was linked already."""
    values = {
        "property_id": property_id,
        "conversation_id": conversation_id,
        "prospect_id": prospect_id,
        "person_id": person_id,
        "linked_by": linked_by,
    }
    connection.execute(QUERIES.step_back, values)
    return connection.execute(QUERIES.link_conversation, values).rowcount == 1


def unlink(
    connection: Connection, *, property_id: UUID, conversation_id: UUID, prospect_id: str, reason: str
) -> bool:
    """Closes a link, which goes on record with the reason; the lead's newest other conversation speaks for it
    then. Returns False, and leaves it, while a change is on its way to that lead."""
    values = {"property_id": property_id, "conversation_id": conversation_id, "prospect_id": prospect_id}
    closed = connection.execute(QUERIES.unlink, {**values, "reason": reason}).rowcount == 1
    if closed:
        connection.execute(QUERIES.speak_anew, values)
    return closed


def staff_contacts(connection: Connection, property_id: UUID) -> SharedContacts:
    """E-mails and phones of DomIQ's managers at the property's company."""
    if connection.scalar(text("SELECT to_regclass('public.property_manager')")) is None:
        return NONE_SHARED
    rows = connection.execute(QUERIES.staff, {"property_id": property_id})
    return shared_contacts((row.email, row.phone) for row in rows)


@dataclass(frozen=True, slots=True)
class Decided:
    """What people decided about one person's links: the prospects that are theirs, and that never are."""

    same: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


NOTHING_DECIDED = Decided()


def decided_about(
    connection: Connection, property_id: UUID, conversation_id: UUID, user_id: UUID | None
) -> Decided:
    """What people decided about the links of a conversation, or of another of the same user."""
    rows = connection.execute(
        QUERIES.decisions,
        {"property_id": property_id, "conversation_id": conversation_id, "user_id": user_id},
    ).all()
    return Decided(
        frozenset(r.prospect_id for r in rows if r.verdict == "same"),
        frozenset(r.prospect_id for r in rows if r.verdict == "never"),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What a person has to answer about links: see docs/linking.md for the kinds."""

    kind: str
    prospect_ids: tuple[str, ...]
    conversation_ids: tuple[UUID, ...]
    reason: str
    candidates: int


def ask(connection: Connection, property_id: UUID, question: Question) -> None:
    """Puts a question on the list. Nothing is written where it stands there already."""
    connection.execute(
        QUERIES.ask_about_link,
        {
            "property_id": property_id,
            "prospect_id": question.prospect_ids[0],
            "kind": question.kind,
            "reason": question.reason,
            "candidates": question.candidates,
            "prospect_ids": list(question.prospect_ids),
            "conversation_ids": list(question.conversation_ids),
        },
    )
