"""One gate per ResMan account, shared by all workers and machines through PostgreSQL.

At most one request at a time (or as many as the account allows), a pace, and a breaker: after an outage is
seen, nobody asks until a pause is over, then one request goes through as a probe, and after it the account is
asked slowly at first. A slot is a session-level advisory lock, which a dead worker loses with its connection;
it needs a direct connection, or a pooler in session mode. Nobody who has a slot sleeps: where the pace asks
to wait, the slot is released first.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db import advisory_locks
from domiq_dagster.db.errors import DatabaseUnavailable
from domiq_dagster.db.rows import one_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.errors import BadCredentials, Busy, Disposition, ResManError, Scope

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "account_gate.sql")
_SLOTS_KNOWN_SECONDS = 10.0
_HEAR_EVERY_SECONDS = 2.0
"""How often whoever waits asks whether to go on waiting."""

_still_wanted: ContextVar[Callable[[Connection], bool] | None] = ContextVar("still_wanted", default=None)


@contextmanager
def asking_first(still_wanted: Callable[[Connection], bool]) -> Iterator[None]:
    """Has the gate ask whether a request is still wanted: while a slot is awaited, and when it has come, just
    before the request is sent.

    Args:
        still_wanted: called for each request of this thread within the block. Whoever must still hold
            something by then (a lease may run out meanwhile) says no to keep the request in: the client
            raises NotWanted. It may use the gate's connection, on which each statement is a transaction of
            its own. Whoever was to be asked already is asked as well.
    """
    outer = _still_wanted.get()

    def both(connection: Connection) -> bool:
        return (outer is None or outer(connection)) and still_wanted(connection)

    before = _still_wanted.set(both)
    try:
        yield
    finally:
        _still_wanted.reset(before)


class NotWanted(Exception):
    """Whoever asked does not want its request sent any more: nothing was asked."""


class AccountClosed(ResManError):
    """The breaker of the account is open: nothing was asked.

    `retry_after` tells the seconds until the next probe.
    """

    kind = "breaker_open"
    scope = Scope.ACCOUNT


class RequestInDoubt(AccountClosed):
    """The worker that asked last lost its slot before its request ended (it died, or its database session
    did): ResMan may still be working on that request."""

    kind = "request_in_doubt"


class AccountBusy(AccountClosed):
    """Others had every slot of the account for as long as was waited: nothing was asked."""

    kind = "account_busy"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When the breaker opens, for how long, and how the account is asked after it. Times in seconds.

    Attributes:
        first_ramp: the least time between requests after the first success; each further success takes it to
            `ramp_factor` of it. A failure before it has come to nothing opens the breaker again at once.
        longest_request: for how long a request is taken to be under way when its worker has vanished.
        longest_wait: for how long a slot is waited for, so that whoever asks comes to an end.
    """

    failures_to_open: int = 3
    first_pause: float = 5.0
    longest_pause: float = 300.0
    first_ramp: float = 2.0
    ramp_factor: float = 0.6
    longest_request: float = 45.0
    longest_wait: float = 300.0


@dataclass(frozen=True, slots=True)
class _AccountState:
    """How an account stands for whoever has one of its slots.

    Attributes:
        failures: outages in a row.
        ramp_ms: the least time between requests after an outage, in milliseconds; 0: none.
        holder: as whom the request may be made; None where it may not be made now.
        closed_for, paced_for, busy_for: for how many seconds more the breaker, the pace, or the slot's last
            request keeps it out.
    """

    failures: int
    ramp_ms: int
    open_reason: str | None
    closed_for: float
    holder: int | None
    paced_for: float
    busy_for: float


@dataclass(slots=True)
class _Slot:
    """A slot that a thread has: of which account, its number, as whom (`holder`), and how the account stood
    when it was given.

    Attributes:
        asked: how many requests were made in it.
    """

    connection: Connection
    account_id: str
    number: int
    state: _AccountState
    asked: int = 0

    @property
    def key(self) -> dict[str, Any]:
        return {"a": self.account_id, "slot": self.number, "holder": self.state.holder}


