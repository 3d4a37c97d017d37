"""A row of status_workflow_rules, understood once for many changes; or what keeps it from being so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domiq_dagster.db.json_values import UnreadableJson
from domiq_dagster.sync.rules.actions import (
    Action,
    CreateTask,
    ScheduleFollowUp,
    UpdateLeadScore,
    parse_actions,
)
from domiq_dagster.sync.rules.comparisons import Needs
from domiq_dagster.sync.rules.conditions import All, Condition, compile_conditions
from domiq_dagster.sync.rules.facts import Catalogue, FieldKind
from domiq_dagster.sync.status_map import LeadStatus
from domiq_dagster.sync.trouble import log_fault, sentence

_IN_ORDER: Mapping[LeadStatus, frozenset[LeadStatus]] = {
    LeadStatus.NEW: frozenset({LeadStatus.CONTACTED, LeadStatus.QUALIFIED, LeadStatus.LOST}),
    LeadStatus.CONTACTED: frozenset({LeadStatus.QUALIFIED, LeadStatus.TOUR_SCHEDULED, LeadStatus.LOST}),
    LeadStatus.QUALIFIED: frozenset({LeadStatus.TOUR_SCHEDULED, LeadStatus.APPLICATION, LeadStatus.LOST}),
    LeadStatus.TOUR_SCHEDULED: frozenset({LeadStatus.APPLICATION, LeadStatus.LEASED, LeadStatus.LOST}),
    LeadStatus.APPLICATION: frozenset({LeadStatus.LEASED, LeadStatus.LOST}),
    LeadStatus.LEASED: frozenset(),
    LeadStatus.LOST: frozenset(),
}
"""The moves that DomIQ's people call in order."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as it is stored, or as a file has it."""

    id: UUID
    property_id: UUID | None
    trigger_status: str | None
    target_status: str | None
    conditions: Any
    actions: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, understood.

    Attributes:
        trigger: the status of a change that triggers it.
        target: the status to which it moves the lead, if it does.
        problems: why it is invalid, if it is; then it must not be evaluated, nor read as false.
        warnings: what may be meant so, and may not.
        key: its id as text.
    """

    id: UUID
    property_id: UUID | None
    trigger: str | None
    target: str | None
    condition: Condition
    actions: tuple[Action, ...]
    needs: Needs
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(self.id))


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of one property, in the order in which they run: the older first.

    Attributes:
        meanings: DomIQ's words for a lead status, as they hold at the property.
        by_trigger: the rules by the status that triggers them.
        needs: what all valid ones need to be evaluated.
    """

    rules: Sequence[Rule]
    meanings: Mapping[str, LeadStatus]
    by_trigger: Mapping[str, Sequence[Rule]] = field(init=False)
    needs: Needs = field(init=False)

    def __post_init__(self) -> None:
        by_trigger: dict[str, list[Rule]] = {}
        needs = Needs()
        for rule in self.rules:
            if rule.trigger is not None:
                by_trigger.setdefault(rule.trigger, []).append(rule)
            if not rule.problems:
                needs.columns |= rule.needs.columns
                needs.messages |= rule.needs.messages
                needs.zone |= rule.needs.zone
        object.__setattr__(self, "by_trigger", by_trigger)
        object.__setattr__(self, "needs", needs)


def compile_rules(
    rows: Iterable[RuleRow], catalogue: Catalogue, meanings: Mapping[str, LeadStatus]
) -> RuleBook:
    """Understands the rules of one property."""
    return RuleBook([_compiled(row, catalogue, meanings) for row in rows], meanings)


def _compiled(row: RuleRow, catalogue: Catalogue, meanings: Mapping[str, LeadStatus]) -> Rule:
    """One rule; whatever there is in its row, it is that rule alone that cannot be understood."""
    try:
        return compile_rule(row, catalogue, meanings)
    except Exception as fault:
        log_fault(f"rule {row.id} could not be understood", fault)
        problem = f"it could not be understood: {sentence(fault)}"
        return Rule(
            row.id, row.property_id, row.trigger_status, row.target_status, All(()), (), Needs(), (problem,)
        )


def compile_rule(row: RuleRow, catalogue: Catalogue, meanings: Mapping[str, LeadStatus]) -> Rule:
    """Understands one rule, and names everything that is wrong with it."""
    problems = _wrong_columns(row, meanings)
    if isinstance(row.conditions, UnreadableJson):
        problems.append(f"conditions cannot be read: {row.conditions.reason}")
        row = replace(row, conditions=None)
    if isinstance(row.actions, UnreadableJson):
        problems.append(f"actions cannot be read: {row.actions.reason}")
        row = replace(row, actions=None)
    compiled = compile_conditions(row.conditions, catalogue)
    actions, wrong_actions = parse_actions(row.actions)
    problems += compiled.problems + wrong_actions
    needs = compiled.needs
    for action in actions:
        if isinstance(action, (ScheduleFollowUp, CreateTask)):
            needs.zone |= action.needs_zone
        elif isinstance(action, UpdateLeadScore):
            if catalogue.conversation.get("lead_score") is not FieldKind.NUMBER:
                problems.append("update_lead_score: table conversation has no number lead_score here")
            needs.columns |= {"lead_score"}
    return Rule(
        id=row.id,
        property_id=row.property_id,
        trigger=row.trigger_status,
        target=row.target_status,
        condition=All(()) if compiled.problems else compiled.condition,
        actions=tuple(actions),
        needs=needs,
        problems=tuple(problems),
        warnings=() if problems else tuple(_warnings(row, meanings)),
    )


def _wrong_columns(row: RuleRow, meanings: Mapping[str, LeadStatus]) -> list[str]:
    problems = []
    if row.property_id is None:
        problems.append("it names no property, so it applies to none")
    if row.trigger_status is None or row.trigger_status not in meanings:
        problems.append(f"trigger_status {row.trigger_status!r} is no lead status")
    if row.target_status is not None and row.target_status not in meanings:
        problems.append(f"target_status {row.target_status!r} is no lead status")
    return problems


def _warnings(row: RuleRow, meanings: Mapping[str, LeadStatus]) -> list[str]:
    if row.target_status is None:
        return [] if row.actions else ["it has neither a target_status nor actions, so it does nothing"]
    assert row.trigger_status is not None
    begin, end = meanings[row.trigger_status], meanings[row.target_status]
    if row.trigger_status == row.target_status:
        return ["its target_status is its trigger_status, so it moves nothing"]
    if begin is not end and end not in _IN_ORDER[begin]:
        return [
            f"{row.trigger_status} -> {row.target_status} is out of DomIQ's order; it is moved all the same"
        ]
    return []


def fingerprint(rows: Iterable[RuleRow]) -> str:
    """A text that is equal for equal rules, so that what was understood once can be used again."""
    return json.dumps(
        [[r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions] for r in rows],
        default=str,
    )
