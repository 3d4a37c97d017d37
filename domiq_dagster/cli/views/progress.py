"""Progress: whoever sits at a terminal is told what is being done, where it takes longer than a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from domiq_dagster.cli.views.screen import Screen

_A_MOMENT = 0.7
"""Seconds after which one wonders whether anything happens."""


@contextmanager
def at_work(doing: str) -> Iterator[None]:
    """Says on stderr what is being done, with a wheel that turns, once it has taken a moment; gone at its
    end. A log or a pipe needs none of it.

    Args:
        doing: in a few words, such as `Reading ResMan`.
    """
    screen = Screen(stderr=True)
    if not screen.is_terminal:
        yield
        return
    wheel = screen.status(f"{doing} ...")
    timer = Timer(_A_MOMENT, wheel.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        wheel.stop()
