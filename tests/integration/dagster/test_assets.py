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
from tests.integration.dagster.conftest import POST, House, logged, plain

OUTAGE = {"kind": "status", "status": 503, "endpoint": "Prospects"}


def property_of(house: House, key: str) -> str:
    """The ResMan property behind a partition key."""
    found: str = house.world.value(
        "SELECT resman_property_id FROM domiq_sync.integration WHERE partition_key = :k", k=key
    )
    return found


def reads(house: House) -> list[dict[str, Any]]:
    return [r for r in house.world.standin.requests() if r["endpoint"] == "Prospects"]


def asked_since(request: dict[str, Any]) -> datetime:
    return datetime.strptime(request["parameters"]["modifiedSince"], "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    )


def counts(house: House, sql: str, **values: Any) -> int:
    return int(house.world.value(f"SELECT count(*) FROM {sql}", **values))


def test_every_asset_is_materialised_with_the_figures_that_sql_gives(stored_house: House) -> None:
    house, world = stored_house, stored_house.world
    flats, ridge = house.connect(0, 1)
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
            """VALUES (:p, 'any', :m, '["front-desk"]')""",
            p=ridge, m=method,
        )  # fmt: skip

    house.run("pull", keys=house.keys())
    leads = house.metadata("resman_leads", "juniper-flats")
    assert (leads["fetched"], leads["stored"], leads["linked"]) == (2, 2, 2)
    assert leads["stored"] == counts(house, "domiq_sync.resman_lead WHERE property_id = :p", p=flats)
    assert leads["linked"] == counts(house, "domiq_sync.lead_link WHERE linked_by = 'email'")
    stored = world.value(
        "SELECT EXTRACT(EPOCH FROM watermark) FROM domiq_sync.watermark WHERE property_id = :p", p=flats
    )
    assert leads["watermark"] == pytest.approx(float(stored))
    assert house.metadata("resman_leads", "copper-ridge")["fetched"] == 0
    inbound = house.metadata("inbound_status_changes", "juniper-flats")
    assert inbound["applied"] == counts(house, "status_sync_log WHERE sync_direction = 'from_resman'") == 1
    assert inbound["linked_leads"] == counts(house, "domiq_sync.lead_link WHERE is_current") == 2
    assert inbound["verdicts"] == {"agrees": 2}
    assert (inbound["conflicts"], inbound["diverged"]) == (0, 0)
    elsewhere = house.metadata("inbound_status_changes", "copper-ridge")
    assert elsewhere["statuses_left_alone"] == {"active": 1}

    house.run("push")
    pushes = house.metadata("conversation_status_pushes")
    sent = counts(house, "status_sync_log WHERE context_data #>> '{sync,outcome}' = 'sent'")
    assert pushes["pushed"] == sent == sum(row["success"] for row in pushes["by_property"])
    assert {row["property"] for row in pushes["by_property"]} == {"juniper-flats", "copper-ridge"}
    assert (pushes["failed"], pushes["still_pending"]) == (0, counts(house, "domiq_sync.delivery"))
    assert (pushes["due"], pushes["held"], pushes["unknown_outcomes"], pushes["catch_up_minutes"]) == (
        0,
        0,
        0,
        0,
    )
    assert pushes["pushes_per_second"] > 0
    log = house.metadata("status_sync_log")
    by_status = dict(
        tuple(r) for r in world.rows("SELECT sync_status, count(*) FROM status_sync_log GROUP BY 1")
    )
    assert log["changes"] == sum(by_status.values())
    assert {s: log[s] for s in ("pending", "success", "failed") if log[s]} == by_status
    assert sum(row["changes"] for row in log["by_direction"]) == log["changes"]
    notices = house.metadata("status_notifications")
    told = counts(house, "domiq_sync.notification WHERE state = 'delivered'")
    untold = counts(house, "domiq_sync.notification WHERE state = 'undeliverable'")
    assert (notices["delivered"], notices["undeliverable"]) == (told, untold) == (1, 1)
    assert notices["undeliverable_by_channel"] == {"email": 1}
    assert notices["changes_looked_at"] == log["changes"]

    day = str(world.value("SELECT max(logged_at)::date FROM domiq_sync.change"))
    house.run("daily", partition=day)
    daily = house.metadata("status_sync_daily", day)
    of_day = counts(house, "domiq_sync.change WHERE logged_at::date = CAST(:d AS date)", d=day)
    assert daily["changes"] == of_day == sum(row["changes"] for row in daily["by_property"])
    assert daily["failed"] == log["failed"] == 0

    for key in defs.resolve_asset_graph().executable_asset_keys:
        assert house.instance.get_latest_materialization_event(key) is not None, key


