"""What is stored of a person's leads is erased. The caller commits."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "erasure.sql")


def erase_leads(connection: Connection, leads: Sequence[tuple[UUID, str]]) -> int:
    """Erases leads, each a property's id and a prospect's, and returns how many were stored. A lead that
    ResMan still has is stored again by the next pull that brings it."""
    values = {"properties": [p for p, _ in leads], "prospects": [lead for _, lead in leads]}
    connection.execute(QUERIES.erase_missing, values)
    return len(connection.execute(QUERIES.erase_leads, values).all())
