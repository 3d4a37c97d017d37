"""How DomIQ's tables and ResMan stand, as far as the sync's own tables tell. Reads only, and asks nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.monitoring.row_counts import RowCount, row_count

QUERIES = load_queries(__package__, "sources.sql")


@dataclass(frozen=True, slots=True)
class SourceStates:
    """How the sources stand. Times are aware, and None where there was nothing of the kind.

    Attributes:
        properties, conversations: rows of DomIQ's tables.
        prospects: rows of the sync's copies of ResMan's prospects.
        connected, switched_on: properties; `connected_at`: when the newest was connected.
        changed_at: when the last status change was logged, of whichever side.
        accounts, accounts_paused: ResMan's.
        failing: switched-on properties whose last pull failed; `last_error`: the newest of their errors, the
            kind before a colon, then a sentence.
        answered_at: when ResMan last answered a pull in full.
    """

    properties: RowCount | None
    conversations: RowCount | None
    prospects: RowCount | None
    connected: int
    switched_on: int
    connected_at: datetime | None
    changed_at: datetime | None
    accounts: int
    accounts_paused: int
    failing: int
    answered_at: datetime | None
    last_error: str | None


def source_states(connection: Connection) -> SourceStates:
    """How they stand now."""
    return SourceStates(
        properties=row_count(connection, "public.property"),
        conversations=row_count(connection, "public.conversation"),
        prospects=row_count(connection, "domiq_sync.resman_lead"),
        changed_at=connection.scalar(QUERIES.last_status_change),
        **connection.execute(QUERIES.properties).one()._mapping,
        **connection.execute(QUERIES.resman).one()._mapping,
    )
