"""What is on record of whom a person's conversations belong to is erased. The caller commits."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "erasure.sql")
Leads = list[tuple[UUID, str]]
"""Prospects: each property's id and the prospect's."""


def erase_links(
    connection: Connection, conversations: Sequence[UUID], users: Sequence[UUID]
) -> tuple[dict[str, int], Leads]:
    """Erases links, closed ones as well, what people decided about them, and link reviews.

    Returns:
        How many rows of what, and the leads that no other conversation is linked with.
    """
    values = {"conversations": list(conversations), "users": list(users)}
    connection.execute(QUERIES.say_why)
    leads = connection.execute(QUERIES.leads_of, values).all()
    done = {"links": len(connection.execute(QUERIES.erase_links, values).all())}
    done["closed_links"] = len(connection.execute(QUERIES.erase_closed_links, values).all())
    done["link_decisions"] = len(connection.execute(QUERIES.erase_decisions, values).all())
    values |= {"properties": [p for p, _ in leads], "prospects": [lead for _, lead in leads]}
    theirs = [(row.property_id, row.prospect_id) for row in connection.execute(QUERIES.only_theirs, values)]
    values |= {"properties": [p for p, _ in theirs], "prospects": [lead for _, lead in theirs]}
    done["link_reviews"] = len(connection.execute(QUERIES.erase_reviews, values).all())
    return done, theirs
