"""Waking the service: a bell that its own threads ring, and PostgreSQL's NOTIFY, which is heard while it
sleeps.

Looking again after a while is what holds: a NOTIFY that is lost, or a server whose sessions do not hear any,
costs no more than that while.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.sync.workers import never_sleeps_again, say_asleep, say_awake

logger = logging.getLogger(__name__)
CHANNEL = "domiq_sync_due"
"""What sql/104_changes.sql notifies."""
_SAID_FOR_SECONDS = 30.0
"""How long it holds that somebody sleeps. Said again when half of it is over."""
_RECONNECT_SECONDS = 2.0
_HEAR_SECONDS = 1.0
"""How often the listening thread hears that it is to end."""


class Bell:
    """Wakes whoever waits. A ring while nobody does is kept."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Waits for a ring, so many seconds at most. Returns whether there was one."""
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung


class Listener:
    """Rings a bell at each NOTIFY that a change is queued, from a thread with a session of its own."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self.hears = False
        """Whether a session listens now."""

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except (psycopg.Error, SQLAlchemyError, DatabaseError) as error:
                logger.warning("nothing wakes this worker for now: %s", type(error).__name__)
            finally:
                self.hears = False
            self._ended.wait(_RECONNECT_SECONDS)

    def _listen(self) -> None:
        with self._engine.connect() as connection:
            session = connection.connection.driver_connection
            assert isinstance(session, psycopg.Connection)
            connection.detach()  # nobody else is to get a session that listens
            session.autocommit = True
            session.execute(f"LISTEN {CHANNEL}")
            self.hears = True
            self._bell.ring()  # whoever waits may sleep from now on
            while not self._ended.is_set():
                for _ in session.notifies(timeout=_HEAR_SECONDS, stop_after=1):
                    self._bell.ring()


class Sleeping:
    """Says in the database that a worker sleeps, so that it is woken, and that it is awake again.

    Args:
        clock: in seconds.
    """

    def __init__(self, engine: Engine, name: str, clock: Callable[[], float]) -> None:
        self._engine, self._name, self._clock = engine, name, clock
        self._said_at: float | None = None

    def begin(self) -> bool:
        """Says that it sleeps. Returns whether that is news: whoever queued a change just before has not
        known, and it must be looked for once more."""
        now = self._clock()
        if self._said_at is not None and now - self._said_at < _SAID_FOR_SECONDS / 2:
            return False
        with self._engine.begin() as connection:
            say_asleep(connection, self._name, _SAID_FOR_SECONDS)
        is_news, self._said_at = self._said_at is None, now
        return is_news

    def end(self) -> None:
        """Says that it is awake."""
        if self._said_at is not None:
            self._said_at = None
            with self._engine.begin() as connection:
                say_awake(connection, self._name)

    def forget(self) -> None:
        """It never sleeps again. What cannot be said now runs out by itself."""
        try:
            with self._engine.begin() as connection:
                never_sleeps_again(connection, self._name)
        except (DBAPIError, DatabaseError) as error:
            logger.warning("could not say that nobody sleeps any more: %s", type(error).__name__)
