"""The standing checks: each passes where all is well, and fails, with names and figures, where it is not."""

import json
import logging
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    AssetSelection,
    Definitions,
    ExecuteInProcessResult,
    define_asset_job,
)
from sqlalchemy import text

from domiq_dagster.assets import all_assets
from domiq_dagster.checks import all_checks
from domiq_dagster.definitions import defs
from domiq_dagster.resources import all_resources
from domiq_dagster.sync.alerts.thresholds import set_threshold
from domiq_dagster.sync.repair.retry import put_back
from tests.fixtures.dagster_instance import Harness, logged, plain
from tests.fixtures.world import POST


def verdict(run: ExecuteInProcessResult, name: str) -> AssetCheckEvaluation:
    (found,) = [e for e in run.get_asset_check_evaluations() if e.check_name == name]
    return found


def check(harness: Harness, name: str) -> tuple[AssetCheckEvaluation, dict[str, Any]]:
    """One check without its asset, as somebody would run it from the UI: its verdict and its metadata."""
    run = one_by_one().resolve_job_def(name).execute_in_process(instance=harness.instance)
    found = verdict(run, name)
    return found, plain(found.metadata)


@cache
def one_by_one() -> Definitions:
    """The definitions with a job for each check."""
    jobs = [
        define_asset_job(key.name, AssetSelection.checks(key))
        for key in defs.resolve_asset_graph().asset_check_keys
    ]
    return Definitions(assets=all_assets, asset_checks=all_checks, jobs=jobs, resources=all_resources())


@pytest.fixture
def healthy(harness: Harness) -> tuple[Harness, UUID]:
    """A harness with a property whose one conversation and lead agree, and that conversation."""
    (flats,) = harness.connect(0)
    harness.world.lead(0, email="a@example.com")
    chat = harness.world.conversation(flats, "contacted", email="a@example.com")
    harness.run("pull", keys=harness.keys())
    harness.run("push")
    return harness, chat


def test_all_checks_run_with_the_jobs_and_pass_where_all_is_well(healthy: tuple[Harness, UUID]) -> None:
    harness, _ = healthy
    runs = harness.run("pull", keys=harness.keys()), harness.run("push")
    found = {e.check_name: e.passed for run in runs for e in run.get_asset_check_evaluations()}
    assert found == {k.name: True for k in defs.resolve_asset_graph().asset_check_keys}
    assert len(found) == 13


def test_conservation_names_a_pending_change_without_its_delivery(healthy: tuple[Harness, UUID]) -> None:
    harness, chat = healthy
    harness.world.change(chat, status="qualified")
    change = harness.world.value("DELETE FROM domiq_sync.delivery RETURNING change_id")

    found, figures = check(harness, "conservation")

    assert not found.passed
    assert found.severity is AssetCheckSeverity.ERROR
    assert figures["problems"] == 1
    (named,) = figures["sample"]
    assert (named["change_id"], named["problem"]) == (str(change), "pending change without delivery")
    assert "reconcile_pending" in str(found.description)
    harness.run("reconcile_pending")
    assert check(harness, "conservation")[0].passed


def test_totals_that_were_off_are_set_right_by_the_recount_and_shown_until_the_next(
    healthy: tuple[Harness, UUID],
) -> None:
    harness, _ = healthy
    world = harness.world
    with world.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM status_sync_log WHERE sync_status = 'success'"))
    assert check(harness, "success_rate_totals")[0].passed

    run = harness.run("recount_log")

    (counted,) = run.get_asset_check_evaluations()
    assert (counted.check_name, counted.passed) == ("success_rate_totals", False)
    found, figures = check(harness, "success_rate_totals")
    assert not found.passed
    assert found.severity is AssetCheckSeverity.WARN
    assert figures["differed"] > 0
    assert {row["log"] for row in figures["drift"]} == {0}
    assert sum(row["total"] for row in figures["drift"]) == figures["differed"]
    assert "were set right" in str(found.description)
    harness.run("recount_log")
    found, figures = check(harness, "success_rate_totals")
    assert (found.passed, figures["differed"]) == (True, 0)
    assert "drifted_at" in figures


def test_totals_that_are_yet_to_be_counted_fail_the_check(healthy: tuple[Harness, UUID]) -> None:
    harness, _ = healthy
    harness.world.do("DELETE FROM domiq_sync.log_count")
    assert "run the job recount_log" in str(check(harness, "success_rate_totals")[0].description)
    harness.run("recount_log")
    assert check(harness, "success_rate_totals")[0].passed


