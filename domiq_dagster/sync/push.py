"""Draining the queue: accounts side by side, each account one change at a time, its properties in turn."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync import queue
from domiq_dagster.sync.courier import Courier
from domiq_dagster.sync.delivery_ends import Delivered, DeliveryRules
from domiq_dagster.sync.integrations import Integration, complete_settings, load_integrations
from domiq_dagster.sync.queue import Claim
from domiq_dagster.sync.statuses import StatusMap, load_status_map

logger = logging.getLogger(__name__)

_LEAVE_ACCOUNT = frozenset({"breaker_open", "unreachable", "bad_credentials", "busy"})
"""Errors after which asking for the account's next change makes no sense in this push. Other faults
are left to the breaker, which opens when they come in a row."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long (seconds) and how many changes one push may take. What is left stays in the queue."""

    seconds: float = 600.0
    rows: int = 100_000


@dataclass(slots=True)
class PushReport:
    """What a push did. Keys of `by_property` are partition keys, then `success`, `failed`, `postponed`."""

    by_property: dict[str, Counter[str]] = field(default_factory=dict)
    by_outcome: Counter[str] = field(default_factory=Counter)
    outages: dict[str, str] = field(default_factory=dict)
    """Accounts that had to be left, and why."""
    seconds: float = 0.0
    ended: str = "nothing more is due"

    def total(self, result: str) -> int:
        return sum(counts[result] for counts in self.by_property.values())

    @property
    def delivered(self) -> int:
        """How many deliveries were tried."""
        return sum(self.by_outcome.values())


def worker_name() -> str:
    """A name that no other worker has, and that the same machine never has again."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class _Stop:
    """Says when to stop, to all threads of one push."""

    def __init__(self, budget: Budget, asked: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._ends = clock() + budget.seconds
        self._rows = budget.rows
        self._asked = asked
        self._clock = clock
        self._lock = threading.Lock()
        self.why: str | None = None

    def take_row(self) -> bool:
        """Whether one more change may be claimed."""
        with self._lock:
            if self.why is None:
                if self._asked():
                    self.why = "asked to stop"
                elif self._clock() >= self._ends:
                    self.why = "the time budget is used up"
                elif self._rows <= 0:
                    self.why = "the row budget is used up"
            if self.why is not None:
                return False
            self._rows -= 1
            return True

    def end(self, why: str) -> None:
        """No further change is claimed."""
        with self._lock:
            self.why = self.why or why

    def give_row_back(self) -> None:
        with self._lock:
            self._rows += 1


def push(
    engine: Engine,
    client: ResManClient,
    *,
    property_ids: Sequence[UUID] | None = None,
    rules: DeliveryRules | None = None,
    budget: Budget | None = None,
    max_accounts: int = 4,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    on_delivered: Callable[[], None] = lambda: None,
) -> PushReport:
    """Delivers what is due until nothing more is, the budget is used up, or `stop` says so.

    At most `max_accounts` accounts at a time. After an outage an account is left until the next push:
    its changes stay pending. `on_delivered` is called after each delivery, from several threads.
    """
    rules = rules or DeliveryRules()
    began = clock()
    control = _Stop(budget or Budget(), stop, clock)
    report = PushReport()
    _fill_settings(engine, client, property_ids)
    with engine.begin() as connection:
        queue.heal_heads(connection)
        integrations = {i.property_id: i for i in load_integrations(connection, property_ids=property_ids)}
        maps = {p: load_status_map(connection, p) for p in integrations}
        due = queue.due_properties(connection, property_ids)
    accounts = sorted({d.account_id for d in due})
    worker = worker_name()
    lock = threading.Lock()

    def note(integration: Integration, delivered: Delivered) -> None:
        with lock:
            counts = report.by_property.setdefault(integration.partition_key, Counter())
            counts[delivered.result] += 1
            report.by_outcome[delivered.outcome] += 1
        on_delivered()

    def drain(account: str) -> None:
        outage = _drain_account(
            engine, Courier(engine, client, rules), account, integrations, maps, worker, rules, control, note
        )
        if outage:
            with lock:
                report.outages[account] = outage

    with ThreadPoolExecutor(max_workers=max_accounts, thread_name_prefix="push") as pool:
        under_way = [pool.submit(drain, account) for account in accounts]
        try:
            for done in under_way:
                done.result()
        except BaseException:
            # A cancelled run, Ctrl-C, or a fault in one thread: the others end after the change in hand.
            control.end("interrupted")
            raise
    report.seconds = clock() - began
    report.ended = control.why or (
        "ResMan does not answer for account " + ", ".join(report.outages) if report.outages else report.ended
    )
    return report


def _deliver(
    courier: Courier, connection: Connection, held: Claim, integration: Integration, statuses: StatusMap
) -> Delivered:
    """One change. A statement that the database refuses delays this change alone: its lease ends by itself.
    A lost connection ends the push."""
    try:
        return courier.deliver(held, integration, statuses, connection=connection)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        connection.rollback()
        logger.exception("change %s could not be delivered", held.change_id)
        return Delivered("postponed", "database_error")


def _fill_settings(engine: Engine, client: ResManClient, property_ids: Sequence[UUID] | None) -> None:
    """A property that was just connected may have settings still open; its changes wait for them."""
    with engine.connect() as connection:
        chosen = load_integrations(connection, property_ids=property_ids)
    try:
        for problem in complete_settings(engine, client, [i for i in chosen if i.outbound]):
            logger.warning(problem)
    except ResManError as error:
        logger.warning("settings could not be completed from ResMan: %s", error)


def _drain_account(
    engine: Engine,
    courier: Courier,
    account: str,
    integrations: dict[UUID, Integration],
    maps: dict[UUID, StatusMap],
    worker: str,
    rules: DeliveryRules,
    control: _Stop,
    note: Callable[[Integration, Delivered], None],
) -> str | None:
    """Round-robin over the account's properties, one change of each at a time. Returns the outage, if
    one ended it."""
    mine = [p for p, i in integrations.items() if i.account_id == account]
    with engine.connect() as connection:
        while True:
            due = queue.due_properties(connection, mine)
            connection.commit()
            moved = False
            for entry in due:
                if not control.take_row():
                    return None
                held = queue.claim(connection, entry.property_id, worker, rules.lease)
                if held is None:
                    control.give_row_back()
                    continue
                moved = True
                integration = integrations[entry.property_id]
                delivered = _deliver(courier, connection, held, integration, maps[entry.property_id])
                note(integration, delivered)
                if delivered.error is not None and delivered.error.kind in _LEAVE_ACCOUNT:
                    return delivered.error.kind
            if not moved:
                return None
