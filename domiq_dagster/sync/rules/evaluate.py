"""What the rules decide about one change: which run, which do not, and why. Pure.

The run and the plan both ask here, and differ only in what they do with the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domiq_dagster.sync.rules.actions import default_priority
from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.effects import Effect
from domiq_dagster.sync.rules.facts import Facts, LoggedChange

MAX_DEPTH = 10
"""The most changes, one caused by the other, that rules may add to a chain."""


class RuleOutcome(StrEnum):
    """How a rule ended for a change."""

    RAN = "ran"
    SKIPPED = "skipped"
    """It held, but its move could not be made any more, so its actions did not run either."""
    STOPPED = "stopped"
    """It held, but would have run in a circle."""
    FAILED = "failed"
    """It held, and what it was to do ended in an error; nothing of it was done."""
    INVALID = "invalid"
    NOT_HELD = "not_held"


@dataclass(frozen=True, slots=True)
class Chain:
    """What led to a change.

    Attributes:
        ran: the rules that ran for the changes before it.
        depth: how many changes those are.
    """

    ran: frozenset[UUID] = frozenset()
    depth: int = 0

    def after(self, ran: Sequence[UUID]) -> Chain:
        """The chain of a change that one of these rules makes."""
        return Chain(self.ran.union(ran), self.depth + 1)


@dataclass(frozen=True, slots=True)
class RuleEvaluation:
    """What is to become of one rule.

    Attributes:
        outcome: how it has ended; None: it is to run.
        why: the reason, for the record.
    """

    rule: Rule
    outcome: RuleOutcome | None
    why: str


def evaluate_rules(book: RuleBook, facts: Facts, chain: Chain) -> list[RuleEvaluation]:
    """Evaluates each rule that a change triggers, all by the facts as they were before any of them ran.

    That chains end: a change causes at most one other, since after a move no other rule finds the lead at
    the status that triggered it; a rule runs at most once in a chain; and no move is made from MAX_DEPTH on.

    Returns:
        One evaluation a rule, in the order in which they are to run.
    """
    triggered = book.by_trigger.get(facts.change["new_status"], ())
    return [_evaluate(rule, facts, chain) for rule in triggered]


def _evaluate(rule: Rule, facts: Facts, chain: Chain) -> RuleEvaluation:
    if rule.problems:
        return RuleEvaluation(rule, RuleOutcome.INVALID, "; ".join(rule.problems))
    try:
        reason = rule.condition.why_not(facts)
    except Exception as error:  # on record as failed: one rule must not keep the others from being evaluated
        why = f"its conditions could not be asked ({type(error).__name__})"
        return RuleEvaluation(rule, RuleOutcome.FAILED, why)
    if reason is not None:
        return RuleEvaluation(rule, RuleOutcome.NOT_HELD, reason)
    if rule.id in chain.ran:
        why = "a loop: it ran earlier in the same chain of changes"
        return RuleEvaluation(rule, RuleOutcome.STOPPED, why)
    if rule.target is not None and chain.depth >= MAX_DEPTH:
        why = f"the chain is {chain.depth} changes long already"
        return RuleEvaluation(rule, RuleOutcome.STOPPED, why)
    return RuleEvaluation(rule, None, "its conditions hold")


def move_wanted(rule: Rule, facts: Facts, status: str | None, sync_direction: str) -> tuple[bool, str | None]:
    """Tells whether a rule is to move the lead.

    Args:
        status: where the lead is now.
        sync_direction: which way the property's statuses go.

    Returns:
        Whether it is; and, where the rule must not run at all, why.
    """
    if rule.target is None or status == rule.target:
        return False, None
    if status != facts.change["new_status"]:
        return False, f"the lead has gone on to {status or 'no status'}"
    if sync_direction == "from_resman":
        return False, "the property takes its statuses from ResMan alone"
    return True, None


def answers_move(direction: str | None, new_status: str | None, moved_from: str | None) -> bool:
    """Whether a change that comes right after a rule's move answers it, and so goes on with its chain."""
    return direction == "from_resman" or new_status == moved_from


def cause_of(change: LoggedChange) -> tuple[UUID | None, int]:
    """Finds the change that this one follows in a chain.

    A move that a rule made follows the change that triggered the rule. What answers such a move (ResMan's
    next word, or whoever puts the lead back) goes on with its chain, so that a rule does not fight the
    other side for ever.

    Returns:
        That change, None where there is none; and how many changes of the chain stand before this one.
    """
    if change.caused_by is not None:
        return change.caused_by, change.chain_depth
    before = change.before
    if before is None or before.rule_id is None:
        return None, 0
    if not answers_move(change.sync_direction, change.new_status, before.old_status):
        return None, 0
    return before.change_id, before.chain_depth + 1


def effects_of(rule: Rule, book: RuleBook, facts: Facts) -> list[Effect]:
    """What the actions of a rule come to for a change, in their order."""
    priority = default_priority(book.meanings.get(facts.change["new_status"]))
    return [effect for action in rule.actions for effect in action.effects(facts, priority)]
