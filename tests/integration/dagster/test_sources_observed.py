"""What belongs to others is observed now and then: rows, the last change, ResMan's last answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import AssetKey, AssetObservation

from domiq_dagster.assets.source_observations import LEAST_PAUSE, PAUSE_OF_TIMES, source_observations
from domiq_dagster.sync.monitoring.row_counts import RowCount, row_count, rows_of_property
from tests.fixtures.dagster_instance import Harness, plain
from tests.fixtures.world import World

PROPERTY, CONVERSATION, PROSPECTS = (
    AssetKey(["domiq", "property"]),
    AssetKey(["domiq", "conversation"]),
    AssetKey(["resman", "prospects"]),
)


def observed(harness: Harness, key: AssetKey) -> list[dict[str, Any]]:
    """The metadata of each observation, the newest first."""
    records = harness.instance.fetch_observations(key, limit=100).records
    return [plain(r.asset_observation.metadata) for r in records if r.asset_observation]


def said(harness: Harness, later: timedelta = timedelta()) -> Sequence[AssetObservation]:
    """What there would be to say, so long from now."""
    with harness.world.engine.connect() as connection:
        return list(source_observations(connection, harness.instance, datetime.now(UTC) + later))


def test_the_sweep_observes_each_source_with_its_rows_and_what_was_last_heard_of_it(harness: Harness) -> None:
    (flats, _) = harness.connect(0, 1)
    world = harness.world
    world.lead(0, email="a@example.com")
    world.conversation(flats, "contacted", email="a@example.com")
    harness.run("pull", keys=harness.keys())

    harness.run("reconcile_pending")

    (found,) = observed(harness, PROPERTY)
    assert (found["dagster/row_count"], found["connected"], found["switched_on"]) == (2, 2, 2)
    (found,) = observed(harness, CONVERSATION)
    last = "SELECT EXTRACT(EPOCH FROM max(logged_at)) FROM domiq_sync.change"
    assert found["dagster/row_count"] == 1
    assert found["last_status_change"] == pytest.approx(float(world.value(last)))
    (found,) = observed(harness, PROSPECTS)
    answered = "SELECT EXTRACT(EPOCH FROM max(last_pull_at)) FROM domiq_sync.watermark"
    assert found["last_answer"] == pytest.approx(float(world.value(answered)))
    assert (found["prospects_known"], found["counted"]) == (1, True)
    assert (found["accounts"], found["accounts_paused"], found["properties_failing"]) == (1, 0, 0)


def test_a_dry_sweep_observes_no_source(harness: Harness) -> None:
    harness.connect(0)
    harness.run("reconcile_pending", ops={"reconcile_sweep": {"config": {"dry_run": True}}})
    assert observed(harness, PROPERTY) == []


def test_a_source_is_observed_again_when_a_figure_has_changed_and_ten_minutes_are_over(
    harness: Harness,
) -> None:
    (flats,) = harness.connect(0)
    harness.run("reconcile_pending")
    assert said(harness, later=timedelta(days=1)) == []
    harness.world.conversation(flats, "new")
    assert said(harness) == []
    (again,) = said(harness, later=LEAST_PAUSE)
    assert (again.asset_key, plain(again.metadata)["dagster/row_count"]) == (CONVERSATION, 1)


def test_where_only_a_time_has_moved_on_a_source_is_observed_every_hour(harness: Harness) -> None:
    harness.connect(0)
    harness.run("pull", keys=harness.keys())
    harness.run("reconcile_pending")
    harness.run("pull", keys=harness.keys())
    assert said(harness, later=LEAST_PAUSE) == []
    assert [o.asset_key for o in said(harness, later=PAUSE_OF_TIMES)] == [PROSPECTS]


def test_a_property_that_cannot_be_pulled_is_told_with_resmans_last_answer(harness: Harness) -> None:
    harness.connect(0)
    harness.world.standin.faults({"kind": "status", "status": 503, "endpoint": "Prospects"})
    harness.run("pull", keys=harness.keys(), fails=True)
    harness.run("reconcile_pending")
    (found,) = observed(harness, PROSPECTS)
    assert found["properties_failing"] == 1
    assert found["last_error"].partition(":")[0] in {"server_fault", "busy"}
    assert "last_answer" not in found


def test_a_table_is_counted_where_it_is_small_and_estimated_where_it_was_analysed(world: World) -> None:
    world.do(
        "INSERT INTO domiq_sync.attempt "
        "(change_id, lease_token, worker, action, outcome, started_at, duration_ms) "
        "SELECT gen_random_uuid(), 1, 'w', 'search', 'sent', now(), 1 FROM generate_series(1, 300)"
    )
    with world.engine.connect() as connection:
        assert row_count(connection, "domiq_sync.attempt") == RowCount(300, is_exact=True)
        assert row_count(connection, "domiq_sync.attempt", most=299) is None
        assert row_count(connection, "domiq_sync.rule_decision") == RowCount(0, is_exact=True)
    world.do("ANALYZE domiq_sync.attempt")
    with world.engine.connect() as connection:
        assert row_count(connection, "domiq_sync.attempt", most=299) == RowCount(300, is_exact=False)


def test_the_rows_of_a_property_are_counted_up_to_a_limit(world: World) -> None:
    flats, ridge = world.property(0), world.property(1)
    for _ in range(3):
        world.log(world.conversation(flats, "new"), "contacted")
    logged = len(world.rows("SELECT FROM domiq_sync.change WHERE property_id = :p", p=flats))
    with world.engine.connect() as connection:
        assert rows_of_property(connection, "domiq_sync.change", flats) == logged > 0
        assert rows_of_property(connection, "domiq_sync.change", flats, most=logged - 1) is None
        assert rows_of_property(connection, "domiq_sync.change", ridge) == 0
