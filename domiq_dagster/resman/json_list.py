"""Reads the one list that a v2 answer carries, object by object, without ever holding the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ijson  # type: ignore[import-untyped]

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resman.transport import CHUNK, Answer

# Where the list begins must show in this much of the answer; v2 puts it first.
_MAX_HEAD = 1024 * 1024
_END = object()
# ArithmeticError and RecursionError: ijson lets a number or a nesting beyond all measure through as these.
_PARSE_ERRORS = (ijson.JSONError, ValueError, ArithmeticError, RecursionError)


def objects(answer: Answer, name: str) -> Iterator[dict[str, Any]]:
    """The objects of the top-level list `name` (its case does not matter), as they arrive.

    `null` counts as an empty list. The end comes only after the whole document was read, so what
    was given is the whole list.

    Raises:
        NoAnswer: the answer broke off.
        Garbled: it is not JSON, or carries no such list, or the list holds something else.
    """
    head = _Head(answer)
    key = _list_key(head, name)
    items = ijson.items(_Resumed(head.seen, answer), f"{key}.item", buf_size=CHUNK, use_float=True)
    while True:
        # use_float: without it, a number of thousands of digits makes ijson's C reader crash the process.
        try:
            item = next(items, _END)
        except _PARSE_ERRORS:
            failure = _broken(answer)
            break
        if item is _END:
            return
        if not isinstance(item, dict):
            raise outcomes.garbled(answer.request, f"its list {name} holds something other than objects")
        yield item
    raise failure


def _list_key(head: _Head, name: str) -> str:
    """The key of the list as the answer spells it."""
    depth = 0
    key: str | None = None
    try:
        for event, value in ijson.basic_parse(head, buf_size=CHUNK, use_float=True):
            if key is not None:
                if event in ("start_array", "null"):
                    return key
                break
            if event == "map_key" and depth == 1 and value.lower() == name.lower():
                key = value
            depth += event.startswith("start_")
            depth -= event.startswith("end_")
        failure: ResManError = outcomes.garbled(head.answer.request, f"it has no list {name}")
    except _PARSE_ERRORS:
        failure = _broken(head.answer)
    raise failure


def _broken(answer: Answer) -> ResManError:
    """A parser that failed after the last byte wanted more: the answer was cut. Else it is no JSON."""
    if answer.at_end and answer.size:
        return outcomes.no_answer(answer.request, "it ends midway")
    return outcomes.garbled(answer.request, "it is not JSON" if answer.size else "it is empty")


class _Head:
    """Reads an answer and keeps what it read, so that reading can begin again."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seen = bytearray()

    def read(self, size: int) -> bytes:
        if len(self.seen) > _MAX_HEAD:
            raise outcomes.garbled(self.answer.request, "its list does not begin")
        data = self.answer.read(size)
        self.seen += data
        return data


class _Resumed:
    """What was already read, then the rest."""

    def __init__(self, seen: bytearray, answer: Answer) -> None:
        self._seen = bytes(seen)
        self._answer = answer

    def read(self, size: int) -> bytes:
        if size and self._seen:
            data, self._seen = self._seen[:size], self._seen[size:]
            return data
        return self._answer.read(size)