def test_a_change_that_waits_too_long_is_found_with_its_age(healthy: tuple[Harness, UUID]) -> None:
    harness, chat = healthy
    harness.world.change(chat, status="qualified")
    harness.world.do(
        "UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '29 min', next_attempt_at = 'infinity'"
    )
    assert check(harness, "oldest_pending_change")[0].passed
    harness.world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '45 min'")

    found, figures = check(harness, "oldest_pending_change")

    assert not found.passed
    assert figures["pending"] == 1
    assert 45.0 <= figures["oldest_pending_minutes"] < 46.0
    assert str(found.description).startswith("Juniper Flats: a pending change has waited for 45 min. ")
    with harness.world.engine.begin() as connection:
        set_threshold(connection, None, {"oldest_pending_minutes": 60.0}, "test")
    assert check(harness, "oldest_pending_change")[0].passed


def test_a_divergence_is_named_and_materialising_its_partition_mends_it(
    healthy: tuple[Harness, UUID],
) -> None:
    harness, chat = healthy
    harness.world.do("UPDATE domiq_sync.resman_lead SET status = 'Lost', effective_status = 'Lost'")

    found, figures = check(harness, "divergence")

    assert not found.passed
    assert found.severity is AssetCheckSeverity.WARN
    assert (figures["diverged"], figures["compared"], figures["compared_percent"]) == (1, 1, 100.0)
    since = harness.world.value("SELECT first_seen_at FROM domiq_sync.divergence")
    assert figures["by_property"] == [
        {
            "property": "juniper-flats",
            "diverged": 1,
            "since": since.isoformat(timespec="seconds"),
            "repair": "1: materialise its partition of inbound_status_changes, or wait for reconcile_pending",
            "conversations": str(chat),
        }
    ]
    check(harness, "divergence")
    assert harness.world.value("SELECT first_seen_at FROM domiq_sync.divergence") == since
    run = harness.materialise("inbound_status_changes", partition="juniper-flats")
    assert harness.world.status(chat) == "lost"
    assert verdict(run, "divergence").passed
    assert check(harness, "divergence")[0].passed
    assert harness.world.rows("SELECT FROM domiq_sync.divergence") == []


def test_the_sweep_mends_a_divergence_that_policy_allows_and_says_what_is_left(
    healthy: tuple[Harness, UUID],
) -> None:
    harness, chat = healthy
    moved = "UPDATE domiq_sync.resman_lead SET status = :s, effective_status = :s"
    harness.world.do(moved, s="Lost")
    run = harness.run("reconcile_pending")
    assert (harness.world.status(chat), verdict(run, "divergence").passed) == ("lost", True)

    # A property that only sends: what moved at ResMan stays different, and the check says why.
    harness.world.do("UPDATE domiq_sync.integration SET sync_direction = 'to_resman'")
    harness.world.do(moved, s="Prospect")
    run = harness.run("reconcile_pending")
    assert harness.world.status(chat) == "lost"
    found = verdict(run, "divergence")
    assert not found.passed
    (row,) = plain(found.metadata)["by_property"]
    assert "change the property's direction" in row["repair"]


def test_leads_that_could_not_be_compared_are_counted_with_the_reason(harness: Harness) -> None:
    flats, ridge = harness.connect(0, 1)
    world = harness.world
    world.lead(0, email="a@example.com")
    user = world.user("Ada", "Example", "a@example.com")
    world.conversation(flats, "new", user=user, age="2 days")
    world.conversation(flats, "contacted", user=user)
    world.conversation(flats, "new", email="nobody@example.com")
    world.conversation(flats, "new", user=world.user("Anonymous", "User"))
    world.conversation(flats, "active")
    world.conversation(ridge, "new")
    harness.run("pull", partition="juniper-flats")

    found, figures = check(harness, "divergence")

    assert found.passed
    assert (figures["leads"], figures["compared"], figures["compared_percent"]) == (5, 1, 20.0)
    assert {row["why"]: row["leads"] for row in figures["not_compared"]} == {
        "a newer conversation speaks for its lead": 1,
        "neither e-mail nor phone to recognise anybody by": 1,
        "no lead was found at ResMan yet": 1,
        "its property was never pulled": 1,
    }
    assert "20.0 % of the leads could be compared" in str(found.description)


