"""What a worker that goes on did is seen in Dagster, on the assets and checks of the runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import dagster as dg

from domiq_dagster.service_reports import DagsterReports
from domiq_dagster.sync.delivery.push import PushReport
from domiq_dagster.sync.notifications.notify import Notified
from domiq_dagster.sync.rules import RulesRun
from domiq_dagster.sync.service.pull_order import OrderRules
from domiq_dagster.sync.service.service import ServiceOptions
from domiq_dagster.sync.service.tally import Summary
from tests.fixtures.dagster_instance import Harness
from tests.integration.sync.service.test_service import running, settled, until


def last(harness: Harness, asset: str) -> dict[str, Any] | None:
    """The values of the newest materialisation."""
    event = harness.instance.get_latest_materialization_event(dg.AssetKey(asset))
    if event is None or event.asset_materialization is None:
        return None
    return {k: v.value for k, v in event.asset_materialization.metadata.items()}


def marks(harness: Harness, asset: str) -> int:
    found = harness.instance.fetch_materializations(dg.AssetKey(asset), limit=100)
    return len(found.records)


def a_summary(**more: Any) -> Summary:
    pushed = PushReport({"flats": Counter(success=2)}, Counter(sent=2), ended="the worker goes on")
    return Summary("one", pushed, **more)


def test_a_change_that_it_pushed_is_a_materialisation_with_the_figures_of_a_run(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    world = harness.world
    conversation = world.conversation(flats, "contacted", email="bo@example.com")
    with running(world, ServiceOptions(poll=0.2), reports=DagsterReports(world.engine, harness.instance)):
        until(lambda: settled(world, conversation))
        # On a slow machine it may tell of something else first, and of this half a minute later.
        until(lambda: (last(harness, "conversation_status_pushes") or {}).get("pushed"), seconds=60)
    told = last(harness, "conversation_status_pushes")
    assert told is not None
    assert (told["pushed"], told["failed"], told["still_pending"]) == (1, 0, 0)
    assert told["ended_because"] == "the worker goes on"
    assert told["worker"]
    harness.run("push")
    by_run = last(harness, "conversation_status_pushes")
    assert by_run is not None
    assert set(told) - {"worker", "by_property", "pushes_per_second"} <= set(by_run)
    log = last(harness, "status_sync_log")
    assert log is not None
    assert log["success"] == 1


def test_only_what_it_worked_on_is_told(harness: Harness) -> None:
    reports = DagsterReports(harness.world.engine, harness.instance)
    reports.tell(a_summary())
    assert last(harness, "status_workflow_actions") is None
    reports.tell(a_summary(ruled=RulesRun({"flats": Counter(changes=3)}), notified=Notified(changes=3)))
    ruled, notified = last(harness, "status_workflow_actions"), last(harness, "status_notifications")
    assert ruled is not None
    assert notified is not None
    assert (ruled["changes"], notified["changes_looked_at"]) == (3, 3)
    assert marks(harness, "conversation_status_pushes") == 2


def test_a_check_is_told_when_its_word_changes_and_not_each_time(harness: Harness) -> None:
    harness.connect(0)
    reports = DagsterReports(harness.world.engine, harness.instance)

    def words() -> list[bool]:
        key = dg.AssetCheckKey(dg.AssetKey("status_sync_log"), "conservation")
        history = harness.instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
        return [record.status.value == "SUCCEEDED" for record in reversed(history)]

    for _ in range(3):
        reports.tell(a_summary())
    assert words() == [True]
    conversation = harness.world.conversation(harness.world.rows("SELECT id FROM property")[0].id, "new")
    harness.world.do("DELETE FROM domiq_sync.delivery")
    for _ in range(2):
        reports.tell(a_summary())
    assert words() == [True, False]
    harness.world.reconcile()
    reports.tell(a_summary())
    assert words() == [True, False, True]
    assert conversation


def test_a_pull_that_brought_something_marks_its_partition(harness: Harness) -> None:
    harness.connect(0)
    world = harness.world
    prospect = world.lead(email="bo@example.com")["prospectId"]
    order = OrderRules(pause=0.3)
    options = ServiceOptions(hears_notify=False, poll=0.2, order=order)
    with running(world, options, reports=DagsterReports(world.engine, harness.instance)):
        until(lambda: last(harness, "resman_leads"))
    first = last(harness, "resman_leads")
    assert first is not None
    assert (first["pulls"], first["stored"]) == (1, len(world.rows("SELECT FROM domiq_sync.resman_lead")))
    assert harness.done("resman_leads") == set(harness.keys()[:1])
    assert prospect in {r.prospect_id for r in world.rows("SELECT prospect_id FROM domiq_sync.resman_lead")}
    assert last(harness, "inbound_status_changes") is not None
