"""One gate per ResMan account, shared by all workers and machines through PostgreSQL.

At most one request at a time (or as many as the account allows), a pace, and a breaker: after an outage is
seen, nobody asks until a pause is over, then one request goes through as a probe, and after it the account is
asked slowly at first. A slot belongs to whom its mark in the table names, until the mark runs out. The queue
for it is a session-level advisory lock, which a dead worker loses with its connection, and which is passed by
where a worker stands still with it; it needs a direct connection, or a pooler in session mode. Nobody who has
a slot sleeps: where the pace asks to wait, the slot is released first.
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
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from domiq_dagster.db import advisory_locks, direct
from domiq_dagster.db.errors import DatabaseError, DatabaseUnavailable, is_lost_session
from domiq_dagster.db.rows import one_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.config import Endpoint
from domiq_dagster.resman.deadline import seconds_now
from domiq_dagster.resman.errors import BadCredentials, Busy, Disposition, NotEntitled, ResManError, Scope
from domiq_dagster.sync import patience
from domiq_dagster.sync.account_slot import AccountState, Holder, Lock, Permit, Slot
from domiq_dagster.sync.grants import Grants, OnGranted
from domiq_dagster.sync.request_counts import RequestCounts

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "account_gate.sql")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is asked whether a request is still wanted, and whether it may be sent now."""

    still_wanted: Callable[[Connection], bool] = lambda connection: True
    may_be_sent: Callable[[Connection], bool] = lambda connection: True


_NOBODY = _Asked()
_asked: ContextVar[_Asked] = ContextVar("asked", default=_NOBODY)


@contextmanager
def asking_first(
    still_wanted: Callable[[Connection], bool], *, may_be_sent: Callable[[Connection], bool] | None = None
) -> Iterator[None]:
    """Has the gate ask whether a request is still wanted: while a slot is awaited, when it has come, and
    while the request is under way.

    Args:
        still_wanted: called often, for each request of this thread within the block, and so only looks.
            Whoever must still hold something (a lease may run out meanwhile) says no to keep the request in:
            the client raises NotWanted. It may use the gate's connection, on which each statement is a
            transaction of its own. Whoever was to be asked already is asked as well.
        may_be_sent: asked instead, once for each request, when the slot has come, just before the request is
            sent, which it may put on record.
    """
    outer = _asked.get()
    at_last = may_be_sent or still_wanted
    inner = _Asked(
        lambda connection: outer.still_wanted(connection) and still_wanted(connection),
        lambda connection: outer.may_be_sent(connection) and at_last(connection),
    )
    before = _asked.set(inner)
    try:
        yield
    finally:
        _asked.reset(before)


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


class SlotLost(AccountClosed):
    """The slot was lost between two requests in it: its database session ended, or its holder stood still
    and others have taken it over. Nothing was asked."""

    kind = "slot_lost"


