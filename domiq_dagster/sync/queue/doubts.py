"""Changes in doubt: ResMan may have them, and its answers do not tell. Listed for a person, who decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "doubts.sql")
Word = Literal["arrived", "send_again"]


@dataclass(frozen=True, slots=True)
class OpenDoubt:
    """A change that waits for a person's word whether it has arrived.

    Attributes:
        partition_key: its property's; None where that is not connected.
        prospect_id: its lead; None where it has none yet.
        posted_at: when the post left.
        event_type, event_date: of the post, by which staff find it at ResMan.
        read_backs: how often it was looked for since.
        sentence: what ResMan's answers show.
    """

    change_id: UUID
    conversation_id: UUID
    partition_key: str | None
    prospect_id: str | None
    old_status: str | None
    new_status: str | None
    posted_at: datetime
    event_type: str | None
    event_date: str | None
    read_backs: int
    sentence: str | None


def open_doubts(connection: Connection) -> list[OpenDoubt]:
    """Those that wait for a person, the longest-waiting first."""
    return rows_as(OpenDoubt, connection.execute(QUERIES.listed))


def decide_doubt(connection: Connection, change_id: UUID, word: Word, by: str) -> bool:
    """Puts on record what a person says of a change in doubt; the next push goes by it. The caller commits.

    Returns:
        False where no such change is in doubt, or it is just being looked for.
    """
    values = {"change_id": change_id, "decided": word, "by": by}
    return connection.execute(QUERIES.decide, values).first() is not None


def reopen(connection: Connection, change_id: UUID, lease_token: int) -> None:
    """Has a person asked again about a change that a worker holds: what was decided cannot be carried out.
    The caller commits."""
    connection.execute(QUERIES.reopen, {"change_id": change_id, "lease_token": lease_token})
