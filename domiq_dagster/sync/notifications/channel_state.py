"""The channels as all workers share them: which have something due, their pace, and their pauses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "channel_state.sql")


@dataclass(frozen=True, slots=True)
class PausedChannel:
    """A channel that does not answer: until when it is left alone, and why."""

    channel: str
    until: datetime
    reason: str


def due_channels(connection: Connection) -> list[str]:
    """The channels that are not paused and have a notice due."""
    return list(connection.scalars(QUERIES.due_channels))


def reserve_send_time(connection: Connection, channel: str) -> float:
    """Takes the next moment at which the channel may be asked; returns the seconds until then."""
    wait = connection.scalar(QUERIES.reserve_send_time, {"channel": channel})
    return float(wait or 0.0)


def consecutive_failures(connection: Connection, channel: str) -> int:
    """How often in a row the channel failed."""
    return connection.scalar(QUERIES.consecutive_failures, {"channel": channel}) or 0


def pause(connection: Connection, channel: str, reason: str, seconds: float) -> None:
    """Leaves the channel alone for so long. It counts as one failure more."""
    connection.execute(QUERIES.pause, {"channel": channel, "reason": reason, "seconds": seconds})


def resume(connection: Connection, channel: str) -> None:
    """Notes that the channel answers: it is not paused, and its failures are forgotten."""
    connection.execute(QUERIES.resume, {"channel": channel})


def paused_channels(connection: Connection) -> list[PausedChannel]:
    """The channels that are paused now."""
    return rows_as(PausedChannel, connection.execute(QUERIES.paused))
