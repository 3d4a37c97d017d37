"""Observations of what belongs to others: rows, the last change, ResMan's last answer. The sweep makes them.

Dagster keeps each for good, so one is made where a figure differs from what was last observed, and at most
every 10 minutes; where only a time has moved on, every hour.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from domiq_dagster.assets.sources import domiq_conversation, domiq_property, resman_prospects
from domiq_dagster.assets.tables import row_count_metadata
from domiq_dagster.sync.monitoring.sources import SourceStates, source_states

LEAST_PAUSE = timedelta(minutes=10)
PAUSE_OF_TIMES = timedelta(hours=1)
_EARLY = timedelta(minutes=1)
"""By how much a sweep may begin earlier than the one before it did."""
_Metadata = Mapping[str, dg.MetadataValue[Any]]


def source_observations(
    connection: Connection, instance: dg.DagsterInstance, now: datetime
) -> Iterator[dg.AssetObservation]:
    """What there is to say of the sources that was not said lately.

    Args:
        instance: where the last observations are kept.
        now: the time (aware).
    """
    for key, found in _metadata(source_states(connection)).items():
        observed = dg.AssetObservation(key, metadata=found)
        last = next(iter(instance.fetch_observations(key, limit=1).records), None)
        if last is None or _is_news(last, observed.metadata, now):
            yield observed


def _is_news(last: dg.EventLogRecord, after: _Metadata, now: datetime) -> bool:
    """Whether something is to be said, after what was said last."""
    before = last.asset_observation.metadata if last.asset_observation else {}
    if before == after:
        return False
    pause = PAUSE_OF_TIMES if _figures(before) == _figures(after) else LEAST_PAUSE
    return now.timestamp() - last.timestamp >= (pause - _EARLY).total_seconds()


def _figures(metadata: _Metadata) -> dict[str, object]:
    return {k: v.value for k, v in metadata.items() if not isinstance(v, dg.TimestampMetadataValue)}


def _metadata(states: SourceStates) -> dict[dg.AssetKey, dict[str, Any]]:
    prospects = states.prospects
    return {
        domiq_property.key: {
            **row_count_metadata(states.properties),
            "connected": states.connected,
            "switched_on": states.switched_on,
            **_moment("last_connected", states.connected_at),
        },
        domiq_conversation.key: {
            **row_count_metadata(states.conversations),
            **_moment("last_status_change", states.changed_at),
        },
        resman_prospects.key: {
            **({"prospects_known": prospects.rows, "counted": prospects.is_exact} if prospects else {}),
            **_moment("last_answer", states.answered_at),
            "accounts": states.accounts,
            "accounts_paused": states.accounts_paused,
            "properties_failing": states.failing,
            **({"last_error": states.last_error} if states.last_error else {}),
        },
    }


def _moment(name: str, at: datetime | None) -> dict[str, dg.TimestampMetadataValue]:
    return {} if at is None else {name: dg.MetadataValue.timestamp(at)}
