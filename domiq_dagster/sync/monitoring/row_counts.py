"""Row counts of tables, at a bounded price: counted where there are few rows, else as PostgreSQL estimates.

A count reads at most `MOST_COUNTED` rows. The estimate is that of the last VACUUM or ANALYZE.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, column, func, literal, select, table, text

MOST_COUNTED = 10_000
_ESTIMATE = text(
    "SELECT c.reltuples::bigint FROM pg_catalog.pg_class AS c "
    "WHERE c.oid = CAST(:name AS regclass) AND c.relkind IN ('r', 'm')"
)


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows a table has.

    Attributes:
        is_exact: counted just now; else `rows` is an estimate.
    """

    rows: int
    is_exact: bool


def row_count(connection: Connection, name: str, *, most: int = MOST_COUNTED) -> RowCount | None:
    """Counts a table or view, or estimates it where it has more than `most` rows.

    Args:
        name: with its schema, as `domiq_sync.attempt`.

    Returns:
        None where nobody can tell without reading all of it: a large view, or a large table that was never
        analysed.
    """
    schema, _, alone = name.partition(".")
    some = select(literal(1)).select_from(table(alone, schema=schema)).limit(most + 1).subquery()
    counted = connection.scalar(select(func.count()).select_from(some)) or 0
    if counted <= most:
        return RowCount(counted, is_exact=True)
    estimated = connection.scalar(_ESTIMATE, {"name": name})
    if estimated is None or estimated <= 0:
        return None
    return RowCount(max(estimated, counted), is_exact=False)


def rows_of_property(
    connection: Connection, name: str, property_id: UUID, *, most: int = MOST_COUNTED
) -> int | None:
    """Counts the rows of one property in a table that has an index beginning with property_id.

    Returns:
        None where they are more than `most`.
    """
    schema, _, alone = name.partition(".")
    rows = table(alone, column("property_id"), schema=schema)
    of_it = select(literal(1)).select_from(rows).where(rows.c.property_id == property_id)
    counted = connection.scalar(select(func.count()).select_from(of_it.limit(most + 1).subquery())) or 0
    return counted if counted <= most else None
