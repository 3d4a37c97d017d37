"""The story of a change, a conversation or a lead, in order: who changed what, what was asked of
ResMan, what came back, and why it ended so. Nothing in it names a person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries

_QUERIES = load_queries(__package__, "explain.sql")


def explain(connection: Connection, identifier: str) -> list[dict[str, Any]]:
    """The changes that an id means, oldest first, each with its `steps`. Empty where nothing is known."""
    try:
        as_uuid = str(UUID(identifier))
    except ValueError:
        as_uuid = None
    rows = connection.execute(text(_QUERIES["changes_of"]), {"uuid": as_uuid, "text": identifier}).all()
    steps: dict[Any, list[dict[str, Any]]] = {}
    for attempt in connection.execute(
        text(_QUERIES["attempts_of"]), {"change_ids": [r.change_id for r in rows]}
    ):
        entry = dict(attempt._mapping)
        steps.setdefault(entry.pop("change_id"), []).append(entry)
    return [_story(dict(r._mapping), steps.get(r.change_id, [])) for r in rows]


def _story(row: dict[str, Any], steps: list[dict[str, Any]]) -> dict[str, Any]:
    context = row.pop("context_data")
    sync = context.get("sync") if isinstance(context, dict) else None
    retries = context.get("retries") if isinstance(context, dict) else None
    return {**row, "settlement": sync, "retries": retries or [], "steps": steps}
