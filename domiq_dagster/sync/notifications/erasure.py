"""Notices about a person's changes are erased. The caller commits."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "erasure.sql")
_SHORTEST = 6
"""Shorter values stand in too much that is about somebody else."""


def being_sent(connection: Connection, changes: Sequence[UUID]) -> int:
    """How many notices about changes are being sent just now."""
    return connection.scalar(QUERIES.being_sent, {"ids": list(changes)}) or 0


def erase_notices(connection: Connection, changes: Sequence[UUID], values: Collection[str]) -> int:
    """Erases what notices about changes say, and to whom they went; none of them is sent any more.

    Args:
        values: addresses and numbers of the person, which a notice may repeat.

    Returns:
        How many there were.
    """
    patterns = [f"%{_literal(v.strip().lower())}%" for v in values if len(v.strip()) >= _SHORTEST]
    return len(connection.execute(QUERIES.erase, {"ids": list(changes), "patterns": patterns}).all())


def erase_reports(connection: Connection, conversations: Sequence[UUID], leads: Collection[str]) -> int:
    """Takes out of the words of weekly reports which leads are a person's, and returns of how many.

    Args:
        leads: ids of prospects that no other conversation is linked with.
    """
    named = [f"conversation {c}" for c in conversations] + [f"lead {re.escape(lead)}" for lead in leads]
    if not named:
        return 0
    return len(connection.execute(QUERIES.erase_reports, {"named": f"({'|'.join(named)}):"}).all())


def _literal(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
