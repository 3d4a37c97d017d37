"""Executing what a rule asks for a change: the move at once, what its actions come to for the batch.

What goes wrong for one rule must not undo the others, and a savepoint a rule would take longer than the
rule. So a batch is first executed as a whole; only where that ends in an error is it done once more, with a
savepoint for each rule, and the one that fails goes on record.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.outbox import Notice
from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.queue.ruled_changes import RuleMove, record_move
from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.effects import ScoreChange, Task
from domiq_dagster.sync.rules.evaluate import RuleOutcome, effects_of, move_wanted
from domiq_dagster.sync.rules.facts import Facts, LoggedChange
from domiq_dagster.sync.rules.notices import enqueue_notices, notice_for
from domiq_dagster.sync.rules.store import RuledProperty
from domiq_dagster.sync.trouble import is_lost_database

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "execute.sql")


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How a rule ended for a change.

    Attributes:
        why: the reason, for the record.
        done: what it did, counted, and from what to what it changed the lead; not what was written.
    """

    outcome: RuleOutcome
    why: str
    done: dict[str, Any]


@dataclass(slots=True)
class _Unwritten:
    """What is yet to be written."""

    tasks: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[UUID, int] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


class RuleExecutor:
    """Executes rules for the changes of one property, in one transaction.

    Attributes:
        book: the property's rules.

    Args:
        careful: whether each rule is executed by itself, behind a savepoint. If not, `write` must be called
            in the end, and an error there is one of the whole batch.
    """

    def __init__(
        self,
        connection: Connection,
        ruled: RuledProperty,
        book: RuleBook,
        templates: Templates,
        *,
        careful: bool,
    ) -> None:
        self._connection = connection
        self._property = ruled
        self.book = book
        self._templates = templates
        self._careful = careful
        self._unwritten = _Unwritten()
        self._as_system = False

    def execute(self, rule: Rule, change: LoggedChange, facts: Facts, depth: int) -> RuleResult:
        """Does what a rule whose conditions hold asks for.

        Args:
            facts: of the change; they follow what the rule does to the lead.
            depth: how many changes of its chain stand before the change.

        Raises:
            Exception: whatever the rule ended in, unless this is careful: then it goes on record. Raised in
                any case is what another try may not meet: a lost connection, a lock, a deadlock.
        """
        status = facts.conversation.get("status")
        wanted, obstacle = move_wanted(rule, facts, status, self._property.sync_direction)
        if obstacle:
            why = f"{obstacle}, so neither its move nor its actions were made"
            return RuleResult(RuleOutcome.SKIPPED, why, {})
        before = dict(facts.conversation)
        try:
            with self._connection.begin_nested() if self._careful else nullcontext():
                result = self._do(rule, change, facts, depth, wanted)
                if self._careful:
                    self.write()
            return result
        except Exception as error:
            if not self._careful or isinstance(error, OperationalError) or is_lost_database(error):
                raise
            self._unwritten = _Unwritten()
            facts.conversation.update(before)
            logger.error("rule %s failed for change %s: %s", rule.id, change.change_id, _named(error))
            why = f"nothing was done, after an error: {_named(error)}"
            return RuleResult(RuleOutcome.FAILED, why, {})

    def write(self) -> None:
        """Writes what the rules so far came to, their moves apart, which are written already."""
        unwritten, self._unwritten = self._unwritten, _Unwritten()
        if unwritten.tasks:
            self._connection.execute(QUERIES.add_task, unwritten.tasks)
        if unwritten.scores:
            self._change_as_system()
            scores = [{"conversation_id": c, "score": score} for c, score in unwritten.scores.items()]
            self._connection.execute(QUERIES.set_score, scores)
        enqueue_notices(self._connection, unwritten.notices, self._templates)

    def _do(self, rule: Rule, change: LoggedChange, facts: Facts, depth: int, move: bool) -> RuleResult:
        moved: dict[str, Any] = {}
        if move:
            status = self._move(rule, change, facts, depth)
            if status == change.new_status:
                return RuleResult(RuleOutcome.SKIPPED, "DomIQ itself kept the lead where it was", {})
            moved["moved"] = [change.new_status, status]
            if status != rule.target:
                why = f"DomIQ itself made {status or 'no status'} of {rule.target}, so no action was run"
                return RuleResult(RuleOutcome.RAN, why, moved)
        done = self._note_effects(rule, change, facts)
        return RuleResult(RuleOutcome.RAN, "its conditions hold", {**moved, **done})

    def _note_effects(self, rule: Rule, change: LoggedChange, facts: Facts) -> dict[str, Any]:
        """Notes what the actions come to, to be written; returns what that is."""
        counts: Counter[str] = Counter()
        score_before = facts.conversation.get("lead_score")
        scored: dict[str, Any] = {}
        for number, effect in enumerate(effects_of(rule, self.book, facts), 1):
            if isinstance(effect, Task):
                self._unwritten.tasks.append(self._task(effect, rule, change, number))
                counts[effect.counted_as] += 1
            elif isinstance(effect, ScoreChange):
                score = effect.after(facts.conversation["lead_score"])
                self._unwritten.scores[change.conversation_id] = score
                facts.conversation["lead_score"] = score
                scored["lead_score"] = [score_before, score]
            else:
                meaning = self.book.meanings.get(change.new_status or "")
                self._unwritten.notices.append(
                    notice_for(effect, self._property, facts, meaning, change.change_id, rule.id)
                )
                counts[effect.counted_as] += 1
        return {**scored, **counts}

    def _move(self, rule: Rule, change: LoggedChange, facts: Facts, depth: int) -> str | None:
        """Moves the lead, and sees to it that the move is logged. Returns the status that it has then:
        DomIQ's own triggers may have a say."""
        self._change_as_system()
        values = {"conversation_id": change.conversation_id, "target": rule.target}
        moved = self._connection.execute(QUERIES.move, values).one()
        status: str | None = moved.status
        facts.conversation["status"] = status
        if status != change.new_status:
            move = RuleMove(
                conversation_id=change.conversation_id,
                property_id=self._property.property_id,
                moved_from=change.new_status,
                status=status,
                last_seq=moved.last_seq,
                caused_by=change.change_id,
                rule_id=rule.id,
                depth=depth + 1,
            )
            record_move(self._connection, move)
        return status

    def _change_as_system(self) -> None:
        """Whatever is changed from here on in this transaction is captured as the system's. A savepoint that
        is taken back takes this with it, so it is set again when careful."""
        if self._careful or not self._as_system:
            self._connection.execute(QUERIES.as_system)
            self._as_system = True

    def _task(self, task: Task, rule: Rule, change: LoggedChange, number: int) -> dict[str, Any]:
        return {
            "kind": task.kind,
            "property_id": self._property.property_id,
            "conversation_id": change.conversation_id,
            "change_id": change.change_id,
            "rule_id": rule.id,
            "action": number,
            "title": task.title,
            "detail": task.detail,
            "assignee_role": task.assignee_role,
            "priority": task.priority,
            "due_at": task.due_at,
            "time_zone": self._property.zone.key if self._property.zone else None,
        }


def _named(error: Exception) -> str:
    """An error without what it says: PostgreSQL quotes values."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        state = getattr(error.orig, "sqlstate", None)
        return type(error.orig).__name__ + (f" (SQLSTATE {state})" if state else "")
    return type(error).__name__
