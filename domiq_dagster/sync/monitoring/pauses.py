"""Pauses: which properties are paused, by whom, since when and why. Reads only; `setup.pausing` writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.redact import describe

QUERIES = load_queries(__package__, "pauses.sql")


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause of one property, not ended yet.

    Attributes:
        paused_by: a login, or what the person said of themselves.
        because: why, in their words.
    """

    property_id: UUID
    partition_key: str
    paused_at: datetime
    paused_by: str
    because: str

    @property
    def sentence(self) -> str:
        """As people are told, without the property's name and a full stop."""
        return pause_sentence(self.paused_by, self.paused_at, self.because)

    @property
    def redacted(self) -> str:
        """The same for where no person may be named: without what looks like an address or a number."""
        return pause_sentence(self.paused_by, self.paused_at, describe(self.because) or "")


def pause_sentence(by: str, at: datetime, because: str) -> str:
    """Who paused a property, since when and why, in words."""
    return f"paused by {by} since {at:%Y-%m-%d %H:%M %Z}: {because}"


def open_pauses(connection: Connection) -> dict[str, Pause]:
    """The pauses that are not ended, by partition key, in their order."""
    return {p.partition_key: p for p in rows_as(Pause, connection.execute(QUERIES.open))}
