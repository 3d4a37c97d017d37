"""What the rules would do about changes that were logged, with nothing written. Pure.

The decisions are those of the run. A change that a rule made in the past is left out: the replay makes its
own. The rules are taken to look at each change at once, before anything else happens to the lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.effects import Effect, ScoreChange
from domiq_dagster.sync.rules.evaluate import (
    Chain,
    RuleEvaluation,
    RuleOutcome,
    answers_move,
    effects_of,
    evaluate_rules,
    move_wanted,
)
from domiq_dagster.sync.rules.facts import Facts, LoggedChange


@dataclass(frozen=True, slots=True)
class ReplayedRule:
    """What one rule would have come to, for a logged change or for one that a rule would have made after it.

    Attributes:
        change_id: the logged change.
        ran_before: the rules that ran before it in the chain.
        depth: how many changes of the chain stand before the one that triggered it.
        move: from which status to which it would have moved the lead.
        effects: what its actions would have come to.
    """

    change_id: UUID
    conversation_id: UUID
    rule: Rule
    ran_before: frozenset[UUID]
    depth: int
    outcome: RuleOutcome
    why: str
    move: tuple[str, str] | None = None
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class _LastMove:
    """The move that a rule made last at a conversation, as whatever answers it must know it."""

    moved_from: str | None
    chain: Chain


class RuleReplay:
    """The replay of one property, fed with its changes in order."""

    def __init__(self, book: RuleBook, sync_direction: str) -> None:
        self._book = book
        self._direction = sync_direction
        self._last_moves: dict[UUID, _LastMove] = {}

    def feed(self, changes: Sequence[LoggedChange], facts: Mapping[UUID, Facts]) -> Iterator[ReplayedRule]:
        """Replays some more changes.

        Args:
            facts: by change; one without facts triggers no rule.

        Returns:
            What each rule would have come to that they trigger, or that the moves trigger which rules make.
        """
        for change in changes:
            if change.cause_rule_id is not None:
                continue
            chain = Chain()
            last = self._last_moves.pop(change.conversation_id, None)
            if last and answers_move(change.sync_direction, change.new_status, last.moved_from):
                chain = last.chain
            found = facts.get(change.change_id)
            if found is not None:
                yield from self._follow(change, _at_once(found), chain)

    def _follow(self, change: LoggedChange, facts: Facts, chain: Chain) -> Iterator[ReplayedRule]:
        """A change, the one that a rule makes of it, and so on; chains end, see `evaluate_rules`."""
        moved_from: str | None = None
        while True:
            ran: list[UUID] = []
            move: tuple[str, str] | None = None
            for evaluation in evaluate_rules(self._book, facts, chain):
                replayed = self._replay(change, evaluation, facts, chain)
                if replayed.outcome is RuleOutcome.RAN:
                    ran.append(replayed.rule.id)
                move = move or replayed.move
                yield replayed
            chain = chain.after(ran)
            if move is None:
                break
            moved_from = move[0]
            facts = _facts_of_move(facts, move)
        if moved_from is not None:
            self._last_moves[change.conversation_id] = _LastMove(moved_from, chain)

    def _replay(
        self, change: LoggedChange, evaluation: RuleEvaluation, facts: Facts, chain: Chain
    ) -> ReplayedRule:
        rule = evaluation.rule
        replayed = ReplayedRule(
            change_id=change.change_id,
            conversation_id=change.conversation_id,
            rule=rule,
            ran_before=chain.ran,
            depth=chain.depth,
            outcome=evaluation.outcome or RuleOutcome.RAN,
            why=evaluation.why,
        )
        if evaluation.outcome is not None:
            return replayed
        status = facts.conversation["status"]
        wanted, obstacle = move_wanted(rule, facts, status, self._direction)
        if obstacle:
            return replace(replayed, outcome=RuleOutcome.SKIPPED, why=obstacle)
        try:
            effects = tuple(effects_of(rule, self._book, facts))
        except Exception as error:  # as when it runs: one rule's error is its own
            why = f"nothing would be done, after an error: {type(error).__name__}"
            return replace(replayed, outcome=RuleOutcome.FAILED, why=why)
        if wanted:
            facts.conversation["status"] = rule.target
            replayed = replace(replayed, move=(status, str(rule.target)))
        for effect in effects:
            if isinstance(effect, ScoreChange):
                facts.conversation["lead_score"] = effect.after(facts.conversation["lead_score"])
        return replace(replayed, effects=effects)


def _at_once(facts: Facts) -> Facts:
    """The facts with the lead where the change put it, and a conversation that the chain may move."""
    return replace(facts, conversation={**facts.conversation, "status": facts.change["new_status"]})


def _facts_of_move(facts: Facts, move: tuple[str, str]) -> Facts:
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
