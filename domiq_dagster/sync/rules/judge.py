"""What the rules say about one change: which run, which do not, and why. Pure; the run and the plan both ask
here, and differ only in what they do with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domiq_dagster.sync.rules.actions import Effect, default_priority
from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.fields import Facts

MAX_DEPTH = 10
"""The most changes, one caused by the other, that rules may add to a chain."""


class Outcome(StrEnum):
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
    """What led to a change: the rules that ran for the changes before it, and how many those are."""

    ran: frozenset[UUID] = frozenset()
    depth: int = 0

    def after(self, ran: Sequence[UUID]) -> Chain:
        """The chain of a change that one of these rules makes."""
        return Chain(self.ran.union(ran), self.depth + 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of one rule; `outcome` None: it is to run."""

    rule: Rule
    outcome: Outcome | None
    why: str


def judge(book: RuleBook, facts: Facts, chain: Chain) -> list[Verdict]:
    """A verdict for each rule that the change triggers, in the order in which they are to run. All are judged
    by the facts as they were before any of them ran.

    That chains end: a change causes at most one other, since after a move no other rule finds the lead at
    the status that triggered it; a rule runs at most once in a chain; and no move is made from MAX_DEPTH on.
    """
    return [_verdict(rule, facts, chain) for rule in book.by_trigger.get(facts.change["new_status"], ())]


def _verdict(rule: Rule, facts: Facts, chain: Chain) -> Verdict:
    if rule.problems:
        return Verdict(rule, Outcome.INVALID, "; ".join(rule.problems))
    try:
        reason = rule.condition.why_not(facts)
    except Exception as error:  # on record as failed: one rule must not keep the others from being asked
        return Verdict(rule, Outcome.FAILED, f"its conditions could not be asked ({type(error).__name__})")
    if reason is not None:
        return Verdict(rule, Outcome.NOT_HELD, reason)
    if rule.id in chain.ran:
        return Verdict(rule, Outcome.STOPPED, "a loop: it ran earlier in the same chain of changes")
    if rule.target is not None and chain.depth >= MAX_DEPTH:
        return Verdict(rule, Outcome.STOPPED, f"the chain is {chain.depth} changes long already")
    return Verdict(rule, None, "its conditions hold")


def move_wanted(rule: Rule, facts: Facts, status: str | None, sync_direction: str) -> tuple[bool, str | None]:
    """Whether a rule is to move the lead, which is at `status` now; and, where it must not run, why."""
    if rule.target is None or status == rule.target:
        return False, None
    if status != facts.change["new_status"]:
        return False, f"the lead has gone on to {status or 'no status'}"
    if sync_direction == "from_resman":
        return False, "the property takes its statuses from ResMan alone"
    return True, None


def answers(direction: str | None, new_status: str | None, moved_from: str | None) -> bool:
    """Whether a change that comes right after a rule's move answers it, and so goes on with its chain."""
    return direction == "from_resman" or new_status == moved_from


def effects(rule: Rule, book: RuleBook, facts: Facts) -> list[Effect]:
    """What the actions of a rule come to for a change, in their order."""
    priority = default_priority(book.meanings.get(facts.change["new_status"]))
    return [effect for action in rule.actions for effect in action.effects(facts, priority)]
