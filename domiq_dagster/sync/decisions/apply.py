"""Deciding about each linked lead whose pair of statuses moved, and doing what was decided.

One transaction a lead: the conversation is locked, its status read again, the decision taken on what
was read, and status, log row, beaten changes and the agreed pair written together.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import row_as, rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import trouble
from domiq_dagster.sync.decisions import conflict_store
from domiq_dagster.sync.decisions.decide import DOMIQ_HAS_NO_LEAD, Action, Decision, Pair, Situation, decide
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.store import AgreedPair, agree, agree_unless_moved
from domiq_dagster.sync.queue import change_log, changes, lanes
from domiq_dagster.sync.queue.change_log import AppliedStatus
from domiq_dagster.sync.status_map import RESMAN_LOST, StatusMap, load_status_map

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "apply.sql")
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class MovedLead:
    """A linked lead whose pair of statuses moved since it was last agreed; see sql/130_lead_functions.sql for
    what its flags mean."""

    conversation_id: UUID
    property_id: UUID
    prospect_id: str
    agreed_domiq_status: str | None
    agreed_resman_status: str | None
    agreed_at: datetime | None
    domiq_status: str | None
    resman_status: str
    lost_reason: str | None
    domiq_is_newer: bool | None
    in_conflict: bool
    open_outbound: bool
    under_way: bool
    push_failed: bool

    @property
    def agreed(self) -> Pair | None:
        """The pair last agreed, if there ever was one."""
        if self.agreed_resman_status is None:
            return None
        return Pair(self.agreed_domiq_status, self.agreed_resman_status)

    @property
    def now(self) -> Pair:
        """The pair as it is."""
        return Pair(self.domiq_status, self.resman_status)


@dataclass(slots=True)
class Applied:
    """What deciding about one property's leads did. `by_reason` counts decisions by what they say."""

    partition_key: str
    applied: int = 0
    pushed: int = 0
    """Outbound changes that had to be logged, since none was open."""
    agreed: int = 0
    held: int = 0
    left_alone: int = 0
    conflicts: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    refused: dict[UUID, str] = field(default_factory=dict)
    """About which conversations nothing could be done, each with why: by DomIQ's own constraints, mostly."""

    def count(self, decision: Decision) -> None:
        """Counts one decision."""
        self.by_reason[decision.reason] += 1
        match decision.action:
            case Action.APPLY:
                self.applied += 1
            case Action.PUSH:
                self.pushed += 1
            case Action.AGREE:
                self.agreed += 1
            case Action.REVIEW:
                self.conflicts += 1
            case Action.LEAVE:
                self.left_alone += 1
            case Action.HOLD:
                self.held += 1


def apply_property(
    engine: Engine,
    integration: Integration,
    *,
    conversation_id: UUID | None = None,
    domiq_is_newer: bool | None = None,
) -> Applied:
    """Decides about every lead of a property whose pair moved since it was last agreed, and does what was
    decided. Repeating it changes nothing more. What goes wrong with one of them is noted with it, and touches
    none of the others.

    Args:
        conversation_id: only the lead of this conversation.
        domiq_is_newer: what the caller knows better than the stored dates do.

    Returns:
        What was decided, counted, and what was refused.

    Raises:
        Exception: the database is gone, or the property's leads could not be read. What was decided until
            then stays.
    """
    with engine.connect() as connection:
        statuses = load_status_map(connection, integration.property_id)
        connection.commit()
        for problem in statuses.problems.values():
            logger.warning("%s: %s", integration.partition_key, problem)
        applying = _Applying(connection, integration, statuses, domiq_is_newer)
        applying.decide_all(applying.load(conversation_id))
        applying.note_trouble(conversation_id)
    applied = applying.applied
    if applied.applied or applied.conflicts:
        logger.info(
            "applied %s: %d applied, %d conflicts",
            integration.partition_key,
            applied.applied,
            applied.conflicts,
        )
    return applied