class AccountBusy(AccountClosed):
    """Others had every slot of the account for as long as was waited: nothing was asked."""

    kind = "account_busy"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When the breaker opens, for how long, and how the account is asked after it. Times in seconds.

    Attributes:
        first_ramp: the least time between requests after the first success; each further success takes it to
            `ramp_factor` of it. A failure before it has come to nothing opens the breaker again at once.
        longest_request: for how long a request is taken to be under way when its worker has vanished, or
            stands still: longer than an exchange may last.
        longest_wait: for how long a slot is waited for, so that whoever asks comes to an end.
        longest_rest: a pause that ResMan asked for is waited out, with no slot taken, if it is over so soon.
        grant_pause: for how long an endpoint that ResMan has not granted is not asked again.
    """

    failures_to_open: int = 3
    first_pause: float = 5.0
    longest_pause: float = 300.0
    first_ramp: float = 2.0
    ramp_factor: float = 0.6
    longest_request: float = patience.LONGEST_REQUEST
    longest_wait: float = patience.SLOT_WAIT
    longest_rest: float = patience.SHORT_PAUSE
    grant_pause: float = patience.GRANT


class AccountGate:
    """Use as the client's guard. `pause` waits (tests pass their own), `jitter` gives 0 to 1, `on_granted` is
    told where an endpoint answers that ResMan had not granted before."""

    def __init__(
        self,
        engine: Engine,
        *,
        rules: BreakerRules | None = None,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        on_granted: OnGranted = lambda connection, property_ids: None,
    ) -> None:
        self._engine = engine
        self._rules = rules or BreakerRules()
        self._grants = Grants(self._rules.grant_pause, on_granted)
        self._counts = RequestCounts()
        self._pause = pause
        self._jitter = jitter
        self._clock = clock
        self._slots_known: dict[str, tuple[int, float]] = {}
        self._epochs: dict[tuple[str, int], int] = {}
        self._own = threading.local()

    @contextmanager
    def __call__(self, account_id: str, endpoint: Endpoint | None = None) -> Iterator[Permit]:
        """One request at an account: in the slot that this thread has there, else in one of its own. Raises
        NotGranted where ResMan has refused the endpoint a short time ago."""
        own: Slot | None = getattr(self._own, "slot", None)
        if own is not None and own.account_id == account_id:
            with self._request(own, endpoint) as permit:
                yield permit
            return
        with self._slot(account_id, endpoint) as slot, self._request(slot, endpoint) as permit:
            yield permit

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
    def one_session(self) -> Iterator[None]:
        """Keeps one database session for all slots that this thread takes."""
        with _each_for_itself(self._engine.connect()) as connection:
            self._own.connection = connection
            try:
                yield
            finally:
                self._own.connection = None

    @property
    def _kept(self) -> Connection | None:
        """The session of this thread's `one_session`."""
        kept: Connection | None = getattr(self._own, "connection", None)
        return kept

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        kept = self._kept
        if kept is None:
            with _each_for_itself(self._engine.connect()) as own:
                yield own
            return
        _open_anew(kept)
        yield kept

    def close(self) -> None:
        """Stores what was counted of requests; the gate stays usable."""
        try:
            with self._engine.begin() as connection:
                self._counts.store(connection)
        except (DBAPIError, DatabaseError) as error:
            logger.warning("how many requests were made could not be stored: %s", type(error).__name__)

    @contextmanager
    def _slot(self, account_id: str, endpoint: Endpoint | None = None) -> Iterator[Slot]:
        with self._session() as connection:
            try:
                slot = self._take_slot(connection, account_id, endpoint)
            except DBAPIError as error:
                if connection is not self._kept or not is_lost_session(error):
                    raise
                # It ended while it stood idle between two requests: what it held went with it.
                _open_anew(connection)
                slot = self._take_slot(connection, account_id, endpoint)
            try:
                yield slot
            finally:
                self._release(slot)
                if self._counts.is_due and not connection.invalidated:
                    self._counts.store(connection)

    @contextmanager
    def _request(self, slot: Slot, endpoint: Endpoint | None) -> Iterator[Permit]:
        """One request within a slot, and what the account's state learns of how it ended."""
        # Once more: it may have been refused while the slot was awaited.
        self._grants.require(slot.connection, slot.account_id, endpoint)
        since, longest = slot.since, self._rules.longest_request
        if slot.asked:
            since = seconds_now()
            self._ask_again(slot)
        slot.asked += 1
        if not _asked.get().may_be_sent(slot.connection):
            raise NotWanted
        self._counts.note(slot.account_id, endpoint)
        began = self._clock()
        permit = Permit(
            slot,
            since,
            longest,
            is_wanted=lambda: _asked.get().still_wanted(slot.connection),
            stay=lambda: self._stay(slot),
        )
        ended = _Ended()
        try:
            yield permit
            ended.well = ended.answered = True
        except GeneratorExit:
            ended.answered = True  # whoever asked has read enough of the answer
            raise
        except ResManError as error:
            ended.error = error
            ended.answered = error.http_status == 200 and error.scope is Scope.CHANGE
            raise
        finally:
            self._counts.note_end(self._clock() - began)
            if not permit.hurried:
                self._note(slot, endpoint, ended)

    def _ask_again(self, slot: Slot) -> None:
        """Marks a further request in a slot. Raises SlotLost."""
        values = {**slot.key, "longest": self._rules.longest_request}
        try:
            kept = slot.connection.scalar(QUERIES.ask_again, values) is not None
        except SQLAlchemyError as error:
            if not is_lost_session(error):
                raise
            raise SlotLost(f"ResMan account {slot.account_id}: the slot ended with its session.") from None
        if not kept:
            raise SlotLost(f"ResMan account {slot.account_id}: others have taken the slot over.")

    def _stay(self, slot: Slot) -> bool:
        """Has the mark of a request last longer. Returns whether the slot is still its own."""
        values = {**slot.key, "longest": self._rules.longest_request}
        return slot.connection.scalar(QUERIES.stay, values) is not None

    def _take_slot(self, connection: Connection, account_id: str, endpoint: Endpoint | None) -> Slot:
        """Waits until a request may be made. Raises AccountClosed (also RequestInDoubt, AccountBusy) or
        NotGranted with no slot taken."""
        self._grants.require(connection, account_id, endpoint)
        until = self._clock() + self._rules.longest_wait
        while True:
            lock = self._lock_slot(connection, account_id, until)
            since = seconds_now()
            try:
                values = {**lock.key, "longest": self._rules.longest_request}
                state = direct.rows_as(AccountState, connection, QUERIES.enter, values)[0]
            except BaseException:
                connection.invalidate()
                raise
            if state.holder is not None:
                return Slot(connection, lock, state, since)
            advisory_locks.unlock(connection, lock.name)
            if state.epoch != lock.epoch:
                self._epochs[account_id, lock.number] = state.epoch
                continue
            if state.closed_for > 0:
                if self._is_short_rest(state) and self._clock() < until:
                    self._rest(connection, state.closed_for)
                    continue
                # Until when, rather than for how long: the sentence is kept and read later.
                until_when = datetime.now(UTC) + timedelta(seconds=state.closed_for)
                raise AccountClosed(
                    f"ResMan account {account_id} is paused until {until_when:%Y-%m-%d %H:%M:%S} UTC "
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

    def _lock_slot(self, connection: Connection, account_id: str, until: float) -> Lock:
        """Waits in the queue for one of the account's slots, in pieces, so that a stop is heard, and so that
        a holder who stands still is passed by."""
        slots = self._slots_of(connection, account_id)
        if slots > 1:
            for number in range(slots):
                lock = self._lock_of(account_id, number)
                if advisory_locks.try_lock(connection, lock.name):
                    return lock
        lock = self._lock_of(account_id, random.randrange(slots))
        idle: Holder | None = None
        while not advisory_locks.lock(connection, lock.name):
            _require_wanted(connection)
            if self._clock() >= until:
                raise self._busy(account_id)
            seen = one_as(Holder, connection.execute(QUERIES.look, lock.key))
            if seen == idle:
                logger.warning("account %s: its slot is taken over, its holder stands still", account_id)
                connection.execute(QUERIES.overtake, lock.key)
                seen = one_as(Holder, connection.execute(QUERIES.look, lock.key))
            idle = None if seen.busy else seen
            lock = Lock(account_id, lock.number, seen.epoch)
            self._epochs[account_id, lock.number] = seen.epoch
        return lock

    def _lock_of(self, account_id: str, number: int) -> Lock:
        return Lock(account_id, number, self._epochs.get((account_id, number), 0))

    def _busy(self, account_id: str) -> AccountBusy:
        return AccountBusy(
            f"ResMan account {account_id} has been busy with other requests for "
            f"{self._rules.longest_wait:.0f} s; nothing was asked.",
            retry_after=self._rules.first_pause,
        )

    def _is_short_rest(self, state: AccountState) -> bool:
        """Whether ResMan asked for this pause itself, and it is over soon."""
        return state.open_reason == Busy.kind and state.closed_for <= self._rules.longest_rest

    def _rest(self, connection: Connection, seconds: float) -> None:
        """Waits for the pace, or for ResMan's own pause to be over, with no slot taken."""
        while seconds > 0:
            _require_wanted(connection)
            piece = min(seconds, patience.HEAR)
            self._pause(piece)
            seconds -= piece

    def _slots_of(self, connection: Connection, account_id: str) -> int:
        known, until = self._slots_known.get(account_id, (1, -math.inf))
        if time.monotonic() >= until:
            row = connection.execute(QUERIES.slots, {"a": account_id}).one()
            known = row.slots
            for number, epoch in (row.epochs or {}).items():
                self._epochs[account_id, int(number)] = epoch
            self._slots_known[account_id] = (known, time.monotonic() + patience.SLOTS_KNOWN)
        return known

    def _note(self, slot: Slot, endpoint: Endpoint | None, ended: _Ended) -> None:
        """Keeps the account's state, and what is known of its grants. If the database is gone, what ResMan
        answered still counts."""
        state = slot.state
        try:
            if ended.error is not None and is_outage(ended.error):
                self._record_failure(slot, ended.error)
            elif (ended.well or ended.error is not None) and (state.failures or state.ramp_ms):
                rules = self._rules
                slot.connection.execute(
                    QUERIES.succeeded,
                    {**slot.key, "first": rules.first_ramp * 1000, "factor": rules.ramp_factor},
                )
            if isinstance(ended.error, NotEntitled):
                self._grants.refused(slot.connection, slot.account_id, endpoint, ended.error)
            elif ended.answered:
                self._grants.answered(slot.connection, slot.account_id, endpoint)
        except DBAPIError as error:
            logger.warning(
                "the state of account %s could not be kept: %s", slot.account_id, type(error.orig).__name__
            )

    def _release(self, slot: Slot) -> None:
        """Releases the slot. If the session is gone, the lock went with it; the mark is left to clear."""
        try:
            direct.fetch(slot.connection, QUERIES.release, {**slot.key, "key": slot.lock.name})
            return
        except BaseException as error:
            slot.connection.invalidate()
            if not (isinstance(error, DBAPIError) or is_lost_session(error)):
                raise
            logger.warning(
                "account %s: the slot ended with its session: %s", slot.account_id, type(error).__name__
            )
        try:
            with self._engine.begin() as other:
                other.execute(QUERIES.clear_mark, slot.key)
        except (DBAPIError, DatabaseUnavailable) as error:
            logger.warning(
                "account %s is paused until its last request is over for certain: %s", slot.account_id, error
            )

    def _record_failure(self, slot: Slot, error: ResManError) -> None:
        failures = slot.connection.scalar(QUERIES.failed, slot.key)
        if failures is None:
            return
        opens = (
            failures >= self._rules.failures_to_open
            or slot.state.ramp_ms > 0
            or isinstance(error, (BadCredentials, Busy))
        )
        if opens or error.retry_after is not None:
            exponent = min(max(0, failures - self._rules.failures_to_open), 16)
            ceiling = min(self._rules.longest_pause, self._rules.first_pause * 2**exponent)
            if exponent == 0 and asks_to_wait(error):
                ceiling = 0.0  # ResMan knows best when it has time again
            pause = max(error.retry_after or 0.0, self._jitter() * ceiling)
            slot.connection.execute(QUERIES.open, {**slot.key, "seconds": pause, "reason": error.kind})


def _each_for_itself(connection: Connection) -> Connection:
    """The same one, on which each statement is a transaction of its own."""
    return connection.execution_options(isolation_level="AUTOCOMMIT")


def _open_anew(connection: Connection) -> None:
    """Opens a session in the place of one that was lost; nothing where none was. SQLAlchemy would by itself,
    but forget that each statement is a transaction of its own."""
    connection.rollback()
    if connection.invalidated:
        _each_for_itself(connection)


def _require_wanted(connection: Connection) -> None:
    if not _asked.get().still_wanted(connection):
        raise NotWanted


@dataclass(slots=True)
class _Ended:
    """How a request ended. `answered`: by what the endpoint is for, if only that it refused this request."""

    well: bool = False
    answered: bool = False
    error: ResManError | None = None


def asks_to_wait(error: ResManError, at_most: float = math.inf) -> bool:
    """Whether ResMan says when it has time again, in so many seconds at most: nothing is wrong there."""
    return isinstance(error, Busy) and error.retry_after is not None and error.retry_after <= at_most


def is_outage(error: ResManError) -> bool:
    """Whether an error speaks about the account or the service as a whole rather than one request."""
    if isinstance(error, AccountClosed) or error.scope is Scope.CHANGE:
        return False
    return error.kind not in ("answer_too_large", "not_entitled") or error.disposition is Disposition.UNKNOWN
