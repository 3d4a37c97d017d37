"""Spans of time in words."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """A span of time as a person says it: the two largest units at most."""
    whole = round(seconds)
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {small_unit}"
    return f"{whole // 60} min" if whole >= 120 else f"{whole} s"
