"""Operators: one test of one value, made for the kind of field that it is of. Pure.

A value that is missing passes no test but `exists: false`, and one of another type than the operand passes
none; what cannot be compared at all is refused when the test is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from typing import Any

from domiq_dagster.sync.rules import clock
from domiq_dagster.sync.rules.facts import FieldKind
from domiq_dagster.sync.rules.operands import WrongOperand, is_number, operand_value, same, shown

OPERATORS = (
    *("eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in"),
    *("contains", "starts_with", "ends_with", "exists"),
)
_ORDERED = frozenset(
    {
        FieldKind.NUMBER,
        FieldKind.DATE,
        FieldKind.MOMENT,
        FieldKind.LOCAL_MOMENT,
        FieldKind.TIME_OF_DAY,
        FieldKind.ANY,
    }
)
_TEXTS = frozenset({FieldKind.TEXT, FieldKind.ANY})
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_WORDS = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}


@dataclass(frozen=True, slots=True)
class Test:
    """One operator with its operand.

    Attributes:
        holds: whether a value passes.
        words: what a value that does not pass is not; completes "is not ...".
    """

    holds: Callable[[Any], bool]
    words: str


@dataclass(slots=True)
class Needs:
    """What must be loaded before a condition can be evaluated: columns of conversation, how many messages
    there were, the property's time zone."""

    columns: set[str] | frozenset[str] = field(default_factory=set)
    messages: bool = False
    zone: bool = False


def make_test(kind: FieldKind, operator: str, operand: Any, needs: Needs) -> Test:
    """Makes the test of an operator and its operand for a field of this kind.

    Args:
        needs: what the test needs beyond the field's value is added here.

    Raises:
        WrongOperand: the field cannot be compared so.
    """
    if operator not in OPERATORS:
        raise WrongOperand(f"unknown operator {operator!r}")
    if operator == "exists":
        return _exists(operand)
    if kind is FieldKind.TIME_OF_DAY:
        needs.zone = True
        return _time_of_day(operator, operand)
    if kind is FieldKind.OTHER:
        raise WrongOperand("only exists can be asked of such a column")
    if operator in ("contains", "starts_with", "ends_with"):
        return _part_of_text(kind, operator, operand)
    if kind is FieldKind.ARRAY:
        raise WrongOperand(f"a list takes contains or exists, not {operator}")
    if operator in ("eq", "ne"):
        return _equal(kind, operator, operand)
    if operator in ("in", "not_in"):
        return _one_of(kind, operator, operand)
    return _ordered(kind, operator, operand)


def _equal(kind: FieldKind, operator: str, operand: Any) -> Test:
    value = operand_value(kind, operand)
    if operator == "eq":
        return Test(_typed(kind, value, lambda v: bool(v == value)), shown(operand))
    return Test(_typed(kind, value, lambda v: bool(v != value)), f"other than {shown(operand)}")


def _exists(operand: Any) -> Test:
    if not isinstance(operand, bool):
        raise WrongOperand("exists takes true or false")
    if operand:
        return Test(lambda v: v is not None, "there")
    return Test(lambda v: v is None, "missing")


def _ordered(kind: FieldKind, operator: str, operand: Any) -> Test:
    if kind not in _ORDERED:
        raise WrongOperand(f"{operator} cannot be asked of a {kind.value}")
    if operator == "between":
        if not isinstance(operand, list) or len(operand) != 2:
            raise WrongOperand("between takes a list of two values")
        low, high = (_orderable(kind, o) for o in operand)
        if low > high:
            raise WrongOperand("between takes the lower value first")
        words = f"between {shown(operand[0])} and {shown(operand[1])}"
        return Test(_typed(kind, low, lambda v: bool(low <= v <= high)), words)
    limit, compare = _orderable(kind, operand), _COMPARE[operator]
    return Test(_typed(kind, limit, lambda v: compare(v, limit)), f"{_WORDS[operator]} {shown(operand)}")


def _orderable(kind: FieldKind, operand: Any) -> Any:
    value = operand_value(kind, operand)
    if kind is FieldKind.ANY and not is_number(value):
        raise WrongOperand("more and less are told of numbers")
    return value


def _one_of(kind: FieldKind, operator: str, operand: Any) -> Test:
    if not isinstance(operand, list) or not operand:
        raise WrongOperand(f"{operator} takes a list with at least one value")
    each = [make_test(kind, "eq", o, Needs()) for o in operand]
    words = ", ".join(shown(o) for o in operand)
    if operator == "in":
        return Test(lambda v: any(t.holds(v) for t in each), f"one of {words}")
    return Test(lambda v: v is not None and not any(t.holds(v) for t in each), f"other than {words}")


def _part_of_text(kind: FieldKind, operator: str, operand: Any) -> Test:
    if (
        operator == "contains"
        and kind in (FieldKind.ARRAY, FieldKind.ANY)
        and not isinstance(operand, (dict, list))
    ):

        def contains(value: Any) -> bool:
            if isinstance(value, str):
                return isinstance(operand, str) and operand in value
            return isinstance(value, list) and any(same(item, operand) for item in value)

        return Test(contains, f"something that contains {shown(operand)}")
    if kind not in _TEXTS or not isinstance(operand, str) or not operand:
        raise WrongOperand(f"{operator} looks for a text in a text")
    if operator == "contains":
        return Test(lambda v: isinstance(v, str) and operand in v, f"a text with {shown(operand)}")
    if operator == "starts_with":
        return Test(
            lambda v: isinstance(v, str) and v.startswith(operand),
            f"a text that starts with {shown(operand)}",
        )
    return Test(
        lambda v: isinstance(v, str) and v.endswith(operand), f"a text that ends with {shown(operand)}"
    )


def _time_of_day(operator: str, operand: Any) -> Test:
    if operator in ("in", "not_in"):
        return _one_of(FieldKind.TIME_OF_DAY, operator, operand)
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


def _typed(kind: FieldKind, operand: Any, compare: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Compares only values of the operand's type. Of a field with one type PostgreSQL has seen to that."""
    if kind is FieldKind.NUMBER:
        return lambda v: v is not None and compare(float(v) if isinstance(v, Decimal) else v)
    if kind is FieldKind.ANY:
        if is_number(operand):
            return lambda v: is_number(v) and compare(v)
        expected = type(operand)
        return lambda v: isinstance(v, expected) and compare(v)
    return lambda v: v is not None and compare(v)
