"""What people decide about links: listing the questions, linking by hand, ruling a pair out. Each decision is
on record with who took it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.linking.store import link_conversation, unlink

QUERIES = load_queries("domiq_dagster.sync.linking", "links.sql")
INBOUND = load_queries("domiq_dagster.sync.decisions", "apply.sql")
_LOCK_LANE = INBOUND.lock_lane


class CannotLink(Exception):
    """The decision makes no sense, or not now; the text says what to do."""


def open_questions(connection: Connection) -> list[dict[str, Any]]:
    """What a person has to answer about links, oldest first. Questions that have answered themselves are
    closed first; the caller commits."""
    connection.execute(QUERIES.close_moot_questions, {"property_id": None})
    return [dict(r._mapping) for r in connection.execute(QUERIES.open_questions)]


def link_by_hand(
    engine: Engine, conversation_id: UUID, prospect_id: str, *, by: str, dry_run: bool = False
) -> None:
    """Links a conversation with a prospect, whatever the rules say, and decides about the pair at once. A
    link with another prospect is closed. The user's other conversations that have no lead follow at the
    next pull. With `dry_run` it is only found out whether it can be done.

    Raises CannotLink.
    """
    with engine.begin() as connection:
        row = _lock(connection, conversation_id, prospect_id)
        if row.known_prospect is None:
            raise CannotLink(
                f"No lead {prospect_id} is known at the conversation's property: check the id, or run "
                "domiq-sync sync if it is new at ResMan."
            )
        if dry_run:
            return
        if row.prospect_id is not None:
            _unlink(connection, row, f"linked with another lead by {by}")
        link_conversation(
            connection,
            property_id=row.property_id,
            conversation_id=conversation_id,
            prospect_id=prospect_id,
            person_id=row.person_id,
            linked_by="manual",
        )
        connection.execute(QUERIES.wake_unlinked, {"conversation_id": conversation_id})
        _record(connection, row, prospect_id, "same", by)
        integrations = load_integrations(connection, property_ids=[row.property_id])
    for integration in integrations:
        apply_property(engine, integration, conversation_id=conversation_id)


def never_link(
    engine: Engine, conversation_id: UUID, prospect_id: str, *, by: str, dry_run: bool = False
) -> None:
    """Rules out that a conversation's user is this prospect. Their link is closed, if there is one. The other
    candidates are looked at when ResMan next tells of them, at the latest in the full read.

    Raises CannotLink.
    """
    with engine.begin() as connection:
        row = _lock(connection, conversation_id, prospect_id)
        if dry_run:
            return
        if row.prospect_id == prospect_id:
            _unlink(connection, row, f"ruled out by {by}")
        _record(connection, row, prospect_id, "never", by)


def _lock(connection: Connection, conversation_id: UUID, prospect_id: str) -> Row[Any]:
    values = {"conversation_id": conversation_id, "prospect_id": prospect_id}
    row = connection.execute(QUERIES.conversation_to_link, values).first()
    if row is None or row.property_id is None:
        raise CannotLink(f"DomIQ has no conversation {conversation_id} at any property.")
    # From here on no worker can claim one of its changes.
    connection.execute(_LOCK_LANE, values)
    if connection.scalar(QUERIES.under_way, values):
        raise CannotLink("A change of this conversation is on its way to ResMan: try again in a minute.")
    return row


def _unlink(connection: Connection, row: Row[Any], reason: str) -> None:
    """A conflict about the link ends with it: what waited for that decision goes on at once."""
    unlink(
        connection,
        property_id=row.property_id,
        conversation_id=row.conversation_id,
        prospect_id=row.prospect_id,
        reason=reason,
    )
    connection.execute(INBOUND.wake_lane, {"conversation_id": row.conversation_id})


def _record(connection: Connection, row: Row[Any], prospect_id: str, verdict: str, by: str) -> None:
    values = {**row._mapping, "prospect_id": prospect_id, "verdict": verdict, "by": by}
    connection.execute(QUERIES.record_decision, values)
    if verdict == "same":
        connection.execute(QUERIES.questions_about, {**values, "resolution": f"{by} decided: {verdict}"})
