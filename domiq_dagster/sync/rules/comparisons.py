"""Operators: one test of one value, made for the kind of field that it is asked of. Pure.

A value that is missing passes no test but `exists: false`, and one of another type than the operand passes
none; what cannot be compared at all is refused when the test is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from domiq_dagster.sync.rules import clock
from domiq_dagster.sync.rules.fields import Kind

OPERATORS = (
    *("eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in"),
    *("contains", "starts_with", "ends_with", "exists"),
)
_ORDERED = frozenset({Kind.NUMBER, Kind.DATE, Kind.MOMENT, Kind.LOCAL_MOMENT, Kind.TIME_OF_DAY, Kind.ANY})
_TEXTS = frozenset({Kind.TEXT, Kind.ANY})
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_WORDS = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}


class WrongOperand(ValueError):
    """This cannot be compared so; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Test:
    """One operator with its operand. `words` completes "is not ..."."""

    holds: Callable[[Any], bool]
    words: str


@dataclass(slots=True)
class Needs:
    """What must be loaded before a condition can be asked."""

    columns: set[str] | frozenset[str] = field(default_factory=set)
    messages: bool = False
    zone: bool = False


def make_test(kind: Kind, operator: str, operand: Any, needs: Needs) -> Test:
    """The test that an operator and its operand make for a field of this kind. Raises WrongOperand."""
    if operator not in OPERATORS:
        raise WrongOperand(f"unknown operator {operator!r}")
    if operator == "exists":
        return _exists(operand)
    if kind is Kind.TIME_OF_DAY:
        needs.zone = True
        return _time_of_day(operator, operand)
    if kind is Kind.OTHER:
        raise WrongOperand("only exists can be asked of such a column")
    if operator in ("contains", "starts_with", "ends_with"):
        return _part_of_text(kind, operator, operand)
    if kind is Kind.ARRAY:
        raise WrongOperand(f"a list takes contains or exists, not {operator}")
    if operator in ("eq", "ne"):
        value = _operand(kind, operand)
        if operator == "eq":
            return Test(_typed(kind, value, lambda v: bool(v == value)), _shown(operand))
        return Test(_typed(kind, value, lambda v: bool(v != value)), f"other than {_shown(operand)}")
    if operator in ("in", "not_in"):
        return _one_of(kind, operator, operand)
    return _ordered(kind, operator, operand)


def _exists(operand: Any) -> Test:
    if not isinstance(operand, bool):
        raise WrongOperand("exists takes true or false")
    if operand:
        return Test(lambda v: v is not None, "there")
    return Test(lambda v: v is None, "missing")


def _ordered(kind: Kind, operator: str, operand: Any) -> Test:
    if kind not in _ORDERED:
        raise WrongOperand(f"{operator} cannot be asked of a {kind.value}")
    if operator == "between":
        if not isinstance(operand, list) or len(operand) != 2:
            raise WrongOperand("between takes a list of two values")
        low, high = (_orderable(kind, o) for o in operand)
        if low > high:
            raise WrongOperand("between takes the lower value first")
        words = f"between {_shown(operand[0])} and {_shown(operand[1])}"
        return Test(_typed(kind, low, lambda v: bool(low <= v <= high)), words)
    limit, compare = _orderable(kind, operand), _COMPARE[operator]
    return Test(_typed(kind, limit, lambda v: compare(v, limit)), f"{_WORDS[operator]} {_shown(operand)}")


def _orderable(kind: Kind, operand: Any) -> Any:
    value = _operand(kind, operand)
    if kind is Kind.ANY and not _is_number(value):
        raise WrongOperand("more and less are told of numbers")
    return value


def _one_of(kind: Kind, operator: str, operand: Any) -> Test:
    if not isinstance(operand, list) or not operand:
        raise WrongOperand(f"{operator} takes a list with at least one value")
    each = [make_test(kind, "eq", o, Needs()) for o in operand]
    words = ", ".join(_shown(o) for o in operand)
    if operator == "in":
        return Test(lambda v: any(t.holds(v) for t in each), f"one of {words}")
    return Test(lambda v: v is not None and not any(t.holds(v) for t in each), f"other than {words}")


