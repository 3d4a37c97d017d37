"""What was last said of each property's pull where people look, and whether it is time to say it again.

Whoever shows pulls keeps each word for good: of 2,000 properties pulled every 10 minutes, a word a pull is
1.7 GB a day. Said is what is news: a pull brought something, a property's state changed, or a day has gone
by. Nothing else depends on it: how far a property was read is in the table of watermarks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "marks.sql")
SAID_AGAIN = timedelta(days=1)
"""How long after it was last said it is said again, though nothing is new."""
_FORGOTTEN = 30 * SAID_AGAIN


class State(StrEnum):
    """How a property stood after a pull, or after what it brought was applied."""

    OK = "ok"
    OFF = "off"
    """Not connected, or its sync is switched off."""
    FAILED = "failed"
    UNREADABLE = "unreadable"
    """Some of its prospects could not be read."""
    NOT_BELIEVED = "not_believed"
    """A full read lacked much that is known."""
    REFUSED = "refused"
    """The database refused some of what was to be applied."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was last said, and when."""

    state: str
    marked_at: datetime


def load_marks(connection: Connection, asset: str, keys: Collection[str]) -> dict[str, Mark]:
    """What was last said of these partitions of an asset; of some, nothing."""
    rows = connection.execute(QUERIES.marks, {"asset": asset, "keys": list(keys)})
    return {row.partition_key: Mark(row.state, row.marked_at) for row in rows}


def is_due(mark: Mark | None, state: State, now: datetime, *, brought: bool) -> bool:
    """Whether something is to be said now. `brought`: whether there is anything new at all."""
    if brought or mark is None or mark.state != state:
        return True
    return now - mark.marked_at >= SAID_AGAIN


def note_marks(connection: Connection, asset: str, said: Mapping[str, State], now: datetime) -> None:
    """Notes what was just said, by partition key; the caller commits."""
    if not said:
        return
    keys = sorted(said)  # in one order, whoever else notes the same
    values = {"asset": asset, "keys": keys, "states": [said[key] for key in keys], "marked_at": now}
    connection.execute(QUERIES.note, values)
    connection.execute(QUERIES.forget, {"asset": asset, "before": now - _FORGOTTEN})
