"""The request log.

What was asked of v1 and v2, what came of it, and how many requests were in flight at once.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from .instants import Clock, iso

LIMIT: Final = 20_000
_SECRET: Final = {"apikey"}


@dataclass(slots=True)
class RequestEntry:
    """One request.

    `status` is the HTTP status sent, None while under way or when the connection was dropped.
    """

    n: int
    api: str
    method: str
    path: str
    endpoint: str
    account_id: str | None
    property_id: str | None
    started_at: datetime
    parameters: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    outcome: str = "Unprocessed"
    fault: str | None = None
    finished_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        started = iso(self.started_at)
        return {
            "n": self.n,
            "at": started,
            "api": self.api,
            "method": self.method,
            "path": self.path,
            "endpoint": self.endpoint,
            "accountId": self.account_id,
            "propertyId": self.property_id,
            "parameters": self.parameters,
            "status": self.status,
            "outcome": self.outcome,
            "fault": self.fault,
            "startedAt": started,
            "finishedAt": None if self.finished_at is None else iso(self.finished_at),
        }


class RequestLog:
    """The last 20,000 requests, and per account the most that were ever in flight at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[RequestEntry] = deque(maxlen=LIMIT)
        self._in_flight: Counter[str] = Counter()
        self.max_concurrent: dict[str, int] = {}
        self.count = 0

    def begin(
        self,
        api: str,
        method: str,
        path: str,
        endpoint: str,
        account_id: str | None,
        property_id: str | None,
        parameters: dict[str, Any],
    ) -> RequestEntry:
        """Notes a request on its arrival. The API key is left out."""
        self.count += 1
        kept = {key: value for key, value in parameters.items() if key.lower() not in _SECRET}
        entry = RequestEntry(
            self.count, api, method, path, endpoint, account_id, property_id, self._clock(), parameters=kept
        )
        self._entries.append(entry)
        if account_id is not None:
            self._in_flight[account_id] += 1
            most = self.max_concurrent.get(account_id, 0)
            self.max_concurrent[account_id] = max(most, self._in_flight[account_id])
        return entry

    def end(self, entry: RequestEntry) -> None:
        """Notes that the answer is out, or the connection gone; only the first time counts."""
        if entry.finished_at is not None:
            return
        entry.finished_at = self._clock()
        if entry.account_id is not None:
            self._in_flight[entry.account_id] -= 1

    def since(self, n: int) -> list[dict[str, Any]]:
        """The entries after number n, oldest first."""
        return [entry.as_json() for entry in self._entries if entry.n > n]

    def clear(self) -> None:
        """Forgets all entries and peaks; numbers go on, requests in flight stay counted."""
        self._entries.clear()
        self.max_concurrent = {account: count for account, count in self._in_flight.items() if count > 0}
