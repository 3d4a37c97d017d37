"""What a tick costs when there is nothing to do: no session is opened, and few statements are made."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dagster import DagsterInstance, SensorDefinition, SkipReason, build_sensor_context
from sqlalchemy import Engine, event

from domiq_dagster import sensors
from domiq_dagster.resources import all_resources
from tests.fixtures.dagster_instance import Harness

MOST_STATEMENTS = {
    "pending_changes": 4,
    "pending_notices": 2,
    "connected_properties": 2,
    "pull_gaps": 1,
    "missing_days": 2,
    "dead_runs": 6,
    "alerts": 45,
    "checks_by_the_clock": 60,
}


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Sessions and statements of all engines of this process, ours and Dagster's."""
    seen: Counter[str] = Counter()

    def session(*_arguments: Any) -> None:
        seen["sessions"] += 1

    def statement(*arguments: Any) -> None:
        seen["statements"] += 1

    event.listen(Engine, "connect", session)
    event.listen(Engine, "before_cursor_execute", statement)
    try:
        yield seen
    finally:
        event.remove(Engine, "connect", session)
        event.remove(Engine, "before_cursor_execute", statement)


def tick(harness: Harness, sensor: SensorDefinition) -> None:
    """One evaluation, by an instance of its own, as in the code server."""
    with (
        DagsterInstance.from_ref(harness.instance.get_ref()) as instance,
        build_sensor_context(instance, resources=all_resources()) as context,
    ):
        assert isinstance(sensor(context), SkipReason)


@pytest.mark.parametrize("sensor", sensors.all_sensors, ids=lambda sensor: sensor.name)
def test_an_idle_tick_opens_no_session_and_asks_little(
    stored_harness: Harness, sensor: SensorDefinition
) -> None:
    harness = stored_harness
    harness.connect(*range(8))
    harness.run("full_reread", keys=harness.keys(), config={"full": True})
    tick(harness, sensor)
    with counting() as seen:
        tick(harness, sensor)
    assert seen["sessions"] == 0
    assert seen["statements"] <= MOST_STATEMENTS[sensor.name], seen


def test_dagsters_own_sessions_are_few_whatever_asks(stored_harness: Harness) -> None:
    with counting() as seen:
        for _ in range(20):
            with DagsterInstance.from_ref(stored_harness.instance.get_ref()) as instance:
                instance.get_dynamic_partitions("property")
                instance.get_runs(limit=1)
    assert seen["sessions"] <= 1
