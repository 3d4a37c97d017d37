"""Misses of capture: status changes that the trigger could not log and counted, and what accounts for them.

A sweep that goes over every property does: it logs the status that each conversation has by then, or notes
why it cannot. The count is one for the whole database, since nothing could be written that says whose change
it was. The caller commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "capture_misses.sql")
RECENT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Misses:
    """The misses that nothing accounts for yet.

    Attributes:
        changes: how many.
        since: when the last whole sweep began, so that none of them is older; None where there was none.
        total: where the count stands, which only grows. After a crash of the database it may stand up to 32
            too high.
        read_at: when that was read.
    """

    changes: int
    since: datetime | None
    total: int
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Misses that a whole sweep has accounted for.

    Attributes:
        since: none of them is older; None where that is not known.
        noticed_at: when that sweep ended.
    """

    changes: int
    since: datetime | None
    noticed_at: datetime


def outstanding(connection: Connection) -> Misses:
    """The misses that nothing accounts for yet."""
    (found,) = rows_as(Misses, connection.execute(QUERIES.outstanding))
    return found


def account_for(connection: Connection, misses: Misses) -> None:
    """Notes that a sweep has gone over every property since these were read."""
    connection.execute(QUERIES.lock)
    connection.execute(QUERIES.note_gap, {"total": misses.total})
    connection.execute(QUERIES.note_sweep, {"began_at": misses.read_at})


def gaps_after(connection: Connection, moment: datetime) -> list[Gap]:
    """What was accounted for after a moment (aware), the newest first."""
    return rows_as(Gap, connection.execute(QUERIES.gaps, {"after": moment}))


def recent_gaps(connection: Connection) -> list[Gap]:
    """What was accounted for in the last `RECENT_DAYS`, the newest first."""
    return rows_as(Gap, connection.execute(QUERIES.gaps_of_days, {"days": RECENT_DAYS}))
