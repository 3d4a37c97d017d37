"""Whose change is claimed next: the properties of an account one after the other."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.queue import lanes
from domiq_dagster.sync.queue.queue import Claim, DueProperty

Ask = Callable[[Connection, datetime | None], list[DueProperty]]

_REFRESH_SECONDS = 1.0
"""How long it goes on with what it knows to be due, before it asks who else is."""
_UNCOMMITTED = timedelta(seconds=10)
"""How long the application's transactions may take, whose changes count as due from before they commit.
What a longer one queues is found by the next push."""


class PropertyRoundRobin:
    """The properties of one account that have something due, in turn, for the account's threads together.

    It keeps where the next claim of each begins: at what was due longest when it last looked, then where the
    last claim ended. What comes to stand before that is found when it looks again. Its looks, too, begin at
    what the first one found: before that lie dead entries only, which a long transaction elsewhere may keep
    for hours.

    Args:
        ask: which of the account's properties have something due, looked for from a moment on.
        known: what somebody has just found to be due, so that the first claim needs no look.
    """

    def __init__(self, ask: Ask, clock: Callable[[], float], *, known: Sequence[DueProperty] = ()) -> None:
        self._ask_due = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._due: deque[UUID] = deque()
        self._due_from: dict[UUID, datetime] = {}
        self._search_from: datetime | None = None
        self._refreshed = -math.inf
        self._news = True
        if known:
            self._take({d.property_id: d.due_since for d in known})

    def next(self, connection: Connection) -> tuple[UUID, datetime] | None:
        """Whose turn it is, and where its claim begins; None where nothing is due, and nothing happened
        since that was last asked."""
        with self._lock:
            if not self._due or self._clock() - self._refreshed > _REFRESH_SECONDS:
                if not self._due and not self._news:
                    return None
                self._refresh(connection)
            if not self._due:
                return None
            self._due.rotate(-1)
            property_id = self._due[-1]
            return property_id, self._due_from[property_id]

    def claimed(self, claim: Claim) -> None:
        """The property's next claim begins where this one ended."""
        with self._lock:
            self._due_from[claim.property_id] = claim.was_due_at

    def delivered(self) -> None:
        """A delivery has ended: the next of its conversation may be due."""
        with self._lock:
            self._news = True

    def nothing_at(self, property_id: UUID) -> None:
        """Nothing could be claimed at a property: it waits for the next look."""
        with self._lock:
            if property_id in self._due:
                self._due.remove(property_id)

    def _refresh(self, connection: Connection) -> None:
        """Asks what is due. The property served last is last again."""
        found = self._ask(connection)
        if not found and lanes.heal_heads(connection):
            found = self._ask(connection)
        connection.commit()
        self._take(found)

    def _take(self, found: dict[UUID, datetime]) -> None:
        served = self._due[-1] if self._due else None
        self._due_from = found
        if self._search_from is None and found:
            self._search_from = min(found.values()) - _UNCOMMITTED
        due = list(found)
        if served in found:
            split = due.index(served) + 1
            due = due[split:] + due[:split]
        self._due = deque(due)
        self._refreshed = self._clock()
        self._news = False

    def _ask(self, connection: Connection) -> dict[UUID, datetime]:
        return {d.property_id: d.due_since for d in self._ask_due(connection, self._search_from)}
