"""Bringing a property's prospects in: everything modified since the watermark, less an overlap.

What came is staged while it streams, then stored together with the new watermark in one transaction.
The watermark is the newest lastModified that is safely stored, never a clock's time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from psycopg import Connection as PsycopgConnection
from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resman.models import Prospect
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.links import LinkFinder
from domiq_dagster.sync.own_contacts import property_contacts
from domiq_dagster.sync.statuses import status_with_milestone

logger = logging.getLogger(__name__)
_QUERIES = load_queries(__package__, "pull.sql")
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class PullRules:
    """How far back a pull looks.

    overlap: covers a modifiedSince filter that rounds down to the day in any zone, clock skew and
        late commits. first_look_back: a property's first pull (other v2 endpoints refuse more than
        364 days). full_look_back: a full re-read.
    """

    overlap: timedelta = timedelta(hours=26)
    first_look_back: timedelta = timedelta(days=360)
    full_look_back: timedelta = timedelta(days=360)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull of one property brought."""

    partition_key: str
    fetched: int
    stored: int
    """New or different since the last time."""
    linked: int
    modified_since: datetime
    watermark: datetime | None


def pull_property(
    engine: Engine,
    client: ResManClient,
    integration: Integration,
    *,
    full: bool = False,
    since: datetime | None = None,
    rules: PullRules | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pulled:
    """Pulls one property. `since` (aware) goes further back than the watermark, `full` asks for everything.

    Raises:
        ResManError: nothing of this pull was stored; the failure is on record in the watermark table.
    """
    rules = rules or PullRules()
    with engine.connect() as connection:
        begun = connection.execute(
            text(_QUERIES["begin_pull"]), {"property_id": integration.property_id}
        ).one()
        asked = _since(begun.watermark, full, rules, clock())
        if since is not None:
            # Never later than the watermark asks: what lies between would be passed over for good.
            asked = since if begun.watermark is None else min(since, asked)
        connection.commit()
        record = {
            "property_id": integration.property_id,
            "full_read": full,
            "modified_since": asked,
            "started_at": begun.started_at,
        }
        try:
            shared = property_contacts(client, integration)
            finder = LinkFinder(connection, integration.property_id, shared=shared)
            connection.commit()
            answer = client.prospects(
                integration.account_id, integration.resman_property_id, modified_since=asked
            )
            with closing(answer) as prospects:
                fetched, newest = _stage(connection, prospects, finder)
        except ResManError as error:
            connection.rollback()
            _record_failure(connection, record, error)
            raise
        stored = connection.execute(text(_QUERIES["merge_stage"]), record).rowcount
        linked = finder.store(connection)
        watermark = newest if newest is not None else begun.watermark
        connection.execute(text(_QUERIES["finish_pull"]), {**record, "watermark": watermark})
        connection.execute(
            text(_QUERIES["record_pull"]),
            {**record, "fetched": fetched, "stored": stored, "linked": linked, "error": None},
        )
        connection.commit()
    logger.info(
        "pulled %s: %d fetched, %d stored, %d linked", integration.partition_key, fetched, stored, linked
    )
    return Pulled(integration.partition_key, fetched, stored, linked, asked, watermark)


def _since(watermark: datetime | None, full: bool, rules: PullRules, now: datetime) -> datetime:
    if full:
        return now - rules.full_look_back
    if watermark is None:
        return now - rules.first_look_back
    return min(watermark, now) - rules.overlap


def _stage(
    connection: Connection, prospects: Iterator[Prospect], finder: LinkFinder
) -> tuple[int, datetime | None]:
    connection.execute(text(_QUERIES["create_stage"]))
    connection.execute(text("TRUNCATE staged_lead"))
    connection.commit()
    raw = connection.connection.driver_connection
    assert isinstance(raw, PsycopgConnection)
    fetched = 0
    newest: datetime | None = None
    while chunk := list(islice(prospects, _CHUNK)):
        with raw.cursor() as cursor, cursor.copy(_QUERIES["copy_stage"]) as copy:
            for prospect in chunk:
                fetched += 1
                copy.write_row((*_row(prospect), fetched))
                newest = max(newest or prospect.last_modified, prospect.last_modified)
                finder.look(prospect)
        raw.commit()
    return fetched, newest


def _row(p: Prospect) -> tuple[object, ...]:
    lease = p.lease
    return (
        p.prospect_id,
        p.main_person_id,
        p.status,
        status_with_milestone(p.status, lease),
        p.last_modified,
        p.last_modified_raw,
        p.lost_reason,
        p.transaction_source_id,
        p.agent_id,
        lease.status if lease else None,
        p.content_hash,
    )


def _record_failure(connection: Connection, record: dict[str, object], error: ResManError) -> None:
    values = {**record, "error": f"{error.kind}: {error}"}
    connection.execute(text(_QUERIES["record_failure"]), values)
    connection.execute(text(_QUERIES["record_pull"]), {**values, "fetched": 0, "stored": 0, "linked": 0})
    connection.commit()
