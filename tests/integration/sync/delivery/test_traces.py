"""A change is one trace at the collector, whichever worker tried it, and the collector is nobody's business:
where it is gone the push does the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.contextvars import get_contextvars

from domiq_dagster.sync.repair.retry import put_back
from domiq_dagster.tracing.setting_up import open_traces
from tests.fake_servers.collector import Collector, Span, collecting
from tests.fixtures.world import POST, World

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
BUSY = {"kind": "status", "status": 503, "endpoint": POST, "count": 1}
FIRST, LAST, EMAIL, PHONE = "Zebediah", "Quillfeather", "zq.canary@mail.example", "+1 212 555 0187"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv(ENDPOINT, found.url)
        yield found


def traced_push(world: World, **options: Any) -> None:
    """As a process of its own would: what it gathered is sent when it ends."""
    with open_traces(os.environ):
        world.push(**options)


def a_change(world: World, status: str = "qualified") -> UUID:
    """A conversation of somebody with a name, whose lead both sides agree about, and that moves on."""
    property_id = world.property()
    user = world.user(FIRST, LAST, EMAIL, PHONE)
    conversation: UUID = world.conversation(
        property_id, "contacted", user=user, ai_intent_summary=f"{FIRST} wants a velodrome"
    )
    world.sync(2)
    world.change(conversation, status=status)
    return conversation


def by_name(spans: list[Span]) -> dict[str, list[Span]]:
    names: dict[str, list[Span]] = {}
    for span in spans:
        names.setdefault(span.name, []).append(span)
    return names


def test_a_change_whose_first_attempt_fails_is_one_trace_and_the_retry_names_the_first(
    world: World, collector: Collector
) -> None:
    conversation = a_change(world)
    world.standin.faults(BUSY)
    traced_push(world)
    assert [span.name for span in collector.named("change")] == []
    while world.last(conversation).sync_status == "pending":
        world.later()
        traced_push(world)
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("success", "sent")

    spans = by_name(collector.spans)
    (whole,), attempts = spans["change"], spans["attempt"]
    assert {span.trace_id for span in collector.spans} == {change.id.hex}
    assert len(attempts) >= 2
    assert whole.parent_id == ""
    assert {a.parent_id for a in attempts} == {whole.span_id}
    assert [a.links for a in attempts] == [[], *([(a.trace_id, a.span_id)] for a in attempts[:-1])]
    assert [a.attributes["domiq.attempt"] for a in attempts] == list(range(1, len(attempts) + 1))
    assert [a.attributes["domiq.result"] for a in attempts[:1] + attempts[-1:]] == ["postponed", "success"]
    assert [a.has_failed for a in attempts[:1] + attempts[-1:]] == [True, False]
    about = attempts[0].attributes
    assert (about["error.type"], about["http.response.status_code"]) == ("server_fault", 503)
    for attempt in attempts:
        own = [span for span in collector.spans if span.parent_id == attempt.span_id]
        assert own and all(span.is_client for span in own)
        assert all(attempt.times[0] <= s.times[0] <= s.times[1] <= attempt.times[1] for s in own)
    posts = spans["POST MITS/PostLeadManagement4_0"]
    assert [p.attributes["http.response.status_code"] for p in posts] == [503, 200]
    assert [p.has_failed for p in posts] == [True, False]
    logged = world.last(conversation).created_at
    assert abs(whole.times[0] / 1e9 - logged.timestamp()) < timedelta(minutes=1).total_seconds()
    assert whole.times[1] == attempts[-1].times[1]


def test_a_span_says_which_property_and_which_way_and_nothing_of_the_person(
    world: World, collector: Collector
) -> None:
    conversation = a_change(world)
    with open_traces(os.environ):
        refused = {"kind": "refuse", "endpoint": POST, "description": f"{FIRST} {LAST} {EMAIL} {PHONE}"}
        world.standin.faults(refused)
        world.push()
        world.standin.faults()
        put_back(world.engine)
        world.deliver()
        world.conversation(
            world.integrations()[0].property_id, "new", user=world.user(FIRST, LAST, f"2.{EMAIL}")
        )
        world.push()
    (integration,) = world.integrations()
    change = world.last(conversation)
    for span in (*collector.named("change")[:2], *collector.named("attempt")[:2]):
        about = span.attributes
        assert about["domiq.change_id"] == str(change.id)
        assert about["domiq.property_id"] == str(integration.property_id)
        assert about["resman.account_id"] == integration.account_id
        assert (about["domiq.old_status"], about["domiq.new_status"]) == ("contacted", "qualified")
        assert about["domiq.direction"] == "to_resman"
    assert [s.attributes["domiq.result"] for s in collector.named("change")] == [
        "failed", "success", "success"
    ]  # fmt: skip
    sent = b"".join(collector.bodies)
    person = (FIRST, LAST, EMAIL, PHONE, "velodrome", "2125550187", str(conversation), "standin-key")
    lead = world.lead_of(conversation)["prospectId"]
    assert [word for word in (*person, lead) if word.lower().encode() in sent.lower()] == []


def test_a_failed_change_that_is_put_back_stays_in_its_trace_and_begins_anew(
    world: World, collector: Collector
) -> None:
    conversation = a_change(world)
    with open_traces(os.environ):
        world.standin.faults({"kind": "refuse", "endpoint": POST})
        world.push()
        assert world.last(conversation).sync_status == "failed"
        world.standin.faults()
        put_back(world.engine)
        world.deliver()
    first, second = collector.named("change")
    assert first.trace_id == second.trace_id == world.last(conversation).id.hex
    assert first.span_id != second.span_id
    tried, again = collector.named("attempt")[0], collector.named("attempt")[1]
    assert (tried.parent_id, again.parent_id) == (first.span_id, second.span_id)
    assert again.links == [(tried.trace_id, tried.span_id)]


def test_a_line_of_the_log_names_the_trace_and_the_attempt(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = a_change(world)
    seen = []
    monkeypatch.setattr(
        "domiq_dagster.sync.delivery.worker.Delivery.run", lambda _: seen.append(get_contextvars()) or 1 / 0
    )
    traced_push(world)
    (span,) = collector.named("attempt")
    assert seen[0] == {
        "change_id": str(world.last(conversation).id),
        "trace_id": span.trace_id,
        "span_id": span.span_id,
    }
    assert span.attributes["domiq.outcome"] == "fault"


def test_where_the_collector_is_gone_the_push_does_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = a_change(world)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    with open_traces(os.environ):
        report = world.push()
    assert (report.total("success"), report.problems) == (1, [])
    assert world.last(conversation).sync_status == "success"
    assert world.conservation() == []
    told = [r.getMessage() for r in caplog.records if r.levelname in ("WARNING", "ERROR")]
    assert told == ["the collector takes no traces; the work goes on, and they are dropped"]


def test_where_no_collector_is_named_nothing_is_traced_and_nothing_is_asked_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = a_change(world)
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    asked: list[object] = []
    monkeypatch.setattr("domiq_dagster.sync.queue.queue.earlier_claim", lambda *_: asked.append(1))
    world.standin.faults(BUSY)
    traced_push(world)
    world.deliver()
    assert world.last(conversation).sync_status == "success"
    assert asked == []
