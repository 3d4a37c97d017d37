"""A push: draining the queue, accounts side by side, the properties of each in turn.

At an account two threads take changes turn by turn. Their requests still go one at a time, since each passes
the account's gate.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.account_gate import AccountBusy
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.delivery.change_faults import forget_settled
from domiq_dagster.sync.delivery.draining import ABREAST, Drain, PropertySettings
from domiq_dagster.sync.delivery.outcomes import DeliveryResult, DeliveryRules
from domiq_dagster.sync.delivery.round_robin import Ask, PropertyRoundRobin
from domiq_dagster.sync.delivery.stopping import StopSignal
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.queue import lanes, queue, restores, sequences
from domiq_dagster.sync.queue.heartbeat import Heartbeat
from domiq_dagster.sync.queue.queue import Claim, DueProperty
from domiq_dagster.sync.queue.restores import OutsideMark
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.sync.status_map import load_status_map
from domiq_dagster.sync.trouble import PropertyFaults, is_lost_database, log_fault, sentence

logger = logging.getLogger(__name__)

_REST_AFTER_OUTAGE_SECONDS = 60.0
"""How long the other accounts are served on, once one was left."""


@dataclass(slots=True)
class PushReport:
    """What a push did. Keys of `by_property` are partition keys, then `success`, `failed`, `postponed`."""

    by_property: dict[str, Counter[str]] = field(default_factory=dict)
    by_outcome: Counter[str] = field(default_factory=Counter)
    outages: dict[str, str] = field(default_factory=dict)
    """Accounts that had to be left, and why."""
    problems: list[str] = field(default_factory=list)
    """A sentence for each property that could not be served, for changes that could not be delivered for a
    fault, and for each account whose service ended in one."""
    seconds: float = 0.0
    ended: str = "nothing more is due"

    def total(self, result: str) -> int:
        """How many deliveries had this result, over all properties."""
        return sum(counts[result] for counts in self.by_property.values())

    def note(self, partition_key: str, result: DeliveryResult) -> None:
        """Counts one delivery."""
        self.by_property.setdefault(partition_key, Counter())[result.result] += 1
        self.by_outcome[result.outcome] += 1

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
        mark: how far the database had come, outside of it; None: nothing outside is kept.
    """

    property_ids: Sequence[UUID] | None = None
    rules: DeliveryRules = field(default_factory=DeliveryRules)
    budget: Budget = field(default_factory=Budget)
    max_accounts: int = 4
    mark: OutsideMark | None = None


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
    restores.look(engine, options.mark)
    _fill_settings(engine, client, options.property_ids)
    signal = StopSignal(options.budget, stop, clock)
    report = _Push.prepare(engine, client, options, signal, clock, on_delivered).run()
    report.seconds = clock() - began
    return report


@dataclass(slots=True)
class _Push:
    """One push under way: what its threads share."""

    drain: Drain
    clock: Callable[[], float]
    max_accounts: int
    integrations: dict[UUID, Integration]
    due: list[DueProperty]
    report: PushReport
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
            sequences.set_right(connection)
            lanes.heal_heads(connection)
            forget_settled(connection)
            integrations = load_integrations(connection, property_ids=options.property_ids)
            due = queue.due_properties(connection, options.property_ids)
        settings, problems = _settings(engine, integrations)
        report, lock = PushReport(problems=problems), threading.Lock()

        def note(_claim: Claim, settings: PropertySettings, result: DeliveryResult, _seconds: float) -> None:
            with lock:
                report.note(settings.integration.partition_key, result)
            on_delivered()

        drain = Drain(
            engine=engine,
            worker=DeliveryWorker(engine, client, rules, stopping=stop.at_once),
            heartbeat=Heartbeat(
                engine, lease=rules.lease, interval=rules.heartbeat, longest=rules.longest_hold
            ),
            stop=stop,
            settings_of=lambda _connection, property_id: settings.get(property_id),
            name=worker_name(),
            lease=rules.lease,
            note=note,
            mark=options.mark,
        )
        served = {p: s.integration for p, s in settings.items()}
        return cls(drain, clock, options.max_accounts, served, due, report, lock)

    def run(self) -> PushReport:
        """Serves every account that has something due, until nothing more is."""
        with (
            self.drain.heartbeat,
            ThreadPoolExecutor(self.max_accounts * ABREAST, thread_name_prefix="push") as pool,
        ):
            under_way = [pool.submit(self._serve, *shift) for shift in self._shifts()]
            try:
                for done in as_completed(under_way):
                    done.result()
            except BaseException:
                # A cancelled run, Ctrl-C, or a fault in one thread: the others end after the request in
                # flight.
                self.drain.stop.end("interrupted")
                raise
        report = self.report
        names = {property_id: i.partition_key for property_id, i in self.integrations.items()}
        report.problems += self.drain.faults.sentences(names)
        if self.drain.stop.why:
            report.ended = self.drain.stop.why
        elif report.outages:
            report.ended = _why_left(report.outages)
        return report

    def _shifts(self) -> list[tuple[str, PropertyRoundRobin]]:
        """What each thread serves: an account, and its properties, which it shares with the other thread
        there."""
        accounts = list({d.account_id for d in self.due})
        random.shuffle(accounts)  # workers that start together begin at different ones
        shifts: list[tuple[str, PropertyRoundRobin]] = []
        for account in accounts:
            mine = [p for p, i in self.integrations.items() if i.account_id == account]
            shifts += [(account, PropertyRoundRobin(_asking_of(mine), self.clock))] * ABREAST
        return shifts

    def _serve(self, account: str, properties: PropertyRoundRobin) -> None:
        """One thread at one account."""
        try:
            outage = self.drain.run(properties)
        except Exception as fault:
            if is_lost_database(fault):
                raise
            # What was in hand comes back when its lease ends; the other accounts go on.
            log_fault(f"the push at account {account} ended", fault)
            with self.lock:
                self.report.problems.append(f"account {account}: {sentence(fault)}")
            return
        if outage:
            self.drain.stop.hasten(_REST_AFTER_OUTAGE_SECONDS)
            with self.lock:
                self.report.outages[account] = outage


def _asking_of(property_ids: Sequence[UUID]) -> Ask:
    return lambda connection, due_from: queue.due_properties(connection, property_ids, due_from=due_from)


def _why_left(outages: Mapping[str, str]) -> str:
    silent = [account for account, kind in outages.items() if kind != AccountBusy.kind]
    if silent:
        return f"ResMan does not answer for account {', '.join(silent)}"
    return f"others keep account {', '.join(outages)} busy"


def _fill_settings(engine: Engine, client: ResManClient, property_ids: Sequence[UUID] | None) -> None:
    """A property that was just connected may have settings still open; its changes wait for them."""
    with engine.connect() as connection:
        chosen = load_integrations(connection, property_ids=property_ids)
    for problem in complete_settings(engine, client, [i for i in chosen if i.outbound]):
        logger.warning(problem)


def _settings(
    engine: Engine, integrations: Sequence[Integration]
) -> tuple[dict[UUID, PropertySettings], list[str]]:
    """What is set at each property, by its id, and what could not be read: such a property's changes wait."""
    settings: dict[UUID, PropertySettings] = {}
    faults = PropertyFaults(engine, "status map")
    with engine.connect() as connection:
        for integration in integrations:
            with faults.of(integration.property_id, integration.partition_key), connection.begin():
                statuses = load_status_map(connection, integration.property_id)
                settings[integration.property_id] = PropertySettings(integration, statuses)
    return settings, faults.sentences
