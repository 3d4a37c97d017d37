"""What is wrong with the rules in the table: those that cannot be understood, loops among them, and those
that ended in an error or were stopped of late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.rules.compile import Rule, compile_rules
from domiq_dagster.sync.rules.judge import Outcome
from domiq_dagster.sync.rules.loops import find_loops
from domiq_dagster.sync.rules.store import (
    QUERIES,
    Place,
    load_catalogue,
    load_every_rule,
    load_meanings,
    load_places,
)

RECENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say about a rule; `rule_id` None: about a property."""

    property: str
    rule_id: UUID | None
    text: str

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return {"property": self.property, "rule": str(self.rule_id or ""), "problem": self.text}


@dataclass(slots=True)
class RulesCheck:
    """What an examination found."""

    rules: int = 0
    problems: list[Finding] = field(default_factory=list)
    """Rules that cannot be understood, and so do not run."""
    loops: list[Finding] = field(default_factory=list)
    """Rules that could move a lead in a circle; they run, and are stopped there."""
    troubles: list[Finding] = field(default_factory=list)
    """Rules that ended in an error in the last 24 hours."""
    waiting: list[Finding] = field(default_factory=list)
    """Properties whose changes cannot be looked at yet."""
    warnings: list[Finding] = field(default_factory=list)
    """What may be meant so, and rules that were stopped in a circle in the last 24 hours."""

    @property
    def bad(self) -> list[Finding]:
        """All that somebody should see to."""
        return [*self.problems, *self.loops, *self.troubles, *self.waiting]

    @property
    def ok(self) -> bool:
        return not self.bad


def check_rules(
    connection: Connection, *, property_id: UUID | None = None, now: datetime | None = None
) -> RulesCheck:
    """Examines the active rules, of one property or of all."""
    found = RulesCheck()
    names = PropertyNames(connection)
    places = {p.property_id: p for p in load_places(connection)}
    catalogue = load_catalogue(connection)
    rows = [r for r in load_every_rule(connection) if property_id in (None, r.property_id)]
    found.rules = len(rows)
    for of_property, group in groupby(rows, key=lambda r: r.property_id):
        name, place = names.name(of_property), places.get(of_property) if of_property else None
        book = compile_rules(group, catalogue, load_meanings(connection, of_property))
        for rule in book.rules:
            found.problems += [Finding(name, rule.id, problem) for problem in rule.problems]
            found.warnings += [Finding(name, rule.id, warning) for warning in _warnings(rule, place)]
        found.loops += [Finding(name, loop[0].id, describe_loop(loop)) for loop in find_loops(book.rules)]
        if place is not None and book.needs.zone and place.zone is None:
            found.waiting.append(Finding(name, None, f"{place.zone_problem}; until then its changes wait"))
    since = (now or datetime.now(UTC)) - RECENT
    for t in connection.execute(QUERIES.troubles, {"since": since, "property_id": property_id}):
        said = f"{t.outcome} {t.times} times in the last day, last for change {t.change_id}: {t.why}"
        said_where = found.troubles if t.outcome == Outcome.FAILED else found.warnings
        said_where.append(Finding(names.name(t.property_id), t.rule_id, said))
    return found


def describe_loop(loop: Iterable[Rule]) -> str:
    """A loop in words: the statuses it goes through, and its rules."""
    rules = list(loop)
    way = " -> ".join([str(r.trigger) for r in rules] + [str(rules[0].trigger)])
    return f"a loop, {way}, by the rules {', '.join(str(r.id) for r in rules)}"


def _warnings(rule: Rule, place: Place | None) -> list[str]:
    found = list(rule.warnings)
    if rule.property_id is not None and place is None:
        found.append("its property is not connected, so it does not run")
    if place is not None and place.sync_direction == "from_resman" and rule.target is not None:
        found.append("its property takes statuses from ResMan alone, so it does not run")
    return found


def unruled_changes(connection: Connection) -> int:
    """How many changes the rules have not looked at, of the properties whose time zone is known: the others
    may have to wait for it."""
    ids = [p.property_id for p in load_places(connection, due=True) if p.zone is not None]
    found: int = connection.scalar(QUERIES.unruled, {"ids": ids}) if ids else 0
    return found
