"""What a collector gets of attempts, and that one that is gone, slow or in doubt costs the work nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domiq_dagster.tracing.export import Exporter
from domiq_dagster.tracing.spans import Attempt, Request, TracedChange
from tests.fake_servers.collector import Collector
from tests.fake_servers.http import Endpoint, HttpServer

LONG = 30.0


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with HttpServer() as end:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", end.url)
        yield end


@pytest.fixture
def collector(endpoint: Endpoint) -> Collector:
    return Collector(endpoint)


def attempt(change_id: UUID | None = None, **values: object) -> Attempt:
    logged = datetime.now(UTC) - timedelta(seconds=9)
    made = Attempt(
        TracedChange(change_id or uuid4(), logged, uuid4(), "400"), 7, result="success", error=None
    )
    for name, value in values.items():
        setattr(made, name, value)
    made.ended = made.began + 1000
    return made


def until_dropped(exporter: Exporter) -> None:
    until = time.monotonic() + 60
    while exporter.counts["dropped"] == 0:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_spans_stand_under_their_change_with_the_ids_that_were_worked_out(collector: Collector) -> None:
    made = attempt(earlier_token=3, is_last=True, outcome="sent", number=2)
    made.requests = [Request("GET", "GET /Prospects", "resman.test", 5, 6, 200)]
    exporter = Exporter()
    exporter.take(made)
    exporter.close(LONG)
    request, (own,), (whole,) = (
        collector.named("GET Prospects")[0], collector.named("attempt"), collector.named("change")
    )  # fmt: skip
    assert {span.trace_id for span in collector.spans} == {made.change.change_id.hex}
    assert [whole.span_id, own.span_id] == [f"{made.change.span_id:016x}", f"{made.span_id:016x}"]
    assert [whole.parent_id, own.parent_id, request.parent_id] == ["", whole.span_id, own.span_id]
    assert own.links == [(own.trace_id, f"{made.earlier_span_id:016x}")]
    assert whole.times == (made.change.logged_ns, made.ended)
    assert own.times == (made.began, made.ended) and request.times == (5, 6)
    assert request.is_client and not own.is_client
    assert own.attributes["domiq.attempt"] == 2
    assert not any(span.has_failed for span in collector.spans)
    assert [r["service.name"] for r in collector.resources] == ["domiq-sync"]
    assert exporter.counts == {"sent": 3, "dropped": 0}


def test_one_that_is_not_the_last_leaves_the_change_open(collector: Collector) -> None:
    exporter = Exporter()
    exporter.take(attempt(result="postponed"))
    exporter.close(LONG)
    assert [span.name for span in collector.spans] == ["attempt"]


def test_the_service_is_called_as_the_standard_variable_says(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "leads-north")
    exporter = Exporter()
    exporter.take(attempt())
    exporter.close(LONG)
    assert [r["service.name"] for r in collector.resources] == ["leads-north"]


@pytest.mark.parametrize("sampler", ["traceidratio", "parentbased_traceidratio"])
def test_of_a_part_of_the_changes_each_has_all_its_spans(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    """UUIDs of version 4 have two of the bits in common by which a sampler chooses."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    exporter = Exporter()
    for number in range(400):
        change_id = UUID(int=number << 80 | 0x4000_8000_0000_0000_0000, version=4)
        exporter.take(attempt(change_id, result="postponed"))
        exporter.take(attempt(change_id, is_last=True))
    exporter.close(LONG)
    names: dict[str, list[str]] = {}
    for span in collector.spans:
        names.setdefault(span.trace_id, []).append(span.name)
    assert 60 < len(names) < 140
    assert {tuple(sorted(of)) for of in names.values()} == {("attempt", "attempt", "change")}


def test_words_that_are_none_of_ours_do_not_leave(collector: Collector) -> None:
    exporter = Exporter()
    exporter.take(attempt(outcome="not_configured: bo@example.com", old_status="Bo (bo@example.com)"))
    exporter.close(LONG)
    (span,) = collector.spans
    assert (span.attributes["domiq.outcome"], span.attributes["domiq.old_status"]) == (
        "not_configured", "other"
    )  # fmt: skip
    assert b"bo@example.com" not in b"".join(collector.bodies)


def test_what_fails_is_said_to_have_failed(collector: Collector) -> None:
    made = attempt(result="failed", outcome="refused", error="refused", is_last=True, http_status=400)
    made.requests = [Request("POST", "MITS/PostLeadManagement4_0", "resman.test", 5, 6, 400, "refused")]
    exporter = Exporter()
    exporter.take(made)
    exporter.close(LONG)
    assert [span.has_failed for span in collector.spans] == [True] * 3
    assert {span.attributes["error.type"] for span in collector.spans} == {"refused"}


def test_a_collector_that_is_gone_is_told_once_and_its_spans_are_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    exporter = Exporter()
    for _ in range(3):
        exporter.take(attempt())
        until_dropped(exporter)
    exporter.close(LONG)
    assert exporter.counts == {"sent": 0, "dropped": 3}
    assert caplog.messages == ["the collector takes no traces; the work goes on, and they are dropped"]


def test_one_that_comes_back_is_told_too(
    collector: Collector,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    endpoint.answer(400, "no")
    exporter = Exporter()
    exporter.take(attempt())
    until_dropped(exporter)
    endpoint.answer(200)
    exporter.take(attempt())
    exporter.close(LONG)
    assert exporter.counts == {"sent": 1, "dropped": 1}
    assert caplog.messages[-1] == "the collector takes traces again"


def test_no_more_spans_wait_than_the_queue_takes(
    monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """The collector answers nothing while the rest is handed over."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    released = threading.Event()

    class Slow(list):  # type: ignore[type-arg]
        def append(self, post: object) -> None:
            released.wait()
            super().append(post)

    endpoint.posts = Slow()
    exporter = Exporter()
    for _ in range(20):
        exporter.take(attempt())
    assert exporter.counts == {"sent": 0, "dropped": 12}
    exporter.close(0.01)  # it ends although nobody answers
    assert "8 spans could not be sent before the end" in caplog.messages
    released.set()
