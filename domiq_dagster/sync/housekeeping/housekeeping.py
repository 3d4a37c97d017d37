"""One housekeeping: kind by kind, what is older than its retention goes, in steps that each commit.

A step looks at a bounded number of rows by key, so that no transaction is long and nobody waits for it. It
can stop anywhere: the next housekeeping begins anew, and what has gone is gone. What is wrong with one kind
ends that kind and no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.privileges import is_missing_grant, what_is_missing
from domiq_dagster.sync.housekeeping.retention import Retention
from domiq_dagster.sync.notifications import retention as notices
from domiq_dagster.sync.operator_actions import Deciding, record
from domiq_dagster.sync.pull import retention as pulls
from domiq_dagster.sync.queue import archive, attempt_retention
from domiq_dagster.sync.workers import forget_the_dead

STEP_ROWS = 5_000
SECONDS = 600.0
_Key = TypeVar("_Key")
_Step = Callable[[Connection, _Key], tuple[int, _Key | None]]
"""One step from a key on: how many rows went, and the key of the next step; None: there is nothing more."""


@dataclass(slots=True)
class Kind:
    """What became of one kind of record.

    Attributes:
        rows: how many went (or moved).
        whole: whether all of it was looked at; else the time was over, and the next housekeeping goes on.
        problem: why it could not be done, if so.
    """

    rows: int = 0
    whole: bool = False
    problem: str | None = None


@dataclass(slots=True)
class Housekept:
    """What one housekeeping did, kind by kind."""

    dry_run: bool
    kinds: dict[str, Kind] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        return [f"{name}: {kind.problem}" for name, kind in self.kinds.items() if kind.problem]

    def as_json(self) -> dict[str, Any]:
        return {"dry_run": self.dry_run, "kinds": {name: asdict(kind) for name, kind in self.kinds.items()}}


def keep_house(
    engine: Engine,
    retention: Retention,
    *,
    seconds: float = SECONDS,
    step_rows: int = STEP_ROWS,
    dry_run: bool = False,
    by: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Housekept:
    """Deletes what is older than its retention, and moves settled rows of the log to the archive.

    Args:
        seconds: when no further step begins.
        step_rows: how many rows one step looks at.
        dry_run: each step is undone, and the next goes on after it all the same.
        by: whoever chose the retention, for the record, which is there before the first step.

    Raises:
        TooShort: something would go that is still needed.
    """
    done = Housekept(dry_run)
    with engine.connect() as connection:
        now: datetime = connection.scalar(text("SELECT clock_timestamp()"))
        retention.check(connection)
        connection.rollback()
        if not dry_run:
            record(connection, Deciding.HOUSEKEEPING, by, details=asdict(retention))
            connection.commit()
        ends_at = clock() + seconds
        for name, steps in _kinds(retention, now, step_rows, connection):
            kind = done.kinds[name] = Kind()
            try:
                for rows in steps:
                    kind.rows += rows
                    if dry_run:
                        connection.rollback()
                    else:
                        connection.commit()
                    if clock() >= ends_at:
                        break
                else:
                    kind.whole = True
            except (DatabaseError, DBAPIError) as error:
                if connection.invalidated:
                    raise
                connection.rollback()
                kind.problem = _said(error)
    return done


def _kinds(
    retention: Retention, now: datetime, rows: int, connection: Connection
) -> Iterator[tuple[str, Iterator[int]]]:
    """Each kind with its steps. Notices before the log, which keeps a change that is still to be told."""

    def before(days: float) -> datetime:
        return now - timedelta(days=days)

    def of_attempts(c: Connection, after: int) -> tuple[int, int | None]:
        return attempt_retention.forget_some(
            c, before=before(retention.attempts_days), after=after, rows=rows
        )

    def of_pulls(c: Connection, after: int) -> tuple[int, int | None]:
        return pulls.forget_some(c, before=before(retention.pulls_days), after=after, rows=rows)

    yield "attempts", _steps(connection, of_attempts, 0)
    yield "pulls", _steps(connection, of_pulls, 0)
    yield "heartbeats", _of_workers(connection)
    yield "notices", _steps(connection, lambda c, after: notices.forget_some(
        c,
        before=before(retention.notices_days),
        unread_before=before(retention.unread_notices_days),
        after=after,
        rows=rows,
    ), notices.FIRST)  # fmt: skip
    yield "archived rows of deleted conversations", _of_deleted(connection, rows)
    if retention.archive_after_days is not None:
        yield "log", _of_log(connection, before(retention.archive_after_days), rows)


def _steps(connection: Connection, step: _Step[_Key], first: _Key) -> Iterator[int]:
    after: _Key | None = first
    while after is not None:
        removed, after = step(connection, after)
        yield removed


def _of_workers(connection: Connection) -> Iterator[int]:
    yield forget_the_dead(connection)


def _of_deleted(connection: Connection, rows: int) -> Iterator[int]:
    archived, conversations = archive.forget_gone(connection, rows=min(rows, 100))
    yield archived
    while conversations:
        archived, conversations = archive.forget_gone(connection, rows=min(rows, 100))
        yield archived


def _of_log(connection: Connection, before: datetime, rows: int) -> Iterator[int]:
    archive.require_right_to_archive(connection)
    after: int | None = 0
    while after is not None:
        moved = archive.archive_some(connection, before=before, after=after, rows=rows)
        after = moved.last_seq
        yield moved.rows


def _said(error: DatabaseError | DBAPIError) -> str:
    """What is wrong, without PostgreSQL's own words, which may repeat a row."""
    if isinstance(error, DatabaseError):
        return str(error)
    if is_missing_grant(error):
        return what_is_missing(error)
    state = getattr(error.orig, "sqlstate", None) or "none"
    return f"the database refused a step (SQLSTATE {state}); the next housekeeping goes on from there"
