"""One gate per ResMan account, shared by all workers and machines through PostgreSQL.

At most one request at a time (a session-level advisory lock, which a dead worker loses with its
connection), a pace, and a breaker: after an outage is seen, nobody asks until a pause is over, then
one request goes through as a probe. The lock needs a direct connection, or a pooler in session mode.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from domiq_dagster.resman.errors import BadCredentials, Busy, Disposition, ResManError, Scope

last_word: ContextVar[Callable[[], None] | None] = ContextVar("last_word", default=None)
"""Called when a request's turn has come, just before it is sent. Whoever must still hold something by
then (a lease may run out while an account's turn is awaited) sets it, and raises to keep the request in."""


class AccountClosed(ResManError):
    """The breaker of the account is open: nothing was asked.

    `retry_after` tells the seconds until the next probe.
    """

    kind = "breaker_open"
    scope = Scope.ACCOUNT


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When the breaker opens, and for how long (seconds)."""

    failures_to_open: int = 3
    first_pause: float = 5.0
    longest_pause: float = 300.0


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

    @contextmanager
    def __call__(self, account_id: str) -> Iterator[None]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(_LOCK, {"a": account_id})
            try:
                failures = self._admit(connection, account_id)
                if (check := last_word.get()) is not None:
                    check()
                try:
                    yield
                except ResManError as error:
                    if is_outage(error):
                        self._record_failure(connection, account_id, error)
                    elif failures:
                        connection.execute(_RESET, {"a": account_id})
                    raise
                if failures:
                    connection.execute(_RESET, {"a": account_id})
            finally:
                connection.execute(_UNLOCK, {"a": account_id})

    def _admit(self, connection: Connection, account_id: str) -> int:
        row = connection.execute(_STATE, {"a": account_id}).first()
        if row is None:
            return 0
        if row.closed_for > 0:
            raise AccountClosed(
                f"ResMan account {account_id} is paused for {row.closed_for:.0f} s more ({row.open_reason}).",
                retry_after=row.closed_for,
            )
        if row.min_interval_ms:
            wait = connection.scalar(_PACE, {"a": account_id})
            if wait and wait > 0:
                self._pause(float(wait))
        return int(row.consecutive_failures)

    def _record_failure(self, connection: Connection, account_id: str, error: ResManError) -> None:
        failures = connection.scalar(_FAILED, {"a": account_id})
        if failures is None:
            return
        opens = failures >= self._rules.failures_to_open or isinstance(error, (BadCredentials, Busy))
        if opens or error.retry_after is not None:
            exponent = min(max(0, failures - self._rules.failures_to_open), 16)
            ceiling = min(self._rules.longest_pause, self._rules.first_pause * 2**exponent)
            pause = max(error.retry_after or 0.0, self._jitter() * ceiling)
            connection.execute(_OPEN, {"a": account_id, "s": pause, "reason": error.kind})


def is_outage(error: ResManError) -> bool:
    """Whether an error speaks about the account or the service as a whole rather than one request."""
    if isinstance(error, AccountClosed) or error.scope is Scope.CHANGE:
        return False
    return error.kind not in ("answer_too_large", "not_entitled") or error.disposition is Disposition.UNKNOWN


@dataclass(frozen=True, slots=True)
class AccountState:
    """What `domiq-sync status` shows of an account."""

    account_id: str
    consecutive_failures: int
    open_until: datetime | None
    open_reason: str | None


def account_states(connection: Connection) -> list[AccountState]:
    """The breaker of every account, open or not."""
    rows = connection.execute(
        text(
            "SELECT resman_account_id, consecutive_failures, open_reason, "
            "CASE WHEN open_until > clock_timestamp() THEN open_until END AS open_until "
            "FROM domiq_sync.account ORDER BY resman_account_id"
        )
    )
    return [
        AccountState(r.resman_account_id, r.consecutive_failures, r.open_until, r.open_reason) for r in rows
    ]


_LOCK = text("SELECT pg_advisory_lock(hashtextextended('domiq_sync.account:' || :a, 0))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended('domiq_sync.account:' || :a, 0))")
_STATE = text(
    "SELECT consecutive_failures, min_interval_ms, open_reason, "
    "COALESCE(EXTRACT(EPOCH FROM open_until - clock_timestamp()), 0)::float AS closed_for "
    "FROM domiq_sync.account WHERE resman_account_id = :a"
)
_PACE = text(
    "UPDATE domiq_sync.account SET next_request_at = "
    "greatest(next_request_at, clock_timestamp()) + min_interval_ms * interval '1 millisecond' "
    "WHERE resman_account_id = :a RETURNING EXTRACT(EPOCH FROM next_request_at - clock_timestamp() "
    "- min_interval_ms * interval '1 millisecond')::float"
)
_RESET = text(
    "UPDATE domiq_sync.account SET consecutive_failures = 0, open_until = NULL, open_reason = NULL "
    "WHERE resman_account_id = :a"
)
_FAILED = text(
    "UPDATE domiq_sync.account SET consecutive_failures = consecutive_failures + 1 "
    "WHERE resman_account_id = :a RETURNING consecutive_failures"
)
_OPEN = text(
    "UPDATE domiq_sync.account SET open_until = clock_timestamp() + :s * interval '1 second', "
    "open_reason = :reason WHERE resman_account_id = :a"
)