def test_a_pull_that_fails_says_before_that_what_is_behind_and_what_diverges(harness: Harness) -> None:
    harness.connect(0)
    harness.world.standin.faults({"kind": "status", "status": 503, "endpoint": "Prospects"})

    run = harness.run("pull", keys=harness.keys(), fails=True)

    behind, diverged = verdict(run, "pull_gaps"), verdict(run, "divergence")
    assert (behind.passed, diverged.passed) == (False, True)
    assert [row["property"] for row in plain(behind.metadata)["by_property"]] == ["juniper-flats"]


def test_a_check_that_is_run_alone_materialises_nothing(healthy: tuple[Harness, UUID]) -> None:
    harness, _ = healthy
    harness.world.standin.faults({"kind": "status", "status": 503, "endpoint": "Prospects"})
    leads = AssetKey("resman_leads")
    before = harness.instance.get_latest_materialization_event(leads)
    assert check(harness, "pull_gaps")[0].passed
    assert harness.instance.get_latest_materialization_event(leads) == before


def test_a_property_that_is_behind_is_named_with_the_reason_and_the_days_it_missed(harness: Harness) -> None:
    harness.connect(0, 1)
    harness.run("pull", keys=harness.keys())
    assert check(harness, "pull_gaps")[0].passed
    harness.world.do("UPDATE domiq_sync.integration SET connected_at = now() - interval '10 days'")
    harness.world.do(
        "UPDATE domiq_sync.watermark w SET last_pull_at = now() - interval '3 days', last_full_at = now() "
        "FROM domiq_sync.integration i WHERE i.property_id = w.property_id AND partition_key = 'copper-ridge'"
    )
    harness.world.do("UPDATE domiq_sync.pull SET started_at = started_at - interval '3 days'")

    found, figures = check(harness, "pull_gaps")

    assert not found.passed
    by_key = {row["property"]: row["why"] for row in figures["by_property"]}
    assert by_key == {"copper-ridge": "behind", "juniper-flats": "no_full_read"}
    assert "2 properties are behind (1 behind, 1 no full read)" in str(found.description)
    assert "`domiq-sync doctor`" in str(found.description)
    assert {row["property"]: row["days"] for row in figures["days_without_pull"]} == {
        "copper-ridge": 8,
        "juniper-flats": 8,
    }


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"trigger_status": "warm"}, "trigger_status 'warm' is no lead status"),
        ({"target_status": "sold"}, "target_status 'sold' is no lead status"),
        ({"conditions": {"moon_phase": 1}}, "unknown condition 'moon_phase'"),
        ({"conditions": [1]}, "conditions is not a JSON object"),
        ({"actions": [{"type": "send_pigeon"}]}, "unknown action 'send_pigeon'"),
        ({"actions": {"type": "create_task"}}, "actions is not a JSON list"),
    ],
)
def test_a_rule_that_cannot_be_understood_is_named(
    harness: Harness, columns: dict[str, Any], problem: str
) -> None:
    (flats,) = harness.connect(0)
    good = {"trigger_status": "lost", "conditions": {"lead_score": 1}, "actions": [{"type": "create_task"}]}
    for row, active in (({**good, **columns}, True), (good, True), ({"trigger_status": "warm"}, False)):
        harness.world.do(
            "INSERT INTO status_workflow_rules "
            "(property_id, trigger_status, target_status, conditions, actions, is_active) "
            "VALUES (:p, :trigger_status, :target_status, CAST(:conditions AS jsonb), "
            "CAST(:actions AS jsonb), :a)",
            p=flats, a=active, trigger_status=row.get("trigger_status"),
            target_status=row.get("target_status"), conditions=json.dumps(row.get("conditions", {})),
            actions=json.dumps(row.get("actions", [])),
        )  # fmt: skip

    found, figures = check(harness, "rules_valid")

    assert not found.passed
    assert found.severity is AssetCheckSeverity.WARN
    (named,) = figures["sample"]
    assert named["problem"] == problem
    assert figures["problems"] == 1
    assert str(found.description).startswith(f"{named['rule']}: {problem}. Correct the rows; ")


# The threshold: at four properties, 5 % fails at two, nothing at the third, and too little happens at the
# fourth for its failures to say anything.


