"""What the rules would do about changes that were logged, with nothing written. Pure.

The verdicts are those of the run. A change that a rule made in the past is left out: the replay makes its
own. The rules are taken to look at each change at once, before anything else happens to the lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from domiq_dagster.sync.rules.actions import Effect, ScoreChange
from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.fields import Facts
from domiq_dagster.sync.rules.judge import Chain, Outcome, Verdict, answers, effects, judge, move_wanted


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule would have come to, for a logged change or for one that a rule would have made after it.

    `since` are the rules that ran before it in the chain.
    """

    change_id: UUID
    conversation_id: UUID
    rule: Rule
    since: frozenset[UUID]
    depth: int
    outcome: Outcome
    why: str
    move: tuple[str, str] | None = None
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class _LastMove:
    """The move that a rule made last at a conversation, as whatever answers it must know it."""

    moved_from: str | None
    chain: Chain


class Replay:
    """The replay of one property, fed with its changes in order."""

    def __init__(self, book: RuleBook, sync_direction: str) -> None:
        self._book, self._direction = book, sync_direction
        self._moved: dict[UUID, _LastMove] = {}

    def feed(self, changes: Sequence[Row[Any]], facts: Mapping[UUID, Facts]) -> Iterator[Step]:
        """The steps that some more changes lead to. A change without facts triggers no rule."""
        for change in changes:
            if change.cause_rule_id is not None:
                continue
            last, chain = self._moved.pop(change.conversation_id, None), Chain()
            if last and answers(change.sync_direction, change.new_status, last.moved_from):
                chain = last.chain
            found = facts.get(change.change_id)
            if found is not None:
                yield from self._follow(change, _at_once(found), chain)

    def _follow(self, change: Row[Any], facts: Facts, chain: Chain) -> Iterator[Step]:
        """A change, the one that a rule makes of it, and so on; chains end, see `judge`."""
        moved_from: str | None = None
        while True:
            ran: list[UUID] = []
            move: tuple[str, str] | None = None
            for verdict in judge(self._book, facts, chain):
                step = self._step(change, verdict, facts, chain)
                if step.outcome is Outcome.RAN:
                    ran.append(step.rule.id)
                move = move or step.move
                yield step
            chain = chain.after(ran)
            if move is None:
                break
            moved_from = move[0]
            facts = _made(facts, move)
        if moved_from is not None:
            self._moved[change.conversation_id] = _LastMove(moved_from, chain)

    def _step(self, change: Row[Any], verdict: Verdict, facts: Facts, chain: Chain) -> Step:
        rule = verdict.rule
        step = Step(
            *(change.change_id, change.conversation_id, rule, chain.ran, chain.depth),
            verdict.outcome or Outcome.RAN,
            verdict.why,
        )
        if verdict.outcome is not None:
            return step
        status = facts.conversation["status"]
        wanted, obstacle = move_wanted(rule, facts, status, self._direction)
        if obstacle:
            return replace(step, outcome=Outcome.SKIPPED, why=obstacle)
        done = tuple(effects(rule, self._book, facts))
        if wanted:
            facts.conversation["status"] = rule.target
            step = replace(step, move=(status, str(rule.target)))
        for effect in done:
            if isinstance(effect, ScoreChange):
                facts.conversation["lead_score"] = effect.after(facts.conversation["lead_score"])
        return replace(step, effects=done)


def _at_once(facts: Facts) -> Facts:
    """The facts with the lead where the change put it, and a conversation that the chain may move."""
    return replace(facts, conversation={**facts.conversation, "status": facts.change["new_status"]})


def _made(facts: Facts, move: tuple[str, str]) -> Facts:
    """The facts of the change that a rule's move is logged as."""
    change = {
        **facts.change,
        "old_status": move[0],
        "new_status": move[1],
        "status_reason": None,
        "updated_by": "system",
        "sync_direction": "to_resman",
        "sync_status": "pending",
    }
    return replace(facts, change=change, context={})