class AccountGate:
    """Use as the client's guard. `pause` waits (tests pass their own), `jitter` gives 0 to 1."""

    def __init__(
        self,
        engine: Engine,
        *,
        rules: BreakerRules | None = None,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._rules = rules or BreakerRules()
        self._pause = pause
        self._jitter = jitter
        self._clock = clock
        self._slots_known: dict[str, tuple[int, float]] = {}
        self._own = threading.local()

    @contextmanager
    def __call__(self, account_id: str) -> Iterator[None]:
        """One request at an account: in the slot that this thread has there, else in one of its own."""
        own: _Slot | None = getattr(self._own, "slot", None)
        if own is not None and own.account_id == account_id:
            with self._request(own):
                yield
            return
        with self._slot(account_id) as slot, self._request(slot):
            yield

    @contextmanager
    def together(self, account_id: str) -> Iterator[None]:
        """Keeps a slot for several requests of this thread, between which nobody else asks."""
        with self._slot(account_id) as slot:
            self._own.slot = slot
            try:
                yield
            finally:
                self._own.slot = None

    @contextmanager
    def _slot(self, account_id: str) -> Iterator[_Slot]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            slot = self._take_slot(connection, account_id)
            try:
                yield slot
            finally:
                self._release(slot)

    @contextmanager
    def _request(self, slot: _Slot) -> Iterator[None]:
        """One request within a slot, and what the account's state learns of how it ended."""
        if slot.asked:
            slot.connection.execute(QUERIES.ask_again, {**slot.key, "longest": self._rules.longest_request})
        slot.asked += 1
        _require_wanted(slot.connection)
        ended = _Ended()
        try:
            yield
            ended.well = True
        except ResManError as error:
            ended.error = error
            raise
        finally:
            self._note(slot, ended)

    def _take_slot(self, connection: Connection, account_id: str) -> _Slot:
        """Waits until a request may be made. Raises AccountClosed (also RequestInDoubt, AccountBusy) with no
        slot taken."""
        until = self._clock() + self._rules.longest_wait
        while True:
            number = self._lock_slot(connection, account_id, until)
            try:
                values = {"a": account_id, "slot": number, "longest": self._rules.longest_request}
                state = one_as(_AccountState, connection.execute(QUERIES.enter, values))
            except BaseException:
                connection.invalidate()
                raise
            if state.holder is not None:
                return _Slot(connection, account_id, number, state)
            advisory_locks.unlock(connection, _key(account_id, number))
            if state.closed_for > 0:
                raise AccountClosed(
                    f"ResMan account {account_id} is paused for {state.closed_for:.0f} s more "
                    f"({state.open_reason}).",
                    retry_after=state.closed_for,
                )
            if state.paced_for > 0:
                if self._clock() >= until:
                    raise self._busy(account_id)
                self._rest(connection, state.paced_for)
            elif state.busy_for > 0:
                raise RequestInDoubt(
                    f"ResMan account {account_id} may still be working on a request whose worker is gone; "
                    f"it is asked again in {state.busy_for:.0f} s.",
                    retry_after=state.busy_for,
                )

    def _lock_slot(self, connection: Connection, account_id: str, until: float) -> int:
        """Waits for one of the account's slots, in pieces, so that a stop is heard. Returns its number."""
        slots = self._slots_of(connection, account_id)
        if slots > 1:
            for number in range(slots):
                if advisory_locks.try_lock(connection, _key(account_id, number)):
                    return number
        number = random.randrange(slots)
        while not advisory_locks.lock(connection, _key(account_id, number)):
            _require_wanted(connection)
            if self._clock() >= until:
                raise self._busy(account_id)
        return number

    def _busy(self, account_id: str) -> AccountBusy:
        return AccountBusy(
            f"ResMan account {account_id} has been busy with other requests for "
            f"{self._rules.longest_wait:.0f} s; nothing was asked.",
            retry_after=self._rules.first_pause,
        )

    def _rest(self, connection: Connection, seconds: float) -> None:
        """Waits for the pace, with no slot taken."""
        while seconds > 0:
            _require_wanted(connection)
            piece = min(seconds, _HEAR_EVERY_SECONDS)
            self._pause(piece)
            seconds -= piece

    def _slots_of(self, connection: Connection, account_id: str) -> int:
        known, until = self._slots_known.get(account_id, (1, -math.inf))
        if time.monotonic() >= until:
            known = connection.scalar(QUERIES.slots, {"a": account_id}) or 1
            self._slots_known[account_id] = (known, time.monotonic() + _SLOTS_KNOWN_SECONDS)
        return known

    def _note(self, slot: _Slot, ended: _Ended) -> None:
        """Keeps the account's state. If the database is gone, what ResMan answered still counts."""
        account_id, state = slot.account_id, slot.state
        try:
            if ended.error is not None and is_outage(ended.error):
                self._record_failure(slot.connection, account_id, state, ended.error)
            elif (ended.well or ended.error is not None) and (state.failures or state.ramp_ms):
                rules = self._rules
                slot.connection.execute(
                    QUERIES.succeeded,
                    {"a": account_id, "first": rules.first_ramp * 1000, "factor": rules.ramp_factor},
                )
        except DBAPIError as error:
            logger.warning(
                "the state of account %s could not be kept: %s", account_id, type(error.orig).__name__
            )

    def _release(self, slot: _Slot) -> None:
        """Releases the slot. If the session is gone, the lock went with it; the mark is left to clear."""
        lock = {"key": _key(slot.account_id, slot.number)}
        try:
            slot.connection.execute(QUERIES.release, {**slot.key, **lock})
            return
        except BaseException as error:
            slot.connection.invalidate()
            if not isinstance(error, DBAPIError):
                raise
            logger.warning(
                "account %s: the slot ended with its session: %s", slot.account_id, type(error.orig).__name__
            )
        try:
            with self._engine.begin() as other:
                other.execute(QUERIES.clear_mark, slot.key)
        except (DBAPIError, DatabaseUnavailable) as error:
            logger.warning(
                "account %s is paused until its last request is over for certain: %s", slot.account_id, error
            )

    def _record_failure(
        self, connection: Connection, account_id: str, state: _AccountState, error: ResManError
    ) -> None:
        failures = connection.scalar(QUERIES.failed, {"a": account_id})
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
            connection.execute(QUERIES.open, {"a": account_id, "seconds": pause, "reason": error.kind})


def _require_wanted(connection: Connection) -> None:
    still_wanted = _still_wanted.get()
    if still_wanted is not None and not still_wanted(connection):
        raise NotWanted


def _key(account_id: str, slot: int) -> str:
    """The name of a slot's lock. That of the first is the account's own, as it always was."""
    return f"domiq_sync.account:{account_id}" + (f"#{slot}" if slot else "")


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
