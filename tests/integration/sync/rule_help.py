"""What the tests of rules share: writing rules, running them, and looking at what came of them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from domiq_dagster.sync.rules import RulesRun, run_rules


def add_rule(
    world: Any,
    place: UUID | None,
    trigger: str | None,
    target: str | None = None,
    conditions: Any = None,
    actions: Any = None,
    *,
    active: bool | None = True,
) -> UUID:
    """A row of status_workflow_rules, younger than those before it."""
    found: UUID = world.value(
        "INSERT INTO status_workflow_rules "
        "(property_id, trigger_status, target_status, conditions, actions, is_active, created_at) "
        "VALUES (:p, :t, :s, CAST(:c AS jsonb), CAST(:a AS jsonb), :active, clock_timestamp()) RETURNING id",
        p=place, t=trigger, s=target, active=active,
        c=None if conditions is None else json.dumps(conditions),
        a=None if actions is None else json.dumps(actions),
    )  # fmt: skip
    return found


def action(kind: str, **config: Any) -> dict[str, Any]:
    return {"type": kind, "config": config}


def run(world: Any, **options: Any) -> RulesRun:
    return run_rules(world.engine, **options)


def moves(world: Any, conversation: UUID) -> list[tuple[str | None, str, str]]:
    """The changes of a conversation as old status, new status, by whom."""
    return [(c.old_status, c.new_status, c.updated_by) for c in world.changes(conversation)]


def decisions(world: Any, conversation: UUID) -> list[tuple[str, str, str]]:
    """What was decided about a conversation's changes: new status, outcome, why."""
    rows = world.rows(
        "SELECT g.new_status, d.outcome, d.why FROM domiq_sync.rule_decision d "
        "JOIN domiq_sync.change c USING (change_id) JOIN status_sync_log g ON g.id = c.change_id "
        "LEFT JOIN status_workflow_rules r ON r.id = d.rule_id "
        "WHERE c.conversation_id = :c ORDER BY c.seq, r.created_at",
        c=conversation,
    )
    return [tuple(r) for r in rows]


def tasks(world: Any) -> list[Any]:
    return list(world.rows("SELECT * FROM domiq_sync.task ORDER BY created_at, action"))
