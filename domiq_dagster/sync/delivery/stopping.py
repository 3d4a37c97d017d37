"""When a push ends: its budget, whoever asks it to stop, and an account that had to be left."""

from __future__ import annotations

import threading
from collections.abc import Callable

from domiq_dagster.sync.budget import Budget


class StopSignal:
    """Says when to stop, to all threads of one push. `why`: once it has said so, why."""

    def __init__(self, budget: Budget, asked: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._ends = clock() + budget.seconds
        self._rows = budget.rows
        self._asked = asked
        self._clock = clock
        self._lock = threading.Lock()
        self._at_once = False
        self.why: str | None = None

    def take_row(self) -> bool:
        """Whether one more change may be claimed."""
        with self._lock:
            if self.why is None:
                if self._asked():
                    self.why = "asked to stop"
                elif self._clock() >= self._ends:
                    self.why = "the time budget is used up"
                elif self._rows <= 0:
                    self.why = "the row budget is used up"
            if self.why is not None:
                return False
            self._rows -= 1
            return True

    def return_row(self) -> None:
        """The change that might have been claimed was not."""
        with self._lock:
            self._rows += 1

    def hasten(self, seconds: float) -> None:
        """Ends within `seconds`: an account was left, and it is the next push that takes it up again."""
        with self._lock:
            self._ends = min(self._ends, self._clock() + seconds)

    def wind_down(self, why: str) -> None:
        """No further change is claimed; those in hand are finished."""
        with self._lock:
            self.why = self.why or why

    def end(self, why: str) -> None:
        """No further change is claimed, and no further request made."""
        with self._lock:
            self.why = self.why or why
            self._at_once = True

    def at_once(self) -> bool:
        """Whether a change in hand is to be postponed before its next request. A budget that is used up lets
        it be finished."""
        return self._at_once or self._asked()
