"""Logged changes and the workflow rules: claiming those that no rule has looked at, recording the moves that
rules make, marking what was looked at.

What the rules decide is not decided here. All of it happens in the caller's transaction, together with what
the rules do, so that a crash undoes both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.queue import changes

QUERIES = load_queries(__package__, "ruled_changes.sql")


@dataclass(frozen=True, slots=True)
class RuleMove:
    """A move of a lead that a rule has just made.

    Attributes:
        moved_from: the status before it.
        status: the status after it.
        last_seq: of the conversation's changes, the last one's before the move.
        caused_by: the change that triggered the rule.
        depth: how many changes of the chain stand before the move.
    """

    conversation_id: UUID
    property_id: UUID
    moved_from: str | None
    status: str | None
    last_seq: int
    caused_by: UUID
    rule_id: UUID
    depth: int


@dataclass(frozen=True, slots=True)
class RuledChange:
    """A change that the rules have looked at.

    Attributes:
        caused_by: the change that it follows in a chain, where it follows one.
        depth: how many changes of the chain stand before it.
    """

    change_id: UUID
    caused_by: UUID | None
    depth: int


def claim_conversations(
    connection: Connection,
    property_id: UUID,
    connected_at: datetime,
    *,
    skipped: Collection[UUID] = (),
    most: int,
) -> list[UUID]:
    """Claims conversations of a property with changes that no rule has looked at.

    Each is the caller's until its transaction ends: its oldest such change is locked, and whoever claims
    meanwhile passes it over.

    Args:
        connected_at: when the property was connected (aware); what was logged before is no news.
        skipped: conversations to leave alone.
        most: how many are claimed at most.

    Returns:
        The conversations, the longest-waiting first; none where nothing is free.
    """
    values = {
        "property_id": property_id,
        "connected_at": connected_at,
        "skipped": list(skipped),
        "most": most,
    }
    return list(connection.scalars(QUERIES.claim_conversations, values))


def record_move(connection: Connection, move: RuleMove) -> UUID:
    """Sees to it that a move is logged once, as a pending change that another one caused.

    The capture trigger has logged it already, unless it is not there or failed.

    Returns:
        The change.
    """
    logged = {
        "conversation_id": move.conversation_id,
        "property_id": move.property_id,
        "moved_from": move.moved_from,
        "status": move.status,
        "last_seq": move.last_seq,
    }
    captured: UUID | None = connection.scalar(QUERIES.captured_move, logged)
    change_id = captured or _log_move(connection, logged)
    cause = {"caused_by": move.caused_by, "rule_id": move.rule_id, "depth": move.depth}
    connection.execute(QUERIES.link_move, {"change_id": change_id, **cause})
    return change_id


def _log_move(connection: Connection, logged: dict[str, Any]) -> UUID:
    changes.log_as(connection, "sync")
    change_id: UUID = connection.execute(QUERIES.log_move, logged).scalar_one()
    adopted = {"change_id": change_id, **{n: logged[n] for n in ("conversation_id", "status")}}
    connection.execute(QUERIES.adopt_move, adopted)
    return change_id


def mark_ruled(connection: Connection, changes: Sequence[RuledChange]) -> None:
    """Marks changes as looked at, with their place in a chain; no rule looks at them again."""
    if not changes:
        return
    connection.execute(
        QUERIES.mark_ruled,
        {
            "ids": [c.change_id for c in changes],
            "causes": [c.caused_by for c in changes],
            "depths": [c.depth for c in changes],
        },
    )
