"""What is stored of a lead while its change is delivered: its status as we know it. The caller commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db import direct
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.delivery.outcomes import ShownLead

QUERIES = load_queries(__package__, "lead_state.sql")


def upsert_lead(connection: Connection, property_id: UUID, shown: ShownLead) -> None:
    """Notes what a lead shows as our own post left it: newer than any pull under way."""
    _store(connection, property_id, shown, ours=True, known_since=None)


def note_read(
    connection: Connection, property_id: UUID, shown: ShownLead, *, known_since: datetime | None
) -> None:
    """Notes what a lead shows as it was read, unless somebody else has noted anything of it since.

    Args:
        known_since: when it was last modified locally, before the reading; None: it was not there.
    """
    _store(connection, property_id, shown, ours=False, known_since=known_since)


def _store(
    connection: Connection,
    property_id: UUID,
    shown: ShownLead,
    *,
    ours: bool,
    known_since: datetime | None,
) -> None:
    direct.fetch(
        connection,
        QUERIES.upsert_lead,
        {
            "property_id": property_id,
            "prospect_id": shown.prospect_id,
            "person_id": shown.person_id,
            "status": shown.status,
            "ours": ours,
            "known_since": known_since,
        },
    )


def note_moved(connection: Connection, property_id: UUID, prospect_id: str, status: str) -> None:
    """Notes that our own first post of two moved the lead."""
    values = {"property_id": property_id, "prospect_id": prospect_id, "status": status}
    connection.execute(QUERIES.note_moved, values)
