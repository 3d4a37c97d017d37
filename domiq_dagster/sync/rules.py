"""Whether the rules in status_workflow_rules can be understood at all. Running them is not done here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.sync.statuses import LeadStatus

ACTION_TYPES = frozenset({"send_notification", "schedule_follow_up", "update_lead_score", "create_task"})
CONDITION_FIELDS = frozenset({"conversation_duration", "message_count", "lead_score", "time_of_day"})
_STATUSES = frozenset(LeadStatus)


@dataclass(frozen=True, slots=True)
class RuleProblem:
    rule_id: UUID
    property_id: UUID | None
    problem: str


def rule_problems(connection: Connection) -> list[RuleProblem]:
    """What is wrong with the active rules, one entry a problem."""
    rows = connection.execute(
        text(
            "SELECT id, property_id, trigger_status, target_status, conditions, actions "
            "FROM public.status_workflow_rules WHERE is_active ORDER BY created_at, id"
        )
    )
    return [
        RuleProblem(row.id, row.property_id, problem)
        for row in rows
        for problem in _problems(row.trigger_status, row.target_status, row.conditions, row.actions)
    ]


def _problems(trigger: str | None, target: str | None, conditions: Any, actions: Any) -> list[str]:
    found = []
    if trigger not in _STATUSES:
        found.append(f"trigger_status {trigger!r} is no lead status")
    if target is not None and target not in _STATUSES:
        found.append(f"target_status {target!r} is no lead status")
    if conditions is not None and not isinstance(conditions, dict):
        found.append("conditions is not a JSON object")
    elif conditions:
        unknown = sorted(set(conditions) - CONDITION_FIELDS)
        found += [f"unknown condition {name!r}" for name in unknown]
    if actions is not None and not isinstance(actions, list):
        found.append("actions is not a JSON list")
    for action in actions if isinstance(actions, list) else []:
        kind = action.get("type") if isinstance(action, dict) else None
        if kind not in ACTION_TYPES:
            found.append(f"unknown action {kind!r}")
    return found
