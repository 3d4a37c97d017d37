"""Link reviews: links that a person must decide, and what people decided about links. The caller commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "reviews.sql")
SAME, NEVER = "same", "never"


@dataclass(frozen=True, slots=True)
class LinkReview:
    """A link that a person must decide: see docs/linking.md for the kinds.

    Attributes:
        prospect_ids: those that it is about, the first of which it is listed under.
        candidates: how many users or prospects fit.
    """

    kind: str
    prospect_ids: tuple[str, ...]
    conversation_ids: tuple[UUID, ...]
    reason: str
    candidates: int


def open_review(connection: Connection, property_id: UUID, review: LinkReview) -> None:
    """Lists a review. Nothing is written where it is listed already."""
    connection.execute(
        QUERIES.open_review,
        {
            "property_id": property_id,
            "prospect_id": review.prospect_ids[0],
            "kind": review.kind,
            "reason": review.reason,
            "candidates": review.candidates,
            "prospect_ids": list(review.prospect_ids),
            "conversation_ids": list(review.conversation_ids),
        },
    )


def close_reviews(
    connection: Connection, property_id: UUID, prospect_ids: Collection[str], resolution: str
) -> None:
    """Closes the reviews that are listed under these prospects, with how they ended."""
    values = {"property_id": property_id, "prospect_ids": list(prospect_ids), "resolution": resolution}
    connection.execute(QUERIES.close_reviews, values)


def close_moot_reviews(connection: Connection, property_id: UUID | None = None) -> None:
    """Closes the reviews, of one property or of all, that have answered themselves."""
    connection.execute(QUERIES.close_moot, {"property_id": property_id})


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A link review that waits for a person.

    Attributes:
        partition_key: its property's; None where that is not connected.
        prospect_id: the prospect that it is listed under.
        prospect_ids: all that it is about.
    """

    partition_key: str | None
    kind: str
    reason: str
    prospect_id: str
    prospect_ids: list[str]
    conversation_ids: list[UUID]
    asked_at: datetime


def open_reviews(connection: Connection) -> list[OpenReview]:
    """What a person has to decide about links, the oldest first."""
    return rows_as(OpenReview, connection.execute(QUERIES.open_reviews))


@dataclass(frozen=True, slots=True)
class LinkDecision:
    """What a person decided about a conversation (or another of the same user) and a prospect: `same` or
    `never`."""

    user_id: UUID | None
    conversation_id: UUID
    prospect_id: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What people decided about one person's links: the prospects that are theirs, and that never are."""

    same: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


NOTHING_DECIDED = Decided()


def decisions_of(connection: Connection, property_id: UUID) -> list[LinkDecision]:
    """What people decided about a property's links; of several about one pair the last."""
    values = {"property_id": property_id, "conversation_id": None, "user_id": None}
    return rows_as(LinkDecision, connection.execute(QUERIES.decisions, values))


def decided_about(
    connection: Connection, property_id: UUID, conversation_id: UUID, user_id: UUID | None
) -> Decided:
    """What people decided about the links of a conversation, or of another of the same user."""
    values = {"property_id": property_id, "conversation_id": conversation_id, "user_id": user_id}
    found = rows_as(LinkDecision, connection.execute(QUERIES.decisions, values))
    return Decided(
        frozenset(d.prospect_id for d in found if d.verdict == SAME),
        frozenset(d.prospect_id for d in found if d.verdict == NEVER),
    )


def record_decision(connection: Connection, property_id: UUID, decision: LinkDecision, by: str) -> None:
    """Puts on record what a person decided. That a pair is the same answers the reviews about it."""
    values = {
        "property_id": property_id,
        "conversation_id": decision.conversation_id,
        "user_id": decision.user_id,
        "prospect_id": decision.prospect_id,
        "verdict": decision.verdict,
        "by": by,
        "resolution": f"{by} decided: {decision.verdict}",
    }
    connection.execute(QUERIES.record_decision, values)
    if decision.verdict == SAME:
        connection.execute(QUERIES.close_reviews_about, values)
