"""Plan before apply: what the rules, or new ones from a file, would have done over the last days of the log.
Nothing is written or sent: the whole of it reads in a read-only transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import Connection, Engine, Row, text

from domiq_dagster.sync.rules.actions import RuleNotice, ScoreChange, Task
from domiq_dagster.sync.rules.compile import Rule, RuleBook, RuleRow, compile_rules
from domiq_dagster.sync.rules.fields import Catalogue
from domiq_dagster.sync.rules.judge import Outcome
from domiq_dagster.sync.rules.loops import find_loops
from domiq_dagster.sync.rules.replay import Replay, Step
from domiq_dagster.sync.rules.store import (
    QUERIES,
    Place,
    gather_facts,
    load_catalogue,
    load_meanings,
    load_places,
    load_rule_rows,
)

_BATCH = 2000
_SAMPLE = 5
CAVEAT = (
    "Nothing was sent or written. The change itself, and messages that have a time, are as they were then; "
    "every other field of a conversation (lead_score, say) is as it is now, since its history is not kept."
)


class RuleFileError(ValueError):
    """A file of rules cannot be used; the text says why."""


@dataclass(slots=True)
class PlannedRule:
    """What one rule would have done."""

    rule: Rule
    from_file: bool
    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    """notifications, follow_ups, tasks, score_changes."""
    without_value: int = 0
    """How often a condition failed since a field had no value."""
    sample: list[UUID] = field(default_factory=list)
    """Some of the changes for which it would have run."""


@dataclass(slots=True)
class PropertyPlan:
    """What the rules of one property would have done."""

    partition_key: str
    changes: int = 0
    """Changes of the log that were replayed: those that no rule had made."""
    rules: list[PlannedRule] = field(default_factory=list)
    loops: list[tuple[Rule, ...]] = field(default_factory=list)
    problem: str | None = None
    """Why this property could not be replayed."""


def read_rule_file(content: str, connection: Connection) -> list[RuleRow]:
    """The rules of a JSON file: one object or a list of them, with the columns of status_workflow_rules, and
    `property` (an id or a partition key) for property_id. One with the `id` of a rule in the table stands for
    its edited version; one without a property is tried at each.

    Raises RuleFileError.
    """
    try:
        given = json.loads(content)
    except json.JSONDecodeError as error:
        raise RuleFileError(f"the rule file is not JSON (line {error.lineno}: {error.msg})") from None
    keys = {
        name: p.property_id for p in load_places(connection) for name in (p.partition_key, str(p.property_id))
    }
    items = given if isinstance(given, list) else [given]
    if not items:
        raise RuleFileError("the rule file has no rule in it")
    return [_rule_row(item, number, keys) for number, item in enumerate(items, 1)]


_COLUMNS = ("trigger_status", "target_status", "conditions", "actions")
_IGNORED = {"created_at", "is_active"}


def _rule_row(item: Any, number: int, keys: dict[str, UUID]) -> RuleRow:
    if not isinstance(item, dict):
        raise RuleFileError(f"rule {number} of the file is not a JSON object")
    if unknown := sorted(set(item) - {"id", "property", "property_id", *_COLUMNS, *_IGNORED}):
        raise RuleFileError(f"rule {number} of the file: unknown {', '.join(unknown)}")
    place = item.get("property", item.get("property_id"))
    if place is not None and str(place) not in keys:
        raise RuleFileError(f"rule {number} of the file: no connected property is called {place}")
    if not all(isinstance(item.get(n), str | None) for n in ("trigger_status", "target_status")):
        raise RuleFileError(f"rule {number} of the file: trigger_status and target_status are texts")
    try:
        rule_id = UUID(str(item["id"])) if "id" in item else uuid5(NAMESPACE_OID, f"rule {number} of a file")
    except ValueError:
        raise RuleFileError(f"rule {number} of the file: its id is no UUID") from None
    return RuleRow(rule_id, keys[str(place)] if place is not None else None, *(item.get(n) for n in _COLUMNS))


def plan_rules(
    engine: Engine,
    *,
    since: datetime | None = None,
    property_id: UUID | None = None,
    tried: Sequence[RuleRow] = (),
    open_only: bool = False,
) -> list[PropertyPlan]:
    """What the active rules would have done about each change logged since then, or since a property was
    connected, per connected property.

    With `tried`, only what those rules would have done, and what others would have done after them. With
    `open_only`, about those changes that the rules have not looked at yet.
    """
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        catalogue = load_catalogue(connection)
        ids = None if property_id is None else [property_id]
        plans = []
        for place in load_places(connection, ids):
            begin = place.connected_at if since is None else max(since, place.connected_at)
            here = [t for t in tried if t.property_id in (None, place.property_id)]
            if here or not tried:
                plans.append(_plan(connection, catalogue, place, here, begin, open_only))
        return plans


def _plan(
    connection: Connection,
    catalogue: Catalogue,
    place: Place,
    tried: Sequence[RuleRow],
    since: datetime,
    open_only: bool,
) -> PropertyPlan:
    plan = PropertyPlan(place.partition_key)
    new = {
        t.id: RuleRow(t.id, place.property_id, t.trigger_status, t.target_status, t.conditions, t.actions)
        for t in tried
    }
    # An edited rule keeps its place among the others; a new one is the youngest.
    stored = load_rule_rows(connection, place.property_id)
    rows = [new.get(r.id, r) for r in stored]
    rows += [r for r in new.values() if r.id not in {s.id for s in stored}]
    book = compile_rules(rows, catalogue, load_meanings(connection, place.property_id))
    plan.loops = [loop for loop in find_loops(book.rules) if not new or any(r.id in new for r in loop)]
    if book.needs.zone and place.zone is None:
        plan.problem = place.zone_problem
        return plan
    if open_only:
        asked = {"property_id": place.property_id, "since": since}
        since = connection.scalar(QUERIES.first_unruled, asked) or datetime.now(UTC)
    summaries = {rule.id: PlannedRule(rule, rule.id in new) for rule in book.rules}
    for step in _steps(connection, catalogue, place, book, since, open_only, plan):
        if not new or step.rule.id in new or step.since & new.keys():
            _count(summaries[step.rule.id], step)
    plan.rules = [s for s in summaries.values() if s.asked or s.from_file or not new]
    return plan


def _steps(
    connection: Connection,
    catalogue: Catalogue,
    place: Place,
    book: RuleBook,
    since: datetime,
    open_only: bool,
    plan: PropertyPlan,
) -> Iterator[Step]:
    replay, after = Replay(book, place.sync_direction), 0
    asked = {"property_id": place.property_id, "since": since, "open_only": open_only, "most": _BATCH}
    while True:
        changes: Sequence[Row[Any]] = connection.execute(
            QUERIES.logged_changes, {**asked, "after": after}
        ).all()
        if not changes:
            return
        triggering = [c for c in changes if c.new_status in book.by_trigger and c.cause_rule_id is None]
        facts = gather_facts(connection, catalogue, book.needs, place, triggering, lock=False)
        plan.changes += sum(c.cause_rule_id is None for c in changes)
        yield from replay.feed(changes, facts)
        after = changes[-1].seq


def _count(planned: PlannedRule, step: Step) -> None:
    planned.asked += 1
    planned.outcomes[step.outcome] += 1
    if step.outcome is Outcome.NOT_HELD:
        planned.without_value += "has no value" in step.why
    if step.outcome is not Outcome.RAN:
        return
    if len(planned.sample) < _SAMPLE:
        planned.sample.append(step.change_id)
    if step.move:
        planned.moves["{} -> {}".format(*step.move)] += 1
    for effect in step.effects:
        if isinstance(effect, RuleNotice):
            planned.done["notifications"] += 1
        elif isinstance(effect, Task):
            planned.done["follow_ups" if effect.kind == "follow_up" else "tasks"] += 1
        elif isinstance(effect, ScoreChange):
            planned.done["score_changes"] += 1
