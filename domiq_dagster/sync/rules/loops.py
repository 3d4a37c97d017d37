"""Loops among the rules of one property: rules that could move a lead in a circle. Pure.

What a rule's conditions say about a change that a rule made is taken into account (`{"updated_by":
"chatbot"}` ends a chain); all else they ask is taken as something that may hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from domiq_dagster.sync.rules.compile import Rule
from domiq_dagster.sync.rules.facts import Facts

_KNOWN = frozenset({"old_status", "new_status", "updated_by", "sync_direction"})


def find_loops(rules: Sequence[Rule]) -> list[tuple[Rule, ...]]:
    """Finds the loops among the rules of one property.

    Returns:
        Each loop as its rules, in the order in which they would run. Of the loops that share a rule the
        shortest through the oldest stands for all.
    """
    moving = [r for r in rules if not r.problems and r.target is not None and r.target != r.trigger]
    by_trigger: dict[str | None, list[Rule]] = {}
    for rule in moving:
        by_trigger.setdefault(rule.trigger, []).append(rule)
    followers = {
        rule.id: [after for after in by_trigger.get(rule.target, ()) if _may_follow(rule, after)]
        for rule in moving
    }
    loops: list[tuple[Rule, ...]] = []
    reported: set[UUID] = set()
    for rule in moving:
        if rule.id not in reported and (loop := _shortest(rule, followers)):
            loops.append(loop)
            reported.update(r.id for r in loop)
    return loops


def _may_follow(first: Rule, after: Rule) -> bool:
    move = {
        "old_status": first.trigger,
        "new_status": first.target,
        "updated_by": "system",
        "sync_direction": "to_resman",
    }
    made = Facts(move, conversation={}, context={}, changed_at=datetime.min.replace(tzinfo=UTC), zone=None)
    return True in after.condition.outcomes(made, _KNOWN)


def _shortest(start: Rule, followers: Mapping[UUID, Sequence[Rule]]) -> tuple[Rule, ...]:
    """The shortest way from a rule back to itself; empty where there is none."""
    paths: deque[tuple[Rule, ...]] = deque([(start,)])
    seen: set[UUID] = set()
    while paths:
        path = paths.popleft()
        for rule in followers[path[-1].id]:
            if rule.id == start.id:
                return path
            if rule.id not in seen:
                seen.add(rule.id)
                paths.append((*path, rule))
    return ()
