"""What rules have on record of a person's changes is erased. The caller commits."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "erasure.sql")


def erase_rulings(
    connection: Connection, changes: Sequence[UUID], conversations: Sequence[UUID]
) -> dict[str, int]:
    """Erases why each rule decided as it did, and what tasks say; open tasks are cancelled. Returns how many
    rows of what."""
    values = {"ids": list(changes), "conversations": list(conversations)}
    runs = len(connection.execute(QUERIES.erase_runs, values).all())
    others = len(connection.execute(QUERIES.erase_others, values).all())
    return {
        "rule_decisions": runs + others,
        "tasks": len(connection.execute(QUERIES.erase_tasks, values).all()),
    }
