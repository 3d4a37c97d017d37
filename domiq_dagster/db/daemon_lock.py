"""The lock under which Dagster's daemon runs: of all that stand ready, one holds it.

A session of Dagster's own database holds it, so PostgreSQL lets go of it when its holder is gone. The holder
asks every half second whether the session still has it. A holder that is cut off from PostgreSQL knows it
ANSWER_SECONDS later at the latest, before PostgreSQL gives the lock to another: PostgreSQL is told to
take a peer that does not answer for gone only after _PEER_SECONDS.
"""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from domiq_dagster.db import advisory_locks
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.errors import DatabaseError

KEY: Final = "domiq_sync:dagster_daemon"
ANSWER_SECONDS: Final = 10.0
"""Without an answer for so long the lock counts as lost."""
_PEER_SECONDS: Final = 30
_LOOK_SECONDS: Final = 0.5
_NAME: Final = "domiq-sync daemon"
_SET_UP = text(
    "SELECT set_config('tcp_keepalives_idle', :half, false), "
    "set_config('tcp_keepalives_interval', '5', false), "
    "set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', :milliseconds, false)"
)
_SAY_WHO = text("SELECT set_config('application_name', :name, false)")
_HOLDS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted "
    "AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (CAST(classid AS bigint) << 32 | CAST(objid AS bigint)) = hashtextextended(:key, 0)"
)
_HOLDER = text(
    "SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (CAST(l.classid AS bigint) << 32 | CAST(l.objid AS bigint)) = hashtextextended(:key, 0)"
)


class DaemonLock:
    """The lock, as one process sees it. Whoever holds it asks `holds` again and again."""

    def __init__(self, url: str) -> None:
        """`url`: of Dagster's database, to PostgreSQL itself or through a pooler in session mode."""
        self._engine: Engine = make_engine(url, application_name=_NAME, pool_size=1)
        self._connection: Connection | None = None
        self._watch: _Watch | None = None

    def try_take(self) -> bool:
        """Takes the lock where it is free.

        Raises:
            DatabaseError: PostgreSQL cannot be reached, or a pooler gives the session to others.
            SQLAlchemyError: the session was lost meanwhile; the next call opens another.
        """
        try:
            connection = self._opened()
            if not advisory_locks.try_lock(connection, KEY):
                return False
            since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            # PostgreSQL cuts a name at 63 bytes, so the time comes first.
            connection.execute(_SAY_WHO, {"name": f"{_NAME} {since} {socket.gethostname()}"})
        except SQLAlchemyError:
            self.let_go()
            raise
        self._watch = _Watch(connection)
        return True

    def holder(self) -> str:
        """Who holds the lock, such as `db-1 runs the daemon since 2026-03-01T12:00:00Z`."""
        names = [str(name or "") for (name,) in self._opened().execute(_HOLDER, {"key": KEY})]
        words = names[0].removeprefix(_NAME).split() if names else []
        if len(words) != 2:  # another role's, whose sessions are not shown, or just beginning
            return "another process runs the daemon"
        return f"{words[1]} runs the daemon since {words[0]}"

    def holds(self) -> bool:
        """Whether the lock is held for sure."""
        return self._watch is not None and self._watch.is_well()

    def let_go(self) -> None:
        """Ends the session, and with it the lock."""
        watch, self._watch = self._watch, None
        connection, self._connection = self._connection, None
        if watch is not None and not watch.end():
            return  # it waits for an answer that may never come, and ends the session as soon as it has one
        if connection is not None:
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Lets go, and keeps nothing open."""
        self.let_go()
        self._engine.dispose()

    def _opened(self) -> Connection:
        if self._connection is None:
            try:
                connection = self._engine.connect()
            except SQLAlchemyError as error:
                raise DatabaseError(f"Dagster's database cannot be used: {error}") from None
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            self._connection.execute(
                _SET_UP, {"half": str(_PEER_SECONDS // 2), "milliseconds": str(_PEER_SECONDS * 1000)}
            )
        return self._connection


class _Watch:
    """Asks, in a thread of its own, whether the session still holds the lock: an answer may never come. Once
    lost, it stays lost, and the session ends with the thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lost = False
        self._answered = time.monotonic()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, name="daemon-lock", daemon=True)
        self._thread.start()

    def is_well(self) -> bool:
        if time.monotonic() - self._answered >= ANSWER_SECONDS:
            # Whoever asked has begun to end its daemon: an answer that comes after all changes nothing.
            self._lost = True
        return not self._lost

    def end(self) -> bool:
        """Whether the thread is done with the session."""
        self._ends.set()
        self._thread.join(2 * _LOOK_SECONDS)
        return not self._thread.is_alive()

    def _look(self) -> None:
        while not self._ends.wait(_LOOK_SECONDS) and not self._lost:
            asked = time.monotonic()
            try:
                is_ours = self._connection.execute(_HOLDS, {"key": KEY}).scalar_one()
            except (SQLAlchemyError, DatabaseError):
                is_ours = 0
            if not is_ours:
                self._lost = True
            self._answered = asked
        # Here, since nobody may wait for this thread any more: a session that is merely dropped goes back to
        # the pool, which keeps it open, and with it the lock.
        self._connection.invalidate()
