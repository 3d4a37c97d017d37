"""Deciding about each linked lead whose pair of statuses moved, and doing what was decided.

One transaction a lead: the conversation is locked, its status read again, the decision taken on what
was read, and status, log row, beaten changes and the agreed pair written together.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.decide import DOMIQ_HAS_NO_LEAD, Action, Decision, Pair, Situation, decide
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.status_map import RESMAN_LOST, StatusMap, load_status_map

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "apply.sql")
_NO_NEWS = load_queries("domiq_dagster.sync.repair", "reconcile.sql").no_news


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

    def count(self, decision: Decision) -> None:
        self.by_reason[decision.reason] += 1
        if decision.action is Action.APPLY:
            self.applied += 1
        elif decision.action is Action.PUSH:
            self.pushed += 1
        elif decision.action is Action.AGREE:
            self.agreed += 1
        elif decision.action is Action.REVIEW:
            self.conflicts += 1
        elif decision.action is Action.LEAVE:
            self.left_alone += 1
        else:
            self.held += 1


def apply_property(
    engine: Engine,
    integration: Integration,
    *,
    conversation_id: UUID | None = None,
    domiq_is_newer: bool | None = None,
) -> Applied:
    """Decides about every lead of a property (or one conversation) whose pair moved since it was last
    agreed. Repeating it changes nothing more. `domiq_is_newer` says what the caller knows better than the
    stored dates do."""
    applied = Applied(integration.partition_key)
    with engine.connect() as connection:
        statuses = load_status_map(connection, integration.property_id)
        for problem in statuses.problems.values():
            logger.warning("%s: %s", integration.partition_key, problem)
        rows = connection.execute(
            QUERIES.moved_leads if conversation_id is None else QUERIES.moved_lead,
            {
                "property_id": integration.property_id,
                "conversation_id": conversation_id,
                "undated": domiq_is_newer is not None,
                "outbound": integration.outbound,
            },
        ).all()
        connection.commit()
        agreeing = []
        for row in rows:
            decision = decide(_situation(integration, row, domiq_is_newer), statuses)
            if decision.action is Action.AGREE or (decision.remember and not row.in_conflict):
                agreeing.append(row)
                applied.count(decision)
            elif decision.action in (Action.APPLY, Action.PUSH, Action.REVIEW) or row.in_conflict:
                _act(connection, integration, row, statuses, applied, domiq_is_newer)
            else:
                applied.count(decision)
        _agree_all(connection, agreeing)
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
) -> Iterator[tuple[Row[Any], Decision]]:
    """What `apply_property` would decide about each lead just now. Reads only."""
    asked = {"property_id": integration.property_id, "undated": False, "outbound": integration.outbound}
    query = QUERIES.moved_leads.execution_options(yield_per=2_000)
    for row in connection.execute(query, asked):
        yield row, decide(_situation(integration, row, None), statuses)


def _situation(
    integration: Integration, row: Row[tuple[object, ...]], domiq_is_newer: bool | None
) -> Situation:
    agreed = (
        Pair(row.agreed_domiq_status, row.agreed_resman_status)
        if row.agreed_resman_status is not None
        else None
    )
    return Situation(
        agreed=agreed,
        now=Pair(row.domiq_status, row.resman_status),
        open_outbound=row.open_outbound,
        policy=integration.policy,
        inbound=integration.inbound,
        outbound=integration.outbound,
        push_failed=row.push_failed,
        domiq_is_newer=bool(row.domiq_is_newer) if domiq_is_newer is None else domiq_is_newer,
        under_way=row.under_way,
    )


def _act(
    connection: Connection,
    integration: Integration,
    row: Row[tuple[object, ...]],
    statuses: StatusMap,
    applied: Applied,
    domiq_is_newer: bool | None,
) -> None:
    """Locks the conversation, reads the pair again and carries out what is decided now."""
    with connection.begin():
        locked = connection.execute(
            QUERIES.lock_conversation, {"conversation_id": row.conversation_id}
        ).first()
        # From here on no worker can claim one of its changes.
        connection.execute(QUERIES.lock_lane, {"conversation_id": row.conversation_id})
        again = connection.execute(
            QUERIES.moved_lead,
            {
                "property_id": integration.property_id,
                "conversation_id": row.conversation_id,
                "undated": domiq_is_newer is not None,
                "outbound": integration.outbound,
            },
        ).first()
        if locked is None or again is None:
            return
        decision = decide(_situation(integration, again, domiq_is_newer), statuses)
        if decision.action is Action.APPLY:
            _apply(connection, integration, again, decision)
        elif decision.action is Action.PUSH:
            _log_outbound(connection, again, decision)
        elif decision.action is Action.REVIEW:
            connection.execute(
                QUERIES.open_conflict, {**again._mapping, "property_id": integration.property_id}
            )
        elif decision.action is Action.AGREE or decision.remember:
            connection.execute(QUERIES.agree, dict(again._mapping))
        if again.in_conflict and _is_over(decision, again):
            _close_conflict(connection, again, decision)
        applied.count(decision)


def _is_over(decision: Decision, row: Row[tuple[object, ...]]) -> bool:
    """Whether what was decided leaves nothing for a person to decide. What is on its way is waited for, and
    a word of ResMan's that has no meaning tells nothing."""
    if decision.action is Action.REVIEW or row.under_way:
        return False
    return decision.action is not Action.LEAVE or decision.reason == DOMIQ_HAS_NO_LEAD


