"""Dagster's event log: how much it grew in the last day, as its own database tells.

No index orders events by time, but their ids do: where the day began is found by halving, and what came since
is told by the ids. Sizes are those of the newest events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import text

_SAMPLE = 1000
_BESIDE_THE_EVENT = 300
"""Bytes of a row's other columns and of its entries in Dagster's indexes, about."""
# Before `low` is older than the day; the first event from `high` on is not.
_GROWTH = text(
    """
    WITH RECURSIVE bounds AS (
        SELECT min(e.id) - 1 AS low, max(e.id) + 1 AS high, max(e.id) AS newest FROM event_logs AS e
        UNION ALL
        SELECT CASE WHEN probe.is_old THEN probe.id ELSE b.low END,
               CASE WHEN probe.is_old THEN b.high ELSE (b.low + b.high) / 2 END, b.newest
        FROM bounds AS b
        CROSS JOIN LATERAL (
            SELECT e.id, e.timestamp < :since AS is_old FROM event_logs AS e
            WHERE e.id >= (b.low + b.high) / 2 ORDER BY e.id LIMIT 1) AS probe
        WHERE b.high - b.low > 1
    )
    SELECT newest - low AS events FROM bounds WHERE high - low <= 1
    """
)
_NEWEST = text(
    """
    SELECT COALESCE(e.asset_key, '') AS asset_key, COALESCE(e.dagster_event_type, '') AS event_type,
           count(*) AS events, sum(pg_column_size(e.event) + :beside) AS bytes
    FROM (SELECT * FROM event_logs ORDER BY id DESC LIMIT :most) AS e
    WHERE e.timestamp >= :since
    GROUP BY 1, 2 ORDER BY 4 DESC
    """
)


@dataclass(frozen=True, slots=True)
class EventLogGrowth:
    """How much the event log grew in the last day.

    Attributes:
        events: how many came, by their ids.
        megabytes: what they take, by the size of the newest of them.
        shares: of the newest events, how many percent of the bytes are of which kind and asset.
    """

    events: int = 0
    megabytes: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)


def event_log_growth(instance: dg.DagsterInstance, now: datetime | None = None) -> EventLogGrowth | None:
    """Reads how much came in the day before `now` (aware).

    Returns:
        None where the log is not in PostgreSQL: nobody can tell.
    """
    from dagster_postgres import PostgresEventLogStorage  # it takes a while to import

    storage = instance.event_log_storage
    if not isinstance(storage, PostgresEventLogStorage):
        return None
    # Dagster's column has no zone, and holds UTC.
    since = ((now or datetime.now(UTC)) - timedelta(days=1)).astimezone(UTC).replace(tzinfo=None)
    with storage.index_connection() as connection:
        events = connection.execute(_GROWTH, {"since": since}).scalar() or 0
        sample = {"since": since, "most": _SAMPLE, "beside": _BESIDE_THE_EVENT}
        kinds = connection.execute(_NEWEST, sample).all() if events else []
    looked_at, size = sum(k.events for k in kinds), sum(int(k.bytes) for k in kinds)
    if not looked_at:
        return EventLogGrowth(events=events)
    shares = {f"{k.event_type or 'log line'} {k.asset_key}".strip(): 100 * int(k.bytes) / size for k in kinds}
    return EventLogGrowth(events, events * size / looked_at / 1e6, shares)
