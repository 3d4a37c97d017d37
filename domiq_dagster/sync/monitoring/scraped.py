"""What Prometheus is told of the database: how each property and account stands, cheaply read. Whoever
scrapes comes every few seconds, at every worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import request_counts
from domiq_dagster.sync.trouble import REMEDIES

QUERIES = load_queries(__package__, "scraped.sql")


@dataclass(frozen=True, slots=True)
class ScrapedProperty:
    """How one connected property stands. Ages in seconds.

    Attributes:
        is_on: whether its sync is switched on.
        pending, unknown: its changes that wait, and those of them that may or may not have reached ResMan;
            0 where the sync to ResMan is switched off.
        oldest_seconds: of the change that has waited for longest; None: nothing waits.
        diverged: leads that diverged when that was last noted.
        pull_seconds: since its last pull; None: it was never pulled.
    """

    partition_key: str
    account_id: str
    is_on: bool
    pending: int
    unknown: int
    oldest_seconds: float | None
    diverged: int
    pull_seconds: float | None


@dataclass(frozen=True, slots=True)
class Scraped:
    """How everything stands.

    Attributes:
        paused: of every account, whether its breaker is open.
        troubles: how many records are in trouble, by kind.
        requests: those of today (UTC), of all processes, by account and API (`v1`, `v2`).
    """

    properties: Sequence[ScrapedProperty]
    paused: Mapping[str, bool]
    troubles: Mapping[str, int]
    requests: Mapping[tuple[str, str], int]


def load_scraped(connection: Connection) -> Scraped:
    """Reads it; what it costs grows with the queue and with what is wrong, never with the log."""
    paused = {row.account_id: row.is_paused for row in connection.execute(QUERIES.accounts)}
    # Those of which there are none are told, too: what was not there before has no rate, and opens no alert.
    requests = {(account, api): 0 for account in paused for api in ("v1", "v2")}
    for day in request_counts.days(connection, 1):
        for api, made in (("v1", day.v1), ("v2", day.v2)):
            requests[day.account_id, api] = requests.get((day.account_id, api), 0) + made
    return Scraped(
        properties=rows_as(ScrapedProperty, connection.execute(QUERIES.properties)),
        paused=paused,
        troubles=dict.fromkeys(REMEDIES, 0)
        | {row.kind: row.records for row in connection.execute(QUERIES.troubles)},
        requests=requests,
    )
