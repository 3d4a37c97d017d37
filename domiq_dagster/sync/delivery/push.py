"""A push: draining the queue, accounts side by side, the properties of each in turn.

At an account two threads take changes turn by turn: while one waits for ResMan, the other settles its change
and prepares the next. Their requests still go one at a time, since each passes the account's gate.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.delivery.outcomes import DeliveryResult, DeliveryRules
from domiq_dagster.sync.delivery.round_robin import PropertyRoundRobin
from domiq_dagster.sync.delivery.stopping import StopSignal
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.queue import lanes, queue
from domiq_dagster.sync.queue.heartbeat import Heartbeat
from domiq_dagster.sync.queue.queue import Claim, DueProperty
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.sync.status_map import StatusMap, load_status_map

logger = logging.getLogger(__name__)

_LEAVE_ACCOUNT = frozenset({"breaker_open", "request_in_doubt", "unreachable", "bad_credentials", "busy"})
"""Errors after which asking for the account's next change makes no sense in this push. Other faults
are left to the breaker, which opens when they come in a row."""
_ABREAST = 2
"""Threads at one account."""
_REST_AFTER_OUTAGE_SECONDS = 60.0
"""How long the other accounts are served on, once one was left."""


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
        """How many deliveries had this result, over all properties."""
        return sum(counts[result] for counts in self.by_property.values())

    @property
    def delivered(self) -> int:
        """How many deliveries were tried."""
        return sum(self.by_outcome.values())


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How far a push may go.

    Attributes:
        property_ids: only what is due there; None: everywhere.
        max_accounts: how many accounts at a time.
    """

    property_ids: Sequence[UUID] | None = None
    rules: DeliveryRules = field(default_factory=DeliveryRules)
    budget: Budget = field(default_factory=Budget)
    max_accounts: int = 4


def push(
    engine: Engine,
    client: ResManClient,
    options: PushOptions | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    on_delivered: Callable[[], None] = lambda: None,
) -> PushReport:
    """Delivers what is due until nothing more is, the budget is used up, or `stop` says so.

    After an outage an account is left until the next push: its changes stay pending, and the push ends within
    a minute.

    Args:
        on_delivered: called after each delivery, from several threads.

    Raises:
        DatabaseError, DBAPIError: the database is gone.
    """
    options = options or PushOptions()
    began = clock()
    _fill_settings(engine, client, options.property_ids)
    signal = StopSignal(options.budget, stop, clock)
    report = _Push.prepare(engine, client, options, signal, clock, on_delivered).run()
    report.seconds = clock() - began
    return report


