"""The delivery worker: delivers one claimed change and stores how that ended.

Every way out either settles the change, postpones it with a time to try again, or finds that the lease was
lost and leaves everything as it is.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from sqlalchemy import Connection, Engine

from domiq_dagster.db.privileges import is_missing_grant
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import Disposition, ResManError, Scope, UnreadableRecord
from domiq_dagster.sync.account_gate import asks_to_wait
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.delivery import lead_state
from domiq_dagster.sync.delivery.context import DeliveryContext
from domiq_dagster.sync.delivery.delivery import Delivery
from domiq_dagster.sync.delivery.outcomes import (
    DeliveryResult,
    DeliveryRules,
    Outcome,
    Postpone,
    Settle,
    is_of_the_record,
)
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.store import agree
from domiq_dagster.sync.queue import doubts, queue
from domiq_dagster.sync.queue.lanes import IN_DOUBT
from domiq_dagster.sync.queue.queue import Claim, Settlement
from domiq_dagster.sync.status_map import StatusMap
from domiq_dagster.sync.trouble import Faults, is_lost_database, is_passing, log_fault, sentence

logger = logging.getLogger(__name__)


class DeliveryWorker:
    """Delivers claims, one at a time.

    Args:
        jitter: gives 0 to 1, for full jitter.
        stopping: once it says so, no further request is made; a change in hand is postponed as it is.
    """

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

    def one_session(self) -> AbstractContextManager[None]:
        """Has this thread's requests pass their gate in one database session, until the block ends."""
        return self._client.one_session()

    def deliver(
        self,
        claim: Claim,
        integration: Integration,
        statuses: StatusMap,
        *,
        connection: Connection | None = None,
    ) -> DeliveryResult:
        """Sends one claimed change, or finds why not to, on `connection` or one of its own.

        Whatever goes wrong with it, at ResMan, in DomIQ's database or in our own code, is its outcome.

        Raises:
            Exception: the database is gone, see `trouble.is_lost_database`, or will not even postpone it. The
                lease ends by itself, and the change is read back before it is sent again.
        """
        if connection is None:
            with self._engine.connect() as own:
                return self.deliver(claim, integration, statuses, connection=own)
        context = DeliveryContext(connection, self._client, self._rules, claim, integration, statuses)
        error: ResManError | None = None
        try:
            outcome = Delivery(context, self._stopping).run()
        except ResManError as raised:
            error, outcome = raised, self._after_error(context, raised)
        except Exception as fault:
            outcome = self._after_fault(context, fault)
        if isinstance(outcome, Postpone) and outcome.decide_again:
            outcome = self._rarer(context, outcome)
        outcome, result = self._conclude(context, outcome, error)
        said = context.attempts.fault
        if isinstance(outcome, Postpone) and outcome.decide_again and result.result == "postponed":
            said = self._decide_again(context)
        return replace(result, fault=said)

    def _rarer(self, context: DeliveryContext, postpone: Postpone) -> Postpone:
        """A pair that is decided about again and again in vain is looked at ever less often."""
        if context.claim.postponements < self._rules.max_attempts:
            return postpone
        return replace(postpone, seconds=max(postpone.seconds, self._backoff(context.claim)))

    def _decide_again(self, context: DeliveryContext) -> str | None:
        """Decides about the pair of statuses of a change that is postponed until that is done. Returns what
        went wrong with it: the change stays postponed."""
        change_id, lane = str(context.claim.change_id), context.claim.lane
        faults = Faults("what becomes of change {} could not be decided")
        with faults.of(change_id):
            # That DomIQ is not the newer one was decided just now, from what ResMan shows.
            apply_property(self._engine, context.integration, conversation_id=lane, domiq_is_newer=False)
        return faults.sentences.get(change_id)

    def _after_error(self, context: DeliveryContext, error: ResManError) -> Outcome:
        claim, attempts = context.claim, context.attempts
        is_refused = error.disposition is Disposition.PERMANENT and error.scope is Scope.CHANGE
        # A read-back that is refused tells nothing about the post that it asks after.
        if is_refused and (attempts.last_was_post or not claim.outcome_unknown):
            return Settle("failed", error.kind, attempts.words(error) or str(error))
        tries = claim.attempts + claim.postponements + 1
        if claim.in_doubt and is_of_the_record(error) and tries >= self._rules.max_attempts:
            said = attempts.words(error) or str(error)
            return self._in_doubt(context, f"Reading it back fails each time ({said})")
        seconds = max(error.retry_after or 0.0, 0.0 if asks_to_wait(error) else self._backoff(claim))
        if error.disposition is Disposition.UNKNOWN:
            return Postpone(error.kind, max(seconds, self._rules.unknown_pause), state="unknown")
        if isinstance(error, UnreadableRecord) and not claim.outcome_unknown:
            # A record of this lead's that ResMan may mend, but for which nothing waits for ever.
            if claim.attempts + 1 >= self._rules.max_attempts:
                return Settle("failed", error.kind, str(error))
            return Postpone(error.kind, seconds, state="ready", counted=True)
        return Postpone(error.kind, seconds, state="ready")

    def _in_doubt(self, context: DeliveryContext, sentence: str) -> Postpone:
        """It may have arrived, and nobody can see whether: a person decides, once more where what was decided
        cannot be carried out."""
        if context.claim.decided is not None:
            sentence += "; what was decided could not be carried out"
        context.attempts.note("probe", IN_DOUBT, {"sentence": sentence})
        return Postpone(IN_DOUBT, self._rules.configuration_pause, state="unknown")

    def _after_fault(self, context: DeliveryContext, fault: Exception) -> Outcome:
        """What the database refused, or our own code could not do. It is tried again, since either may be
        mended, but not for ever.

        Raises:
            Exception: the fault, if it is that the database is gone.
        """
        if is_lost_database(fault):
            raise fault
        claim, attempts = context.claim, context.attempts
        log_fault(f"change {claim.change_id} could not be delivered", fault)
        said = sentence(fault)
        word = said.partition(":")[0]
        attempts.note("fault", word, {"sentence": said})
        counted = not is_passing(fault)
        sent, tries = attempts.may_have_posted, claim.attempts + 1
        if counted and tries >= self._rules.max_attempts:
            if sent and self._has_left(context):
                waits = self._in_doubt(context, f"Sending it failed {tries} times ({said})")
                return replace(waits, counted=True)
            if claim.in_doubt and not attempts.has_posted and not attempts.has_found:
                return self._in_doubt(context, f"Reading it back failed {tries} times ({said})")
            return Settle("failed", word, f"{said}; tried {tries} times")
        seconds = self._backoff(claim)
        if sent:
            return Postpone(word, max(seconds, self._rules.unknown_pause), state="unknown", counted=counted)
        return Postpone(word, seconds, state="ready", counted=counted)

    def _has_left(self, context: DeliveryContext) -> bool:
        """Whether a post of the change was noted as one that leaves, of which nobody knows what became. The
        fault may have come before."""
        context.connection.rollback()
        return queue.has_left(context.connection, context.claim)

    def _backoff(self, claim: Claim) -> float:
        """Seconds until the next try, with full jitter."""
        doubled = self._rules.first_pause * 2.0 ** min(claim.postponements + claim.attempts, 16)
        return self._jitter() * min(self._rules.longest_pause, doubled)

    def _conclude(
        self, context: DeliveryContext, outcome: Outcome, error: ResManError | None
    ) -> tuple[Outcome, DeliveryResult]:
        """Stores an outcome; where the database refuses that, the change ends with this fault instead.

        Returns:
            The outcome that was stored, and what to tell of it.
        """
        try:
            return outcome, self._store(context, outcome, error)
        except Exception as fault:
            if isinstance(outcome, Postpone):
                if not (is_missing_grant(fault) and context.attempts.can_be_stored):
                    raise
                # It is given back all the same.
                context.attempts.can_be_stored = False
                return self._conclude(context, outcome, error)
            instead = self._after_fault(context, fault)
        if isinstance(instead, Settle) and isinstance(outcome, Settle) and outcome.sync_status == "failed":
            # Not even that it failed can be stored: it waits for whoever mends the database.
            instead = Postpone(instead.outcome, self._rules.longest_pause, counted=True)
        return self._conclude(context, instead, None)

    def _store(self, context: DeliveryContext, outcome: Outcome, error: ResManError | None) -> DeliveryResult:
        context.connection.rollback()
        if isinstance(outcome, Settle):
            kept = self._settle(context, outcome)
            result = DeliveryResult(outcome.sync_status, outcome.outcome, error)
        elif isinstance(outcome, Postpone):
            kept = self._postpone(context, outcome)
            result = DeliveryResult("postponed", outcome.outcome, error, outcome.state)
        else:
            kept = False
        if not kept:
            logger.warning("lost the lease of change %s; leaving it to its holder", context.claim.change_id)
            return DeliveryResult("lost_lease", "lost_lease")
        return result

    def _settle(self, context: DeliveryContext, settle: Settle) -> bool:
        """The change, what its lead shows, and the pair agreed, in one transaction."""
        connection, claim = context.connection, context.claim
        explanation = dict(settle.explanation)
        if claim.decided is not None:
            explanation["decision"] = {"outcome": claim.decided, "by": claim.decided_by}
        if settle.sync_status == "failed" and context.may_have_arrived and queue.has_left(connection, claim):
            explanation["reason"] += "; an earlier try may have reached ResMan all the same"
            explanation["may_have_arrived"] = True
        settlement = Settlement(
            claim,
            settle.sync_status,
            explanation,
            settle.prospect_id,
            context.attempts.attempts,
        )
        if not queue.settle(connection, [settlement]):
            connection.rollback()
            return False
        if settle.shown is not None:
            lead_state.upsert_lead(connection, context.property_id, settle.shown)
        if settle.agreed is not None:
            agree(connection, settle.agreed)
        connection.commit()
        return True

    def _postpone(self, context: DeliveryContext, postpone: Postpone) -> bool:
        claim, attempts = context.claim, context.attempts
        if attempts.effect_is_known and postpone.state != "unknown":
            queue.forget_posting(context.connection, claim)
        elif postpone.read_back:
            queue.count_read_back(context.connection, claim)
        if postpone.outcome == IN_DOUBT and claim.decided is not None:
            doubts.reopen(context.connection, claim.change_id, claim.lease_token)
        return queue.postpone(
            context.connection,
            claim,
            # An unknown outcome stays unknown until a read-back has told.
            state="unknown" if claim.outcome_unknown and not postpone.decide_again else postpone.state,
            outcome=postpone.outcome,
            seconds=postpone.seconds,
            counted=postpone.counted,
            attempts=context.attempts.attempts if context.attempts.can_be_stored else None,
        )
