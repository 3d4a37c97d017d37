"""Pages of reports that show a person's leads are erased. The caller commits."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "erasure.sql")


def erase_pages(connection: Connection, conversations: Sequence[UUID], leads: Collection[str]) -> int:
    """Erases the pages that show one of these, and returns how many.

    Args:
        leads: ids of prospects that no other conversation is linked with.
    """
    shown = [*map(str, conversations), *(f">{re.escape(lead)}<" for lead in leads)]
    return len(connection.execute(QUERIES.erase_pages, {"shown": "|".join(shown)}).all()) if shown else 0
