"""The archive of the log: settled rows that are old move there, step by step, and go with their conversation.

A row that moves is deleted from the log in the transaction that archives it, so that whoever reads both
(`domiq_sync.status_sync_log_all`) finds each row once, at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "archive.sql")


class CannotArchive(DatabaseError):
    """Rows cannot be taken out of the log; the text says why."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What one step did.

    Attributes:
        rows: how many moved.
        last_seq: where the next step goes on; None: nothing more is there to move.
    """

    rows: int
    last_seq: int | None


def require_right_to_archive(connection: Connection) -> None:
    """Whether this role may delete rows of the log.

    Raises:
        CannotArchive: it may not.
    """
    if not connection.scalar(QUERIES.may_move):
        raise CannotArchive(
            "The database role may not delete rows of status_sync_log, so none can move to the archive: have "
            "sql/roles/runtime.sql run, and see `domiq-sync doctor`."
        )


def archive_some(connection: Connection, *, before: datetime, after: int, rows: int) -> Moved:
    """Moves what may move of the next changes in the order. The caller commits.

    Args:
        before: rows logged since then stay.
        after: the place in the order that the last step came to.
        rows: how many changes are looked at.

    Raises:
        CannotArchive: a trigger of DomIQ's keeps rows in the log.
    """
    if not connection.execute(QUERIES.only_one).one().is_ours:
        return Moved(0, None)
    values: dict[str, Any] = {"before": before, "after": after, "rows": rows}
    part = connection.execute(QUERIES.slice, values).one()
    if part.last_seq is None or not part.any_old:
        return Moved(0, None)
    free = connection.scalars(QUERIES.lock_conversations, {"conversations": part.conversations or []}).all()
    values |= {
        "last_seq": part.last_seq,
        "conversations": list(free),
        "event_date": before.date().isoformat(),
    }
    found = connection.execute(QUERIES.eligible, values).all()
    if not found:
        return Moved(0, part.last_seq)
    for month in sorted({row.month for row in found}):
        connection.execute(QUERIES.make_month, {"month": month})
    of = {row.conversation_id for row in found if row.conversation_id is not None}
    moved = connection.execute(
        QUERIES.move, {"ids": [row.id for row in found], "conversations": list(of)}
    ).one()
    if moved.archived != moved.removed:
        raise CannotArchive(
            "Rows of status_sync_log cannot be deleted, so none moved to the archive: see which trigger or "
            "rule of DomIQ's on that table keeps them."
        )
    return Moved(moved.archived, part.last_seq)


def forget_gone(connection: Connection, *, rows: int) -> tuple[int, int]:
    """Deletes from the archive what deleted conversations left there. The caller commits.

    Returns:
        How many rows went, and of how many conversations.
    """
    done = connection.execute(QUERIES.forget_gone, {"rows": rows}).one()
    return done.archived, done.conversations


def put_back(connection: Connection) -> int:
    """Puts the rows of the archive into the log again, as they were, but for those of conversations that
    DomIQ has deleted. The archive keeps them as well, and is to be dropped in the same transaction.

    Returns:
        How many.

    Raises:
        CannotArchive: a trigger of DomIQ's keeps rows out of the log.
    """
    connection.execute(QUERIES.none_archives)
    rows: int = connection.execute(QUERIES.put_back).scalar_one()
    if connection.scalar(QUERIES.missing_in_log):
        raise CannotArchive(
            "Rows of the archive cannot be put back into status_sync_log: see which trigger or rule of "
            "DomIQ's on that table keeps them out."
        )
    return rows


def count_archived(connection: Connection) -> tuple[int, int]:
    """How many rows of the archive are of conversations that are there or of none, and how many of deleted
    ones."""
    found = connection.execute(QUERIES.count_archived).one()
    return found.living, found.gone


def archived_months(connection: Connection) -> Sequence[date]:
    """The months (UTC, by their first day) of which the archive holds anything."""
    return connection.scalars(QUERIES.months).all()


def rows_of_month(
    connection: Connection, month: date, *, rows: int = 20_000
) -> Iterator[list[dict[str, Any]]]:
    """The archived rows of a month, in the order in which they were logged, so many at a time."""
    after = None
    while True:
        found = connection.execute(QUERIES.of_month, {"month": month, "after": after, "rows": rows})
        part = [dict(row) for row in found.mappings()]
        if not part:
            return
        yield part
        after = part[-1]["seq"]
