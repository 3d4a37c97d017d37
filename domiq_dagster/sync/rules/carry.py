"""Carrying out what a rule asks for a change: the move, then its actions, in one savepoint. If any of it ends
in an error nothing of it is done, and that goes on record."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError, OperationalError

from domiq_dagster.sync.rules.actions import Notice, ScoreChange, Task
from domiq_dagster.sync.rules.compile import Rule, RuleBook
from domiq_dagster.sync.rules.fields import Facts
from domiq_dagster.sync.rules.judge import Outcome, effects, move_wanted
from domiq_dagster.sync.rules.messages import message_for, send
from domiq_dagster.sync.rules.store import QUERIES, Place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Carried:
    """How a rule ended for a change; `done` counts what it did, without what was written."""

    outcome: Outcome
    why: str
    done: dict[str, Any]


def carry_out(
    connection: Connection,
    place: Place,
    book: RuleBook,
    rule: Rule,
    change: Row[Any],
    facts: Facts,
    depth: int,
) -> Carried:
    """Does what a rule whose conditions hold asks for. `depth` is the change's place in its chain.

    An error that another try may not meet (a lost connection, a lock, a deadlock) is raised; any other ends
    the rule for this change.
    """
    wanted, obstacle = move_wanted(rule, facts, facts.conversation.get("status"), place.sync_direction)
    if obstacle:
        return Carried(Outcome.SKIPPED, f"{obstacle}, so neither its move nor its actions were made", {})
    before = dict(facts.conversation)
    try:
        with connection.begin_nested():
            return _do(connection, place, book, rule, change, facts, depth, wanted)
    except OperationalError:
        raise
    except Exception as error:
        facts.conversation.update(before)
        logger.error("rule %s failed for change %s: %s", rule.id, change.change_id, _named(error))
        return Carried(Outcome.FAILED, f"nothing was done, after an error: {_named(error)}", {})


def _do(
    connection: Connection,
    place: Place,
    book: RuleBook,
    rule: Rule,
    change: Row[Any],
    facts: Facts,
    depth: int,
    move: bool,
) -> Carried:
    done: Counter[str] = Counter()
    record: dict[str, Any] = {}
    if move:
        status = _move(connection, rule, change, facts, depth)
        if status == change.new_status:
            return Carried(Outcome.SKIPPED, "DomIQ itself kept the lead where it was", {})
        record["moved"] = [change.new_status, status]
        if status != rule.target:
            why = f"DomIQ itself made {status or 'no status'} of {rule.target}, so no action was run"
            return Carried(Outcome.RAN, why, record)
    messages = []
    for number, effect in enumerate(effects(rule, book, facts), 1):
        if isinstance(effect, Task):
            _add_task(connection, effect, place, rule, change, number)
            done["follow_ups" if effect.kind == "follow_up" else "tasks"] += 1
        elif isinstance(effect, ScoreChange):
            before = facts.conversation["lead_score"]
            after = _set_score(connection, effect.after(before), change)
            facts.conversation["lead_score"] = after
            record["lead_score"] = [record.get("lead_score", [before])[0], after]
        elif isinstance(effect, Notice):
            messages.append(message_for(effect, place, facts, change.change_id, rule.id, number))
    send(connection, messages)
    if messages:
        done["notifications"] = len(messages)
    return Carried(Outcome.RAN, "its conditions hold", {**record, **done})


def _move(connection: Connection, rule: Rule, change: Row[Any], facts: Facts, depth: int) -> str | None:
    """Moves the lead, and sees to it that the move is logged once, as a change that this one caused. Returns
    the status that it has then: DomIQ's own triggers may have a say."""
    connection.execute(text(QUERIES["as_system"]))
    values = {"conversation_id": change.conversation_id, "expected": change.new_status, "target": rule.target}
    moved = connection.execute(text(QUERIES["move"]), values).one()
    status: str | None = moved.status
    facts.conversation["status"] = status
    if status == change.new_status:
        return status
    logged = {**values, "status": status, "last_seq": moved.last_seq}
    change_id = connection.scalar(text(QUERIES["captured"]), logged)
    if change_id is None:
        change_id = connection.scalar(text(QUERIES["log_move"]), logged)
        connection.execute(text(QUERIES["adopt_move"]), {**logged, "change_id": change_id})
    connection.execute(
        text(QUERIES["link_move"]),
        {"change_id": change_id, "caused_by": change.change_id, "rule_id": rule.id, "depth": depth + 1},
    )
    return status


def _add_task(
    connection: Connection, task: Task, place: Place, rule: Rule, change: Row[Any], number: int
) -> None:
    connection.execute(
        text(QUERIES["add_task"]),
        {
            "kind": task.kind,
            "property_id": place.property_id,
            "conversation_id": change.conversation_id,
            "change_id": change.change_id,
            "rule_id": rule.id,
            "action": number,
            "title": task.title,
            "detail": task.detail,
            "assignee_role": task.assignee_role,
            "priority": task.priority,
            "due_at": task.due_at,
            "time_zone": place.zone.key if place.zone else None,
        },
    )


def _set_score(connection: Connection, score: int, change: Row[Any]) -> int | None:
    connection.execute(text(QUERIES["as_system"]))
    found: int | None = connection.scalar(
        text(QUERIES["set_score"]), {"score": score, "conversation_id": change.conversation_id}
    )
    return found


def _named(error: Exception) -> str:
    """An error without what it says: PostgreSQL quotes values."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        state = getattr(error.orig, "sqlstate", None)
        return type(error.orig).__name__ + (f" (SQLSTATE {state})" if state else "")
    return type(error).__name__