@dataclass(slots=True)
class _Push:
    """One push under way: what its threads share."""

    engine: Engine
    worker: DeliveryWorker
    heartbeat: Heartbeat
    stop: StopSignal
    clock: Callable[[], float]
    name: str
    lease: float
    max_accounts: int
    integrations: dict[UUID, Integration]
    maps: dict[UUID, StatusMap]
    due: list[DueProperty]
    on_delivered: Callable[[], None]
    report: PushReport = field(default_factory=PushReport)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def prepare(
        cls,
        engine: Engine,
        client: ResManClient,
        options: PushOptions,
        stop: StopSignal,
        clock: Callable[[], float],
        on_delivered: Callable[[], None],
    ) -> _Push:
        """Reads what is due, and the settings of the properties."""
        rules = options.rules
        with engine.begin() as connection:
            lanes.heal_heads(connection)
            integrations = {
                i.property_id: i for i in load_integrations(connection, property_ids=options.property_ids)
            }
            maps = {p: load_status_map(connection, p) for p in integrations}
            due = queue.due_properties(connection, options.property_ids)
        return cls(
            engine=engine,
            worker=DeliveryWorker(engine, client, rules, stopping=stop.at_once),
            heartbeat=Heartbeat(
                engine, lease=rules.lease, interval=rules.heartbeat, longest=rules.longest_hold
            ),
            stop=stop,
            clock=clock,
            name=worker_name(),
            lease=rules.lease,
            max_accounts=options.max_accounts,
            integrations=integrations,
            maps=maps,
            due=due,
            on_delivered=on_delivered,
        )

    def run(self) -> PushReport:
        """Serves every account that has something due, until nothing more is."""
        with (
            self.heartbeat,
            ThreadPoolExecutor(self.max_accounts * _ABREAST, thread_name_prefix="push") as pool,
        ):
            under_way = [pool.submit(self._serve, *shift) for shift in self._shifts()]
            try:
                for done in as_completed(under_way):
                    done.result()
            except BaseException:
                # A cancelled run, Ctrl-C, or a fault in one thread: the others end after the request in
                # flight.
                self.stop.end("interrupted")
                raise
        report = self.report
        if self.stop.why:
            report.ended = self.stop.why
        elif report.outages:
            report.ended = f"ResMan does not answer for account {', '.join(report.outages)}"
        return report

    def _shifts(self) -> list[tuple[str, PropertyRoundRobin]]:
        """What each thread serves: an account, and its properties, which it shares with the other thread
        there."""
        accounts = list({d.account_id for d in self.due})
        random.shuffle(accounts)  # workers that start together begin at different ones
        shifts: list[tuple[str, PropertyRoundRobin]] = []
        for account in accounts:
            mine = [p for p, i in self.integrations.items() if i.account_id == account]
            shifts += [(account, PropertyRoundRobin(mine, self.clock))] * _ABREAST
        return shifts

    def _serve(self, account: str, properties: PropertyRoundRobin) -> None:
        """One thread at one account."""
        outage = self._drain(properties)
        if outage:
            self.stop.hasten(_REST_AFTER_OUTAGE_SECONDS)
            with self.lock:
                self.report.outages[account] = outage

    def _drain(self, properties: PropertyRoundRobin) -> str | None:
        """Delivers until nothing is due. Returns the outage that ended it, if one did."""
        with self.engine.connect() as connection:
            while self.stop.take_row():
                due = properties.next(connection)
                claim = self._claim(connection, *due) if due is not None else None
                if claim is None:
                    self.stop.return_row()
                    if due is None:
                        return None
                    properties.nothing_at(due[0])
                    continue
                properties.claimed(claim)
                with self.heartbeat.holding(claim):
                    result = self._deliver(connection, claim)
                properties.delivered()
                self._note(claim, result)
                if result.error is not None and result.error.kind in _LEAVE_ACCOUNT:
                    return result.error.kind
        return None

    def _claim(self, connection: Connection, property_id: UUID, due_from: datetime) -> Claim | None:
        claims = queue.claim(connection, property_id, self.name, self.lease, due_from=due_from)
        return claims[0] if claims else None

    def _deliver(self, connection: Connection, claim: Claim) -> DeliveryResult:
        """One change, whose fault is its own. A lost database ends the push."""
        integration, statuses = self.integrations[claim.property_id], self.maps[claim.property_id]
        return self.worker.deliver(claim, integration, statuses, connection=connection)

    def _note(self, claim: Claim, result: DeliveryResult) -> None:
        key = self.integrations[claim.property_id].partition_key
        with self.lock:
            self.report.by_property.setdefault(key, Counter())[result.result] += 1
            self.report.by_outcome[result.outcome] += 1
        self.on_delivered()


def _fill_settings(engine: Engine, client: ResManClient, property_ids: Sequence[UUID] | None) -> None:
    """A property that was just connected may have settings still open; its changes wait for them."""
    with engine.connect() as connection:
        chosen = load_integrations(connection, property_ids=property_ids)
    try:
        for problem in complete_settings(engine, client, [i for i in chosen if i.outbound]):
            logger.warning(problem)
    except ResManError as error:
        logger.warning("settings could not be completed from ResMan: %s", error)
