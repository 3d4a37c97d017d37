"""The heartbeat of a worker: while it works on deliveries, their leases do not run out. A worker that dies
stops beating, and another one takes its deliveries over when the leases end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Claim

logger = logging.getLogger(__name__)


class Heartbeat:
    """Extends the leases of what is `holding`, all in one statement, from a thread of its own.

    `lease`, `interval` and `longest` are seconds. What is held for longer than `longest` is no longer
    extended: a thread that hangs must not keep a change for ever.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        lease: float,
        interval: float,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._interval = interval
        self._longest = longest
        self._clock = clock
        self._claims: dict[UUID, tuple[Claim, float]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Keeps one lease alive for the length of a block."""
        with self._lock:
            self._claims[claim.change_id] = (claim, self._clock())
        try:
            yield
        finally:
            with self._lock:
                del self._claims[claim.change_id]

    def beat(self) -> int:
        """Extends every lease once.

        Returns:
            How many claims still hold.
        """
        with self._lock:
            now = self._clock()
            due = [claim for claim, since in self._claims.values() if now - since <= self._longest]
        if not due:
            return 0
        with self._engine.connect() as connection:
            return len(queue.extend_leases(connection, due, self._lease))

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            try:
                self.beat()
            except (DBAPIError, DatabaseError) as error:
                # The next beat may get through; if none does, the leases end, and no post is made on them.
                logger.warning("a heartbeat failed: %s", error)
