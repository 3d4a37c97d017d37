"""Operands: what a condition compares a field with, read as a value of the field's kind. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from domiq_dagster.sync.rules.facts import FieldKind


class WrongOperand(ValueError):
    """This cannot be compared so; the text says what is wrong."""


def operand_value(kind: FieldKind, operand: Any) -> Any:
    """Reads an operand as a value of the field's kind.

    Raises:
        WrongOperand: it is none.
    """
    if kind in _PARSED and isinstance(operand, str):
        try:
            return _PARSED[kind](operand)
        except ValueError:
            raise _wrong(kind, operand) from None
    if kind in _FITS and _FITS[kind](operand):
        return operand
    raise _wrong(kind, operand)


def _wrong(kind: FieldKind, operand: Any) -> WrongOperand:
    wanted = _WANTED.get(kind, f"a {kind.value}")
    return WrongOperand(f"{shown(operand)} is not {wanted}, so the two cannot be compared")


def is_number(value: Any) -> bool:
    """Whether it is a number to compare with: neither a truth value nor infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def same(a: Any, b: Any) -> bool:
    """Equality under which 1 is not true."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def shown(operand: Any) -> str:
    """An operand as the record of a decision shows it, near to how the rule has it."""
    if isinstance(operand, str):
        return repr(operand)
    if isinstance(operand, bool):
        return str(operand).lower()
    return str(operand)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_PARSED: Mapping[FieldKind, Callable[[str], Any]] = {
    FieldKind.DATE: date.fromisoformat,
    FieldKind.MOMENT: _moment,
    FieldKind.LOCAL_MOMENT: lambda value: datetime.fromisoformat(value).replace(tzinfo=None),
}
_FITS: Mapping[FieldKind, Callable[[Any], bool]] = {
    FieldKind.NUMBER: is_number,
    FieldKind.BOOLEAN: lambda operand: isinstance(operand, bool),
    FieldKind.TEXT: lambda operand: isinstance(operand, str),
    FieldKind.ANY: lambda operand: isinstance(operand, (str, bool)) or is_number(operand),
}
_WANTED: Mapping[FieldKind, str] = {
    FieldKind.DATE: 'a date such as "2026-03-01"',
    FieldKind.MOMENT: 'a time such as "2026-03-01T12:00:00Z"',
    FieldKind.LOCAL_MOMENT: 'a time such as "2026-03-01T12:00:00"',
    FieldKind.BOOLEAN: "true or false",
    FieldKind.ANY: "a text, a number, true or false",
}
