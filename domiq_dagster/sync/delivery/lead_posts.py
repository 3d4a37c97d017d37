"""Posts to a lead: those that ResMan has for certain, and those in doubt. What a read-back needs around the
one that it looks for."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.delivery.readback import SentPost, Surroundings

QUERIES = load_queries(__package__, "lead_posts.sql")


def posts_around(
    connection: Connection, property_id: UUID, prospect_id: str, *, lane: UUID, but: str = ""
) -> Surroundings:
    """The other posts to a lead that may still be seen there: not those whose event a later one has edited.
    Where nobody knows whether it has, the earlier one is in doubt. Commits.

    Args:
        lane: the conversation that asks.
        but: the marker of the post that is looked for.
    """
    values = {"property_id": property_id, "prospect_id": prospect_id, "lane": lane}
    known: dict[str, SentPost] = {}
    uncertain: dict[str, SentPost] = {}
    edited: set[str] = set()
    maybe_edited: set[str] = set()
    for row in connection.execute(QUERIES.known, values):  # the newest first
        ids = row.event_ids if isinstance(row.event_ids, list) else []
        its_id = ids[0] if len(ids) == 1 else None
        if row.marker != but and its_id not in edited:
            is_certain = not row.uncertain and its_id not in maybe_edited
            post = SentPost.of(dict(row._mapping))
            (known if is_certain else uncertain).setdefault(row.marker, post)
        if row.edited is not None and row.edited in ids and not row.uncertain:
            edited.add(row.edited)
        elif row.edited is not None and not ids:
            maybe_edited.add(row.edited)
    in_doubt = [post for mark, post in uncertain.items() if mark not in known]
    in_doubt += [SentPost.of(posted) for posted in connection.scalars(QUERIES.in_doubt, values)]
    connection.commit()
    return Surroundings(tuple(known.values()), tuple(in_doubt))
