"""A worker process played by a thread: it can die at any step, or be frozen while the others go on.

A step is a statement, a commit, or a moment of a request. Who died does nothing any more (each further step
dies too), and its connections are closed, which gives up its locks, as the end of a process does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, event, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.resman.config import Endpoint
from domiq_dagster.sync.account_gate import AccountGate
from domiq_dagster.sync.queue.queue import Claim
from tests.machine.resman_model import ModelClient, ResManModel

T = TypeVar("T")
_PATIENCE = 30.0
_COMMENT = re.compile(r"--[^\n]*")
_CLAIMS = "SET state = 'in_flight'"
_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = ANY (%s)"""
_TIME_PASSES = """
UPDATE domiq_sync.account SET next_request_at = next_request_at - :seconds * interval '1 second'"""
_LOCKS_ROWS = re.compile(r"\b(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


class Crash(BaseException):
    """The process died here."""


class _Counted:
    """A gate that tells its process when somebody is in it."""

    def __init__(self, gate: AccountGate, process: Process) -> None:
        self._gate, self._process = gate, process

    @contextmanager
    def __call__(self, account_id: str, endpoint: Endpoint | None = None) -> Iterator[None]:
        with self._process.at_the_gate(), self._gate(account_id, endpoint):
            yield

    @contextmanager
    def together(self, account_id: str) -> Iterator[None]:
        with self._process.at_the_gate(), self._gate.together(account_id):
            yield

    def one_session(self) -> AbstractContextManager[None]:
        return self._gate.one_session()


class Process:
    """Engines of its own, a gate of its own, and a plan of when to die or to freeze."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._url = url
        self.claim: Claim | None = None
        """What it claimed last, where the work notes it."""
        self.engine = make_engine(url, application_name=name, pool_size=8)
        self._gate_engine = make_engine(
            url, application_name=f"{name} gate", pool_size=0, lock_timeout_ms=2000
        )
        for engine in (self.engine, self._gate_engine):
            _listen(engine, self)
        event.listen(self.engine, "begin", lambda connection: self._may_freeze())
        self._lock = threading.Lock()
        self._dead = False
        self._dies_at: int | None = None
        self._steps_left: int | None = None
        self._freezes_left: int | None = None
        self._at_the_gate = 0
        self._writing: set[int] = set()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()  # it is frozen, or has ended
        self._thaw = threading.Event()

    def close(self) -> None:
        assert self._thread is None, f"{self.name} was left frozen"
        self._bury()

    # What it works with

    def client(self, model: ResManModel, kind: type[ModelClient] = ModelClient) -> ModelClient:
        """A client behind the real gate. What the pace asks to wait passes at once."""
        gate = AccountGate(self._gate_engine, pause=self._rest, jitter=lambda: 1.0)
        return kind(model, _Counted(gate, self), self._at)

    def _rest(self, seconds: float) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(_TIME_PASSES), {"seconds": seconds})

    @contextmanager
    def at_the_gate(self) -> Iterator[None]:
        """While it waits for the account's slot or has it."""
        with self._lock:
            self._at_the_gate += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_the_gate -= 1

    # Running

    def run(
        self, work: Callable[[], T], *, dies_at: int | None = None, counted_from_start: bool = False
    ) -> T | None:
        """Does the work to its end, or dies on the way, so many steps after it claimed something (or after it
        began): then the answer is None."""
        self._dies_at = dies_at
        if counted_from_start:
            self._steps_left = dies_at
        try:
            return work()
        except BaseException:
            if not self._dead:
                raise
            return None  # whatever the dead say
        finally:
            self._dies_at = self._steps_left = None
            if self._dead:
                self._bury()

    def start(self, work: Callable[[], Any]) -> None:
        """Does the work in a thread. Comes back when it is frozen (the work itself says when that may be, by
        `freeze_at`) or has ended."""
        assert self._thread is None
        self._stopped.clear()
        self._thaw.clear()
        self._error = None

        def life() -> None:
            try:
                work()
            except BaseException as error:
                self._error = error
            finally:
                self._freezes_left = None
                self._stopped.set()

        self._thread = threading.Thread(target=life, name=self.name, daemon=True)
        self._thread.start()
        assert self._stopped.wait(_PATIENCE), f"{self.name} neither froze nor ended"
        if not self.frozen:
            self._join()

    def freeze_at(self, moment: int) -> None:
        """Freezes at that one of the coming moments at which it holds no locks (1: the next)."""
        self._freezes_left = moment

    @property
    def frozen(self) -> bool:
        return self._thread is not None and self._freezes_left == 0

    def resume(self, *, dies: bool = False) -> None:
        """Lets the frozen thread go on to its end. `dies`: it was killed in its sleep."""
        assert self.frozen
        self._dead, self._freezes_left = dies, None
        self._thaw.set()
        self._join()

    def _join(self) -> None:
        assert self._thread is not None
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive(), f"{self.name} does not end"
        self._thread, error = None, self._error
        if self._dead:
            self._bury()
        elif error is not None:
            raise error

    def _bury(self) -> None:
        for engine in (self.engine, self._gate_engine):
            assert engine.pool.checkedout() == 0, "a connection was not given back"
            engine.dispose()
        # A busy server may notice only later that its clients are gone, and keep their locks until then.
        with psycopg.connect(self._url, autocommit=True) as undertaker:
            names = [self.name, f"{self.name} gate"]
            undertaker.execute(_END_SESSIONS, [names])
        self._dead = False
        self._writing.clear()

    # Steps

    def _at(self, moment: str) -> None:
        if moment in ("before the gate", "behind the gate"):
            self._may_freeze()
        self._step()

    def _step(self) -> None:
        with self._lock:
            if self._steps_left is not None:
                self._steps_left -= 1
                self._dead = self._dead or self._steps_left < 0
        if self._dead:
            raise Crash(self.name)

    def _may_freeze(self) -> None:
        """Not while it holds the account's slot or has written something that is not committed: then the
        others would wait for it, and there would be nothing to see."""
        with self._lock:
            if self._freezes_left is None or self._at_the_gate or self._writing:
                return
            if self._freezes_left > 0:
                self._freezes_left -= 1
            if self._freezes_left > 0:
                return
        self._stopped.set()
        self._thaw.wait()

    def sql(self, connection: Connection) -> None:
        """A statement or a commit is about to go out."""
        try:
            self._step()
        except Crash:
            connection.invalidate()  # its locks are gone with it
            raise

    def statement(self, connection: Connection, statement: str) -> None:
        self.sql(connection)
        if self._steps_left is None and _CLAIMS in statement:
            self._steps_left = self._dies_at
        if connection.engine is self.engine and _LOCKS_ROWS.search(_COMMENT.sub("", statement)):
            self._writing.add(id(connection))

    def ended(self, connection: Connection) -> None:
        self._writing.discard(id(connection))


def _listen(engine: Engine, process: Process) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def statement(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        process.statement(connection, statement)

    @event.listens_for(engine, "commit")
    def commit(connection: Connection) -> None:
        process.sql(connection)
        process.ended(connection)

    @event.listens_for(engine, "rollback")
    def rollback(connection: Connection) -> None:
        process.ended(connection)
