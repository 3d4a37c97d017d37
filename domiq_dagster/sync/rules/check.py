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

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.rules.compile import Rule, RuleBook, compile_rules
from domiq_dagster.sync.rules.evaluate import RuleOutcome
from domiq_dagster.sync.rules.loops import find_loops
from domiq_dagster.sync.rules.store import (
    RuledProperty,
    load_catalogue,
    load_every_rule,
    load_meanings,
    load_properties,
)

QUERIES = load_queries(__package__, "check.sql")
RECENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say about a rule.

    Attributes:
        property: what its property is called.
        rule_id: the rule; None: it is about the property.
        text: what is wrong.
    """

    property: str
    rule_id: UUID | None
    text: str

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return {"property": self.property, "rule": str(self.rule_id or ""), "problem": self.text}


@dataclass(slots=True)
class RulesCheck:
    """What an examination found.

    Attributes:
        rules: how many rules are active.
        problems: rules that cannot be understood, and so do not run.
        loops: rules that could move a lead in a circle; they run, and are stopped there.
        troubles: rules that ended in an error in the last 24 hours.
        waiting: properties whose changes cannot be looked at yet.
        warnings: what may be meant so, and rules that were stopped in a circle in the last 24 hours.
    """

    rules: int = 0
    problems: list[Finding] = field(default_factory=list)
    loops: list[Finding] = field(default_factory=list)
    troubles: list[Finding] = field(default_factory=list)
    waiting: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

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
    """Examines the active rules. Changes nothing.

    Args:
        property_id: those of one property only.
        now: the end of the 24 hours in which errors count (aware); the present, if not given.
    """
    found = RulesCheck()
    names = PropertyNames(connection)
    properties = {p.property_id: p for p in load_properties(connection)}
    catalogue = load_catalogue(connection)
    rows = [row for row in load_every_rule(connection) if property_id in (None, row.property_id)]
    found.rules = len(rows)
    for of_property, group in groupby(rows, key=lambda row: row.property_id):
        ruled = properties.get(of_property) if of_property else None
        book = compile_rules(group, catalogue, load_meanings(connection, of_property))
        _examine(book, names.name(of_property), ruled, found)
    since = (now or datetime.now(UTC)) - RECENT
    for row in connection.execute(QUERIES.troubles, {"since": since, "property_id": property_id}):
        text = f"{row.outcome} {row.times} times in the last day, last for change {row.change_id}: {row.why}"
        findings = found.troubles if row.outcome == RuleOutcome.FAILED else found.warnings
        findings.append(Finding(names.name(row.property_id), row.rule_id, text))
    return found


def _examine(book: RuleBook, name: str, ruled: RuledProperty | None, found: RulesCheck) -> None:
    """Examines the rules of one property, which is called so."""
    for rule in book.rules:
        found.problems += [Finding(name, rule.id, problem) for problem in rule.problems]
        found.warnings += [Finding(name, rule.id, warning) for warning in _warnings(rule, ruled)]
    found.loops += [Finding(name, loop[0].id, describe_loop(loop)) for loop in find_loops(book.rules)]
    if ruled is not None and book.needs.zone and ruled.zone is None:
        found.waiting.append(Finding(name, None, f"{ruled.zone_problem}; until then its changes wait"))


def describe_loop(loop: Iterable[Rule]) -> str:
    """A loop in words: the statuses it goes through, and its rules."""
    rules = list(loop)
    way = " -> ".join([str(r.trigger) for r in rules] + [str(rules[0].trigger)])
    return f"a loop, {way}, by the rules {', '.join(str(r.id) for r in rules)}"


def _warnings(rule: Rule, ruled: RuledProperty | None) -> list[str]:
    found = list(rule.warnings)
    if rule.property_id is not None and ruled is None:
        found.append("its property is not connected, so it does not run")
    if ruled is not None and ruled.sync_direction == "from_resman" and rule.target is not None:
        found.append("its property takes statuses from ResMan alone, so it does not run")
    return found


def unruled_changes(connection: Connection) -> int:
    """Counts the changes that the rules have not looked at, of the properties whose time zone is known: the
    others may have to wait for it."""
    ids = [p.property_id for p in load_properties(connection, due=True) if p.zone is not None]
    found: int = connection.scalar(QUERIES.unruled, {"ids": ids}) if ids else 0
    return found
