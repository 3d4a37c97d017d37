"""Delivers one claimed change and stores how that ended.

Every way out of `deliver` either settles the change, gives it back with a time to try again, or finds
that the lease was lost and leaves everything as it is.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from sqlalchemy import Connection, Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import Disposition, ResManError, Scope
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.delivery import lead_state as lead_store
from domiq_dagster.sync.delivery.attempts import Trace
from domiq_dagster.sync.delivery.delivery import Delivery
from domiq_dagster.sync.delivery.outcomes import Delivered, DeliveryRules, GiveBack, Settle
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Claim, LostLease, Settlement
from domiq_dagster.sync.status_map import StatusMap

logger = logging.getLogger(__name__)


class Courier:
    """Delivers claims, one at a time. `jitter` gives 0 to 1 (full jitter). Once `stopping` says so, no
    further request is made: a change in hand is given back as it is."""

    def __init__(
        self,
        engine: Engine,
        client: ResManClient,
        rules: DeliveryRules | None = None,
        *,
        jitter: Callable[[], float] = random.random,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._client = client
        self._rules = rules or DeliveryRules()
        self._jitter = jitter
        self._stopping = stopping

    def deliver(
        self,
        held: Claim,
        integration: Integration,
        statuses: StatusMap,
        *,
        connection: Connection | None = None,
    ) -> Delivered:
        """Sends one claimed change, or finds why not to, on `connection` or one of its own. Database errors
        pass through: the lease ends by itself and the change is probed before it is sent again."""
        if connection is None:
            with self._engine.connect() as own:
                return self.deliver(held, integration, statuses, connection=own)
        try:
            return self._try(connection, held, integration, statuses, Trace())
        except LostLease:
            logger.warning("lost the lease of change %s; leaving it to its holder", held.change_id)
            return Delivered("lost_lease", "lost_lease")

    def _try(
        self,
        connection: Connection,
        held: Claim,
        integration: Integration,
        statuses: StatusMap,
        trace: Trace,
    ) -> Delivered:
        try:
            return Delivery(
                connection, self._client, self._rules, held, integration, statuses, trace, self._stopping
            ).run()
        except Settle as end:
            return self._settle(connection, held, end, trace)
        except GiveBack as pause:
            delivered = self._give_back(connection, held, pause, trace)
            if pause.decide_again:
                # That DomIQ is not the newer one was decided just now, from what ResMan shows.
                apply_property(self._engine, integration, conversation_id=held.lane, domiq_is_newer=False)
            return delivered
        except ResManError as error:
            return self._after_error(connection, held, error, trace)

    def _after_error(
        self, connection: Connection, held: Claim, error: ResManError, trace: Trace
    ) -> Delivered:
        refused = error.disposition is Disposition.PERMANENT and error.scope is Scope.CHANGE
        # A probe that is refused tells nothing about the post that it asks after.
        if refused and (trace.last_was_post or not held.may_have_left):
            words = trace.words(error) or str(error)
            return self._settle(connection, held, Settle("failed", error.kind, words), trace, error)
        unknown = error.disposition is Disposition.UNKNOWN or held.may_have_left
        ceiling = min(self._rules.longest_pause, self._rules.first_pause * 2 ** min(held.postponements, 16))
        seconds = max(error.retry_after or 0.0, self._jitter() * ceiling)
        if error.disposition is Disposition.UNKNOWN:
            seconds = max(seconds, self._rules.unknown_pause)
        pause = GiveBack(error.kind, seconds, state="unknown" if unknown else "ready")
        return self._give_back(connection, held, pause, trace, error)

    def _give_back(
        self,
        connection: Connection,
        held: Claim,
        pause: GiveBack,
        trace: Trace,
        error: ResManError | None = None,
    ) -> Delivered:
        connection.rollback()
        queue.postpone(
            connection,
            held,
            # What may have left stays unknown until a read has told.
            state="unknown" if held.may_have_left and not pause.decide_again else pause.state,
            outcome=pause.outcome,
            seconds=pause.seconds,
            counted=pause.counted,
            attempts=trace.attempts,
        )
        return Delivered("postponed", pause.outcome, error)

    def _settle(
        self,
        connection: Connection,
        held: Claim,
        end: Settle,
        trace: Trace,
        error: ResManError | None = None,
    ) -> Delivered:
        connection.rollback()
        settlement = Settlement(
            held, end.sync_status, end.explanation, end.explanation.get("prospect_id"), trace.attempts
        )
        queue.settle_one(connection, settlement)
        if end.agreed is not None:
            lead_store.agree(connection, held.lane, end.agreed)
        connection.commit()
        return Delivered(end.sync_status, end.explanation["outcome"], error)
