"""Carrying out what a rule asks for a change: the move at once, what its actions come to for the batch.

What goes wrong for one rule must not undo the others, and a savepoint a rule would take longer than the rule.
So a batch is first carried out as a whole; only where that ends in an error is it done once more, with a
savepoint for each rule, and the one that fails goes on record.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError, OperationalError

from domiq_dagster.sync.notifications.outbox import Notice
from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.rules.actions import RuleNotice, ScoreChange, Task
from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.fields import Facts
from domiq_dagster.sync.rules.judge import Outcome, effects, move_wanted
from domiq_dagster.sync.rules.notices import enqueue_notices, notice_for
from domiq_dagster.sync.rules.store import QUERIES, Place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Carried:
    """How a rule ended for a change; `done` counts what it did, without what was written."""

    outcome: Outcome
    why: str
    done: dict[str, Any]


@dataclass(slots=True)
class _Unwritten:
    """What is yet to be written."""

    tasks: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[UUID, int] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


class Carrier:
    """Carries out rules for the changes of one property, in one transaction. With `careful`, each rule by
    itself; else `write` must be called in the end, and an error there is one of the whole batch."""

    def __init__(
        self,
        connection: Connection,
        place: Place,
        book: RuleBook,
        templates: Templates,
        *,
        careful: bool,
    ) -> None:
        self._connection, self._place, self._book = connection, place, book
        self._templates = templates
        self._careful = careful
        self._unwritten = _Unwritten()
        self._as_system = False

    def carry_out(self, rule: Rule, change: Row[Any], facts: Facts, depth: int) -> Carried:
        """Does what a rule whose conditions hold asks for. `depth` is the change's place in its chain.

        When careful, an error that another try may not meet (a lost connection, a lock, a deadlock) is
        raised, and any other ends the rule for this change; else all are raised.
        """
        status = facts.conversation.get("status")
        wanted, obstacle = move_wanted(rule, facts, status, self._place.sync_direction)
        if obstacle:
            return Carried(Outcome.SKIPPED, f"{obstacle}, so neither its move nor its actions were made", {})
        before = dict(facts.conversation)
        try:
            with self._connection.begin_nested() if self._careful else nullcontext():
                carried = self._do(rule, change, facts, depth, wanted)
                if self._careful:
                    self.write()
            return carried
        except OperationalError:
            raise
        except Exception as error:
            if not self._careful:
                raise
            self._unwritten = _Unwritten()
            facts.conversation.update(before)
            logger.error("rule %s failed for change %s: %s", rule.id, change.change_id, _named(error))
            return Carried(Outcome.FAILED, f"nothing was done, after an error: {_named(error)}", {})

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

    def _do(self, rule: Rule, change: Row[Any], facts: Facts, depth: int, move: bool) -> Carried:
        done: Counter[str] = Counter()
        record: dict[str, Any] = {}
        if move:
            status = self._move(rule, change, facts, depth)
            if status == change.new_status:
                return Carried(Outcome.SKIPPED, "DomIQ itself kept the lead where it was", {})
            record["moved"] = [change.new_status, status]
            if status != rule.target:
                why = f"DomIQ itself made {status or 'no status'} of {rule.target}, so no action was run"
                return Carried(Outcome.RAN, why, record)
        for number, effect in enumerate(effects(rule, self._book, facts), 1):
            if isinstance(effect, Task):
                self._unwritten.tasks.append(self._task(effect, rule, change, number))
                done["follow_ups" if effect.kind == "follow_up" else "tasks"] += 1
            elif isinstance(effect, ScoreChange):
                before = facts.conversation["lead_score"]
                after = effect.after(before)
                self._unwritten.scores[change.conversation_id] = after
                facts.conversation["lead_score"] = after
                record["lead_score"] = [record.get("lead_score", [before])[0], after]
            elif isinstance(effect, RuleNotice):
                meaning = self._book.meanings.get(change.new_status)
                self._unwritten.notices.append(
                    notice_for(effect, self._place, facts, meaning, change.change_id, rule.id)
                )
                done["notifications"] += 1
        return Carried(Outcome.RAN, "its conditions hold", {**record, **done})

    def _move(self, rule: Rule, change: Row[Any], facts: Facts, depth: int) -> str | None:
        """Moves the lead, and sees to it that the move is logged once, as a change that this one caused.
        Returns the status that it has then: DomIQ's own triggers may have a say."""
        self._change_as_system()
        values = {
            "conversation_id": change.conversation_id,
            "expected": change.new_status,
            "target": rule.target,
        }
        moved = self._connection.execute(QUERIES.move, values).one()
        status: str | None = moved.status
        facts.conversation["status"] = status
        if status == change.new_status:
            return status
        place = self._place.property_id
        logged = {**values, "status": status, "last_seq": moved.last_seq, "property_id": place}
        change_id = self._connection.scalar(QUERIES.captured, logged)
        if change_id is None:
            change_id = self._connection.scalar(QUERIES.log_move, logged)
            self._connection.execute(QUERIES.adopt_move, {**logged, "change_id": change_id})
        self._connection.execute(
            QUERIES.link_move,
            {"change_id": change_id, "caused_by": change.change_id, "rule_id": rule.id, "depth": depth + 1},
        )
        return status

    def _change_as_system(self) -> None:
        """Whatever is changed from here on in this transaction is captured as the system's. A savepoint that
        is taken back takes this with it, so it is said again when careful."""
        if self._careful or not self._as_system:
            self._connection.execute(QUERIES.as_system)
            self._as_system = True

    def _task(self, task: Task, rule: Rule, change: Row[Any], number: int) -> dict[str, Any]:
        return {
            "kind": task.kind,
            "property_id": self._place.property_id,
            "conversation_id": change.conversation_id,
            "change_id": change.change_id,
            "rule_id": rule.id,
            "action": number,
            "title": task.title,
            "detail": task.detail,
            "assignee_role": task.assignee_role,
            "priority": task.priority,
            "due_at": task.due_at,
            "time_zone": self._place.zone.key if self._place.zone else None,
        }


def _named(error: Exception) -> str:
    """An error without what it says: PostgreSQL quotes values."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        state = getattr(error.orig, "sqlstate", None)
        return type(error.orig).__name__ + (f" (SQLSTATE {state})" if state else "")
    return type(error).__name__
