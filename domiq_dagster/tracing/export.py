"""Sends spans to a collector of OpenTelemetry's over OTLP/HTTP. Needs the extra `otel`.

The standard variables (OTEL_*) say where to, how much and under which name. Sending is a thread's of its own:
whoever hands a span over waits for nobody, and where the collector is slow or gone spans are dropped, and
counted.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from domiq_dagster.tracing.spans import Attempt, Request, TracedChange

logger = logging.getLogger(__name__)
SERVICE_NAME = "domiq-sync"
_UNNAMED = "unknown_service"
"""How the SDK begins the name of a service that nobody has named."""
_QUEUE = 2048
"""How many spans wait at most, unless OTEL_BSP_MAX_QUEUE_SIZE says otherwise."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_OTHER = "other"


class _Ids(IdGenerator):
    """Gives each span the id that was worked out for it, to the thread that begins the span."""

    def __init__(self) -> None:
        self._next = threading.local()

    def give(self, trace_id: int, span_id: int) -> None:
        self._next.ids = trace_id, span_id

    def generate_trace_id(self) -> int:
        trace_id: int = self._next.ids[0]
        return trace_id

    def generate_span_id(self) -> int:
        span_id: int = self._next.ids[1]
        return span_id


class _Counting(SpanExporter):
    """Counts what is sent and what is not, and says when that changes.

    Args:
        limit: how many spans may be on their way.
    """

    def __init__(self, exporter: SpanExporter, limit: int) -> None:
        self._exporter, self._limit = exporter, limit
        self._lock = threading.Lock()
        self._on_the_way = 0
        self._counts = {"sent": 0, "dropped": 0}
        self._is_failing = False

    @property
    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._counts)

    @property
    def on_the_way(self) -> int:
        return self._on_the_way

    def admit(self, spans: int) -> bool:
        """Whether there is room for so many more. If not, they are dropped."""
        with self._lock:
            if self._on_the_way + spans > self._limit:
                self._counts["dropped"] += spans
                return False
            self._on_the_way += spans
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self._note(len(spans), result is SpanExportResult.SUCCESS)
        return result

    def _note(self, spans: int, sent: bool) -> None:
        with self._lock:
            self._on_the_way -= spans
            self._counts["sent" if sent else "dropped"] += spans
            is_news, self._is_failing = self._is_failing == sent, not sent
        if is_news and sent:
            logger.warning("the collector takes traces again")
        elif is_news:
            logger.warning("the collector takes no traces; the work goes on, and they are dropped")

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Exporter:
    """Makes spans of attempts, and sends them in batches.

    Raises:
        Exception: one of the variables OTEL_* says what cannot be done.
    """

    def __init__(self) -> None:
        # Its words may repeat a header, which may be a secret, and a collector's answer.
        own = logging.getLogger("opentelemetry")
        if own.level == logging.NOTSET:
            own.setLevel(logging.CRITICAL)
        self._exporter = _Counting(OTLPSpanExporter(), _queue_size(os.environ))
        # The sampler that OTEL_TRACES_SAMPLER names. It is asked once an attempt, and says the same of
        # each of a change.
        self._sampler = TracerProvider(shutdown_on_exit=False).sampler
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, id_generator=self._ids, resource=_resource(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("domiq_dagster")

    @property
    def counts(self) -> Mapping[str, int]:
        return self._exporter.counts

    def take(self, attempt: Attempt) -> None:
        """Queues the spans of an attempt, and where the change is settled with it the change's own."""
        if not self._is_sampled(attempt.change):
            return
        if not self._exporter.admit(1 + len(attempt.requests) + attempt.is_last):
            return
        change = attempt.change
        parent = _context(change.trace_id, change.span_id)
        own = _context(change.trace_id, attempt.span_id)
        for number, request in enumerate(attempt.requests):
            self._span(
                f"{request.method} {request.endpoint.removeprefix('GET /')}",
                (change.trace_id, attempt.request_span_id(number)),
                (request.began, request.ended),
                _of_request(request, change),
                context=own,
                kind=SpanKind.CLIENT,
                failed=request.error is not None,
            )
        links = []
        if attempt.earlier_span_id is not None:
            links.append(Link(SpanContext(change.trace_id, attempt.earlier_span_id, True, _SAMPLED)))
        self._span(
            "attempt",
            (change.trace_id, attempt.span_id),
            (attempt.began, attempt.ended),
            _of_attempt(attempt),
            context=parent,
            links=links,
            failed=attempt.error is not None,
        )
        if attempt.is_last:
            self._span(
                "change",
                (change.trace_id, change.span_id),
                # Where the database's clock is ahead of ours, it would begin after its attempt.
                (min(change.logged_ns, attempt.began), attempt.ended),
                _of_change(attempt),
                context=Context(),
                failed=attempt.error is not None,
            )

    def close(self, seconds: float) -> None:
        """Sends what waits, and gives up after so many seconds."""
        ending = threading.Thread(target=self._provider.shutdown, name="end-of-traces", daemon=True)
        ending.start()
        ending.join(seconds)
        if ending.is_alive():
            self._exporter.shutdown()  # whatever is tried now fails at once
        if left := self._exporter.on_the_way:
            logger.warning("%d spans could not be sent before the end", left)

    def _is_sampled(self, change: TracedChange) -> bool:
        said = self._sampler.should_sample(Context(), change.sampling_id, "change")
        return said.decision is Decision.RECORD_AND_SAMPLE

    def _span(
        self,
        name: str,
        ids: tuple[int, int],
        times: tuple[int, int],
        attributes: Mapping[str, Any],
        *,
        context: Context,
        failed: bool,
        **more: Any,
    ) -> None:
        self._ids.give(*ids)
        known = {key: value for key, value in attributes.items() if value is not None}
        span = self._tracer.start_span(name, context, attributes=known, start_time=times[0], **more)
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(times[1])


def _context(trace_id: int, span_id: int) -> Context:
    """In which a span of this id is the parent."""
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, True, _SAMPLED)), Context())


