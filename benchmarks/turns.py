"""Rounds in which several sides do the same work, one after the other, and the medians over them.

A machine that is busy for a while is busy for each side: every round begins with another one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

Figures = dict[str, float]
"""What one side did in one round; `seconds` is always there."""
Round = dict[str, Figures]
"""The sides of one round by name; the first is ours."""


def in_turns(n: int, sides: Mapping[str, Callable[[], Figures]]) -> Round:
    """Runs each side once, and begins round `n` with side `n`, counted over its end; in the order given."""
    names = list(sides)
    begin = n % len(names)
    found = {name: sides[name]() for name in names[begin:] + names[:begin]}
    return {name: found[name] for name in names}


def medians(rounds: Sequence[Round]) -> dict[str, object]:
    """The median of each figure of each side, and of each side but the first `times`: how many times the
    seconds of the first it took, as the median over the rounds."""
    first = next(iter(rounds[0]))
    told: dict[str, object] = {"rounds": len(rounds)}
    for name in rounds[0]:
        figures = {key: _median([r[name][key] for r in rounds]) for key in rounds[0][name]}
        if name != first:
            figures["times"] = _median([r[name]["seconds"] / r[first]["seconds"] for r in rounds])
        told[name] = figures
    return told


def _median(numbers: Sequence[float]) -> float:
    found = statistics.median(numbers)
    return round(found) if found >= 1000 else round(found, 3)
