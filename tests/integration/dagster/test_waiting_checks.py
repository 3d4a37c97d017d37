"""The checks of what waits or grows though nothing fails: decisions, a standstill, Dagster's event log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dagster import AssetCheckSeverity
from sqlalchemy import text

from domiq_dagster.event_log import EventLogGrowth, event_log_growth
from domiq_dagster.resources import LimitsResource
from domiq_dagster.sync.alerts.thresholds import set_threshold
from domiq_dagster.waiting_checks import event_log_result
from tests.fixtures.dagster_instance import Harness, plain
from tests.integration.dagster.test_checks import check

DUE = "UPDATE domiq_sync.delivery SET next_attempt_at = now() - :age * interval '1 min'"


def test_what_a_person_must_decide_is_counted_by_property_and_reason(harness: Harness) -> None:
    flats, ridge = harness.connect(0, 1)
    world = harness.world
    assert check(harness, "conflicts_waiting")[0].passed
    for n in range(2):
        chat = world.conversation(flats, "contacted")
        world.do(
            "INSERT INTO domiq_sync.conflict "
            "(property_id, conversation_id, prospect_id, domiq_status, resman_status, opened_at) "
            "VALUES (:p, :c, 'x', 'contacted', 'Lost', now() - :n * interval '1 day')",
            p=flats, c=chat, n=n + 1,
        )  # fmt: skip
    world.conversation(ridge, "new")
    in_doubt = (
        "UPDATE domiq_sync.delivery SET state = 'unknown', last_outcome = 'in_doubt', posted_at = now()"
    )
    world.do(f"{in_doubt} WHERE property_id = :p", p=ridge)

    found, figures = check(harness, "conflicts_waiting")

    assert (found.passed, found.severity) == (False, AssetCheckSeverity.WARN)
    assert (figures["waiting"], figures["conflicts"], figures["changes_in_doubt"]) == (3, 2, 1)
    rows = [(row["property"], row["reason"], row["waiting"]) for row in figures["by_reason"]]
    assert rows == [("juniper-flats", "conflicts", 2), ("copper-ridge", "changes in doubt", 1)]
    assert figures["by_reason"][0]["oldest"].startswith("2 d")
    assert str(found.description).startswith("A person must decide: 2 conflicts, 1 changes in doubt.")
    assert "`domiq-sync conflicts`" in str(found.description)
    world.do("UPDATE domiq_sync.conflict SET resolved_at = now(), resolution = 'decided'")
    world.do("UPDATE domiq_sync.delivery SET decided = 'arrived'")
    assert check(harness, "conflicts_waiting")[0].passed


def test_a_change_that_is_due_while_nothing_is_sent_is_a_standstill(harness: Harness) -> None:
    flats, ridge = harness.connect(0, 1)
    world = harness.world
    world.conversation(flats, "new")
    world.do(DUE, age=14)
    assert check(harness, "standstill")[0].passed
    world.do(DUE, age=16)

    found, figures = check(harness, "standstill")

    assert (found.passed, found.severity) == (False, AssetCheckSeverity.ERROR)
    assert figures["properties_standing_still"] == 1
    assert 960 <= figures["longest_seconds"] < 1020
    assert [row["property"] for row in figures["by_property"]] == ["juniper-flats"]
    assert str(found.description).startswith(
        "Juniper Flats: changes are due, and nothing was sent for 16 min"
    )
    assert "domiq-sync sync --property juniper-flats" in str(found.description)

    world.conversation(ridge, "new")
    world.do(DUE, age=16)
    told = str(check(harness, "standstill")[0].description)
    assert "2 properties (Copper Ridge, Juniper Flats)" in told
    assert told.count("domiq-sync") == 1
    with world.engine.begin() as connection:
        set_threshold(connection, None, {"no_push_minutes": 60.0}, "test")
    assert check(harness, "standstill")[0].passed


def test_a_paused_account_is_no_standstill(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    harness.world.conversation(flats, "new")
    harness.world.do(DUE, age=60)
    harness.world.do(
        "UPDATE domiq_sync.account SET open_until = now() + interval '5 min', open_reason = 'busy'"
    )
    assert check(harness, "standstill")[0].passed


def test_how_fast_dagsters_event_log_grows_is_told_by_the_day_and_by_what(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0)
    harness.run("pull", keys=harness.keys())
    now = datetime.now(UTC)
    storage = harness.instance.event_log_storage
    with storage.index_connection() as connection:  # type: ignore[attr-defined]
        logged = connection.execute(text("SELECT count(*), sum(length(event)) FROM event_logs")).one()
    found = event_log_growth(harness.instance, now)
    assert found is not None
    assert found.events == logged[0]
    assert 0 < found.megabytes < logged[1] / 1e6 + 300 * logged[0] / 1e6
    assert round(sum(found.shares.values())) == 100
    assert "ASSET_MATERIALIZATION resman_leads" in {
        kind.replace('["', "").replace('"]', "") for kind in found.shares
    }

    with storage.index_connection() as connection:  # type: ignore[attr-defined]
        connection.execute(
            text("UPDATE event_logs SET timestamp = timestamp - interval '2 days' WHERE id <= :most"),
            {"most": 10},
        )
    older = event_log_growth(harness.instance, now)
    assert older is not None
    assert older.events == logged[0] - 10
    assert event_log_growth(harness.instance, now + timedelta(days=3)) == EventLogGrowth()


def test_an_event_log_that_grows_fast_turns_the_check_yellow_with_what_to_do(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0)
    harness.run("pull", keys=harness.keys())
    found, figures = check(harness, "event_log_growth")
    assert found.passed
    assert figures["events_a_day"] > 0
    past = event_log_result(harness.instance, LimitsResource(event_log_megabytes=1e-3))
    assert (past.passed, past.severity) == (False, AssetCheckSeverity.WARN)
    assert "more than 0.001 MB" in str(past.description)
    assert "job `housekeeping`" in str(past.description)
    assert plain(past.metadata)["of_what"][0]["percent"] > 0


def test_where_the_event_log_is_not_in_postgresql_the_check_says_that_it_cannot_tell(
    harness: Harness,
) -> None:
    found, figures = check(harness, "event_log_growth")
    assert (found.passed, figures) == (True, {})
    assert str(found.description).startswith("Cannot tell")