def _resource() -> Resource:
    resource = Resource.create()
    if str(resource.attributes.get("service.name", _UNNAMED)).startswith(_UNNAMED):
        return resource.merge(Resource({"service.name": SERVICE_NAME}))
    return resource


def _queue_size(env: Mapping[str, str]) -> int:
    given = env.get("OTEL_BSP_MAX_QUEUE_SIZE", "").strip()
    return int(given) if given.isdigit() else _QUEUE


def _of_request(request: Request, change: TracedChange) -> dict[str, Any]:
    return {
        "http.request.method": request.method,
        "http.response.status_code": request.http_status,
        "server.address": request.server,
        "resman.endpoint": request.endpoint,
        "resman.account_id": change.account_id,
        "error.type": _word(request.error),
    }


def _of_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        **_of_change(attempt),
        "domiq.attempt": attempt.number,
        "domiq.state": attempt.state,
        "http.response.status_code": attempt.http_status,
    }


def _of_change(attempt: Attempt) -> dict[str, Any]:
    change = attempt.change
    return {
        "domiq.change_id": str(change.change_id),
        "domiq.property_id": str(change.property_id),
        "resman.account_id": change.account_id,
        "domiq.direction": "to_resman",
        "domiq.old_status": _word(attempt.old_status),
        "domiq.new_status": _word(attempt.new_status),
        "domiq.result": attempt.result,
        "domiq.outcome": _word(attempt.outcome),
        "error.type": _word(attempt.error),
    }


def _word(said: str | None) -> str | None:
    """A word of ours; whatever else somebody wrote there is `other`."""
    if said is None:
        return None
    word = said.partition(":")[0]
    return word if _WORD.fullmatch(word) else _OTHER
