"""Draining the queue: accounts side by side, the properties of each in turn.

At an account two threads take changes turn by turn: while one waits for ResMan, the other settles its change
and prepares the next. Their requests still go one at a time, since each passes the account's gate.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.delivery.outcomes import Delivered, DeliveryRules
from domiq_dagster.sync.delivery.worker import Courier
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.heartbeat import Heartbeat
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.sync.status_map import StatusMap, load_status_map

logger = logging.getLogger(__name__)

_LEAVE_ACCOUNT = frozenset({"breaker_open", "request_in_doubt", "unreachable", "bad_credentials", "busy"})
"""Errors after which asking for the account's next change makes no sense in this push. Other faults
are left to the breaker, which opens when they come in a row."""

_ABREAST = 2
"""Threads at one account."""
_LOOK_AGAIN_SECONDS = 1.0
"""How long the rota goes on with what it knows to be due, before it asks who else is."""
_UNCOMMITTED = timedelta(seconds=10)
"""How long the application's transactions may take, whose changes count as due from before they commit.
What a longer one queues is found by the next push."""
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
        return sum(counts[result] for counts in self.by_property.values())

    @property
    def delivered(self) -> int:
        """How many deliveries were tried."""
        return sum(self.by_outcome.values())


class _Stop:
    """Says when to stop, to all threads of one push."""

    def __init__(self, budget: Budget, asked: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._ends = clock() + budget.seconds
        self._rows = budget.rows
        self._asked = asked
        self._clock = clock
        self._lock = threading.Lock()
        self._at_once = False
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

    def hasten(self, seconds: float) -> None:
        """Ends within `seconds`: an account was left, and it is the next push that takes it up again."""
        with self._lock:
            self._ends = min(self._ends, self._clock() + seconds)

    def end(self, why: str) -> None:
        """No further change is claimed, and no further request made."""
        with self._lock:
            self.why = self.why or why
            self._at_once = True

    def at_once(self) -> bool:
        """Whether a change in hand is to be given back before its next request. A budget that is used up
        lets it be finished."""
        return self._at_once or self._asked()

    def give_row_back(self) -> None:
        with self._lock:
            self._rows += 1


class _Rota:
    """The properties of one account that have something due, in turn, for the account's threads together.

    It keeps where the next claim of each begins: at what was due longest when it last looked, then where the
    last claim ended. What comes to stand before that is found when it looks again. Its looks, too, begin at
    what the first one found: before that lie dead entries only, which a long transaction elsewhere may keep
    for hours.
    """

    def __init__(self, property_ids: Sequence[UUID], clock: Callable[[], float]) -> None:
        self._all = list(property_ids)
        self._clock = clock
        self._lock = threading.Lock()
        self._due: deque[UUID] = deque()
        self._due_from: dict[UUID, datetime] = {}
        self._look_from: datetime | None = None
        self._looked = -math.inf
        self._news = True

    def next(self, connection: Connection) -> tuple[UUID, datetime] | None:
        """Whose turn it is, and where its claim begins; None where nothing is due, and nothing happened
        since that was last asked."""
        with self._lock:
            if not self._due or self._clock() - self._looked > _LOOK_AGAIN_SECONDS:
                if not self._due and not self._news:
                    return None
                self._look(connection)
            if not self._due:
                return None
            self._due.rotate(-1)
            property_id = self._due[-1]
            return property_id, self._due_from[property_id]

    def _look(self, connection: Connection) -> None:
        """Asks what is due. The property served last is last again."""
        served = self._due[-1] if self._due else None
        self._due_from = self._ask(connection)
        if not self._due_from and queue.heal_heads(connection):
            self._due_from = self._ask(connection)
        connection.commit()
        if self._look_from is None and self._due_from:
            self._look_from = min(self._due_from.values()) - _UNCOMMITTED
        due = list(self._due_from)
        if served in self._due_from:
            split = due.index(served) + 1
            due = due[split:] + due[:split]
        self._due = deque(due)
        self._looked = self._clock()
        self._news = False

    def _ask(self, connection: Connection) -> dict[UUID, datetime]:
        due = queue.due_properties(connection, self._all, due_from=self._look_from)
        return {d.property_id: d.due_since for d in due}

    def claimed(self, held: Claim) -> None:
        """The property's next claim begins where this one ended."""
        with self._lock:
            self._due_from[held.property_id] = held.was_due_at

    def delivered(self) -> None:
        """A delivery has ended: the next of its conversation may be due."""
        with self._lock:
            self._news = True

    def nothing_at(self, property_id: UUID) -> None:
        """Nothing could be claimed at a property: it waits for the next look."""
        with self._lock:
            if property_id in self._due:
                self._due.remove(property_id)