def test_the_success_rate_is_the_view_as_a_typed_table_by_property(house: House) -> None:
    world = house.world
    flats, _ridge, larkspur = house.connect(0, 1, 2)
    for status in ("success", "success", "failed"):
        world.log(world.conversation(flats, "active"), "contacted", sync_status=status)
    world.log(world.conversation(larkspur, "active"), "contacted", sync_status="success")

    run = house.materialise("status_sync_success_rate")

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


def test_a_failed_property_leaves_the_others_of_the_range_done_and_is_named(stored_house: House) -> None:
    house = stored_house
    house.connect(0, 1, 7)
    for place in (0, 1, 7):
        house.world.lead(place)
    broken = property_of(house, "juniper-flats")
    house.world.standin.faults({**OUTAGE, "property_id": broken})

    run = house.run("pull", keys=house.keys(), fails=True)

    assert house.keys() == ["copper-ridge", "juniper-flats", "prairie-lofts"]
    assert house.done("resman_leads") == {"copper-ridge", "prairie-lofts"}
    assert house.done("inbound_status_changes") == {"copper-ridge", "prairie-lofts"}
    (failure,) = [e for e in run.all_events if e.event_type == DagsterEventType.STEP_FAILURE]
    assert "1 of 3 properties could not be pulled" in str(failure.step_failure_data.error)
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert list(told.metadata) == ["juniper-flats"]
    assert "503" in str(told.metadata["juniper-flats"].value)
    stored = house.world.rows(
        "SELECT i.partition_key FROM domiq_sync.resman_lead JOIN domiq_sync.integration i "
        "USING (property_id) ORDER BY 1"
    )
    assert [row.partition_key for row in stored] == ["copper-ridge", "prairie-lofts"]

    house.world.standin.faults()
    house.run("pull", partition="juniper-flats")
    assert house.done("resman_leads") == set(house.keys())
    assert house.done("inbound_status_changes") == set(house.keys())


def test_a_full_reread_finds_what_moved_without_a_new_last_modified(house: House) -> None:
    (flats,) = house.connect(0)
    lead = house.world.lead(0, email="a@example.com", lastModified="2026-09-01T00:00:00Z")
    chat = house.world.conversation(flats, "contacted", email="a@example.com", age="200 days")
    house.world.lead(0, email="new@example.com")
    house.run("pull", keys=house.keys())
    house.world.standin.edit(lead["prospectId"], status="Lost", silent=True)

    house.run("pull", keys=house.keys())
    assert house.world.status(chat) == "contacted"
    house.run("full_reread", keys=house.keys(), config={"full": True})

    assert house.world.status(chat) == "lost"
    first, again, full = reads(house)
    assert asked_since(full) < asked_since(again)
    assert [(datetime.now(UTC) - asked_since(r)).days for r in (full, first)] == [360, 360]
    assert counts(house, "domiq_sync.watermark WHERE last_full_at IS NOT NULL") == 1


def test_a_pull_may_be_told_from_which_day_to_read(house: House) -> None:
    house.connect(0)
    house.run("pull", keys=house.keys(), config={"since": "2026-03-01"})
    assert asked_since(reads(house)[0]) == datetime(2026, 3, 1, tzinfo=UTC)
    assert house.metadata("resman_leads", "juniper-flats")["modified_since"] == 1772323200.0


def test_a_day_that_is_none_is_refused_before_anything_is_asked(house: House) -> None:
    house.connect(0)
    run = house.run("pull", keys=house.keys(), config={"since": "last Tuesday"}, fails=True)
    (failure,) = [e for e in run.all_events if e.event_type == DagsterEventType.STEP_FAILURE]
    assert "'last Tuesday' is no ISO date: write it like 2026-03-01." in str(failure.step_failure_data.error)
    assert house.world.standin.requests() == []


def test_a_property_that_is_switched_off_is_not_asked_and_the_run_says_so(house: House) -> None:
    house.connect(0)
    house.connect(1, sync_enabled=False)
    assert house.keys() == ["juniper-flats"]
    house.instance.add_dynamic_partitions("property", ["copper-ridge", "long-gone"])

    run = house.run("pull", keys=house.keys())

    said = logged(run, house.instance, logging.INFO)
    for key in ("copper-ridge", "long-gone"):
        assert f"{key} is not connected, or its sync is switched off: nothing was pulled" in said
    assert [r["propertyId"] for r in reads(house)] == [property_of(house, "juniper-flats")]
    assert counts(house, "domiq_sync.pull") == 1


