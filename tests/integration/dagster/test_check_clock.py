"""Checks by the clock: a yellow check turns green by itself, and a check keeps its last word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

from domiq_dagster import sensors
from domiq_dagster.assets.inbound_checks import DIVERGENCE, PULL_GAPS
from domiq_dagster.check_clock import LONGEST_EVALUATION, REPEATED, awaiting_a_look, last_words, tell_news
from domiq_dagster.checks import conservation, notifications_delivered, rules_valid
from domiq_dagster.definitions import defs
from domiq_dagster.resources import all_resources
from tests.fixtures.dagster_instance import Harness

SOON = timedelta(seconds=1)


def tick(harness: Harness) -> int:
    """One look of the sensor; how many checks it told of."""
    with dg.build_sensor_context(harness.instance, resources=all_resources()) as context:
        answer = sensors.checks_by_the_clock(context)
    assert isinstance(answer, dg.SkipReason)
    return int(str(answer.skip_message).split()[0])


def word(harness: Harness, key: dg.AssetCheckKey) -> Status | None:
    record = last_words(harness.instance, [key]).get(key)
    return record.status if record else None


def plan(harness: Harness, key: dg.AssetCheckKey) -> str:
    """A run that is under way, and is to evaluate the check. Returns its id."""
    run = dg.DagsterRun(job_name="push", status=dg.DagsterRunStatus.STARTED)
    harness.instance.add_run(run)
    planned = AssetCheckEvaluationPlanned(asset_key=key.asset_key, check_name=key.name)
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
    event = dg.DagsterEvent(kind, "push", event_specific_data=planned)
    harness.instance.report_dagster_event(event, run.run_id)
    return run.run_id


def test_an_invalid_rule_that_was_mended_turns_its_check_green_though_nothing_flows(harness: Harness) -> None:
    """F10."""
    (flats,) = harness.connect(0)
    harness.world.do(
        "INSERT INTO status_workflow_rules (property_id, trigger_status, target_status, is_active) "
        "VALUES (:p, 'new', 'nowhere', TRUE)",
        p=flats,
    )
    tick(harness)
    assert word(harness, rules_valid.check_key) is Status.FAILED
    harness.world.do("UPDATE status_workflow_rules SET target_status = 'contacted'")
    assert tick(harness) == 1
    assert word(harness, rules_valid.check_key) is Status.SUCCEEDED
    assert tick(harness) == 0


def test_the_first_tick_tells_each_check_that_costs_little_and_the_next_none(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0)
    keys = list(defs.resolve_asset_graph().asset_check_keys)
    assert tick(harness) == len(keys) - 3
    assert {k.name for k in keys if word(harness, k) is None} == {
        "divergence",
        "pull_gaps",
        "records_in_trouble",
    }
    assert tick(harness) == 0


def test_a_divergence_that_was_mended_elsewhere_turns_green_without_a_run(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    harness.world.lead(0, email="a@example.com")
    harness.world.conversation(flats, "contacted", email="a@example.com")
    harness.run("pull", keys=harness.keys())
    harness.run("push")
    moved = "UPDATE domiq_sync.resman_lead SET status = :s, effective_status = :s"
    harness.world.do(moved, s="Lost")
    harness.run("reconcile_pending")
    harness.world.do("UPDATE domiq_sync.integration SET sync_direction = 'to_resman'")
    harness.world.do(moved, s="Prospect")
    harness.run("reconcile_pending")
    assert word(harness, DIVERGENCE.key) is Status.FAILED
    harness.world.do(moved, s="Lost")
    tick(harness)
    assert word(harness, DIVERGENCE.key) is Status.SUCCEEDED


def test_a_word_that_the_ui_no_longer_shows_is_said_again_and_once(stored_harness: Harness) -> None:
    """A run's word is not shown once a worker has materialised the asset, nor a clock's once a run has."""
    harness = stored_harness
    harness.connect(0)
    harness.run("pull", keys=harness.keys())
    harness.run("reconcile_pending")
    tick(harness)
    assert tick(harness) == 0

    harness.instance.report_runless_asset_event(dg.AssetMaterialization("resman_leads", partition="a"))

    keys = [PULL_GAPS.key, DIVERGENCE.key]
    assert awaiting_a_look(harness.instance, keys, datetime.now(UTC)) == [PULL_GAPS.key]
    assert tick(harness) == 1
    harness.instance.report_runless_asset_event(dg.AssetMaterialization("resman_leads", partition="a"))
    assert tick(harness) == 0


@pytest.mark.parametrize("ended", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS])
def test_a_check_that_a_run_left_without_a_word_gets_it_back(
    harness: Harness, ended: dg.DagsterRunStatus
) -> None:
    """F8."""
    harness.connect(0)
    tick(harness)
    run_id = plan(harness, notifications_delivered.check_key)
    assert word(harness, notifications_delivered.check_key) is Status.PLANNED
    assert tick(harness) == 0
    run = harness.instance.get_run_by_id(run_id)
    assert run is not None
    if ended is dg.DagsterRunStatus.FAILURE:
        harness.instance.report_run_failed(run)
    else:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "push")
        harness.instance.report_dagster_event(event, run_id)
    assert tick(harness) == 1
    assert word(harness, notifications_delivered.check_key) is Status.SUCCEEDED


def test_a_check_that_a_hanging_run_is_to_evaluate_is_looked_at_after_five_minutes(harness: Harness) -> None:
    """F8."""
    harness.connect(0)
    harness.run("pull", keys=harness.keys())
    plan(harness, PULL_GAPS.key)
    now = datetime.now(UTC)
    keys = [PULL_GAPS.key, DIVERGENCE.key]
    assert awaiting_a_look(harness.instance, keys, now) == []
    assert awaiting_a_look(harness.instance, keys, now + LONGEST_EVALUATION + SOON) == [PULL_GAPS.key]


def test_a_check_that_stays_red_is_told_again_for_its_text_alone_every_ten_minutes(harness: Harness) -> None:
    key, now = conservation.check_key, datetime.now(UTC)

    def said(text: str, later: timedelta = timedelta()) -> int:
        result = dg.AssetCheckResult(passed=False, description=text)
        return tell_news(harness.instance, {key: result}, now + later)

    assert said("1 is lost") == 1
    assert said("2 are lost") == 0
    assert said("1 is lost", REPEATED + SOON) == 0
    assert said("2 are lost", REPEATED + SOON) == 1
