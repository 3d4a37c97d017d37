"""Restores: noticing that the database was put back to where it once was, and remembering it.

After a restore from a copy, or a failover to a standby that lagged, ResMan has events that this database does
not know of. For a day after that, and for every change that was pending then, a delivery reads the lead
before it posts (`delivery/lost_time`). It is noticed by a mark outside the database that is further than the
database is, by PostgreSQL's timeline, by an event of ours at ResMan that the log does not know, or it is
declared with `domiq-sync restored`.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import one_as, row_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.operator_actions import Deciding, record

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "restores.sql")
_HEX_OF_MARKER = 12


@dataclass(frozen=True, slots=True)
class Restore:
    """One restore, as it was noticed. `since`: what came since then may be lost; None where nobody knows."""

    noticed_at: datetime
    since: datetime | None
    evidence: str


@dataclass(frozen=True, slots=True)
class _Position:
    """Where the database is."""

    installation_id: UUID
    timeline_before: int | None
    may_ask: bool
    now: datetime


class OutsideMark:
    """A file beside the database that remembers how far it had come: one for each installation.

    Several processes and threads may move it on, one at a time; it goes back only where the database did.

    Args:
        folder: where the files are; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path: Path | None = None
        self._furthest = 0
        self._lock = threading.Lock()

    def of(self, installation_id: UUID) -> int | None:
        """Opens the mark of an installation. Returns how far its database had come; None where nothing
        readable says so."""
        self._path = self.folder / f"{installation_id}.json"
        return self._read()

    def passed(self, furthest: int) -> None:
        """Remembers that the database has come so far, before anything is told to ResMan."""
        with self._lock:
            if furthest > self._furthest:
                self._write(furthest, back=False)

    def put_back(self, furthest: int) -> None:
        """Has it stand where the database was put back to."""
        with self._lock:
            self._write(furthest, back=True)

    def _write(self, furthest: int, *, back: bool) -> None:
        """Moves it on, or also back. That it cannot be written is logged: the other signs remain."""
        assert self._path is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if back or furthest > (self._read() or 0):
                    mine = self._path.with_suffix(f".{os.getpid()}")
                    mine.write_text(json.dumps({"furthest": furthest}), encoding="utf-8")
                    mine.replace(self._path)
        except OSError as error:
            logger.warning("the mark %s cannot be written: %s", self._path, error)
        self._furthest = furthest

    def _read(self) -> int | None:
        assert self._path is not None
        try:
            return int(json.loads(self._path.read_text(encoding="utf-8"))["furthest"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the mark %s cannot be read: %s", self._path, error)
            return None


def look(engine: Engine, mark: OutsideMark | None) -> None:
    """Notices whether the database went back since the last look. To be called before anything is told to
    ResMan.

    Args:
        mark: opened and, where the database is behind it, put back to it; None: only PostgreSQL's timeline is
            looked at.
    """
    with engine.begin() as connection:
        position = one_as(_Position, connection.execute(QUERIES.position))
        before = mark.of(position.installation_id) if mark is not None else None
        # After the mark: whoever claims in between moves on the database first, and then the mark.
        furthest: int = connection.execute(QUERIES.furthest).scalar_one()
        is_behind = before is not None and before > furthest
        if is_behind:
            _declare(connection, f"the mark outside the database stood at {before}, it at {furthest}", None)
        if position.may_ask:
            _look_at_timeline(connection, position.timeline_before)
    if mark is not None and is_behind:
        mark.put_back(furthest)
    elif mark is not None:
        mark.passed(furthest)


def _look_at_timeline(connection: Connection, before: int | None) -> None:
    timeline: int = connection.execute(QUERIES.timeline).scalar_one()
    if timeline == before:
        return
    if before is not None:
        _declare(connection, f"PostgreSQL went on to timeline {timeline}", None)
    connection.execute(QUERIES.note_timeline, {"timeline": timeline})


def declare(connection: Connection, by: str, since: datetime | None, *, why: str | None = None) -> Restore:
    """Puts on record that somebody says so. The caller commits.

    Args:
        by: who says so; and why.
        since: the time (aware) that the database was put back to; None: nobody knows.
    """
    now: datetime = one_as(_Position, connection.execute(QUERIES.position)).now
    _declare(connection, f"declared by {by} at {now:%Y-%m-%d %H:%M:%S.%f}", since)
    record(connection, Deciding.RESTORED, by, why, details={"since": since})
    found = latest(connection)
    assert found is not None
    return found


def latest(connection: Connection) -> Restore | None:
    """The restore that was noticed last; None where there was none."""
    return row_as(Restore, connection.execute(QUERIES.latest))


def unknown_markers(connection: Connection, marked: Collection[str]) -> set[str]:
    """Of the beginnings of change ids (12 hex digits) that ResMan shows in markers, those of changes that
    this database never had."""
    ranges = {_low(begins): begins for begins in marked if len(begins) == _HEX_OF_MARKER}
    if not ranges:
        return set()
    values = {"lows": list(ranges), "highs": [_high(begins) for begins in ranges.values()]}
    return {ranges[low] for low in connection.scalars(QUERIES.strangers, values)}


def note_strangers(connection: Connection, markers: Collection[str]) -> bool:
    """Puts on record that ResMan shows events of ours that this database does not know. The caller commits.

    Returns:
        Whether any of them is news.
    """
    told = [
        _declare(connection, f"ResMan shows an event of an unknown change {m}", None) for m in sorted(markers)
    ]
    return any(told)


def taken_up(connection: Connection, conversation_id: UUID) -> set[str]:
    """The lost changes in which changes of a conversation were found again, by the beginning of their ids."""
    return set(connection.scalars(QUERIES.taken_up, {"conversation_id": conversation_id}))


def _declare(connection: Connection, evidence: str, since: datetime | None) -> bool:
    values = {"evidence": evidence, "since": since}
    is_news = connection.scalar(QUERIES.declare, values) is not None
    if is_news:
        logger.warning(
            "the database was put back: %s; leads are read before they are told anything", evidence
        )
    return is_news


def _low(begins: str) -> UUID:
    return UUID(hex=begins.ljust(32, "0"))


def _high(begins: str) -> UUID:
    return UUID(hex=begins.ljust(32, "f"))