def _close_conflict(connection: Connection, row: Row[tuple[object, ...]], decision: Decision) -> None:
    """On record with what decided instead of a person; what waited for one goes on at once."""
    values = {**row._mapping, "resolution": f"no longer open: {decision.reason}", "by": None}
    connection.execute(QUERIES.close_conflict, values)
    connection.execute(QUERIES.wake_lane, values)


def _apply(
    connection: Connection, integration: Integration, row: Row[tuple[object, ...]], decision: Decision
) -> None:
    assert decision.new_status is not None
    explanation = {"outcome": "superseded", "reason": decision.reason, "resman_status": row.resman_status}
    values = {
        **row._mapping,
        "property_id": integration.property_id,
        "how": "found when ResMan's status was applied",
    }
    connection.execute(QUERIES.supersede_open, {**values, "explanation": json.dumps(explanation)})
    connection.execute(QUERIES.mark_origin)
    written = connection.scalar(QUERIES.set_status, {**values, "new_status": decision.new_status.value})
    connection.execute(QUERIES.unmark_origin)
    sync = {"outcome": "applied", "reason": decision.reason, "resman_status": row.resman_status}
    if written != decision.new_status:
        sync["reason"] += f"; a trigger of DomIQ's made it {written} instead of {decision.new_status}"
    change_id = connection.scalar(
        QUERIES.log_inbound,
        {
            **values,
            "new_status": written,
            "status_reason": row.lost_reason if row.resman_status == RESMAN_LOST else None,
            "context": json.dumps({"sync": sync}),
        },
    )
    if row.agreed_at is None:
        connection.execute(QUERIES.no_rules_for_the_past, {**values, "change_id": change_id})
    connection.execute(QUERIES.agree, {**values, "domiq_status": written})


def _log_outbound(connection: Connection, row: Row[tuple[object, ...]], decision: Decision) -> None:
    logged = connection.execute(
        QUERIES.log_outbound,
        {
            **row._mapping,
            "status_reason": f"found by reconciliation: {decision.reason}",
        },
    ).one()
    if logged.old_status is None:
        connection.execute(_NO_NEWS, {"ids": [logged.id]})


def _agree_all(connection: Connection, rows: list[Row[tuple[object, ...]]]) -> None:
    """Remembers the agreeing pairs, unless either side or the queue moved meanwhile."""
    if not rows:
        return
    with connection.begin():
        connection.execute(
            QUERIES.agree_many,
            {
                "ids": [r.conversation_id for r in rows],
                "domiq": [r.domiq_status for r in rows],
                "resman": [r.resman_status for r in rows],
            },
        )
        connection.execute(QUERIES.close_agreed_conflicts, {"ids": [r.conversation_id for r in rows]})