def test_a_partition_that_nobody_knows_is_an_error(house: House) -> None:
    house.connect(0)
    with pytest.raises(DagsterUnknownPartitionError, match="no-such-place"):
        house.run("pull", partition="no-such-place")
    assert house.world.standin.requests() == []


def test_a_setting_that_resman_does_not_offer_is_a_warning_and_the_pull_goes_on(house: House) -> None:
    house.connect(0)
    house.world.lead(0)
    house.world.standin.faults({"kind": "refuse", "endpoint": "GetProspectSources"})
    run = house.run("pull", keys=house.keys())
    (said,) = logged(run, house.instance, logging.WARNING)
    assert said.startswith("juniper-flats: source_id is not set and cannot be asked")
    assert house.metadata("resman_leads", "juniper-flats")["fetched"] == 1


def test_an_outage_leaves_changes_pending_and_the_push_says_why(house: House) -> None:
    flats, lofts = house.connect(0, 7)
    house.run("pull", keys=house.keys())
    stays, goes = house.world.conversation(flats, "new"), house.world.conversation(lofts, "new")
    house.world.standin.faults({"kind": "unauthorized", "code": 1, "account_id": "400"})

    run = house.run("push")

    (said,) = logged(run, house.instance, logging.WARNING)
    assert said == "ResMan account 400 was left (bad_credentials); its changes stay pending"
    pushes = house.metadata("conversation_status_pushes")
    assert (pushes["pushed"], pushes["postponed"], pushes["still_pending"]) == (1, 1, 1)
    assert pushes["ended_because"] == "ResMan does not answer for account 400"
    paused, other = pushes["by_account"]
    assert (paused["account"], paused["pending"], paused["paused_because"]) == ("400", 1, "bad_credentials")
    assert (paused["rate"], paused["caught_up_in"]) == ("none yet", "cannot tell")
    assert paused["paused_until"].endswith(" UTC")
    assert (other["account"], other["pending"], other["caught_up_in"]) == ("401", 0, "0 s")
    assert other["paused_until"] == other["paused_because"] == ""
    assert "catch_up_minutes" not in pushes  # nobody can tell
    assert house.world.last(stays).sync_status == "pending"
    assert house.world.last(goes).sync_status == "success"


def test_a_push_says_what_waits_for_how_long_and_for_whom(house: House) -> None:
    (flats,) = house.connect(0)
    house.run("pull", keys=house.keys())
    chats = [house.world.conversation(flats, "new") for _ in range(4)]
    for chat, state, outcome in zip(
        chats, ("waiting", "waiting", "unknown"), ("conflict", "no_contact", "no_answer"), strict=False
    ):
        house.world.do(
            "UPDATE domiq_sync.delivery SET state = :s, last_outcome = :o, next_attempt_at = 'infinity', "
            "enqueued_at = now() - interval '90 min' WHERE lane = :c",
            s=state, o=outcome, c=chat,
        )  # fmt: skip

    house.run("push")

    pushes = house.metadata("conversation_status_pushes")
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
        "wait_for_settings": 0, "wait_for_contact": 1, "unknown": 1, "oldest": "1 h 30 min",
    }  # fmt: skip


def test_a_push_stops_at_its_budget_and_the_next_one_goes_on(house: House) -> None:
    (flats,) = house.connect(0)
    house.run("pull", keys=house.keys())
    for _ in range(3):
        house.world.conversation(flats, "new")
    house.run("push", resources={"sync": {"push_rows": 2}})
    pushes = house.metadata("conversation_status_pushes")
    assert (pushes["pushed"], pushes["still_pending"]) == (2, 1)
    assert pushes["ended_because"] == "the row budget is used up"
    house.run("push")
    assert house.metadata("conversation_status_pushes")["still_pending"] == 0


