"""Reads JSON that is not quite JSON: what one value of it has that no decoder takes must not cost the rest.

Raw control characters in a text, NaN, numbers without end and nesting without end are read as something;
where a value ends can be told of values that cannot be decoded.
"""

from __future__ import annotations

import json
import re
from typing import Any

_DEEPEST = 64
"""What is nested deeper than this is left out, where it is too deep to be decoded."""
_MOST_DIGITS = 300
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|"|[\[\]{}]', re.DOTALL)


def _number(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


_decoder = json.JSONDecoder(strict=False, parse_int=_number)
decode_at = _decoder.raw_decode
"""Decodes the value at a place of a text: the value, and where it ends. Raises ValueError, RecursionError."""


def loads(source: str | bytes) -> Any:
    """A whole JSON text. Numbers beyond all measure are None, as is what is nested beyond all measure.

    Raises:
        ValueError: it is not JSON.
    """
    text = source if isinstance(source, str) else _decoded(source)
    text = text.lstrip("\ufeff \t\r\n")
    try:
        return _decoder.decode(text)
    except RecursionError:
        pass
    try:
        return _decoder.decode(pruned(text))
    except RecursionError:
        raise ValueError("nested without end") from None


def _decoded(source: bytes) -> str:
    try:
        return source.decode(json.detect_encoding(source), "surrogatepass")
    except UnicodeDecodeError:
        return source.decode("utf-8", "replace")


def end_of(text: str, at: int) -> int | None:
    """Where the object or list that begins at a place ends, by its brackets and quotes alone; None where the
    text ends before it, or no such value begins there."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        mark = token[0]
        if mark == '"':
            return None  # a text that does not end
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        if depth <= 0:
            return token.end() if mark in "]}" and depth == 0 else None
    return None


def pruned(text: str) -> str:
    """The text with null in place of what is nested too deep."""
    kept: list[str] = []
    depth, at = 0, 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept.append(text[at : token.start()])
        elif mark in "]}":
            if depth == _DEEPEST + 1:
                kept.append("null")
                at = token.end()
            depth -= 1
    return "".join([*kept, text[at:]]) if depth <= _DEEPEST else text
