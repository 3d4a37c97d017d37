"""A run whose config says dry_run tells what it would do, as observations, and leaves everything as it is."""

from typing import Any

import pytest
from dagster import AssetKey, DagsterEventType, ExecuteInProcessResult

from tests.fixtures.dagster_instance import Harness, plain
from tests.fixtures.world import POST


def observed(run: ExecuteInProcessResult) -> dict[tuple[str, str | None], dict[str, Any]]:
    """What was observed of each asset and partition."""
    found = {}
    for event in run.all_events:
        if event.event_type == DagsterEventType.ASSET_OBSERVATION:
            seen = event.asset_observation_data.asset_observation
            found[(seen.asset_key.to_user_string(), seen.partition)] = plain(seen.metadata)
    return found


def everything(harness: Harness) -> Any:
    pulls = "SELECT (SELECT count(*) FROM domiq_sync.pull), (SELECT count(*) FROM domiq_sync.watermark)"
    return (
        harness.world.versions(),
        harness.world.rows(pulls),
        harness.world.rows("SELECT agent_id FROM domiq_sync.integration"),
    )


@pytest.fixture
def busy(harness: Harness) -> Harness:
    """Two properties at which each asset would have something to do."""
    flats, _ridge = harness.connect(0, 1)
    world = harness.world
    world.lead(0, "Lost", email="a@example.com")
    world.conversation(flats, "contacted", email="a@example.com", age="9 days")
    world.conversation(flats, "contacted")
    world.do(
        "INSERT INTO status_notification_preferences "
        "(property_id, status_type, notification_method, recipients) "
        "VALUES (:p, 'any', 'in_app', '[\"desk\"]')",
        p=flats,
    )
    world.do(
        "INSERT INTO status_workflow_rules (property_id, trigger_status, target_status, actions, is_active) "
        'VALUES (:p, \'contacted\', NULL, \'[{"type": "create_task"}, {"type": "send_notification", '
        '"config": {"recipients": ["desk"]}}]\', TRUE), (:p, \'contacted\', \'qualified\', NULL, TRUE)',
        p=flats,
    )
    return harness


def test_a_dry_pull_says_what_would_be_stored_and_decided(busy: Harness) -> None:
    before = everything(busy)
    run = busy.run("pull", keys=busy.keys(), config={"dry_run": True})
    assert everything(busy) == before
    assert busy.done("resman_leads") == busy.done("inbound_status_changes") == set()
    found = observed(run)
    leads = found[("resman_leads", "juniper-flats")]
    assert (leads["fetched"], leads["stored"], leads["linked"], leads["dry_run"]) == (1, 1, 1, True)
    inbound = found[("inbound_status_changes", "juniper-flats")]
    assert (inbound["would_apply"], inbound["would_create"]) == ({"lost": 1}, 1)
    assert ("resman_leads", "copper-ridge") in found

    again = busy.materialise("inbound_status_changes", keys=busy.keys(), config={"dry_run": True})
    assert everything(busy) == before
    assert observed(again)[("inbound_status_changes", "juniper-flats")]["would_apply"] == {}
    busy.run("pull", keys=busy.keys())
    assert busy.done("inbound_status_changes") == set(busy.keys())


@pytest.mark.parametrize(
    ("asset", "figures"),
    [
        ("conversation_status_pushes", {"would_create": 2, "would_post": {"Contact": 2}}),
        ("status_workflow_actions", {"changes": 2, "tasks": 2, "notifications": 2, "moves": 2, "ran": 4}),
        ("status_notifications", {"changes_to_look_at": 2, "would_match_a_preference": 2}),
    ],
)
def test_a_dry_run_of_an_asset_writes_and_posts_nothing(
    busy: Harness, asset: str, figures: dict[str, Any]
) -> None:
    before = everything(busy)
    config = {asset: {"config": {"dry_run": True}}}
    run = busy.materialise(asset, ops=config)
    assert everything(busy) == before
    assert busy.world.standin.requests(POST) == []
    found = observed(run)[(asset, None)]
    assert {name: found[name] for name in figures} == figures
    assert busy.instance.get_latest_materialization_event(AssetKey(asset)) is None


def test_a_dry_count_of_a_day_writes_nothing(busy: Harness) -> None:
    day = str(busy.world.value("SELECT max(logged_at)::date FROM domiq_sync.change"))
    run = busy.run("daily", partition=day, ops={"status_sync_daily": {"config": {"dry_run": True}}})
    assert observed(run)[("status_sync_daily", day)]["changes"] == 2
    assert busy.world.rows("SELECT FROM domiq_sync.daily_total") == []
    assert busy.done("status_sync_daily") == set()


def test_a_dry_sweep_mends_nothing(busy: Harness) -> None:
    busy.world.do("DELETE FROM domiq_sync.delivery")
    before = everything(busy)
    run = busy.run("reconcile_pending", ops={"reconcile_sweep": {"config": {"dry_run": True}}})
    assert everything(busy) == before
    found = observed(run)[("status_sync_log", None)]
    assert (found["pending_changes_without_a_delivery"], found["dry_run"]) == (2, True)
    assert run.get_asset_check_evaluations() == []
    busy.run("reconcile_pending")
