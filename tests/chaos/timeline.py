"""What was done to the run, when: to tell afterwards in which circumstances something was seen."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Happening:
    """Times as seconds since the epoch, the clock that the stand-in's log shows too."""

    kind: str
    began: float
    ended: float
    detail: str


class Timeline:
    """Noted from several threads."""

    def __init__(self) -> None:
        self.began = time.time()
        self.happenings: list[Happening] = []
        self._lock = threading.Lock()

    @contextmanager
    def during(self, kind: str, detail: str = "") -> Iterator[None]:
        happening = Happening(kind, time.time(), float("inf"), detail)
        with self._lock:
            self.happenings.append(happening)
        try:
            yield
        finally:
            happening.ended = time.time()

    def note(self, kind: str, detail: str = "", *, lasts: float = 0.0) -> None:
        now = time.time()
        with self._lock:
            self.happenings.append(Happening(kind, now, now + lasts, detail))

    def between(self, began: float, ended: float) -> list[str]:
        """The kinds of what happened meanwhile."""
        return sorted({h.kind for h in self.happenings if h.began <= ended and h.ended >= began})

    def counts(self) -> Counter[str]:
        return Counter(h.kind for h in self.happenings)
