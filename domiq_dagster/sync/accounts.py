"""One gate per ResMan account, shared by all workers and machines through PostgreSQL.

At most one request at a time (or as many as the account allows), a pace, and a breaker: after an outage is
seen, nobody asks until a pause is over, then one request goes through as a probe, and after it the account is
asked slowly at first. A turn is a session-level advisory lock, which a dead worker loses with its connection;
it needs a direct connection, or a pooler in session mode.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseUnavailable
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.errors import BadCredentials, Busy, Disposition, ResManError, Scope

logger = logging.getLogger(__name__)
_QUERIES = load_queries(__package__, "accounts.sql")
_TURNS_KNOWN_SECONDS = 10.0

last_word: ContextVar[Callable[[Connection], None] | None] = ContextVar("last_word", default=None)
"""Called while a turn is awaited, and when it has come, just before the request is sent. Whoever must still
hold something by then (a lease may run out meanwhile) sets it, and raises to keep the request in. It may use
the gate's connection, on which each statement is a transaction of its own."""


class AccountClosed(ResManError):
    """The breaker of the account is open: nothing was asked.

    `retry_after` tells the seconds until the next probe.
    """

    kind = "breaker_open"
    scope = Scope.ACCOUNT


class RequestInDoubt(AccountClosed):
    """The worker that asked last lost its turn before its request ended (it died, or its database session
    did): ResMan may still be working on that request."""

    kind = "request_in_doubt"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When the breaker opens, for how long, and how the account is asked after it. Times in seconds.

    first_ramp: the least time between requests after the first success; each further success takes it to
    `ramp_factor` of it. A failure before it has come to nothing opens the breaker again at once.
    longest_request: for how long a request is taken to be under way when its worker has vanished.
    """

    failures_to_open: int = 3
    first_pause: float = 5.0
    longest_pause: float = 300.0
    first_ramp: float = 2.0
    ramp_factor: float = 0.6
    longest_request: float = 45.0


class AccountGate:
    """Use as the client's guard. `pause` waits (tests pass their own), `jitter` gives 0 to 1."""

    def __init__(
        self,
        engine: Engine,
        *,
        rules: BreakerRules | None = None,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._rules = rules or BreakerRules()
        self._pause = pause
        self._jitter = jitter
        self._turns: dict[str, tuple[int, float]] = {}

    @contextmanager
    def __call__(self, account_id: str) -> Iterator[None]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            turn = self._take_turn(connection, account_id)
            state: Row[Any] | None = None
            ended = _Ended()
            try:
                state = self._enter(connection, account_id, turn)
                if (check := last_word.get()) is not None:
                    check(connection)
                yield
                ended.well = True
            except ResManError as error:
                ended.error = error
                raise
            finally:
                if state is not None:
                    self._note(connection, account_id, state, ended)
                self._leave(connection, account_id, turn, state)

    def _take_turn(self, connection: Connection, account_id: str) -> int:
        """Waits for one of the account's turns. Returns its number."""
        turns = self._turns_of(connection, account_id)
        if turns > 1:
            for turn in range(turns):
                if connection.scalar(text(_QUERIES["try_lock"]), {"a": account_id, "turn": turn}):
                    return turn
        turn = random.randrange(turns)
        while True:
            try:
                connection.execute(text(_QUERIES["lock"]), {"a": account_id, "turn": turn})
                return turn
            except DBAPIError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
            # The wait is cut into pieces by lock_timeout, so that a stop is heard.
            if (check := last_word.get()) is not None:
                check(connection)

    def _turns_of(self, connection: Connection, account_id: str) -> int:
        known, until = self._turns.get(account_id, (1, -math.inf))
        if time.monotonic() >= until:
            known = connection.scalar(text(_QUERIES["turns"]), {"a": account_id}) or 1
            self._turns[account_id] = (known, time.monotonic() + _TURNS_KNOWN_SECONDS)
        return known

    def _enter(self, connection: Connection, account_id: str, turn: int) -> Row[Any]:
        row = connection.execute(
            text(_QUERIES["enter"]), {"a": account_id, "turn": turn, "longest": self._rules.longest_request}
        ).one()
        if row.closed_for > 0:
            raise AccountClosed(
                f"ResMan account {account_id} is paused for {row.closed_for:.0f} s more ({row.open_reason}).",
                retry_after=row.closed_for,
            )
        if row.holder is None:
            raise RequestInDoubt(
                f"ResMan account {account_id} may still be working on a request whose worker is gone; "
                f"it is asked again in {row.busy_for:.0f} s.",
                retry_after=row.busy_for,
            )
        if row.interval_ms:
            wait = connection.scalar(text(_QUERIES["pace"]), {"a": account_id})
            if wait and wait > 0:
                self._pause(float(wait))
        return row

    def _note(self, connection: Connection, account_id: str, state: Row[Any], ended: _Ended) -> None:
        """Keeps the account's state. If the database is gone, what ResMan answered still counts."""
        try:
            if ended.error is not None and is_outage(ended.error):
                self._record_failure(connection, account_id, state, ended.error)
            elif (ended.well or ended.error is not None) and (state.failures or state.ramp_ms):
                rules = self._rules
                connection.execute(
                    text(_QUERIES["succeeded"]),
                    {"a": account_id, "first": rules.first_ramp * 1000, "factor": rules.ramp_factor},
                )
        except DBAPIError as error:
            logger.warning(
                "the state of account %s could not be kept: %s", account_id, type(error.orig).__name__
            )

    def _leave(self, connection: Connection, account_id: str, turn: int, state: Row[Any] | None) -> None:
        """Gives the turn back. If the session is gone, the lock went with it; the mark is left to clear."""
        key = {"a": account_id, "turn": turn}
        try:
            if state is None:
                connection.execute(text(_QUERIES["unlock"]), key)
            else:
                connection.execute(text(_QUERIES["leave"]), {**key, "holder": state.holder})
            return
        except DBAPIError as error:
            logger.warning(
                "account %s: the turn ended with its session: %s", account_id, type(error.orig).__name__
            )
            connection.invalidate()
        if state is None:
            return
        try:
            with self._engine.begin() as other:
                other.execute(text(_QUERIES["clear_turn"]), {**key, "holder": state.holder})
        except (DBAPIError, DatabaseUnavailable) as error:
            logger.warning(
                "account %s is paused until its last request is over for certain: %s", account_id, error
            )

    def _record_failure(
        self, connection: Connection, account_id: str, state: Row[Any], error: ResManError
    ) -> None:
        failures = connection.scalar(text(_QUERIES["failed"]), {"a": account_id})
        if failures is None:
            return
        opens = (
            failures >= self._rules.failures_to_open
            or state.ramp_ms > 0
            or isinstance(error, (BadCredentials, Busy))
        )
        if opens or error.retry_after is not None:
            exponent = min(max(0, failures - self._rules.failures_to_open), 16)
            ceiling = min(self._rules.longest_pause, self._rules.first_pause * 2**exponent)
            pause = max(error.retry_after or 0.0, self._jitter() * ceiling)
            connection.execute(
                text(_QUERIES["open"]), {"a": account_id, "seconds": pause, "reason": error.kind}
            )


@dataclass(slots=True)
class _Ended:
    """How a request ended."""

    well: bool = False
    error: ResManError | None = None


def is_outage(error: ResManError) -> bool:
    """Whether an error speaks about the account or the service as a whole rather than one request."""
    if isinstance(error, AccountClosed) or error.scope is Scope.CHANGE:
        return False
    return error.kind not in ("answer_too_large", "not_entitled") or error.disposition is Disposition.UNKNOWN
