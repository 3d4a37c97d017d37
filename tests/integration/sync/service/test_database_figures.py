"""The database's figures for Prometheus: what they say, how often they are read, and that nothing waits for
them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import create_engine, event

from domiq_dagster.runtime.supervise import free_port
from domiq_dagster.sync.service.database_figures import (
    FIGURES,
    KEPT_SECONDS,
    OF_PROPERTIES,
    READ_SECONDS,
    DatabaseFigures,
)
from tests.fixtures.world import World

AGE = "domiq_sync_figures_age_seconds"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def told(figures: DatabaseFigures) -> dict[str, float]:
    """Each series, its labels in the order of their names, with its value."""
    registry = CollectorRegistry()
    registry.register(figures)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer for a reading than a scrape waits."""
    monkeypatch.setattr("domiq_dagster.sync.service.database_figures._WAIT_SECONDS", 60.0)


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """What is asked of the database within the block."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    event.listen(world.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(world.engine, "before_cursor_execute", note)


@pytest.fixture
def waiting(world: World) -> World:
    """A linked lead, with a change of its conversation that waits, and its account's breaker open."""
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    world.change(conversation, status="qualified")
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = clock_timestamp() - interval '10 minutes'")
    world.do("UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 minute'")
    world.do(
        "INSERT INTO domiq_sync.trouble (kind, property_id, key, sentence)"
        " SELECT 'prospect', property_id, '1', 'unreadable' FROM domiq_sync.integration"
    )
    world.do(
        "INSERT INTO domiq_sync.request_count AS kept"
        " (day, resman_account_id, resman_property_id, api, requests)"
        " SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date, resman_account_id, '', 'v1', 7"
        " FROM domiq_sync.integration ON CONFLICT (day, resman_account_id, resman_property_id, api)"
        " DO UPDATE SET requests = kept.requests + 7"
    )
    world.do(
        "INSERT INTO domiq_sync.divergence (conversation_id, property_id)"
        " SELECT conversation_id, property_id FROM domiq_sync.lead_link"
    )
    return world


def test_they_tell_how_the_database_stands_and_name_nobody(waiting: World) -> None:
    integration = waiting.integrations()[0]
    of_it = f'{{account="{integration.account_id}"}}'
    series = told(DatabaseFigures(waiting.engine))
    assert series[f"domiq_sync_pending_changes{of_it}"] == 1
    assert 600 <= series[f"domiq_sync_oldest_pending_seconds{of_it}"] < 900
    assert series[f"domiq_sync_unknown_changes{of_it}"] == 0
    assert series[f"domiq_sync_account_paused{of_it}"] == 1
    assert series[f"domiq_sync_diverged_leads{of_it}"] == 1
    assert 0 <= series[f"domiq_sync_account_oldest_pull_seconds{of_it}"] < 300
    assert series[f"domiq_sync_never_pulled_properties{of_it}"] == 0
    assert series['domiq_sync_records_in_trouble{kind="prospect"}'] == 1
    assert series['domiq_sync_records_in_trouble{kind="lead"}'] == 0
    asked = f'domiq_sync_account_requests_total{{account="{integration.account_id}",api="v1"}}'
    counted = waiting.value("SELECT sum(requests) FROM domiq_sync.request_count WHERE api = 'v1'")
    assert series[asked] == counted >= 7
    assert not any("property=" in name for name in series)
    assert not any("bo@example.com" in name or integration.partition_key in name for name in series)


def test_a_change_in_doubt_is_unknown(waiting: World) -> None:
    waiting.do("UPDATE domiq_sync.delivery SET state = 'unknown'")
    account = waiting.integrations()[0].account_id
    series = told(DatabaseFigures(waiting.engine))
    assert series[f'domiq_sync_unknown_changes{{account="{account}"}}'] == 1


def test_by_property_only_where_that_is_asked_for(waiting: World) -> None:
    of_it = f'{{property="{waiting.integrations()[0].partition_key}"}}'
    series = told(DatabaseFigures(waiting.engine, by_property=True))
    assert {f"{figure.name}{of_it}" for figure in OF_PROPERTIES} <= set(series)
    assert series[f"domiq_sync_property_pending_changes{of_it}"] == 1


def test_nothing_is_told_to_wait_of_a_property_that_is_switched_off(waiting: World) -> None:
    of_it = f'{{account="{waiting.integrations()[0].account_id}"}}'
    waiting.do("UPDATE domiq_sync.integration SET sync_enabled = false")
    series = told(DatabaseFigures(waiting.engine))
    assert series[f"domiq_sync_pending_changes{of_it}"] == 0
    assert series[f"domiq_sync_oldest_pending_seconds{of_it}"] == 0
    assert f"domiq_sync_account_oldest_pull_seconds{of_it}" not in series


def test_they_are_read_again_when_they_are_old_and_never_the_log(waiting: World) -> None:
    clock = Clock()
    figures = DatabaseFigures(waiting.engine, clock=clock)
    with statements(waiting) as asked:
        assert asked == []
        told(figures)
        first = len(asked)
        assert 0 < first <= 6
        clock.now += READ_SECONDS - 1
        assert told(figures)[AGE] == READ_SECONDS - 1
        assert len(asked) == first
        clock.now += 2
        assert told(figures)[AGE] == 0
        assert len(asked) == 2 * first
    assert not any("status_sync_log" in statement for statement in asked)


def test_a_database_that_is_away_leaves_the_figures_of_before_and_then_their_age_alone(
    waiting: World, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    figures = DatabaseFigures(waiting.engine, clock=clock)
    before = told(figures)
    nowhere = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    figures._engine = nowhere
    with caplog.at_level(logging.WARNING, logger="domiq_dagster"):
        clock.now += READ_SECONDS + 1
        assert told(figures) == {**before, AGE: READ_SECONDS + 1}
        clock.now += 1
        told(figures)
        assert caplog.text.count("the figures for Prometheus could not be read") == 1
        clock.now += KEPT_SECONDS
        after = told(figures)
        assert after[AGE] > KEPT_SECONDS
        assert not any(name.startswith(figure.name) for name in after for figure in FIGURES)
        figures._engine = waiting.engine
        assert set(told(figures)) == set(before)
        assert "can be read again" in caplog.text
    nowhere.dispose()


def test_a_scrape_waits_no_longer_than_a_moment_for_a_database_that_does_not_answer(
    waiting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    figures = DatabaseFigures(waiting.engine)

    def stuck() -> None:
        goes_on.wait(60)

    monkeypatch.setattr(figures, "_read", stuck)
    monkeypatch.setattr("domiq_dagster.sync.service.database_figures._WAIT_SECONDS", 0.05)
    series = told(figures)
    reading = figures._reading
    assert AGE in series
    told(figures)
    assert figures._reading is reading, "a second reading was begun beside the first"
    goes_on.set()
    assert reading is not None
    reading.join(60)
