"""Sequences that were set back, as after a logical switchover. The caller commits."""

from __future__ import annotations

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "sequences.sql")


def set_right(connection: Connection) -> list[str]:
    """Sets each sequence that stands behind what was drawn from it, and gives the changes that took a wrong
    place in the order a right one.

    Returns:
        The names of those sequences.
    """
    return list(connection.scalars(QUERIES.set_right))


def behind(connection: Connection) -> list[str]:
    """The names of the sequences that stand behind what was drawn from them."""
    return list(connection.scalars(QUERIES.behind))
