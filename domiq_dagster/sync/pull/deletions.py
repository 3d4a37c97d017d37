"""Prospects that are gone from ResMan: deleted, or merged into another card.

One that is stored, and missing from the whole answer of a full re-read that should have brought it, is noted.
It is taken for gone when a second full re-read misses it as well and ResMan, asked for it by its id, has
none. Then its links are closed, which goes on record, and their conversations are free for the ordinary
linking, which finds the card that survived a merge by its contact. A full read that lacks suspiciously much
concludes nothing (see `look_back.too_short`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.pull.overlap import PullRules, too_short

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "deletions.sql")
_REASON = "missing from two full reads, and ResMan has none of this id"


@dataclass(frozen=True, slots=True)
class Absences:
    """What a full read lacked; `distrust` says why nothing is concluded from it."""

    missing: int = 0
    distrust: str | None = None


def note_absences(
    connection: Connection,
    property_id: UUID,
    modified_since: datetime,
    started_at: datetime,
    fetched: int,
    rules: PullRules,
    *,
    believe: bool,
) -> Absences:
    """Notes who is missing from a full read, unless it is suspiciously short and `believe` is not set. Before
    what came is stored; the caller commits."""
    values = {"property_id": property_id, "modified_since": modified_since, "started_at": started_at}
    row = connection.execute(QUERIES.count_missing, values).one()
    doubt = None if believe else too_short(fetched, row.known, row.missing, rules)
    if doubt is None and row.missing:
        connection.execute(QUERIES.note_missing, values)
    return Absences(row.missing, doubt)


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
    each in a transaction of its own. Returns how many are gone. What cannot be asked or locked now waits for
    the next full read."""
    values = {"property_id": integration.property_id, "started_at": started_at}
    suspects = list(connection.scalars(QUERIES.to_confirm, {**values, "most": rules.confirm_most}))
    connection.commit()
    gone = 0
    for prospect_id in suspects:
        try:
            found = client.search_by_id(integration.account_id, integration.resman_property_id, prospect_id)
        except ResManError as error:
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
                gone += _close(connection, {**values, "prospect_id": prospect_id})
    return gone


def _close(connection: Connection, values: dict[str, object]) -> bool:
    ids = list(connection.scalars(QUERIES.lock_links, values))
    values = {**values, "ids": ids}
    lanes = connection.execute(QUERIES.lock_lanes, values).all()
    row = connection.execute(QUERIES.still_missing, values).first()
    if row is None or row.links != len(ids) or row.deliveries != len(lanes):
        return False
    if any(lane.state in ("in_flight", "unknown") for lane in lanes):
        return False  # its worker reads the lead, and sees for itself
    connection.execute(QUERIES.end_conflicts, values)
    connection.execute(QUERIES.say_why, {"reason": _REASON})
    connection.execute(QUERIES.drop_links, values)
    connection.execute(QUERIES.drop_lead, values)
    return True


def carry_agreed(connection: Connection, property_id: UUID) -> None:
    """Lets conversations whose link was closed go on, with the prospect that they were linked with since,
    from the pair last agreed; the caller commits."""
    values = {"property_id": property_id, "reason": _REASON}
    connection.execute(QUERIES.carry_agreed, values)
    connection.execute(QUERIES.mark_relinked, values)
