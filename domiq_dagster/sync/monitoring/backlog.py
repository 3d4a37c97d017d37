"""The backlog: what waits in the queue, since when and for what, how fast it has gone of late, and when it
will have caught up at that rate. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.v1 import POST_LEAD
from domiq_dagster.sync.monitoring.pauses import Pause, open_pauses

QUERIES = load_queries(__package__, "backlog.sql")
_WINDOW = timedelta(minutes=15)
_MOST_ATTEMPTS = 10_000
WAITS_FOR = ("conflicts", "settings", "contact", "grants", "in_doubt")
"""What people are waited for, as PropertyQueue has it."""


@dataclass(frozen=True, slots=True)
class PropertyQueue:
    """One connected property's pending changes. Ages in seconds, None where there is nothing.

    Attributes:
        conflicts, settings, contact, grants, in_doubt: those that wait for a person (to decide, to complete
            the settings, to learn of an e-mail address or phone, to grant an endpoint at ResMan, to say
            whether it has arrived), with what stands behind them.
        lacks_grant: whether ResMan has not granted an endpoint here.
        due: conversations of which a change may be claimed now, which is none while the account is paused.
        unknown: changes that may or may not have reached ResMan.
        pause: by whom, since when and why it is paused; None: it is not.
    """

    partition_key: str
    account_id: str
    outbound: bool
    pending: int
    due: int
    conflicts: int
    settings: int
    contact: int
    grants: int
    lacks_grant: bool
    in_doubt: int
    unknown: int
    oldest_seconds: float | None
    oldest_unknown_seconds: float | None
    pause: Pause | None = None

    @property
    def on_hold(self) -> int:
        """Those that no rate will move: they wait for a person, or the property's sync is switched off."""
        waiting = self.conflicts + self.settings + self.contact + self.grants + self.in_doubt
        return waiting if self.outbound else self.pending


@dataclass(frozen=True, slots=True)
class AccountQueue:
    """One ResMan account's pending changes and recent work: in the recent window `settled` changes took
    `busy_seconds`, idle time not counted.

    Attributes:
        ramp_seconds: the least time between two requests, more than 0 for a while after an outage.
    """

    account_id: str
    consecutive_failures: int
    ramp_seconds: float
    paused_until: datetime | None
    paused_because: str | None
    properties: Sequence[PropertyQueue]
    settled: int
    busy_seconds: float

    @property
    def pending(self) -> int:
        return sum(p.pending for p in self.properties)

    @property
    def due(self) -> int:
        return sum(p.due for p in self.properties)

    @property
    def on_hold(self) -> int:
        return sum(p.on_hold for p in self.properties)

    @property
    def unknown(self) -> int:
        return sum(p.unknown for p in self.properties)

    @property
    def oldest_seconds(self) -> float | None:
        """Where the sync is switched on."""
        return _most(p.oldest_seconds for p in self.properties if p.outbound)

    @property
    def per_second(self) -> float | None:
        """Changes settled per second of work; None where none was."""
        return self.settled / self.busy_seconds if self.settled and self.busy_seconds > 0 else None

    @property
    def catch_up_seconds(self) -> float | None:
        """How long what can move will take at that rate. None: nobody can tell, since the account is paused,
        nothing was settled of late, or something waits where ResMan has not granted an endpoint."""
        if any(p.lacks_grant and p.outbound and p.pending for p in self.properties):
            return None
        if self.pending == self.on_hold:
            return 0.0
        rate = self.per_second
        return None if self.paused_until or rate is None else (self.pending - self.on_hold) / rate


@dataclass(frozen=True, slots=True)
class Backlog:
    """The whole queue.

    Attributes:
        not_connected: pending changes of properties that no account belongs to.
    """

    accounts: Sequence[AccountQueue]
    not_connected: int

    @property
    def properties(self) -> list[PropertyQueue]:
        """In the order of their partition keys."""
        return sorted((p for a in self.accounts for p in a.properties), key=lambda p: p.partition_key)

    @property
    def pending(self) -> int:
        return sum(a.pending for a in self.accounts)

    @property
    def due(self) -> int:
        return sum(a.due for a in self.accounts)

    @property
    def on_hold(self) -> int:
        return sum(a.on_hold for a in self.accounts)

    @property
    def unknown(self) -> int:
        return sum(a.unknown for a in self.accounts)

    @property
    def oldest_seconds(self) -> float | None:
        return _most(a.oldest_seconds for a in self.accounts)

    @property
    def oldest_unknown_seconds(self) -> float | None:
        return _most(p.oldest_unknown_seconds for p in self.properties)

    @property
    def per_second(self) -> float | None:
        """Of all accounts side by side."""
        return sum(a.per_second or 0.0 for a in self.accounts) or None

    @property
    def catch_up_seconds(self) -> float | None:
        """Until the slowest account has caught up, all being worked on at once; None where nobody can tell of
        one."""
        times = [a.catch_up_seconds for a in self.accounts]
        return None if None in times else _most(times) or 0.0


def load_backlog(connection: Connection) -> Backlog:
    """How every account stands."""
    found = rows_as(PropertyQueue, connection.execute(QUERIES.queues, {"post": POST_LEAD}))
    pauses = open_pauses(connection)
    queues = [replace(q, pause=pauses.get(q.partition_key)) for q in found]
    recent = {"most": _MOST_ATTEMPTS, "window_seconds": _WINDOW.total_seconds()}
    work = {r.account_id: r for r in connection.execute(QUERIES.recent_work, recent)}
    accounts = [
        AccountQueue(
            **r._mapping,
            properties=[q for q in queues if q.account_id == r.account_id],
            settled=work[r.account_id].settled if r.account_id in work else 0,
            busy_seconds=work[r.account_id].busy_seconds if r.account_id in work else 0.0,
        )
        for r in connection.execute(QUERIES.accounts)
    ]
    return Backlog(accounts, connection.scalar(QUERIES.not_connected) or 0)


def _most(seconds: Iterable[float | None]) -> float | None:
    return max((s for s in seconds if s is not None), default=None)


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The queue at connected properties, cheaply asked: how many changes are pending, of how many
    conversations (up to 1,000 a property) one may be claimed now at accounts whose breaker is closed, and how
    old the oldest is (0: nothing is pending)."""

    pending: int
    due: int
    oldest_seconds: float


def queue_depth(connection: Connection) -> QueueDepth:
    """How much waits to be sent."""
    row = connection.execute(QUERIES.queue_depth).one()
    return QueueDepth(row.pending, row.due, float(row.oldest_seconds or 0.0))