@dataclass(frozen=True, slots=True)
class _Drain:
    """What the threads of one push share."""

    engine: Engine
    courier: Courier
    heartbeat: Heartbeat
    integrations: dict[UUID, Integration]
    maps: dict[UUID, StatusMap]
    worker: str
    lease: float
    control: _Stop
    note: Callable[[Integration, Delivered], None]

    def account(self, rota: _Rota) -> str | None:
        """One thread at one account: changes until nothing is due. Returns the outage that ended it, if one
        did."""
        with self.engine.connect() as connection:
            while self.control.take_row():
                turn = rota.next(connection)
                held = self._claim(connection, *turn) if turn is not None else None
                if held is None:
                    self.control.give_row_back()
                    if turn is None:
                        return None
                    rota.nothing_at(turn[0])
                    continue
                rota.claimed(held)
                integration = self.integrations[held.property_id]
                with self.heartbeat.holding(held):
                    delivered = self._deliver(connection, held, integration)
                rota.delivered()
                self.note(integration, delivered)
                if delivered.error is not None and delivered.error.kind in _LEAVE_ACCOUNT:
                    return delivered.error.kind
        return None

    def _claim(self, connection: Connection, property_id: UUID, due_from: datetime) -> Claim | None:
        held = queue.claim(connection, property_id, self.worker, self.lease, due_from=due_from)
        return held[0] if held else None

    def _deliver(self, connection: Connection, held: Claim, integration: Integration) -> Delivered:
        """One change. A statement that the database refuses delays this change alone: its lease ends by
        itself. A lost connection ends the push."""
        statuses = self.maps[held.property_id]
        try:
            return self.courier.deliver(held, integration, statuses, connection=connection)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            connection.rollback()
            logger.exception("change %s could not be delivered", held.change_id)
            return Delivered("postponed", "database_error")


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
    its changes stay pending, and the push ends within a minute. `on_delivered` is called after each delivery,
    from several threads.
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
    lock = threading.Lock()

    def note(integration: Integration, delivered: Delivered) -> None:
        with lock:
            counts = report.by_property.setdefault(integration.partition_key, Counter())
            counts[delivered.result] += 1
            report.by_outcome[delivered.outcome] += 1
        on_delivered()

    heartbeat = Heartbeat(engine, lease=rules.lease, interval=rules.heartbeat, longest=rules.longest_hold)
    courier = Courier(engine, client, rules, stopping=control.at_once)
    drain = _Drain(engine, courier, heartbeat, integrations, maps, worker_name(), rules.lease, control, note)

    def serve(account: str, rota: _Rota) -> None:
        outage = drain.account(rota)
        if outage:
            control.hasten(_REST_AFTER_OUTAGE_SECONDS)
            with lock:
                report.outages[account] = outage

    turns: list[tuple[str, _Rota]] = []
    accounts = list({d.account_id for d in due})
    random.shuffle(accounts)  # workers that start together begin at different ones
    for account in accounts:
        rota = _Rota([p for p, i in integrations.items() if i.account_id == account], clock)
        turns += [(account, rota)] * _ABREAST
    with (
        heartbeat,
        ThreadPoolExecutor(max_workers=max_accounts * _ABREAST, thread_name_prefix="push") as pool,
    ):
        under_way = [pool.submit(serve, *turn) for turn in turns]
        try:
            for done in as_completed(under_way):
                done.result()
        except BaseException:
            # A cancelled run, Ctrl-C, or a fault in one thread: the others end after the request in flight.
            control.end("interrupted")
            raise
    report.seconds = clock() - began
    report.ended = control.why or (
        "ResMan does not answer for account " + ", ".join(report.outages) if report.outages else report.ended
    )
    return report


def _fill_settings(engine: Engine, client: ResManClient, property_ids: Sequence[UUID] | None) -> None:
    """A property that was just connected may have settings still open; its changes wait for them."""
    with engine.connect() as connection:
        chosen = load_integrations(connection, property_ids=property_ids)
    try:
        for problem in complete_settings(engine, client, [i for i in chosen if i.outbound]):
            logger.warning(problem)
    except ResManError as error:
        logger.warning("settings could not be completed from ResMan: %s", error)
