"""One batch: some changes of one property, taken in order, and what is stored of what the rules decided."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.queue.ruled_changes import RuledChange, mark_ruled
from domiq_dagster.sync.rules.evaluate import Chain, RuleEvaluation, RuleOutcome, cause_of, evaluate_rules
from domiq_dagster.sync.rules.execute import RuleExecutor, RuleResult
from domiq_dagster.sync.rules.facts import Facts, LoggedChange

QUERIES = load_queries(__package__, "batch.sql")


class _Run(NamedTuple):
    """A row of domiq_sync.rule_run; `done` is JSON."""

    change_id: UUID
    rule_id: UUID
    outcome: str
    why: str
    done: str


class Batch:
    """Some changes of one property, in one transaction.

    Args:
        property_id: of the property, for the record.
        executor: does what the rules ask for.
        facts: by change; one without facts triggers no rule.
    """

    def __init__(
        self,
        connection: Connection,
        property_id: UUID,
        executor: RuleExecutor,
        facts: Mapping[UUID, Facts],
    ) -> None:
        self._connection = connection
        self._property_id = property_id
        self._executor = executor
        self._facts = facts
        self.counts: Counter[str] = Counter()
        self._ran: dict[UUID, frozenset[UUID]] = {}
        self._ruled: list[RuledChange] = []
        self._runs: list[_Run] = []
        self._not_held: list[dict[str, Any]] = []

    def run(self, changes: Sequence[LoggedChange]) -> None:
        """Runs the rules that these changes trigger, and stores what came of it."""
        self._look_up_chains(changes)
        for change in changes:
            self._run_change(change)
        self._store()

    def _look_up_chains(self, changes: Sequence[LoggedChange]) -> None:
        """The rules that ran before in the chains that these changes go on."""
        causes = {cause for change in changes if (cause := cause_of(change)[0])}
        if not causes:
            return
        found: dict[UUID, set[UUID]] = {}
        for row in self._connection.execute(QUERIES.ran_in_chains, {"ids": list(causes)}):
            found.setdefault(row.of_change, set()).add(row.rule_id)
        self._ran = {change: frozenset(rules) for change, rules in found.items()}

    def _run_change(self, change: LoggedChange) -> None:
        cause, depth = cause_of(change)
        ran_before = self._ran.get(cause, frozenset()) if cause else frozenset()
        ran: list[UUID] = []
        facts = self._facts.get(change.change_id)
        if facts is not None:
            ran = self._run_rules(change, facts, Chain(ran_before, depth))
        self._ran[change.change_id] = ran_before.union(ran)
        self._ruled.append(RuledChange(change.change_id, cause, depth))
        self.counts["changes"] += 1

    def _run_rules(self, change: LoggedChange, facts: Facts, chain: Chain) -> list[UUID]:
        """Evaluates the rules that a change triggers and executes those that hold; returns which ran."""
        ran: list[UUID] = []
        not_held: list[RuleEvaluation] = []
        evaluations = evaluate_rules(self._executor.book, facts, chain)
        for evaluation in evaluations:
            if evaluation.outcome is RuleOutcome.NOT_HELD:
                not_held.append(evaluation)
                continue
            rule = evaluation.rule
            if evaluation.outcome is None:
                result = self._executor.execute(rule, change, facts, chain.depth)
            else:
                result = RuleResult(evaluation.outcome, evaluation.why, {})
            if result.outcome is RuleOutcome.RAN:
                ran.append(rule.id)
            self._count(result)
            done = json.dumps(result.done, default=float)
            self._runs.append(_Run(change.change_id, rule.id, result.outcome, result.why, done))
        if not_held:
            self.counts[RuleOutcome.NOT_HELD] += len(not_held)
            self._not_held.append(_not_held_row(change.change_id, not_held))
        return ran

    def _count(self, result: RuleResult) -> None:
        self.counts[result.outcome] += 1
        self.counts["moves"] += "moved" in result.done
        self.counts["score_changes"] += "lead_score" in result.done
        for name in ("notifications", "follow_ups", "tasks"):
            self.counts[name] += result.done.get(name, 0)

    def _store(self) -> None:
        """Puts what the rules did, the record of it and the marks into the transaction."""
        self._executor.write()
        if self._runs:
            values = {
                "property_id": self._property_id,
                "changes": [run.change_id for run in self._runs],
                "rules": [run.rule_id for run in self._runs],
                "outcomes": [run.outcome for run in self._runs],
                "whys": [run.why for run in self._runs],
                "dones": [run.done for run in self._runs],
            }
            self._connection.execute(QUERIES.record_runs, values)
        if self._not_held:
            self._connection.execute(QUERIES.record_not_held, self._not_held)
        mark_ruled(self._connection, self._ruled)


def _not_held_row(change_id: UUID, evaluations: Sequence[RuleEvaluation]) -> dict[str, Any]:
    """The record of the rules that did not hold for a change, each reason once. Arrays of ids and numbers are
    written as PostgreSQL reads them: adapting them one by one took longer than evaluating the rules."""
    numbers: dict[str, int] = {}
    which = [numbers.setdefault(e.why, len(numbers) + 1) for e in evaluations]
    return {
        "change_id": change_id,
        "rule_ids": "{" + ",".join([e.rule.key for e in evaluations]) + "}",
        "which": "{" + ",".join(map(str, which)) + "}",
        "whys": list(numbers),
    }
