"""The spans of a change: its attempts, their requests, and where they are handed over.

A change is a trace. Its ids follow from what is known of it anyway, so that each process on each machine puts
its attempts into the same trace, and nothing is stored for it. (docs/decisions/0058)

This module knows nothing of OpenTelemetry, and costs a look at a variable where nobody gathers traces.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

logger = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FAULT = "fault"
"""How an attempt ends that is broken off: the database is gone, or the process is told to end."""


@dataclass(frozen=True, slots=True)
class TracedChange:
    """A change whose way is traced.

    Attributes:
        logged_at: when it was logged, or put back: with each of the two begins a span of its own.
    """

    change_id: UUID
    logged_at: datetime
    property_id: UUID
    account_id: str

    @property
    def trace_id(self) -> int:
        """The change's own id, so that whoever knows the one finds the other."""
        return self.change_id.int or _id_of(16, self.change_id, "trace")  # 0 is no id

    @property
    def sampling_id(self) -> int:
        """What stands for the trace where a part of all traces is chosen: of a change's own id some bits are
        the same in all."""
        return _id_of(16, self.change_id, "sample")

    @property
    def span_id(self) -> int:
        """Of the span of the whole change."""
        return _id_of(8, self.change_id, "change", self.logged_ns)

    @property
    def logged_ns(self) -> int:
        """`logged_at` in nanoseconds since 1970."""
        return (self.logged_at - _EPOCH) // _MICROSECOND * 1000


@dataclass(slots=True)
class Request:
    """One request of an attempt. Times are in nanoseconds since 1970.

    Attributes:
        endpoint: as ResMan names it; nothing of the query or the form.
        server: the host.
        error: what went wrong, in a word.
    """

    method: str
    endpoint: str
    server: str
    began: int = field(default_factory=time.time_ns)
    ended: int = 0
    http_status: int | None = None
    error: str | None = None


@dataclass(slots=True)
class Attempt:
    """One claim of a change, until it is settled or postponed.

    Attributes:
        token: the claim's, which no other claim has.
        earlier_token: of the last attempt before it that is on record.
        number: which attempt it is, as the queue counts.
        result, outcome, state: as in a DeliveryResult.
        error: what went wrong, in a word; a change that waits for something has nothing wrong.
        is_last: the change is settled with it.
    """

    change: TracedChange
    token: int
    number: int = 1
    earlier_token: int | None = None
    old_status: str | None = None
    new_status: str | None = None
    result: str = FAULT
    outcome: str | None = None
    state: str | None = None
    error: str | None = FAULT
    http_status: int | None = None
    is_last: bool = False
    requests: list[Request] = field(default_factory=list)
    began: int = field(default_factory=time.time_ns)
    ended: int = 0

    @property
    def span_id(self) -> int:
        return self._span_id(self.token)

    @property
    def earlier_span_id(self) -> int | None:
        """Of the attempt before it."""
        return None if self.earlier_token is None else self._span_id(self.earlier_token)

    def request_span_id(self, number: int) -> int:
        """Of its request of this number."""
        return _id_of(8, self.change.change_id, "request", self.token, number)

    @property
    def log_keys(self) -> dict[str, str]:
        """What a line of the log has of it, as OpenTelemetry writes ids."""
        return {"trace_id": f"{self.change.trace_id:032x}", "span_id": f"{self.span_id:016x}"}

    def _span_id(self, token: int) -> int:
        return _id_of(8, self.change.change_id, "attempt", token)


class Sink(Protocol):
    """Takes what ended, and sends it off at leisure."""

    def take(self, attempt: Attempt) -> None:
        """Waits for nobody."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many spans were `sent` and `dropped`."""


class ClosableSink(Sink, Protocol):
    """One that sends over a network."""

    def close(self, seconds: float) -> None:
        """Sends what waits, and gives up after so many seconds."""


_sink: Sink | None = None
_under_way: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def is_on() -> bool:
    """Whether anybody gathers traces."""
    return _sink is not None


def counts() -> Mapping[str, int]:
    """How many spans were sent and dropped so far."""
    return {"sent": 0, "dropped": 0} if _sink is None else _sink.counts


@contextmanager
def gathered_by(sink: Sink) -> Iterator[None]:
    """Has every attempt of this process handed to `sink`, until the block ends."""
    global _sink
    before, _sink = _sink, sink
    try:
        yield
    finally:
        _sink = before


def under_way(attempt: Attempt | None) -> AbstractContextManager[None]:
    """The requests of this thread belong to an attempt, which is handed over when the block ends. None: to
    none."""
    return nullcontext() if attempt is None else _under_way_until_it_ends(attempt)


@contextmanager
def _under_way_until_it_ends(attempt: Attempt) -> Iterator[None]:
    before = _under_way.set(attempt)
    try:
        yield
    except BaseException as error:
        attempt.result, attempt.outcome, attempt.error = FAULT, type(error).__name__, type(error).__name__
        raise
    finally:
        _under_way.reset(before)
        attempt.ended = time.time_ns()
        _hand_over(attempt)


def _hand_over(attempt: Attempt) -> None:
    if _sink is None:
        return
    try:
        _sink.take(attempt)
    except Exception as error:
        # Whatever is wrong with the tracing, the change is done.
        logger.warning("an attempt could not be traced: %s", type(error).__name__)


def statuses(old: str | None, new: str | None) -> None:
    """Tells between which statuses the change of the attempt under way goes."""
    if (attempt := _under_way.get()) is not None:
        attempt.old_status, attempt.new_status = old, new


def request(method: str, endpoint: str, server: str) -> AbstractContextManager[Request | None]:
    """A request under way, until the block ends. Gives None where it belongs to no attempt that is traced."""
    attempt = _under_way.get()
    return nullcontext() if attempt is None else _request(attempt, Request(method, endpoint, server))


@contextmanager
def _request(attempt: Attempt, request: Request) -> Iterator[Request]:
    attempt.requests.append(request)
    try:
        yield request
    except GeneratorExit:  # its reader has what it wanted
        raise
    except BaseException as error:
        request.error = str(getattr(error, "kind", type(error).__name__))
        raise
    finally:
        request.ended = time.time_ns()


def _id_of(size: int, change_id: UUID, *parts: object) -> int:
    """A number of `size` bytes that follows from these, and is not 0."""
    text = ":".join(map(str, parts))
    digest = hashlib.blake2b(change_id.bytes + text.encode(), digest_size=size).digest()
    return int.from_bytes(digest, "big") or 1
