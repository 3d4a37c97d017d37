"""Every asset, run as the jobs run it: what it did is held against ResMan and the database by plain SQL."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterEventType, DagsterUnknownPartitionError

from domiq_dagster.definitions import defs
from domiq_dagster.sync.repair.reconcile import MENDED, SEEN
from tests.fixtures.dagster_instance import Harness, logged, plain
from tests.fixtures.world import POST

OUTAGE = {"kind": "status", "status": 503, "endpoint": "Prospects"}


def property_of(harness: Harness, key: str) -> str:
    """The ResMan property behind a partition key."""
    found: str = harness.world.value(
        "SELECT resman_property_id FROM domiq_sync.integration WHERE partition_key = :k", k=key
    )
    return found


def reads(harness: Harness) -> list[dict[str, Any]]:
    return [r for r in harness.world.standin.requests() if r["endpoint"] == "Prospects"]


def asked_since(request: dict[str, Any]) -> datetime:
    return datetime.strptime(request["parameters"]["modifiedSince"], "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    )


def counts(harness: Harness, sql: str, **values: Any) -> int:
    return int(harness.world.value(f"SELECT count(*) FROM {sql}", **values))


def test_every_asset_is_materialised_with_the_figures_that_sql_gives(stored_harness: Harness) -> None:
    harness, world = stored_harness, stored_harness.world
    flats, ridge = harness.connect(0, 1)
    world.lead(0, email="a@example.com")
    world.lead(0, "Lost", email="b@example.com")
    world.conversation(flats, "new", email="a@example.com", age="2 days")
    world.conversation(flats, "contacted", email="b@example.com", age="2 days")
    world.conversation(ridge, "qualified")
    world.conversation(ridge, "active")
    for method in ("in_app", "email"):
        world.do(
            "INSERT INTO status_notification_preferences "
            "(property_id, status_type, notification_method, recipients) "
            """VALUES (:p, 'any', :m, '["front-notice_world"]')""",
            p=ridge, m=method,
        )  # fmt: skip

    harness.run("pull", keys=harness.keys())
    leads = harness.metadata("resman_leads", "juniper-flats")
    assert (leads["fetched"], leads["stored"], leads["linked"]) == (2, 2, 2)
    assert (leads["pulled"], leads["changed"], leads["requests"]) == (2, 2, 1)
    assert leads["dagster/partition_row_count"] == leads["stored"]
    assert leads["stored"] == counts(harness, "domiq_sync.resman_lead WHERE property_id = :p", p=flats)
    assert leads["linked"] == counts(harness, "domiq_sync.lead_link WHERE linked_by = 'email'")
    stored = world.value(
        "SELECT EXTRACT(EPOCH FROM watermark) FROM domiq_sync.watermark WHERE property_id = :p", p=flats
    )
    assert leads["watermark"] == pytest.approx(float(stored))
    assert harness.metadata("resman_leads", "copper-ridge")["fetched"] == 0
    inbound = harness.metadata("inbound_status_changes", "juniper-flats")
    assert inbound["applied"] == counts(harness, "status_sync_log WHERE sync_direction = 'from_resman'") == 1
    assert inbound["linked_leads"] == counts(harness, "domiq_sync.lead_link WHERE is_current") == 2
    assert inbound["verdicts"] == {"agrees": 2}
    assert (inbound["conflicts"], inbound["diverged"], inbound["failed"]) == (0, 0, 0)
    of_flats = counts(harness, "domiq_sync.change WHERE property_id = :p", p=flats)
    assert inbound["dagster/partition_row_count"] == of_flats > 0
    elsewhere = harness.metadata("inbound_status_changes", "copper-ridge")
    assert elsewhere["statuses_left_alone"] == {"active": 1}

    harness.run("push")
    pushes = harness.metadata("conversation_status_pushes")
    sent = counts(harness, "status_sync_log WHERE context_data #>> '{sync,outcome}' = 'sent'")
    assert pushes["pushed"] == sent == sum(row["success"] for row in pushes["by_property"])
    assert {row["property"] for row in pushes["by_property"]} == {"juniper-flats", "copper-ridge"}
    assert (pushes["failed"], pushes["still_pending"]) == (0, counts(harness, "domiq_sync.delivery"))
    assert (pushes["due"], pushes["held"], pushes["unknown_outcomes"], pushes["catch_up_minutes"]) == (
        0,
        0,
        0,
        0,
    )
    assert pushes["pushes_per_second"] > 0
    assert (pushes["pending"], pushes["oldest_pending_seconds"], pushes["throttled"]) == (0, 0, 0)
    assert 0 < pushes["latency_p50"] <= pushes["latency_p95"] < 3600
    assert pushes["success_rate"] == 100.0
    assert pushes["dagster/row_count"] == counts(harness, "domiq_sync.attempt")
    log = harness.metadata("status_sync_log")
    succeeded = "status_sync_log WHERE sync_status = 'success' AND sync_direction = :d"
    assert log["pushed"] == counts(harness, succeeded, d="to_resman") > 0
    assert log["applied"] == counts(harness, succeeded, d="from_resman") > 0
    assert (log["success_rate"], log["oldest_pending_seconds"]) == (100.0, 0.0)
    assert log["dagster/row_count"] == log["changes"]
    by_status = dict(
        tuple(r) for r in world.rows("SELECT sync_status, count(*) FROM status_sync_log GROUP BY 1")
    )
    assert log["changes"] == sum(by_status.values())
    assert {s: log[s] for s in ("pending", "success", "failed") if log[s]} == by_status
    assert sum(row["changes"] for row in log["by_direction"]) == log["changes"]
    notices = harness.metadata("status_notifications")
    told = counts(harness, "domiq_sync.notification WHERE state = 'delivered'")
    untold = counts(harness, "domiq_sync.notification WHERE state = 'undeliverable'")
    assert (notices["delivered"], notices["undeliverable"]) == (told, untold) == (1, 1)
    assert notices["undeliverable_by_channel"] == {"email": 1}
    assert notices["changes_looked_at"] == log["changes"]

    day = str(world.value("SELECT max(logged_at)::date FROM domiq_sync.change"))
    harness.run("daily", partition=day)
    daily = harness.metadata("status_sync_daily", day)
    of_day = counts(harness, "domiq_sync.change WHERE logged_at::date = CAST(:d AS date)", d=day)
    assert daily["changes"] == of_day == sum(row["changes"] for row in daily["by_property"])
    assert daily["failed"] == log["failed"] == 0

    assert (daily["pushed"], daily["applied"]) == (log["pushed"], log["applied"])
    assert (daily["success_rate"], daily["diverged"]) == (100.0, 0)
    assert 0 < daily["latency_p50"] <= daily["latency_p95"] < 3600
    asked = world.value("SELECT sum(requests)::int FROM domiq_sync.request_count")
    assert (daily["requests"], daily["throttled"]) == (asked or 0, 0)
    assert (pushes["diverged"], pushes["throttled"]) == (0, 0)
    assert pushes["requests"] > 0

    harness.run("report")
    report = harness.metadata("status_sync_report")
    assert (report["changes"], report["failed"], report["diverged"]) == (log["changes"], 0, 0)
    assert "<h1>" in Path(report["path"]).read_text()
    assert report["sent"] == 0

    for key in defs.resolve_asset_graph().executable_asset_keys:
        assert harness.instance.get_latest_materialization_event(key) is not None, key


def test_the_success_rate_is_the_view_as_a_typed_table_by_property(harness: Harness) -> None:
    world = harness.world
    flats, _ridge, larkspur = harness.connect(0, 1, 2)
    for status in ("success", "success", "failed"):
        world.log(world.conversation(flats, "active"), "contacted", sync_status=status)
    world.log(world.conversation(larkspur, "active"), "contacted", sync_status="success")

    run = harness.materialise("status_sync_success_rate")

    (event,) = run.asset_materializations_for_node("status_sync_success_rate")
    table = event.metadata["by_property"]
    assert [(c.name, c.type) for c in table.schema.columns] == [
        ("property_name", "string"),
        ("sync_success_rate", "float"),
        ("failed_status_updates", "int"),
        ("property_id", "string"),
    ]
    found = plain(event.metadata)
    view = world.rows(
        "SELECT p.name, v.sync_success_rate, v.failed_status_updates, v.property_id::text "
        "FROM status_sync_success_rate v JOIN property p ON p.id = v.property_id ORDER BY 1"
    )
    assert [tuple(row.values()) for row in found["by_property"]] == [tuple(row) for row in view]
    assert [row["property_name"] for row in found["by_property"]] == ["Juniper Flats", "The Larkspur"]
    assert found["lowest_success_rate"] == 66.67
    assert (found["properties"], found["failed_status_updates"]) == (2, 1)


def test_a_failed_property_leaves_the_others_of_the_range_done_and_is_named(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0, 1, 7)
    for property_id in (0, 1, 7):
        harness.world.lead(property_id)
    broken = property_of(harness, "juniper-flats")
    harness.world.standin.faults({**OUTAGE, "property_id": broken})

    run = harness.run("pull", keys=harness.keys(), fails=True)

    assert harness.keys() == ["copper-ridge", "juniper-flats", "prairie-lofts"]
    assert harness.done("resman_leads") == {"copper-ridge", "prairie-lofts"}
    assert harness.done("inbound_status_changes") == {"copper-ridge", "prairie-lofts"}
    (failure,) = [e for e in run.all_events if e.event_type == DagsterEventType.STEP_FAILURE]
    assert "1 of 3 properties could not be pulled" in str(failure.step_failure_data.error)
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert list(told.metadata) == ["juniper-flats"]
    assert "503" in str(told.metadata["juniper-flats"].value)
    stored = harness.world.rows(
        "SELECT i.partition_key FROM domiq_sync.resman_lead JOIN domiq_sync.integration i "
        "USING (property_id) ORDER BY 1"
    )
    assert [row.partition_key for row in stored] == ["copper-ridge", "prairie-lofts"]

    harness.world.standin.faults()
    harness.run("pull", partition="juniper-flats")
    assert harness.done("resman_leads") == set(harness.keys())
    assert harness.done("inbound_status_changes") == set(harness.keys())


def test_a_full_reread_finds_what_moved_without_a_new_last_modified(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    lead = harness.world.lead(0, email="a@example.com", lastModified="2026-09-01T00:00:00Z")
    chat = harness.world.conversation(flats, "contacted", email="a@example.com", age="200 days")
    harness.world.lead(0, email="new@example.com")
    harness.run("pull", keys=harness.keys())
    harness.world.standin.edit(lead["prospectId"], status="Lost", silent=True)

    harness.run("pull", keys=harness.keys())
    assert harness.world.status(chat) == "contacted"
    harness.run("full_reread", keys=harness.keys(), config={"full": True})

    assert harness.world.status(chat) == "lost"
    first, again, full = reads(harness)
    assert asked_since(full) < asked_since(again)
    assert [(datetime.now(UTC) - asked_since(r)).days for r in (full, first)] == [360, 360]
    assert counts(harness, "domiq_sync.watermark WHERE last_full_at IS NOT NULL") == 1


def test_a_pull_may_be_told_from_which_day_to_read(harness: Harness) -> None:
    harness.connect(0)
    harness.run("pull", keys=harness.keys(), config={"since": "2026-03-01"})
    assert asked_since(reads(harness)[0]) == datetime(2026, 3, 1, tzinfo=UTC)
    assert harness.metadata("resman_leads", "juniper-flats")["modified_since"] == 1772323200.0


def test_a_day_that_is_none_is_refused_before_anything_is_asked(harness: Harness) -> None:
    harness.connect(0)
    run = harness.run("pull", keys=harness.keys(), config={"since": "last Tuesday"}, fails=True)
    (failure,) = [e for e in run.all_events if e.event_type == DagsterEventType.STEP_FAILURE]
    assert "'last Tuesday' is no ISO date: write it like 2026-03-01." in str(failure.step_failure_data.error)
    assert harness.world.standin.requests() == []


def test_a_property_that_is_switched_off_is_not_asked_and_the_run_says_so(harness: Harness) -> None:
    harness.connect(0)
    harness.connect(1, sync_enabled=False)
    assert harness.keys() == ["juniper-flats"]
    harness.instance.add_dynamic_partitions("property", ["copper-ridge", "long-gone"])

    run = harness.run("pull", keys=harness.keys())

    said = logged(run, harness.instance, logging.INFO)
    for key in ("copper-ridge", "long-gone"):
        assert f"{key} is not connected, or its sync is switched off: nothing was pulled" in said
    assert [r["propertyId"] for r in reads(harness)] == [property_of(harness, "juniper-flats")]
    assert counts(harness, "domiq_sync.pull") == 1


def test_a_partition_that_nobody_knows_is_an_error(harness: Harness) -> None:
    harness.connect(0)
    with pytest.raises(DagsterUnknownPartitionError, match="no-such-place"):
        harness.run("pull", partition="no-such-place")
    assert harness.world.standin.requests() == []


def test_a_setting_that_resman_does_not_offer_is_a_warning_and_the_pull_goes_on(harness: Harness) -> None:
    harness.connect(0)
    harness.world.lead(0)
    harness.world.standin.faults({"kind": "refuse", "endpoint": "GetProspectSources"})
    run = harness.run("pull", keys=harness.keys())
    (said,) = logged(run, harness.instance, logging.WARNING)
    assert said.startswith("juniper-flats: source_id is not set and cannot be asked")
    assert harness.metadata("resman_leads", "juniper-flats")["fetched"] == 1


def test_an_outage_leaves_changes_pending_and_the_push_says_why(harness: Harness) -> None:
    flats, lofts = harness.connect(0, 7)
    harness.run("pull", keys=harness.keys())
    stays, goes = harness.world.conversation(flats, "new"), harness.world.conversation(lofts, "new")
    harness.world.standin.faults({"kind": "unauthorized", "code": 1, "account_id": "400"})

    run = harness.run("push")

    (said,) = logged(run, harness.instance, logging.WARNING)
    assert said == "ResMan account 400 was left (bad_credentials); its changes stay pending"
    pushes = harness.metadata("conversation_status_pushes")
    assert (pushes["pushed"], pushes["postponed"], pushes["still_pending"]) == (1, 1, 1)
    assert pushes["ended_because"] == "ResMan does not answer for account 400"
    paused, other = pushes["by_account"]
    assert (paused["account"], paused["pending"], paused["paused_because"]) == ("400", 1, "bad_credentials")
    assert (paused["rate"], paused["caught_up_in"]) == ("none yet", "cannot tell")
    assert paused["paused_until"].endswith(" UTC")
    assert (other["account"], other["pending"], other["caught_up_in"]) == ("401", 0, "0 s")
    assert other["paused_until"] == other["paused_because"] == ""
    assert "catch_up_minutes" not in pushes  # nobody can tell
    assert harness.world.last(stays).sync_status == "pending"
    assert harness.world.last(goes).sync_status == "success"


def test_a_push_says_what_waits_for_how_long_and_for_whom(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    harness.run("pull", keys=harness.keys())
    chats = [harness.world.conversation(flats, "new") for _ in range(4)]
    for chat, state, outcome in zip(
        chats, ("waiting", "waiting", "unknown"), ("conflict", "no_contact", "no_answer"), strict=False
    ):
        harness.world.do(
            "UPDATE domiq_sync.delivery SET state = :s, last_outcome = :o, next_attempt_at = 'infinity', "
            "enqueued_at = now() - interval '90 min' WHERE lane = :c",
            s=state, o=outcome, c=chat,
        )  # fmt: skip

    harness.run("push")

    pushes = harness.metadata("conversation_status_pushes")
    assert (pushes["pushed"], pushes["still_pending"], pushes["held"], pushes["unknown_outcomes"]) == (
        1,
        3,
        2,
        1,
    )
    assert pushes["oldest_pending_minutes"] == pytest.approx(90, abs=1)
    assert pushes["catch_up_minutes"] == pytest.approx(1 / pushes["pushes_per_second"] / 60, abs=0.06)
    (row,) = pushes["by_property"]
    assert row == {
        "property": "juniper-flats", "success": 1, "failed": 0, "postponed": 0, "pending": 3, "conflicts": 1,
        "wait_for_settings": 0, "wait_for_contact": 1, "wait_for_grants": 0, "in_doubt": 0, "unknown": 1,
        "oldest": "1 h 30 min", "paused": "",
    }  # fmt: skip


def test_a_push_stops_at_its_budget_and_the_next_one_goes_on(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    harness.run("pull", keys=harness.keys())
    for _ in range(3):
        harness.world.conversation(flats, "new")
    harness.run("push", resources={"limits": {"push_rows": 2}})
    pushes = harness.metadata("conversation_status_pushes")
    assert (pushes["pushed"], pushes["still_pending"]) == (2, 1)
    assert pushes["ended_because"] == "the row budget is used up"
    harness.run("push")
    assert harness.metadata("conversation_status_pushes")["still_pending"] == 0


def test_days_of_a_range_are_counted_each_by_itself_and_anew(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    old, new = harness.world.conversation(flats, "new"), harness.world.conversation(flats, "new")
    for chat, day in ((old, "2026-03-03"), (new, "2026-03-05")):
        harness.world.do(
            "UPDATE domiq_sync.change SET logged_at = CAST(:d AS date) + interval '23 h 59 min' "
            "WHERE conversation_id = :c",
            d=day, c=chat,
        )  # fmt: skip
    tags = {
        "dagster/asset_partition_range_start": "2026-03-03",
        "dagster/asset_partition_range_end": "2026-03-05",
    }
    for _ in range(2):
        harness.run("daily", tags=tags)
        found = [harness.metadata("status_sync_daily", f"2026-03-0{n}")["changes"] for n in (3, 4, 5)]
        assert found == [1, 0, 1]
    rows = harness.world.rows("SELECT day::text, property, changes FROM domiq_sync.daily_total ORDER BY 1")
    assert [tuple(r) for r in rows] == [
        ("2026-03-03", "juniper-flats", 1),
        ("2026-03-05", "juniper-flats", 1),
    ]


def test_a_day_that_cannot_be_counted_keeps_no_other_from_it(harness: Harness) -> None:
    """Else the days after it would be asked for, and not counted, again and again."""
    harness.world.do("ALTER TABLE domiq_sync.daily_count ADD CHECK (day <> '2026-03-03')")
    tags = {
        "dagster/asset_partition_range_start": "2026-03-02",
        "dagster/asset_partition_range_end": "2026-03-04",
    }
    run = harness.run("daily", tags=tags, fails=True)
    assert harness.done("status_sync_daily") == {"2026-03-02", "2026-03-04"}
    counted = harness.world.rows("SELECT day::text FROM domiq_sync.daily_count ORDER BY 1")
    assert [row.day for row in counted] == ["2026-03-02", "2026-03-04"]
    (said,) = (e for e in run.all_events if e.event_type == DagsterEventType.STEP_FAILURE)
    assert "1 of 3 days could not be counted" in str(said.event_specific_data)


def test_reconciliation_mends_and_puts_what_it_found_on_record(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    harness.world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    harness.world.conversation(flats, "new")
    harness.world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    harness.world.conversation(flats, "new")
    harness.world.do("DELETE FROM domiq_sync.delivery")
    harness.world.pulled()

    run = harness.run("reconcile_pending")

    event = next(e for e in run.all_events if e.event_type == DagsterEventType.ASSET_OBSERVATION)
    found = plain(event.asset_observation_data.asset_observation.metadata)
    rows = [
        {"kind": kind, "property": "juniper-flats", "count": 1, "then": "mended"}
        for kind in ("pending changes without a delivery", "statuses without a change")
    ]
    assert {name: count for name, count in found.items() if count} == {
        "pending_changes_without_a_delivery": 1,
        "statuses_without_a_change": 1,
        "by_property": rows,
    }
    assert len(found) == len(MENDED) + len(SEEN) + 2
    said = logged(run, harness.instance, logging.INFO)
    assert [line for line in said if line.startswith("juniper-flats: ")] == [
        f"juniper-flats: {row['kind']}: 1, mended" for row in rows
    ]
    assert counts(harness, "domiq_sync.delivery") == 2

    again = harness.run("reconcile_pending")
    (event,) = [e for e in again.all_events if e.event_type == DagsterEventType.ASSET_OBSERVATION]
    found = plain(event.asset_observation_data.asset_observation.metadata)
    assert len(found) == len(MENDED) + len(SEEN) + 1
    assert not any(found.values())


def test_nobodys_name_and_no_secret_is_in_what_dagster_keeps(stored_harness: Harness, tmp_path: Path) -> None:
    harness, world = stored_harness, stored_harness.world
    flats, lofts = harness.connect(0, 7)
    private = ("Zebedee", "Quillfeather", "zeb@example.com", "555-0177", "standin-key", "standin-partner")
    world.lead(0, first="Zebedee", last="Quillfeather", email="zeb@example.com", phone="(202) 555-0177")
    for property_id, email in ((flats, "zeb@example.com"), (lofts, "zeb@example.com.au")):
        user = world.user("Zebedee", "Quillfeather", email, None)
        world.conversation(property_id, "new", user=user)
    harness.run("pull", keys=harness.keys())
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": "zeb@example.com is bad"})
    harness.run("push")
    world.standin.faults({"kind": "unauthorized", "code": 1})
    harness.run("pull", keys=harness.keys(), fails=True)

    storage = harness.instance.event_log_storage
    with psycopg.connect(storage.postgres_url) as connection:  # type: ignore[attr-defined]
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        kept = "\n".join(
            row[0] for (name,) in tables for row in connection.execute(f'SELECT t::text FROM "{name}" t')
        )
    kept += "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file())
    assert "juniper-flats" in kept
    assert "bad_credentials" in kept or "does not accept the credentials" in kept
    assert [word for word in private if word in kept] == []


def test_a_push_run_acts_on_changes_and_the_next_one_sends_what_rules_moved(harness: Harness) -> None:
    (flats,) = harness.connect(0, time_zone="America/Chicago")
    harness.run("pull", keys=harness.keys())
    for columns in ("'contacted', 'qualified', '[{\"type\": \"create_task\"}]'", "'contacted', 'sold', NULL"):
        harness.world.do(
            "INSERT INTO status_workflow_rules (property_id, trigger_status, target_status, actions) "
            f"VALUES (:p, {columns})".replace("NULL", "NULL::jsonb"), p=flats,
        )  # fmt: skip
    chat = harness.world.conversation(flats, "contacted")

    harness.run("push")

    done = harness.metadata("status_workflow_actions")
    assert {n: done[n] for n in ("changes", "moves", "tasks", "ran", "invalid")} == {
        "changes": 2, "moves": 1, "tasks": 1, "ran": 1, "invalid": 1,
    }  # fmt: skip
    assert [row["property"] for row in done["by_property"]] == ["juniper-flats"]
    assert (harness.world.status(chat), harness.world.last(chat).sync_status) == ("qualified", "pending")
    harness.run("push")
    assert harness.world.last(chat).sync_status == "success"
    assert harness.metadata("status_workflow_actions")["changes"] == 0