@pytest.fixture
def troubled(harness: Harness) -> Harness:
    """Before a push in which ResMan refuses one of twenty changes at two properties, and all at a third."""
    flats, ridge, larkspur, oaks = harness.connect(0, 1, 2, 3)
    harness.run("pull", keys=harness.keys())
    for property_id, number in ((flats, 20), (ridge, 20), (larkspur, 20), (oaks, 4)):
        for _ in range(number):
            harness.world.conversation(property_id, "new")
    refusals = {"kind": "refuse", "endpoint": POST, "description": "Not a valid guest card."}
    harness.world.standin.faults(
        *({**refusals, "count": 1, "property_id": place_id(harness, n)} for n in (0, 1)),
        {**refusals, "property_id": place_id(harness, 3)},
    )
    return harness


def place_id(harness: Harness, number: int) -> str:
    return str(harness.world.at_resman[number]["propertyId"])


def alerts(harness: Harness) -> list[tuple[str, bool]]:
    rows = harness.world.rows(
        "SELECT i.partition_key, a.phase = 'open' AS open FROM domiq_sync.alert a "
        "JOIN domiq_sync.integration i USING (property_id) ORDER BY 1"
    )
    return [(row.partition_key, row.open) for row in rows]


def notices(harness: Harness) -> list[tuple[str, str, str]]:
    return [
        tuple(row)
        for row in harness.world.rows(
            "SELECT i.partition_key, n.channel, n.body FROM domiq_sync.notification n "
            "JOIN domiq_sync.integration i USING (property_id) "
            "WHERE alert_id IS NOT NULL AND channel = 'in_app' "
            "ORDER BY n.created_at, 1"
        )
    ]


def test_past_the_threshold_people_are_told_once_and_once_more_on_recovery(troubled: Harness) -> None:
    harness = troubled
    with harness.world.engine.begin() as connection:
        set_threshold(connection, None, {"recover_minutes": 0.0}, "test")

    first = harness.run("push")

    found = verdict(first, "failed_sync_threshold")
    assert not found.passed
    assert found.severity is AssetCheckSeverity.ERROR
    figures = plain(found.metadata)
    assert figures["past_threshold"] == [
        {
            "property": key,
            "failed": 1,
            "settled": 20,
            "success_rate": 95.0,
            "main_reason": "refused",
            "of_main_reason": 1,
        }
        for key in ("copper-ridge", "juniper-flats")
    ]
    assert (figures["alerts_opened"], figures["alerts_closed"]) == (2, 0)
    sentences = [
        f"{name}: 1 of 20 status syncs of the last 24 h failed, mostly refused (1). See `domiq-sync failures "
        f"--property {key}`; after mending: `domiq-sync retry --property {key}`."
        for name, key in (("Copper Ridge", "copper-ridge"), ("Juniper Flats", "juniper-flats"))
    ]
    # F4: one line of advice, however many properties fail of the same.
    assert found.description == (
        "Status syncs fail. refused: 2 properties (Copper Ridge, Juniper Flats). See `domiq-sync failures`; "
        "after mending: `domiq-sync retry --property KEY` for each."
    )
    assert logged(first, harness.instance, logging.ERROR) == [f"alert: {s}" for s in sentences]
    assert alerts(harness) == [("copper-ridge", True), ("juniper-flats", True)]
    told = [("copper-ridge", "in_app", sentences[0]), ("juniper-flats", "in_app", sentences[1])]
    assert notices(harness) == told

    again = harness.run("push")
    assert not verdict(again, "failed_sync_threshold").passed
    assert plain(verdict(again, "failed_sync_threshold").metadata)["alerts_opened"] == 0
    assert logged(again, harness.instance, logging.ERROR) == []
    assert notices(harness) == told

    # An operator has the refusals mended and retries.
    harness.world.standin.faults()
    assert put_back(harness.world.engine).total == 6
    recovered = harness.run("push")
    assert verdict(recovered, "failed_sync_threshold").passed
    said = [s for s in logged(recovered, harness.instance, logging.INFO) if s.startswith("recovered: ")]
    assert [s.split(":")[1] for s in said] == [" Copper Ridge", " Juniper Flats"]
    assert alerts(harness) == [("copper-ridge", False), ("juniper-flats", False)]
    good = "{}: status syncs succeed again. It lasted "
    for told_of, (key, name) in zip(
        sorted(notices(harness)[2:]),
        [("copper-ridge", "Copper Ridge"), ("juniper-flats", "Juniper Flats")],
        strict=True,
    ):
        assert told_of[:2] == (key, "in_app")
        assert told_of[2].startswith(good.format(name))
    harness.run("push")
    assert len(notices(harness)) == 4