def test_days_of_a_range_are_counted_each_by_itself_and_anew(house: House) -> None:
    (flats,) = house.connect(0)
    old, new = house.world.conversation(flats, "new"), house.world.conversation(flats, "new")
    for chat, day in ((old, "2026-03-03"), (new, "2026-03-05")):
        house.world.do(
            "UPDATE domiq_sync.change SET logged_at = CAST(:d AS date) + interval '23 h 59 min' "
            "WHERE conversation_id = :c",
            d=day, c=chat,
        )  # fmt: skip
    tags = {
        "dagster/asset_partition_range_start": "2026-03-03",
        "dagster/asset_partition_range_end": "2026-03-05",
    }
    for _ in range(2):
        house.run("daily", tags=tags)
        found = [house.metadata("status_sync_daily", f"2026-03-0{n}")["changes"] for n in (3, 4, 5)]
        assert found == [1, 0, 1]
    rows = house.world.rows("SELECT day::text, property, changes FROM domiq_sync.daily_total ORDER BY 1")
    assert [tuple(r) for r in rows] == [
        ("2026-03-03", "juniper-flats", 1),
        ("2026-03-05", "juniper-flats", 1),
    ]


def test_reconciliation_mends_and_puts_what_it_found_on_record(house: House) -> None:
    (flats,) = house.connect(0)
    house.world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    house.world.conversation(flats, "new")
    house.world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    house.world.conversation(flats, "new")
    house.world.do("DELETE FROM domiq_sync.delivery")

    run = house.run("reconcile_pending")

    (event,) = [e for e in run.all_events if e.event_type == DagsterEventType.ASSET_OBSERVATION]
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
    assert len(found) == len(MENDED) + len(SEEN) + 1
    said = logged(run, house.instance, logging.INFO)
    assert [line for line in said if line.startswith("juniper-flats: ")] == [
        f"juniper-flats: {row['kind']}: 1, mended" for row in rows
    ]
    assert counts(house, "domiq_sync.delivery") == 2

    again = house.run("reconcile_pending")
    (event,) = [e for e in again.all_events if e.event_type == DagsterEventType.ASSET_OBSERVATION]
    found = plain(event.asset_observation_data.asset_observation.metadata)
    assert len(found) == len(MENDED) + len(SEEN)
    assert not any(found.values())


def test_nobodys_name_and_no_secret_is_in_what_dagster_keeps(stored_house: House, tmp_path: Path) -> None:
    house, world = stored_house, stored_house.world
    flats, lofts = house.connect(0, 7)
    private = ("Zebedee", "Quillfeather", "zeb@example.com", "555-0177", "standin-key", "standin-partner")
    world.lead(0, first="Zebedee", last="Quillfeather", email="zeb@example.com", phone="(202) 555-0177")
    for place, email in ((flats, "zeb@example.com"), (lofts, "zeb@example.com.au")):
        user = world.user("Zebedee", "Quillfeather", email, None)
        world.conversation(place, "new", user=user)
    house.run("pull", keys=house.keys())
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": "zeb@example.com is bad"})
    house.run("push")
    world.standin.faults({"kind": "unauthorized", "code": 1})
    house.run("pull", keys=house.keys(), fails=True)

    storage = house.instance.event_log_storage
    with psycopg.connect(storage.postgres_url) as connection:  # type: ignore[attr-defined]
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        kept = "\n".join(
            row[0] for (name,) in tables for row in connection.execute(f'SELECT t::text FROM "{name}" t')
        )
    kept += "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file())
    assert "juniper-flats" in kept
    assert "bad_credentials" in kept or "does not accept the credentials" in kept
    assert [word for word in private if word in kept] == []


def test_a_push_run_acts_on_changes_and_the_next_one_sends_what_rules_moved(house: House) -> None:
    (flats,) = house.connect(0, time_zone="America/Chicago")
    house.run("pull", keys=house.keys())
    for columns in ("'contacted', 'qualified', '[{\"type\": \"create_task\"}]'", "'contacted', 'sold', NULL"):
        house.world.do(
            "INSERT INTO status_workflow_rules (property_id, trigger_status, target_status, actions) "
            f"VALUES (:p, {columns})".replace("NULL", "NULL::jsonb"), p=flats,
        )  # fmt: skip
    chat = house.world.conversation(flats, "contacted")

    house.run("push")

    done = house.metadata("status_workflow_actions")
    assert {n: done[n] for n in ("changes", "moves", "tasks", "ran", "invalid")} == {
        "changes": 2, "moves": 1, "tasks": 1, "ran": 1, "invalid": 1,
    }  # fmt: skip
    assert [row["property"] for row in done["by_property"]] == ["juniper-flats"]
    assert (house.world.status(chat), house.world.last(chat).sync_status) == ("qualified", "pending")
    house.run("push")
    assert house.world.last(chat).sync_status == "success"
    assert house.metadata("status_workflow_actions")["changes"] == 0
