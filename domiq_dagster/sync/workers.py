"""Who works on the sync just now, as the database knows it: a process that says so every few seconds, and is
taken for dead when it has not for a while (`patience.WORKER`).

Dagster's own status of a run says only what the run said last. One whose machine died stays started until
somebody looks, so nobody may wait for it on that word alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import patience

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "workers.sql")
SERVICE = "service"
"""The job of a worker that goes on: it pushes, and takes rules and notices along."""
BEAT_SECONDS = patience.BEAT
PATIENCE_SECONDS = patience.WORKER
"""How long somebody may be silent who is taken to be alive."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a worker is: whether it goes round, and for how long the longest-due change waits that it found."""

    is_well: bool = True
    lag_seconds: float | None = None


class Presence:
    """Says, for as long as it is entered, that a worker is alive. What it said last stays on record.

    Args:
        name: one that no other worker has.
        job: what it does: push, pull, notify, reconcile_pending; service, of one that goes on.
        run_id: the Dagster run that it is, if it is one.
        condition: asked before each word; one that is not well says nothing.
        leaves: what it said goes from the record once it ends.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        job: str,
        *,
        run_id: str | None = None,
        seconds: float = BEAT_SECONDS,
        condition: Callable[[], Condition] = lambda: Condition(),
        leaves: bool = False,
    ) -> None:
        self._engine = engine
        self._values = {"name": name, "job": job, "run_id": run_id}
        self._seconds = seconds
        self._condition, self._leaves = condition, leaves
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def beat(self) -> None:
        """Says it once, if it is well."""
        condition = self._condition()
        if condition.is_well:
            with self._engine.begin() as connection:
                connection.execute(QUERIES.beat, {**self._values, "lag": condition.lag_seconds})

    def __enter__(self) -> Presence:
        self.beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._leaves:
            with self._telling("has ended"), self._engine.begin() as connection:
                connection.execute(QUERIES.leave, self._values)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            with self._telling("is alive"):
                self.beat()

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, DatabaseError) as error:
            logger.warning("could not say that this worker %s: %s", what, type(error).__name__)


def say_asleep(connection: Connection, name: str, seconds: float) -> None:
    """Has whoever queues a change within so many seconds wake this worker. The caller commits."""
    connection.execute(QUERIES.sleep, {"name": name, "seconds": seconds})


def say_awake(connection: Connection, name: str) -> None:
    """Has nobody wake it. The caller commits."""
    connection.execute(QUERIES.awake, {"name": name})


def never_sleeps_again(connection: Connection, name: str) -> None:
    """Forgets it, and those that a crash left asleep. The caller commits."""
    connection.execute(QUERIES.never_sleep, {"name": name})


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """One who is alive. Times in seconds."""

    name: str
    started_at: datetime
    lag_seconds: float | None
    silent_seconds: float


def live_workers(connection: Connection, job: str) -> list[LiveWorker]:
    """Those who do a job and have said of late that they are alive, whoever said so last first."""
    values = {"job": job, "patience": PATIENCE_SECONDS}
    return rows_as(LiveWorker, connection.execute(QUERIES.alive, values))


def keep_out(connection: Connection) -> None:
    """Has nobody say that they are alive until this transaction ends: whoever is about to waits for it."""
    connection.execute(QUERIES.keep_out)


def all_alive(connection: Connection) -> list[str]:
    """Whoever has said of late that they are alive, whatever their job, in words."""
    found = connection.execute(QUERIES.all_alive, {"patience": PATIENCE_SECONDS})
    return [f"{row.job} {row.name} (seen {row.silent_seconds:.0f} s ago)" for row in found]


def other_sessions(connection: Connection) -> list[str]:
    """Sessions of the sync's in this database, other than this one, that did anything of late, in words: also
    of commands and of Dagster's sensors, which do not say that they are alive."""
    found = connection.execute(QUERIES.sessions, {"patience": PATIENCE_SECONDS})
    return [
        f"a session of {row.name} (pid {row.pid} of PostgreSQL, from {row.address or 'its own machine'})"
        for row in found
    ]


def runs_seen(connection: Connection, *, patience: float | None = None) -> dict[str, bool]:
    """The Dagster runs that were ever seen at work and are not forgotten, each with whether it is alive.

    Args:
        patience: for how many seconds somebody may be silent; PATIENCE_SECONDS, if not given.
    """
    values = {"patience": PATIENCE_SECONDS if patience is None else patience}
    rows = connection.execute(QUERIES.runs, values)
    return {row.run_id: row.alive for row in rows}


def forget_the_dead(connection: Connection) -> int:
    """Forgets workers that nobody has seen for a day, and returns how many; the caller commits."""
    return len(connection.scalars(QUERIES.forget).all())