def test_many_failures_are_too_many_even_at_a_good_rate(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    chat = harness.world.conversation(flats, "active")
    for number in range(100):
        harness.world.log(chat, "new", sync_status="failed" if number < 3 else "success")
    lenient = {"lowest_success_rate": 90.0, "most_failures": 3}
    run = harness.materialise("status_sync_success_rate", resources={"thresholds": lenient})
    assert verdict(run, "failed_sync_threshold").passed
    strict = {**lenient, "most_failures": 2}
    run = harness.materialise("status_sync_success_rate", resources={"thresholds": strict})
    found = verdict(run, "failed_sync_threshold")
    assert (found.passed, found.severity) == (False, AssetCheckSeverity.WARN)
    run = harness.materialise(
        "status_sync_success_rate", resources={"thresholds": {**lenient, "most_failures": 1}}
    )
    assert verdict(run, "failed_sync_threshold").severity is AssetCheckSeverity.ERROR


def test_failures_before_the_window_are_forgotten(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    chat = harness.world.conversation(flats, "active")
    for _ in range(10):
        harness.world.log(chat, "new", sync_status="failed")
    assert not check(harness, "failed_sync_threshold")[0].passed
    harness.world.do("UPDATE domiq_sync.change SET logged_at = now() - interval '25 hours'")
    assert check(harness, "failed_sync_threshold")[0].passed


def test_notices_that_did_not_arrive_are_counted_by_reason(harness: Harness) -> None:
    found, _ = check(harness, "notifications_delivered")
    assert found.passed
    harness.world.do(
        "INSERT INTO domiq_sync.notification "
        "(channel, recipient, subject, body, state, state_reason, settled_at) "
        "SELECT 'email', 'mo@staff.example', '', '', s.state, s.reason, clock_timestamp() - s.age "
        "FROM (VALUES ('undeliverable', 'refused', interval '1 h'), ('undeliverable', 'refused', '2 h'), "
        "('unknown', 'no answer', '1 h'), ('unknown', 'no answer', '25 h'), ('delivered', NULL, '1 h')) "
        "AS s(state, reason, age)"
    )

    found, metadata = check(harness, "notifications_delivered")

    assert (found.passed, found.severity) == (False, AssetCheckSeverity.WARN)
    assert (metadata["undeliverable"], metadata["unknown"]) == (2, 1)
    assert metadata["by_reason"] == [
        {"channel": "email", "state": "undeliverable", "reason": "refused", "notices": 2},
        {"channel": "email", "state": "unknown", "reason": "no answer", "notices": 1},
    ]
    assert "domiq-sync notifications" in (found.description or "")
    assert "mo@staff" not in repr((found, metadata))


def test_records_in_trouble_are_counted_by_kind_and_the_first_are_named(
    healthy: tuple[Harness, UUID],
) -> None:
    """A2: a lead that DomIQ refuses, and a prospect that cannot be read; their run is no failure."""
    harness, chat = healthy
    assert check(harness, "records_in_trouble")[0].passed
    world = harness.world
    world.do("ALTER TABLE conversation ADD CONSTRAINT no_applications CHECK (status <> 'application')")
    world.standin.edit(world.lead_of(chat)["prospectId"], status="Applicant")
    odd = world.lead(0, email="b@example.com")["prospectId"]
    world.standin.odd(odd, values={"status": None})

    found = verdict(harness.run("pull", keys=harness.keys()), "records_in_trouble")

    figures = plain(found.metadata)
    assert (found.passed, found.severity, figures["records"]) == (False, AssetCheckSeverity.WARN, 2)
    assert [(row["kind"], row["records"]) for row in figures["by_kind"]] == [("lead", 1), ("prospect", 1)]
    assert {(row["kind"], row["record"]) for row in figures["sample"]} == {
        ("lead", str(chat)),
        ("prospect", odd),
    }
    assert "domiq-sync retry" in (found.description or "")
    harness.run("reconcile_pending")
    assert check(harness, "records_in_trouble")[1]["records"] == 2
    world.do("ALTER TABLE conversation DROP CONSTRAINT no_applications")
    world.standin.odd(odd)
    harness.run("pull", keys=harness.keys())
    assert check(harness, "records_in_trouble")[0].passed
