"""What people decide about links: linking by hand, ruling a pair out. Each decision is on record with who
took it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import row_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.linking import reviews
from domiq_dagster.sync.linking.reviews import LinkDecision
from domiq_dagster.sync.linking.store import link_conversation, unlink
from domiq_dagster.sync.operator_actions import Deciding, record
from domiq_dagster.sync.queue import lanes

QUERIES = load_queries(__package__, "link_review.sql")


class CannotLink(Exception):
    """The decision makes no sense, or not now; the text says what to do."""


@dataclass(frozen=True, slots=True)
class _Conversation:
    """A conversation that is decided about.

    Attributes:
        linked_with: its lead, if it has one.
        is_known: whether the prospect that is meant was read at its property; person_id: of that.
    """

    conversation_id: UUID
    user_id: UUID | None
    property_id: UUID
    linked_with: str | None
    is_known: bool
    person_id: str | None


def link_by_hand(
    engine: Engine,
    conversation_id: UUID,
    prospect_id: str,
    *,
    by: str,
    why: str | None = None,
    dry_run: bool = False,
) -> None:
    """Links a conversation with a prospect, whatever the rules say, and decides about the pair at once. A
    link with another prospect is closed. The user's other conversations that have no lead follow at the
    next pull. With `dry_run` it is only found out whether it can be done.

    Raises:
        CannotLink: there is no such conversation or lead, or a change is on its way.
    """
    prospect_id = canonical_id(prospect_id)
    with engine.begin() as connection:
        found = _lock(connection, conversation_id, prospect_id)
        if not found.is_known:
            raise CannotLink(
                f"No lead {prospect_id} is known at the conversation's property: check the id, or run "
                "domiq-sync sync if it is new at ResMan."
            )
        if dry_run:
            return
        if found.linked_with is not None:
            _unlink(connection, found, f"linked with another lead by {by}")
        link_conversation(
            connection,
            property_id=found.property_id,
            conversation_id=conversation_id,
            prospect_id=prospect_id,
            person_id=found.person_id,
            linked_by="manual",
        )
        lanes.wake(connection, lanes.NO_CONTACT, conversation_id)
        lanes.wake(connection, lanes.NO_NAME, conversation_id)
        _record(connection, found, prospect_id, reviews.SAME, by, why)
        integrations = load_integrations(connection, property_ids=[found.property_id])
    for integration in integrations:
        apply_property(engine, integration, conversation_id=conversation_id)


def never_link(
    engine: Engine,
    conversation_id: UUID,
    prospect_id: str,
    *,
    by: str,
    why: str | None = None,
    dry_run: bool = False,
) -> None:
    """Rules out that a conversation's user is this prospect. Their link is closed, if there is one. The other
    candidates are looked at when ResMan next tells of them, at the latest in the full read.

    Raises:
        CannotLink: there is no such conversation, or a change is on its way.
    """
    prospect_id = canonical_id(prospect_id)
    with engine.begin() as connection:
        found = _lock(connection, conversation_id, prospect_id)
        if dry_run:
            return
        if found.linked_with == prospect_id:
            _unlink(connection, found, f"ruled out by {by}")
        _record(connection, found, prospect_id, reviews.NEVER, by, why)


def _lock(connection: Connection, conversation_id: UUID, prospect_id: str) -> _Conversation:
    values = {"conversation_id": conversation_id, "prospect_id": prospect_id}
    found = row_as(_Conversation, connection.execute(QUERIES.lock_conversation, values))
    if found is None or found.property_id is None:
        raise CannotLink(f"DomIQ has no conversation {conversation_id} at any property.")
    lanes.lock(connection, conversation_id)
    if lanes.is_under_way(connection, conversation_id):
        raise CannotLink("A change of this conversation is on its way to ResMan: try again in a minute.")
    return found


def _unlink(connection: Connection, found: _Conversation, reason: str) -> None:
    """A conflict about the link ends with it: what waited for that decision goes on at once."""
    assert found.linked_with is not None
    unlink(
        connection,
        property_id=found.property_id,
        conversation_id=found.conversation_id,
        prospect_id=found.linked_with,
        reason=reason,
    )
    lanes.wake(connection, lanes.CONFLICT, found.conversation_id)


def _record(
    connection: Connection, found: _Conversation, prospect_id: str, verdict: str, by: str, why: str | None
) -> None:
    decision = LinkDecision(found.user_id, found.conversation_id, prospect_id, verdict)
    reviews.record_decision(connection, found.property_id, decision, by)
    record(
        connection,
        Deciding.LINK if verdict == reviews.SAME else Deciding.NEVER_LINK,
        by,
        why,
        property_id=found.property_id,
        subject=[found.conversation_id, prospect_id],
        details={"was_linked_with": found.linked_with if found.linked_with != prospect_id else None},
    )
