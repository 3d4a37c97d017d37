"""Pushing as it comes: accounts with something due are drained side by side, by threads that stay."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from sqlalchemy import Connection

from domiq_dagster.sync.account_gate import AccountBusy
from domiq_dagster.sync.delivery.draining import ABREAST, Drain
from domiq_dagster.sync.delivery.round_robin import PropertyRoundRobin
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import DueProperty
from domiq_dagster.sync.service.tally import Tally
from domiq_dagster.sync.trouble import log_fault, sentence

logger = logging.getLogger(__name__)
_SHARE_SECONDS = 5.0
"""How long an account is served while others wait for a thread."""
_REST_SECONDS = 5.0
"""How long an account is left alone after an outage. The breaker keeps whoever asks from it for longer."""
_BUSY_SECONDS = 1.0
"""The same where others had its slot for too long: they do the work."""


@dataclass(slots=True)
class _Account:
    """One that is served: by how many threads, and since when."""

    properties: PropertyRoundRobin
    threads: int
    since: float
    outage: str | None = None


class Pushing:
    """Serves accounts with threads of its own, for as long as it is entered.

    Args:
        on_done: called when an account has been served, from several threads.
    """

    def __init__(
        self,
        drain: Drain,
        tally: Tally,
        *,
        max_accounts: int,
        clock: Callable[[], float],
        on_done: Callable[[], None],
    ) -> None:
        self._drain, self._tally, self._clock, self._on_done = drain, tally, clock, on_done
        self._pool = ThreadPoolExecutor(max_accounts * ABREAST, thread_name_prefix="push")
        self._lock = threading.Lock()
        self._served: dict[str, _Account] = {}
        self._served_until: dict[str, float] = {}
        self._left: dict[str, tuple[float, str]] = {}
        """Accounts that are left alone, until when, and why."""
        self._waiting = 0
        """Accounts that wait for a thread."""

    def __enter__(self) -> Pushing:
        self._drain.heartbeat.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is in hand is kept alive until it is finished.
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._drain.heartbeat.__exit__(kind, error, trace)

    @property
    def is_busy(self) -> bool:
        """Whether an account is served just now."""
        return bool(self._served)

    @property
    def serving(self) -> int:
        return len(self._served)

    def quiet_for(self, account_id: str) -> float:
        """For how many seconds no change of this account has gone out from here; 0: one does now."""
        if account_id in self._served:
            return 0.0
        return self._clock() - self._served_until.get(account_id, -math.inf)

    def outages(self) -> dict[str, str]:
        """The accounts that are left alone just now for an outage, and why."""
        now = self._clock()
        with self._lock:
            self._left = {a: kept for a, kept in self._left.items() if kept[0] > now}
            return {a: why for a, (_, why) in self._left.items() if why != AccountBusy.kind}

    def serve(self, due: Iterable[DueProperty]) -> int:
        """Has every account served that has something due, and is not left alone: one that is served by one
        thread, by a second one. Returns how many are begun."""
        by_account: dict[str, list[DueProperty]] = {}
        for one in due:
            by_account.setdefault(one.account_id, []).append(one)
        now, begun = self._clock(), 0
        for account, found in by_account.items():
            with self._lock:
                if (served := self._served.get(account)) is not None:
                    self._call_second(account, served)
                    continue
                if self._left.get(account, (0.0, ""))[0] > now:
                    continue
                properties = PropertyRoundRobin(_asking_at(account), self._clock, known=found)
                self._served[account] = _Account(properties, 1, now)
                self._waiting += 1
            begun += 1
            self._pool.submit(self._first, account)
        return begun

    def _first(self, account: str) -> None:
        with self._lock:
            self._waiting -= 1
            served = self._served[account]
            served.since = self._clock()
        self._work(account, served)

    def _call_second(self, account: str, served: _Account) -> None:
        """There is more to do: while one thread waits for ResMan, the other prepares the next. Holds the
        lock."""
        if served.threads < ABREAST and served.outage is None:
            served.threads += 1
            self._pool.submit(self._work, account, served)

    def _work(self, account: str, served: _Account) -> None:
        """One thread at one account."""
        try:
            outage = self._drain.run(served.properties, may_go_on=lambda: self._may_go_on(served))
        except Exception as fault:
            # What was in hand comes back when its lease ends; the other accounts go on.
            log_fault(f"the push at account {account} ended", fault)
            self._tally.problem(f"account {account}: {sentence(fault)}")
            outage = "fault"
        finally:
            if served.outage is None:
                served.outage = outage
            self._ended(account, served)

    def _may_go_on(self, served: _Account) -> bool:
        return served.outage is None and (not self._waiting or self._clock() - served.since < _SHARE_SECONDS)

    def _ended(self, account: str, served: _Account) -> None:
        with self._lock:
            served.threads -= 1
            if served.threads:
                return
            self._served_until[account] = self._clock()
            self._served.pop(account, None)
            if served.outage is not None:
                rest = _BUSY_SECONDS if served.outage == AccountBusy.kind else _REST_SECONDS
                self._left[account] = self._clock() + rest, served.outage
        self._on_done()


def _asking_at(account_id: str) -> Callable[[Connection, datetime | None], list[DueProperty]]:
    def ask(connection: Connection, due_from: datetime | None) -> list[DueProperty]:
        return queue.due_properties(connection, account_id=account_id, due_from=due_from)

    return ask