def decisions(
    connection: Connection, integration: Integration, statuses: StatusMap
) -> Iterator[tuple[MovedLead, Decision]]:
    """What `apply_property` would decide about each lead just now. Reads only."""
    asked = {"property_id": integration.property_id, "undated": False, "outbound": integration.outbound}
    query = QUERIES.moved_leads.execution_options(yield_per=_CHUNK)
    for row in connection.execute(query, asked).mappings():
        lead = MovedLead(**row)
        yield lead, decide(situation_of(integration, lead), statuses)


def situation_of(integration: Integration, lead: MovedLead, domiq_is_newer: bool | None = None) -> Situation:
    """All that a decision about a lead depends on. `domiq_is_newer`: what the caller knows better than the
    stored dates do."""
    return Situation(
        agreed=lead.agreed,
        now=lead.now,
        open_outbound=lead.open_outbound,
        policy=integration.policy,
        inbound=integration.inbound,
        outbound=integration.outbound,
        push_failed=lead.push_failed,
        domiq_is_newer=bool(lead.domiq_is_newer) if domiq_is_newer is None else domiq_is_newer,
        under_way=lead.under_way,
    )


@dataclass(slots=True)
class _Applying:
    """Decisions about the leads of one property, under way. `connection` is between transactions."""

    connection: Connection
    integration: Integration
    statuses: StatusMap
    domiq_is_newer: bool | None
    applied: Applied = field(init=False)
    faults: trouble.Faults = field(
        default_factory=lambda: trouble.Faults("conversation {} could not be decided about")
    )

    def __post_init__(self) -> None:
        self.applied = Applied(self.integration.partition_key)

    def load(self, conversation_id: UUID | None) -> list[MovedLead]:
        """The leads to decide about."""
        with self.connection.begin():
            if conversation_id is None:
                return rows_as(MovedLead, self.connection.execute(QUERIES.moved_leads, self._asked))
            lead = self._load_one(conversation_id)
            return [lead] if lead is not None else []

    def decide_all(self, leads: Sequence[MovedLead]) -> None:
        """Decides about each lead. What only has to be remembered is written at once for all; what moves
        anything is decided again under locks."""
        agreeing: list[MovedLead] = []
        for lead in leads:
            with self.faults.of(str(lead.conversation_id)):
                decision = decide(situation_of(self.integration, lead, self.domiq_is_newer), self.statuses)
                if decision.action is Action.AGREE or (decision.remember and not lead.in_conflict):
                    agreeing.append(lead)
                    self.applied.count(decision)
                elif decision.action in (Action.APPLY, Action.PUSH, Action.REVIEW) or lead.in_conflict:
                    self._decide_locked(lead.conversation_id)
                else:
                    self.applied.count(decision)
        self.faults.together({str(lead.conversation_id): lead for lead in agreeing}, self._agree_all)

    def note_trouble(self, conversation_id: UUID | None) -> None:
        """Says which leads nothing could be done about, and of which that is over. Commits.

        Args:
            conversation_id: the only one that was decided about; None: all that the property has.
        """
        self.applied.refused = {UUID(key): why for key, why in self.faults.sentences.items()}
        among = None if conversation_id is None else [str(conversation_id)]
        with self.connection.begin():
            trouble.store(
                self.connection, trouble.LEAD, self.integration.property_id, self.faults, among=among
            )

    def _agree_all(self, leads: Sequence[MovedLead]) -> None:
        """Remembers the agreeing pairs, unless either side or the queue moved meanwhile."""
        with self.connection.begin():
            agree_unless_moved(
                self.connection,
                [AgreedPair(lead.conversation_id, lead.domiq_status, lead.resman_status) for lead in leads],
            )
            conflict_store.close_conflicts(
                self.connection, [lead.conversation_id for lead in leads], "both sides agree again"
            )

    def _decide_locked(self, conversation_id: UUID) -> None:
        """Locks the conversation, reads the pair again and does what is decided now; nothing at a property
        that was paused meanwhile."""
        asked = {
            "conversation_id": conversation_id,
            "property_id": self.integration.property_id,
            "off": not self.integration.enabled,
        }
        with self.connection.begin():
            locked = self.connection.scalar(QUERIES.lock_conversation, asked)
            lanes.lock(self.connection, conversation_id)
            lead = self._load_one(conversation_id)
            if locked is None or lead is None:
                return
            decision = decide(situation_of(self.integration, lead, self.domiq_is_newer), self.statuses)
            self._execute(lead, decision)
            if lead.in_conflict and _is_over(decision, lead):
                conflict_store.close_conflicts(
                    self.connection, [conversation_id], f"no longer open: {decision.reason}"
                )
                lanes.wake(self.connection, lanes.CONFLICT, conversation_id)
            self.applied.count(decision)

    def _execute(self, lead: MovedLead, decision: Decision) -> None:
        if decision.action is Action.APPLY:
            self._set_domiq_status(lead, decision)
        elif decision.action is Action.PUSH:
            self._log_outbound(lead, decision)
        elif decision.action is Action.REVIEW:
            statuses = (lead.domiq_status, lead.resman_status)
            conflict_store.open_conflict(
                self.connection, lead.property_id, lead.conversation_id, lead.prospect_id, statuses
            )
        elif decision.action is Action.AGREE or decision.remember:
            agree(self.connection, AgreedPair(lead.conversation_id, lead.domiq_status, lead.resman_status))

    def _set_domiq_status(self, lead: MovedLead, decision: Decision) -> None:
        """ResMan's status becomes DomIQ's: open changes are beaten, and the inbound change goes on record."""
        assert decision.new_status is not None
        about = {"reason": decision.reason, "resman_status": lead.resman_status}
        lanes.supersede_open(
            self.connection, lead.conversation_id, lead.prospect_id, {"outcome": "superseded", **about}
        )
        written = self._write_status(lead.conversation_id, decision.new_status.value)
        if written != decision.new_status:
            about["reason"] += f"; a trigger of DomIQ's made it {written} instead of {decision.new_status}"
        self._log_inbound(lead, written, {"outcome": "applied", **about})
        agree(self.connection, AgreedPair(lead.conversation_id, written, lead.resman_status))

    def _write_status(self, conversation_id: UUID, status: str) -> str | None:
        """Returns the status that DomIQ shows afterwards: a trigger of its own may have another opinion."""
        self.connection.execute(QUERIES.mark_origin)
        written: str | None = self.connection.scalar(
            QUERIES.set_status, {"conversation_id": conversation_id, "new_status": status}
        )
        self.connection.execute(QUERIES.unmark_origin)
        return written

    def _log_inbound(self, lead: MovedLead, written: str | None, record: dict[str, str]) -> None:
        change_id = change_log.log_inbound(
            self.connection,
            AppliedStatus(
                lead.conversation_id,
                lead.property_id,
                lead.prospect_id,
                lead.domiq_status,
                new_status=written,
                status_reason=lead.lost_reason if lead.resman_status == RESMAN_LOST else None,
                context_data={"sync": record},
            ),
        )
        if lead.agreed_at is None:
            changes.no_rules_for_the_past(self.connection, change_id, lead.property_id, lead.prospect_id)

    def _log_outbound(self, lead: MovedLead, decision: Decision) -> None:
        logged = change_log.log_outbound(
            self.connection,
            conversation_id=lead.conversation_id,
            prospect_id=lead.prospect_id,
            agreed_domiq_status=lead.agreed_domiq_status,
            domiq_status=lead.domiq_status,
            status_reason=f"found by reconciliation: {decision.reason}",
        )
        if logged.old_status is None:
            changes.no_news(self.connection, [logged.id])

    def _load_one(self, conversation_id: UUID) -> MovedLead | None:
        asked = {**self._asked, "conversation_id": conversation_id}
        return row_as(MovedLead, self.connection.execute(QUERIES.moved_lead, asked))

    @property
    def _asked(self) -> dict[str, object]:
        return {
            "property_id": self.integration.property_id,
            "undated": self.domiq_is_newer is not None,
            "outbound": self.integration.outbound,
        }


def _is_over(decision: Decision, lead: MovedLead) -> bool:
    """Whether what was decided leaves nothing for a person to decide. What is on its way is waited for, and
    a word of ResMan's that has no meaning tells nothing."""
    if decision.action is Action.REVIEW or lead.under_way:
        return False
    return decision.action is not Action.LEAVE or decision.reason == DOMIQ_HAS_NO_LEAD
