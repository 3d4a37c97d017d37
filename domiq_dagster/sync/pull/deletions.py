"""Prospects that are gone from ResMan: deleted, or merged into another card.

One that is stored, and missing from the whole answer of a full re-read that should have brought it, is noted.
It is taken for gone when a second full re-read misses it as well and ResMan, asked for it by its id, has
none. Then its links are closed, which goes on record, and their conversations are free for the ordinary
linking, which finds the card that survived a merge by its contact. A full read that lacks suspiciously much
concludes nothing (see `overlap.too_short`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import one_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError, Scope
from domiq_dagster.sync.decisions.conflict_store import end_conflicts
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.reviews import close_reviews
from domiq_dagster.sync.linking.store import count_links, lock_conversations_of, unlink_gone_lead
from domiq_dagster.sync.pull.overlap import PullRules, too_short
from domiq_dagster.sync.queue import lanes

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "deletions.sql")
_GONE = "the prospect is gone from ResMan"


@dataclass(frozen=True, slots=True)
class FullRead:
    """A whole answer to a full re-read: what it asked for since, when it began, and how many prospects
    came."""

    modified_since: datetime
    started_at: datetime
    fetched: int


@dataclass(frozen=True, slots=True)
class MissingLeads:
    """What a full read lacked; `rejected_reason` says why nothing is concluded from it."""

    missing: int = 0
    rejected_reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Expected:
    """How many stored prospects a full read should have brought, and how many of them it did not."""

    known: int
    missing: int


def note_missing(
    connection: Connection, property_id: UUID, read: FullRead, rules: PullRules, *, believe_short: bool
) -> MissingLeads:
    """Notes who is missing from a full read, unless it is suspiciously short and that is not to be believed.
    Before what came is stored; the caller commits."""
    values = {
        "property_id": property_id,
        "modified_since": read.modified_since,
        "started_at": read.started_at,
    }
    expected = one_as(_Expected, connection.execute(QUERIES.count_missing, values))
    rejected = None if believe_short else too_short(read.fetched, expected.known, expected.missing, rules)
    if rejected is None and expected.missing:
        connection.execute(QUERIES.note_missing, values)
    return MissingLeads(expected.missing, rejected)


def note_return(connection: Connection, property_id: UUID) -> None:
    """Who came is missing no longer; the caller commits."""
    connection.execute(QUERIES.came_again, {"property_id": property_id})


def close_vanished(
    connection: Connection,
    client: ResManClient,
    integration: Integration,
    started_at: datetime,
    rules: PullRules,
) -> int:
    """Asks for those that two full reads missed by their ids, and closes the links of those that are gone,
    each in a transaction of its own. What cannot be asked or locked now waits for the next full read.

    Returns:
        How many are gone.
    """
    values = {"property_id": integration.property_id, "started_at": started_at}
    suspects = list(connection.scalars(QUERIES.to_confirm, {**values, "most": rules.confirm_most}))
    connection.commit()
    gone = 0
    for prospect_id in suspects:
        try:
            found = client.search_by_id(integration.account_id, integration.resman_property_id, prospect_id)
        except ResManError as error:
            if error.scope is Scope.CHANGE:
                logger.warning(
                    "%s: a missing prospect cannot be read: %s", integration.partition_key, error.kind
                )
                continue  # this one is there, perhaps; the others are asked for all the same
            logger.warning(
                "%s: missing prospects could not be asked for by id (%s); the next full read does",
                integration.partition_key,
                error.kind,
            )
            return gone
        with connection.begin():
            if found is not None:
                connection.execute(QUERIES.found_by_id, {**values, "prospect_id": prospect_id})
            else:
                gone += _close(connection, integration.property_id, prospect_id, started_at)
    return gone


def _close(connection: Connection, property_id: UUID, prospect_id: str, started_at: datetime) -> bool:
    """Closes the links of a prospect that is gone, and forgets it; not while anything of it is in use."""
    values = {"property_id": property_id, "prospect_id": prospect_id, "started_at": started_at}
    conversations = lock_conversations_of(connection, property_id, prospect_id)
    if not lanes.lock_idle(connection, conversations):
        return False  # a worker reads the lead, and sees for itself
    is_missing = connection.scalar(QUERIES.lock_missing, values) is not None
    if not is_missing or count_links(connection, property_id, prospect_id) != len(conversations):
        return False
    # What a person was to decide about it is decided afresh about the next one.
    end_conflicts(connection, conversations, _GONE)
    unlink_gone_lead(connection, property_id, prospect_id)
    close_reviews(connection, property_id, [prospect_id], _GONE)
    connection.execute(QUERIES.drop_lead, values)
    return True
