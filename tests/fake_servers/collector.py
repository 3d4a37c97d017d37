"""A collector of traces that speaks OTLP over HTTP, and keeps what it is sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fake_servers.http import Endpoint, HttpServer, Post


@dataclass(frozen=True)
class Span:
    """A span as it came, ids as hexadecimal numbers."""

    raw: Any

    @property
    def name(self) -> str:
        return str(self.raw.name)

    @property
    def trace_id(self) -> str:
        return bytes(self.raw.trace_id).hex()

    @property
    def span_id(self) -> str:
        return bytes(self.raw.span_id).hex()

    @property
    def parent_id(self) -> str:
        return bytes(self.raw.parent_span_id).hex()

    @property
    def links(self) -> list[tuple[str, str]]:
        """The trace and the span of each."""
        return [(bytes(link.trace_id).hex(), bytes(link.span_id).hex()) for link in self.raw.links]

    @property
    def times(self) -> tuple[int, int]:
        return self.raw.start_time_unix_nano, self.raw.end_time_unix_nano

    @property
    def is_client(self) -> bool:
        return bool(self.raw.kind == self.raw.SPAN_KIND_CLIENT)

    @property
    def has_failed(self) -> bool:
        return bool(self.raw.status.code == self.raw.status.STATUS_CODE_ERROR)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        return values(self.raw.attributes)


def values(attributes: Any) -> dict[str, Any]:
    """Attributes by their keys."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


class Collector:
    """What came to an endpoint, read as OTLP."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def url(self) -> str:
        return self._endpoint.url

    @property
    def bodies(self) -> list[bytes]:
        """What was posted, as it is before it is compressed."""
        return [_unzipped(post) for post in self._endpoint.posts]

    @property
    def batches(self) -> list[Any]:
        assert {post.path for post in self._endpoint.posts} <= {"/v1/traces"}
        return [
            batch
            for body in self.bodies
            for batch in ExportTraceServiceRequest.FromString(body).resource_spans
        ]

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [values(batch.resource.attributes) for batch in self.batches]

    @property
    def spans(self) -> list[Span]:
        """In the order of their ends."""
        found = [Span(s) for batch in self.batches for scope in batch.scope_spans for s in scope.spans]
        return sorted(found, key=lambda span: span.times[1])

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens until the block ends."""
    with HttpServer() as end:
        yield Collector(end)


def _unzipped(post: Post) -> bytes:
    return gzip.decompress(post.body) if post.headers.get("Content-Encoding") == "gzip" else post.body
