"""Who works on the sync just now, as the database knows it: a process that says so every few seconds, and is
taken for dead when it has not for half a minute.

Dagster's own status of a run says only what the run said last. One whose machine died stays started until
somebody looks, so nobody may wait for it on that word alone.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.sqlfile import load_queries

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "workers.sql")
BEAT_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
"""How long somebody may be silent who is taken to be alive."""


class Presence:
    """Says, for as long as it is entered, that a worker is alive. What it said last stays on record.

    Args:
        name: one that no other worker has.
        job: what it does: push, pull, notify, reconcile_pending.
        run_id: the Dagster run that it is, if it is one.
    """

    def __init__(
        self, engine: Engine, name: str, job: str, *, run_id: str | None = None, seconds: float = BEAT_SECONDS
    ) -> None:
        self._engine = engine
        self._values = {"name": name, "job": job, "run_id": run_id}
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def beat(self) -> None:
        """Says it once."""
        with self._engine.begin() as connection:
            connection.execute(QUERIES.beat, self._values)

    def __enter__(self) -> Presence:
        self.beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self.beat()
            except (DBAPIError, DatabaseError) as error:
                logger.warning("could not say that this worker is alive: %s", type(error).__name__)


def runs_seen(connection: Connection, *, patience: float | None = None) -> dict[str, bool]:
    """The Dagster runs that were ever seen at work and are not forgotten, each with whether it is alive.

    Args:
        patience: for how many seconds somebody may be silent; PATIENCE_SECONDS, if not given.
    """
    values = {"patience": PATIENCE_SECONDS if patience is None else patience}
    rows = connection.execute(QUERIES.runs, values)
    return {row.run_id: row.alive for row in rows}


def forget_the_dead(connection: Connection) -> None:
    """Forgets workers that nobody has seen for a day; the caller commits."""
    connection.execute(QUERIES.forget)
