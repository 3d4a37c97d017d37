"""Conditions: from the JSON of a rule to a tree that is evaluated for each change. Pure.

The evaluator is our own: of the libraries at hand none reads this JSON form, none tells why something does
not hold, and a missing value is an error to the one that fits best (rule-engine, which also took 16 us a rule
where 10 us are the limit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from domiq_dagster.sync.rules.comparisons import Needs, Test, make_test
from domiq_dagster.sync.rules.facts import Catalogue, Facts
from domiq_dagster.sync.rules.fields import PREFIXES, Field, UnknownField, find_field
from domiq_dagster.sync.rules.operands import WrongOperand

_DEEPEST = 20


class Condition(Protocol):
    """Something that holds or not."""

    def why_not(self, facts: Facts) -> str | None:
        """None where it holds, else why it does not."""

    def outcomes(self, known: Facts, names: frozenset[str]) -> frozenset[bool]:
        """What it may come to where only these fields of the change are known."""


_EITHER = frozenset({True, False})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field against one or more operators, all of which must hold."""

    field: Field
    tests: tuple[Test, ...]

    def why_not(self, facts: Facts) -> str | None:
        value = self.field.read(facts)
        for test in self.tests:
            if not test.holds(value):
                return self._reason(test, value)
        return None

    def _reason(self, test: Test, value: Any) -> str:
        if value is None:
            return f"{self.field.name} has no value"
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1_000_000
        if number:
            return f"{self.field.name} is {value:.10g}, not {test.words}"
        if self.field.shown or isinstance(value, bool):
            return f"{self.field.name} is {value}, not {test.words}"
        return f"{self.field.name} is not {test.words}"

    def outcomes(self, known: Facts, names: frozenset[str]) -> frozenset[bool]:
        if self.field.name not in names:
            return _EITHER
        return frozenset({self.why_not(known) is None})


@dataclass(frozen=True, slots=True)
class All:
    """Holds where every part does."""

    parts: tuple[Condition, ...]

    def why_not(self, facts: Facts) -> str | None:
        for part in self.parts:
            if reason := part.why_not(facts):
                return reason
        return None

    def outcomes(self, known: Facts, names: frozenset[str]) -> frozenset[bool]:
        found = [part.outcomes(known, names) for part in self.parts]
        may_hold = all(True in f for f in found)
        may_fail = any(False in f for f in found)
        return frozenset({True} if may_hold else ()) | frozenset({False} if may_fail else ())


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds where at least one part does."""

    parts: tuple[Condition, ...]

    def why_not(self, facts: Facts) -> str | None:
        reasons = []
        for part in self.parts:
            reason = part.why_not(facts)
            if reason is None:
                return None
            reasons.append(reason)
        return "none of any holds: " + ", and ".join(reasons)

    def outcomes(self, known: Facts, names: frozenset[str]) -> frozenset[bool]:
        found = [part.outcomes(known, names) for part in self.parts]
        may_hold = any(True in f for f in found)
        may_fail = all(False in f for f in found)
        return frozenset({True} if may_hold else ()) | frozenset({False} if may_fail else ())


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its part does not."""

    part: Condition

    def why_not(self, facts: Facts) -> str | None:
        return None if self.part.why_not(facts) else "what must not hold does"

    def outcomes(self, known: Facts, names: frozenset[str]) -> frozenset[bool]:
        return frozenset(not holds for holds in self.part.outcomes(known, names))


@dataclass(slots=True)
class Compiled:
    """A rule's conditions, understood.

    Attributes:
        condition: what to evaluate; not to be evaluated where there are problems.
        needs: what must be loaded before that.
        problems: what cannot be understood.
    """

    condition: Condition
    needs: Needs = field(default_factory=Needs)
    problems: list[str] = field(default_factory=list)


def compile_conditions(conditions: Any, catalogue: Catalogue) -> Compiled:
    """Understands the JSON of `status_workflow_rules.conditions`.

    Nothing (NULL, {}) always holds. Every problem is named, not only the first.
    """
    if conditions is None:
        return Compiled(All(()))
    if not isinstance(conditions, Mapping):
        return Compiled(All(()), problems=["conditions is not a JSON object"])
    compiler = _Compiler(catalogue)
    condition = compiler.every(conditions)
    return Compiled(condition, compiler.needs, compiler.problems)


class _Compiler:
    """Makes conditions of JSON, and gathers what they need and what is wrong with them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.needs = Needs()
        self.problems: list[str] = []

    def every(self, given: Mapping[str, Any], prefix: str = "", depth: int = 0) -> All:
        """All conditions of an object. With a prefix its keys are fields alone, `context_data.x` and the
        like."""
        if depth > _DEEPEST:
            self.problems.append(f"conditions are nested deeper than {_DEEPEST}")
            return All(())
        parts = [self._part(key, value, prefix, depth) for key, value in given.items()]
        return All(tuple(part for part in parts if part is not None))

    def _part(self, key: str, value: Any, prefix: str, depth: int) -> Condition | None:
        if prefix:
            return self._comparison(prefix + key, value)
        if key in ("all", "any"):
            return self._several(key, value, depth)
        if key == "not":
            return self._not(value, depth)
        if key in PREFIXES and isinstance(value, Mapping) and not _is_about_itself(key, value):
            return self.every(value, f"{key}.", depth + 1)
        return self._comparison(key, value)

    def _several(self, key: str, value: Any, depth: int) -> Condition:
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            self.problems.append(f"{key} takes a list with at least one object of conditions")
            return All(())
        parts: list[Condition] = []
        for item in value:
            if isinstance(item, Mapping) and item:
                parts.append(self.every(item, depth=depth + 1))
            else:
                self.problems.append(f"{key} takes a list of objects with conditions")
        return All(tuple(parts)) if key == "all" else AnyOf(tuple(parts))

    def _not(self, value: Any, depth: int) -> Not | None:
        if not isinstance(value, Mapping) or not value:
            self.problems.append("not takes an object with conditions")
            return None
        return Not(self.every(value, depth=depth + 1))

    def _comparison(self, name: str, value: Any) -> Comparison | None:
        try:
            found = find_field(name, self._catalogue)
        except UnknownField as error:
            self.problems.append(str(error))
            return None
        tests = []
        for operator, operand in _spelt_out(value).items():
            try:
                tests.append(make_test(found.kind, operator, operand, self.needs))
            except WrongOperand as error:
                self.problems.append(f"{found.name}: {error}")
        if isinstance(value, Mapping) and not value:
            self.problems.append(f"{found.name}: an empty object compares nothing")
        self.needs.columns |= found.columns
        self.needs.messages |= found.messages
        return Comparison(found, tuple(tests))


def _is_about_itself(key: str, value: Mapping[str, Any]) -> bool:
    """`{"context_data": {"exists": true}}` asks about context_data, not about a part of it."""
    return key == "context_data" and set(value) == {"exists"}


def _spelt_out(value: Any) -> Mapping[str, Any]:
    """The short forms: a number means at least, a list one of, null no value, all else equality."""
    if isinstance(value, Mapping):
        return value
    if value is None:
        return {"exists": False}
    if isinstance(value, (list, tuple)):
        return {"in": value}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"gte": value}
    return {"eq": value}