def _part_of_text(kind: Kind, operator: str, operand: Any) -> Test:
    if operator == "contains" and kind in (Kind.ARRAY, Kind.ANY) and not isinstance(operand, (dict, list)):

        def contains(value: Any) -> bool:
            if isinstance(value, str):
                return isinstance(operand, str) and operand in value
            return isinstance(value, list) and any(_same(item, operand) for item in value)

        return Test(contains, f"something that contains {_shown(operand)}")
    if kind not in _TEXTS or not isinstance(operand, str) or not operand:
        raise WrongOperand(f"{operator} looks for a text in a text")
    if operator == "contains":
        return Test(lambda v: isinstance(v, str) and operand in v, f"a text with {_shown(operand)}")
    if operator == "starts_with":
        return Test(
            lambda v: isinstance(v, str) and v.startswith(operand),
            f"a text that starts with {_shown(operand)}",
        )
    return Test(
        lambda v: isinstance(v, str) and v.endswith(operand), f"a text that ends with {_shown(operand)}"
    )


def _time_of_day(operator: str, operand: Any) -> Test:
    if operator in ("in", "not_in"):
        return _one_of(Kind.TIME_OF_DAY, operator, operand)
    if operator in ("eq", "ne"):
        within, words = _named(operand)
        if operator == "ne":
            return Test(lambda v: v is not None and not within(v), f"other than {words}")
        return Test(lambda v: v is not None and within(v), words)
    if operator == "between":
        if not isinstance(operand, list) or len(operand) != 2:
            raise WrongOperand('between takes two times, such as ["09:00", "17:00"]')
        within = _range(operand[0], operand[1])
        return Test(lambda v: v is not None and within(v), f"between {operand[0]} and {operand[1]}")
    if operator not in _COMPARE:
        raise WrongOperand(f"{operator} cannot be asked of a time of day")
    limit, compare = _time(operand), _COMPARE[operator]
    words = {"gt": "after", "gte": "from", "lt": "before", "lte": "until"}[operator]
    return Test(lambda v: v is not None and compare(v.time(), limit), f"{words} {operand}")


def _named(operand: Any) -> tuple[clock.Daytime, str]:
    if isinstance(operand, str) and operand in clock.NAMED:
        return clock.NAMED[operand], operand
    if isinstance(operand, str) and operand.count("-") == 1:
        start, end = operand.split("-")
        return _range(start.strip(), end.strip()), f"between {start.strip()} and {end.strip()}"
    raise WrongOperand(
        f"a time of day is one of {', '.join(clock.NAMED)}, or two times such as "
        '"09:00-17:00" or {"between": ["09:00", "17:00"]}'
    )


def _range(start: Any, end: Any) -> clock.Daytime:
    first, last = _time(start), _time(end)
    if first == last:
        raise WrongOperand("the two times are the same: nothing is between them")
    return clock.between(first, last)


def _time(value: Any) -> time:
    try:
        return clock.parse_time(value)
    except ValueError as error:
        raise WrongOperand(str(error)) from None


def _operand(kind: Kind, operand: Any) -> Any:
    """The operand as a value of the field's kind."""
    if kind is Kind.NUMBER and _is_number(operand):
        return operand
    if kind is Kind.BOOLEAN and isinstance(operand, bool):
        return operand
    if kind is Kind.TEXT and isinstance(operand, str):
        return operand
    if kind is Kind.ANY and (isinstance(operand, (str, bool)) or _is_number(operand)):
        return operand
    try:
        if kind is Kind.DATE and isinstance(operand, str):
            return date.fromisoformat(operand)
        if kind is Kind.MOMENT and isinstance(operand, str):
            moment = datetime.fromisoformat(operand)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if kind is Kind.LOCAL_MOMENT and isinstance(operand, str):
            return datetime.fromisoformat(operand).replace(tzinfo=None)
    except ValueError:
        pass
    wanted = {
        Kind.DATE: 'a date such as "2026-03-01"',
        Kind.MOMENT: 'a time such as "2026-03-01T12:00:00Z"',
        Kind.LOCAL_MOMENT: 'a time such as "2026-03-01T12:00:00"',
        Kind.BOOLEAN: "true or false",
        Kind.ANY: "a text, a number, true or false",
    }.get(kind, f"a {kind.value}")
    raise WrongOperand(f"{_shown(operand)} is not {wanted}, so the two cannot be compared")


def _typed(kind: Kind, operand: Any, compare: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Compares only values of the operand's type: elsewhere PostgreSQL has settled the type already."""
    if kind is Kind.NUMBER:
        return lambda v: v is not None and compare(float(v) if isinstance(v, Decimal) else v)
    if kind is Kind.ANY:
        if _is_number(operand):
            return lambda v: _is_number(v) and compare(v)
        expected = type(operand)
        return lambda v: isinstance(v, expected) and compare(v)
    return lambda v: v is not None and compare(v)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _shown(operand: Any) -> str:
    return (
        repr(operand)
        if isinstance(operand, str)
        else str(operand).lower()
        if isinstance(operand, bool)
        else str(operand)
    )
