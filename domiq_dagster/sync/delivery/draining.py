"""Draining an account: one thread that claims, delivers and notes what is due there, until nothing more is.

What is due, the properties' settings and when to stop are whoever's who drains: a push knows them all
beforehand, the service as it goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine
from structlog.contextvars import bound_contextvars

from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync import patience
from domiq_dagster.sync.account_gate import asks_to_wait
from domiq_dagster.sync.delivery import traced
from domiq_dagster.sync.delivery.change_faults import ChangeFaults
from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.delivery.round_robin import PropertyRoundRobin
from domiq_dagster.sync.delivery.stopping import StopSignal
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.heartbeat import Heartbeat
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.queue.restores import OutsideMark
from domiq_dagster.sync.status_map import StatusMap
from domiq_dagster.tracing import spans

ABREAST = 2
"""Threads at one account: while one waits for ResMan, the other settles its change and prepares the next."""
_LEAVE_ACCOUNT = frozenset(
    {"breaker_open", "request_in_doubt", "account_busy", "unreachable", "bad_credentials", "busy"}
)
"""Errors after which asking for the account's next change makes no sense for now. Other faults are left to
the breaker, which opens when they come in a row."""


@dataclass(frozen=True, slots=True)
class PropertySettings:
    """What a delivery needs to know of its property."""

    integration: Integration
    statuses: StatusMap


class SettingsOf(Protocol):
    """The settings of a property; None where it cannot be served: its changes wait."""

    def __call__(self, connection: Connection, property_id: UUID) -> PropertySettings | None: ...


@dataclass(slots=True)
class Drain:
    """What the threads of one process share that drain accounts.

    Attributes:
        name: whose claims they are.
        lease: seconds.
        note: told of each delivery and how many seconds it took, from several threads.
        mark: how far the database had come, outside of it; None: nothing outside is kept.
    """

    engine: Engine
    worker: DeliveryWorker
    heartbeat: Heartbeat
    stop: StopSignal
    settings_of: SettingsOf
    name: str
    lease: float
    note: Callable[[Claim, PropertySettings, DeliveryResult, float], None]
    mark: OutsideMark | None = None
    faults: ChangeFaults = field(default_factory=ChangeFaults)

    def run(
        self,
        properties: PropertyRoundRobin,
        *,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> str | None:
        """Delivers until nothing is due. For one thread.

        Args:
            may_go_on: asked before each claim.

        Returns:
            The outage that ended it, if one did.

        Raises:
            Exception: the database is gone.
        """
        with (
            self.worker.one_session(),
            self.engine.connect() as connection,
            queue.looking_up_by_key(connection),
        ):
            while may_go_on() and self.stop.take_row():
                found = self._next(connection, properties)
                if found is None:
                    self.stop.return_row()
                    return None
                claim, settings = found
                began = time.perf_counter()
                attempt = traced.attempt(connection, claim, settings.integration)
                with (
                    bound_contextvars(**traced.log_keys(claim, attempt)),
                    spans.under_way(attempt),
                    self.heartbeat.holding(claim),
                ):
                    result = self._deliver(connection, claim, settings)
                    traced.ended(attempt, result)
                properties.delivered()
                self.note(claim, settings, result, time.perf_counter() - began)
                if result.error is not None and _leaves_account(result.error):
                    return result.error.kind
        return None

    def _next(
        self, connection: Connection, properties: PropertyRoundRobin
    ) -> tuple[Claim, PropertySettings] | None:
        """The next claim; None where nothing is due."""
        while (due := properties.next(connection)) is not None:
            settings = self.settings_of(connection, due[0])
            claim = self._claim(connection, *due) if settings is not None else None
            if claim is not None and settings is not None:
                properties.claimed(claim)
                return claim, settings
            properties.nothing_at(due[0])
        return None

    def _claim(self, connection: Connection, property_id: UUID, due_from: datetime) -> Claim | None:
        claims = queue.claim(connection, property_id, self.name, self.lease, due_from=due_from)
        if not claims:
            return None
        if self.mark is not None:
            self.mark.passed(claims[0].lease_token)
        return claims[0]

    def _deliver(self, connection: Connection, claim: Claim, settings: PropertySettings) -> DeliveryResult:
        """One change, whose fault is its own. A lost database ends the draining."""
        deliver = partial(
            self.worker.deliver, claim, settings.integration, settings.statuses, connection=connection
        )
        return self.faults.guard(connection, claim, deliver)


def _leaves_account(error: ResManError) -> bool:
    """Whether the account's next change is not asked for. A short pause that ResMan asks for is waited out at
    the gate, with no slot taken."""
    return error.kind in _LEAVE_ACCOUNT and not asks_to_wait(error, patience.SHORT_PAUSE)
