"""An engine that outlives whoever uses it, for what a process does again every few seconds.

To open a session takes the server and the client several times what a small query takes, and to look whether
the database is the right one takes three queries. Kept are the engines of few databases: one, as a rule.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

IDLE_SECONDS = 120.0
"""How long after its last use an engine's sessions are closed."""
LOOK_SECONDS = 60.0
"""How often a database is looked at anew: it may have been migrated meanwhile, or put back."""


@dataclass(slots=True)
class _Kept:
    engine: Engine
    looked_at: float
    used_at: float
    users: int = field(default=0)


class KeptEngines:
    """The engines of this process, by a name that tells those apart that are set otherwise.

    Args:
        look: raises where the database cannot be used.
        clock: seconds that only ever grow.
    """

    def __init__(
        self, look: Callable[[Connection], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look, self._clock = look, clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Condition()
        self._closer: threading.Thread | None = None

    @contextmanager
    def use(self, name: str, make: Callable[[], Engine]) -> Iterator[Engine]:
        """The engine of that name, made by the first who asks. Several may use it at once.

        Raises:
            Exception: what `look` raises; the next who asks has it made and looked at anew.
        """
        kept = self._begin(name, make)
        try:
            self._look_again(name, kept)
            yield kept.engine
        finally:
            self._end(kept)

    def close_idle(self) -> float | None:
        """Closes what nobody has used for a while.

        Returns:
            In how many seconds to ask again; None: nothing is kept any more.
        """
        with self._lock:
            now = self._clock()
            for name, kept in list(self._kept.items()):
                if not kept.users and now - kept.used_at >= IDLE_SECONDS:
                    del self._kept[name]
                    kept.engine.dispose()
            if not self._kept:
                self._closer = None
                return None
            return max(1.0, IDLE_SECONDS - now + min(kept.used_at for kept in self._kept.values()))

    def forget(self) -> None:
        """In a child of this process, whose parent goes on using the sessions."""
        for kept in self._kept.values():
            kept.engine.dispose(close=False)
        self._kept.clear()
        self._lock, self._closer = threading.Condition(), None

    def _begin(self, name: str, make: Callable[[], Engine]) -> _Kept:
        with self._lock:
            if name not in self._kept:
                self._kept[name] = _Kept(make(), looked_at=float("-inf"), used_at=self._clock())
            self._kept[name].users += 1
            if self._closer is None:
                self._closer = threading.Thread(target=self._close_by_and_by, name="idle", daemon=True)
                self._closer.start()
            return self._kept[name]

    def _look_again(self, name: str, kept: _Kept) -> None:
        now = self._clock()
        if now - kept.looked_at < LOOK_SECONDS:
            return
        try:
            with kept.engine.connect() as connection:
                self._look(connection)
        except Exception:
            with self._lock:
                if self._kept.get(name) is kept:
                    del self._kept[name]
            kept.engine.dispose()
            raise
        kept.looked_at = now

    def _end(self, kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1
            kept.used_at = self._clock()

    def _close_by_and_by(self) -> None:
        while (seconds := self.close_idle()) is not None:
            time.sleep(seconds)


def fork_safe(engines: KeptEngines) -> KeptEngines:
    """The same, of which a forked child of this process uses none."""
    os.register_at_fork(after_in_child=engines.forget)
    return engines
