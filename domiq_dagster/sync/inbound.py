"""Deciding about each linked lead whose pair of statuses moved, and doing what was decided.

One transaction a lead: the conversation is locked, its status read again, the decision taken on what
was read, and status, log row, beaten changes and the agreed pair written together.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decide import Action, Decision, Pair, Situation, decide
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.statuses import StatusMap, load_status_map

logger = logging.getLogger(__name__)
_QUERIES = load_queries(__package__, "inbound.sql")


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
        rows = connection.execute(
            text(_QUERIES["moved_leads"]),
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
            if decision.action is Action.AGREE:
                agreeing.append(row)
                applied.count(decision)
            elif decision.action in (Action.APPLY, Action.PUSH, Action.REVIEW):
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
            text(_QUERIES["lock_conversation"]), {"conversation_id": row.conversation_id}
        ).first()
        # From here on no worker can claim one of its changes.
        connection.execute(text(_QUERIES["lock_lane"]), {"conversation_id": row.conversation_id})
        again = connection.execute(
            text(_QUERIES["moved_leads"]),
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
        if decision.action is Action.APPLY and again.under_way:
            decision = Decision(Action.HOLD, "a change is on its way to ResMan; decided after it is settled")
        if decision.action is Action.APPLY:
            _apply(connection, again, decision)
        elif decision.action is Action.PUSH:
            _log_outbound(connection, again, decision)
        elif decision.action is Action.REVIEW:
            connection.execute(
                text(_QUERIES["open_conflict"]), {**again._mapping, "property_id": integration.property_id}
            )
        elif decision.action is Action.AGREE:
            connection.execute(text(_QUERIES["agree"]), dict(again._mapping))
        applied.count(decision)


def _apply(connection: Connection, row: Row[tuple[object, ...]], decision: Decision) -> None:
    assert decision.new_status is not None
    explanation = {"outcome": "superseded", "reason": decision.reason, "resman_status": row.resman_status}
    values = dict(row._mapping)
    connection.execute(text(_QUERIES["supersede_open"]), {**values, "explanation": json.dumps(explanation)})
    connection.execute(text(_QUERIES["mark_origin"]))
    written = connection.scalar(
        text(_QUERIES["set_status"]), {**values, "new_status": decision.new_status.value}
    )
    connection.execute(text(_QUERIES["unmark_origin"]))
    context = {"sync": {"outcome": "applied", "reason": decision.reason, "resman_status": row.resman_status}}
    connection.execute(
        text(_QUERIES["log_inbound"]),
        {
            **values,
            "old_status": row.domiq_status,
            "new_status": written,
            "status_reason": row.lost_reason if row.resman_status == "Lost" else None,
            "context": json.dumps(context),
        },
    )
    connection.execute(text(_QUERIES["agree"]), {**values, "domiq_status": written})
    connection.execute(text(_QUERIES["close_conflict"]), {**values, "resolution": decision.reason})


def _log_outbound(connection: Connection, row: Row[tuple[object, ...]], decision: Decision) -> None:
    connection.execute(
        text(_QUERIES["log_outbound"]),
        {
            **row._mapping,
            "new_status": row.domiq_status,
            "status_reason": f"found by reconciliation: {decision.reason}",
        },
    )


def _agree_all(connection: Connection, rows: list[Row[tuple[object, ...]]]) -> None:
    """Remembers the agreeing pairs, unless either side or the queue moved meanwhile."""
    if not rows:
        return
    with connection.begin():
        connection.execute(
            text(_QUERIES["agree_many"]),
            {
                "ids": [r.conversation_id for r in rows],
                "domiq": [r.domiq_status for r in rows],
                "resman": [r.resman_status for r in rows],
            },
        )
        connection.execute(
            text(_QUERIES["close_agreed_conflicts"]), {"ids": [r.conversation_id for r in rows]}
        )
