"""Alerts for people to read: their notices so far, and what is wrong now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.cases import SHARED
from domiq_dagster.sync.alerts.incidents import Phase

QUERIES = load_queries(__package__, "listing.sql")


def list_alerts(
    connection: Connection, *, since: datetime, property_id: UUID | None = None, most: int = 200
) -> list[dict[str, Any]]:
    """Lists the alerts that people were notified of.

    Args:
        since: alerts that are over are listed if they were open since then (aware).
        property_id: of one property only: its own alerts, and those of causes that touch it.
        most: how many are listed at most.

    Returns:
        Each alert as plain values, with its history under `history`; those that are open first, then the
        newest.
    """
    given = {"since": since, "property_id": property_id, "most": most}
    rows = connection.execute(QUERIES.alerts, given).all()
    history: dict[UUID, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for notice in connection.execute(QUERIES.transitions, {"ids": list(history)}):
        history[notice.alert_id].append(
            {"turn": notice.turn, "at": notice.said_at, "subject": notice.subject, "body": notice.body}
        )
    return [_as_values(row._mapping, history[row.id]) for row in rows]


def _as_values(row: Mapping[Any, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    is_cause = row["property_id"] is None
    keys = row["figures"].get("properties") if is_cause else [row["partition_key"]]
    return {
        "alert": row["id"],
        "property": row["partition_key"],
        "property_name": row["property_name"],
        "kind": row["kind"].removeprefix(SHARED).partition(":")[0],
        "cause": row["kind"] if is_cause else None,
        "properties": [key for key in keys or [] if key],
        "open": row["phase"] == Phase.OPEN,
        "opened_at": row["opened_at"],
        "told_at": row["told_at"],
        "looks_good_since": row["good_since"],
        "closed_at": row["closed_at"],
        "reopened": row["reopened"],
        "notices": row["turns"],
        "unsent_messages": row["unsent"],
        "figures": row["figures"],
        "last_word": row["last_body"],
        "history": history,
    }


def in_alert(connection: Connection) -> dict[str, list[str]]:
    """Tells which properties are in an open alert, their own or a cause's.

    Returns:
        What is wrong, as kinds of trouble or causes, by partition key.
    """
    found: dict[str, list[str]] = {}
    for row in connection.execute(QUERIES.open_now):
        found.setdefault(row.partition_key, []).append(row.kind)
    return found
