"""A run of Dagster's traces what it delivers, and has sent it when it ends."""

from __future__ import annotations

import pytest

from domiq_dagster.tracing import spans
from tests.fake_servers.collector import collecting
from tests.fixtures.dagster_instance import Harness


def test_when_a_run_has_ended_its_traces_are_at_the_collector(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (property_id,) = harness.connect(0)
    conversation = harness.world.conversation(property_id, "contacted")
    harness.world.pulled()
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
        harness.run("push")
        (change,), attempts = collector.named("change"), collector.named("attempt")
    assert change.trace_id == harness.world.last(conversation).id.hex
    assert {attempt.parent_id for attempt in attempts} == {change.span_id}
    assert not spans.is_on()
