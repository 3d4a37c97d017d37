"""JSON as columns of DomIQ's own may hold it: whatever PostgreSQL takes, Python need not.

A document that Python cannot read would fail the whole answer that it comes with, and so every row beside it.
It is read as an `UnreadableJson` instead: whoever wants a list, an object or a text finds that it is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 100
"""How deep lists and objects may lie in each other. Nobody writes more by hand, and whoever walks a document
does it with a function that calls itself."""


class UnreadableValue(ValueError):
    """A value of the database's that nothing can be done with; the text says why, and repeats nothing of
    it."""


@dataclass(frozen=True, slots=True)
class UnreadableJson:
    """Stands for a document that could not be read, and says why."""

    reason: str

    def __str__(self) -> str:
        return f"(JSON that cannot be read: {self.reason})"


def loads(document: str | bytes) -> Any:
    """Reads a document; an UnreadableJson where that cannot be done."""
    try:
        value = json.loads(document)
    except RecursionError:
        return UnreadableJson(_TOO_DEEP)
    except ValueError:  # a number of more digits than Python reads
        return UnreadableJson("it has a number that is too long")
    return UnreadableJson(_TOO_DEEP) if _may_be_deep(document) and _is_deep(value) else value


def as_object(value: Any) -> Mapping[str, Any]:
    """The object that a document is; an empty one where it is something else.

    Raises:
        UnreadableValue: it could not be read, so nobody can tell.
    """
    require_readable(value)
    return value if isinstance(value, Mapping) else {}


def require_readable(value: Any) -> None:
    """Does nothing where a value could be read.

    Raises:
        UnreadableValue: it could not.
    """
    if isinstance(value, UnreadableJson):
        raise UnreadableValue(f"its JSON cannot be read: {value.reason}")


_TOO_DEEP = f"it is nested more than {DEEPEST} deep"


def _may_be_deep(document: str | bytes) -> bool:
    if isinstance(document, str):
        return document.count("[") + document.count("{") > DEEPEST
    return document.count(b"[") + document.count(b"{") > DEEPEST


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
