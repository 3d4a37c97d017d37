"""Counting days: the figures are those that the rows tell, and what is gone from the record stays counted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.report.daily import DayCount, count_day, days_to_count, figures_of_days
from tests.fixtures.commands import eventually
from tests.fixtures.world import World

DAY = date(2026, 3, 4)


def count(world: World, day: date = DAY) -> DayCount:
    with world.engine.begin() as connection:
        return count_day(connection, day)


def stored(world: World, columns: str, day: date = DAY, direction: str = "to_resman") -> Any:
    (row,) = world.rows(
        f"SELECT {columns} FROM domiq_sync.daily_figure WHERE day = :d AND sync_direction = :s",
        d=day,
        s=direction,
    )
    return tuple(row)


def logged(world: World, chat: UUID, status: str, at: str, **columns: Any) -> UUID:
    """A change that was logged at this time of the day."""
    given = {"sync_status": "success", **columns}
    change = world.log(chat, status, **given)
    moment = datetime.fromisoformat(f"{DAY} {at}+00:00") if " " not in at else datetime.fromisoformat(at)
    world.do("UPDATE domiq_sync.change SET logged_at = :t WHERE change_id = :c", t=moment, c=change)
    world.do("UPDATE status_sync_log SET created_at = :t WHERE id = :c", t=moment, c=change)
    return change


def attempt(world: World, change: UUID, seconds: float, outcome: str = "ok") -> None:
    """A step that ended so long after its change was logged."""
    world.do(
        "INSERT INTO domiq_sync.attempt "
        "(change_id, lease_token, worker, action, outcome, started_at, duration_ms) "
        "SELECT change_id, 1, 'w', 'tell', :o, logged_at + :s * interval '1 second', 500 "
        "FROM domiq_sync.change WHERE change_id = :c",
        c=change, o=outcome, s=seconds - 0.5,
    )  # fmt: skip


@pytest.fixture
def flats(world: World) -> UUID:
    return world.property(0)


@pytest.fixture
def chat(world: World, flats: UUID) -> UUID:
    """A conversation without a change of its own."""
    return world.conversation(flats, "active")


def test_the_figures_of_a_day_are_those_that_its_rows_tell(world: World, chat: UUID) -> None:
    before = logged(world, chat, "new", f"{DAY - timedelta(days=1)} 10:00:00+00:00")
    one = logged(world, chat, "contacted", "09:00:00", old_status="new")
    two = logged(world, chat, "tour_booked", "11:00:00", old_status="contacted")
    refused = logged(
        world, chat, "lost", "12:00:00", old_status="tour_scheduled", sync_status="failed",
        context_data='{"sync": {"outcome": "refused"}}',
    )  # fmt: skip
    logged(world, chat, "contacted", "13:00:00", old_status="lost", sync_direction="from_resman")
    logged(world, chat, "mars", "14:00:00", old_status="contacted", sync_status="pending")
    attempt(world, one, 5)
    attempt(world, two, 20, "busy")
    attempt(world, two, 40)
    attempt(world, refused, 3)
    attempt(world, before, 9)

    counted = count(world)

    assert stored(world, "changes, success, failed, pending, success_rate") == (
        *(4, 2, 1, 1),
        pytest.approx(200 / 3),
    )
    assert stored(world, "timed, latency_p50, latency_p95, within_10s, within_1min, throttled") == (
        *(2, pytest.approx(22.5), pytest.approx(38.25)),
        *(1, 2, 1),
    )
    funnel, moves, stayed, reasons = stored(world, "funnel, moves, time_in_status, reasons")
    assert funnel == {"contacted": 1, "tour_scheduled": 1, "lost": 1, "other": 1}
    assert moves == {
        "new": {"contacted": 1},
        "contacted": {"tour_scheduled": 1, "other": 1},
        "tour_scheduled": {"lost": 1},
    }
    assert stayed["new"] == {"leads": 1, "median_seconds": 23 * 3600}
    assert stayed["contacted"] == {"leads": 2, "median_seconds": 1.5 * 3600}
    assert reasons == {"refused": 1}
    assert stored(world, "changes, moves", direction="from_resman") == (1, {"lost": {"contacted": 1}})
    assert (counted.sum("changes"), counted.latency["timed"]) == (5, 2)
    totals = world.rows(
        "SELECT property, sync_direction, sync_status, changes FROM domiq_sync.daily_total ORDER BY 2, 3"
    )
    assert [tuple(r) for r in totals] == [
        ("juniper-flats", "from_resman", "success", 1),
        ("juniper-flats", "to_resman", "failed", 1),
        ("juniper-flats", "to_resman", "pending", 1),
        ("juniper-flats", "to_resman", "success", 2),
    ]


def test_a_day_that_two_count_at_once_is_stored_once(world: World, chat: UUID) -> None:
    logged(world, chat, "contacted", "12:00:00")
    with world.engine.connect() as one, ThreadPoolExecutor(1) as elsewhere:
        count_day(one, DAY)
        other = elsewhere.submit(count, world)
        waits = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        eventually(lambda: world.value(waits), 20)
        one.commit()
        other.result(20)
    assert world.value("SELECT sum(changes) FROM domiq_sync.daily_total WHERE day = :d", d=DAY) == 1


def test_what_an_application_writes_as_a_reason_is_not_counted_by_its_words(world: World, chat: UUID) -> None:
    for reason in ("refused", "Zebediah Quillfeather rang", "LOST"):
        outcome = json.dumps({"sync": {"outcome": reason}})
        logged(world, chat, "lost", "12:00:00", sync_status="failed", context_data=outcome)
    logged(world, chat, "lost", "12:00:00", sync_status="failed")
    count(world)
    assert stored(world, "failed, reasons") == (4, {"refused": 1, "other": 2, "none": 1})


def test_what_tells_of_the_same_move_and_a_tour_that_moved_are_changes_and_no_moves(
    world: World, chat: UUID
) -> None:
    first = logged(world, chat, "contacted", "09:00:00", old_status="new")
    second = logged(world, chat, "contacted", "09:00:01", old_status="new")
    world.do("UPDATE domiq_sync.change SET same_as = :f WHERE change_id = :s", f=first, s=second)
    logged(
        world, chat, "tour_scheduled", "10:00:00", old_status="tour_scheduled",
        context_data='{"tour": {"was": "2026-03-05T10:00:00", "is": "2026-03-06T10:00:00"}}',
    )  # fmt: skip
    count(world)
    assert stored(world, "changes, moves") == (3, {"new": {"contacted": 1}})


def test_a_day_that_is_counted_again_keeps_what_is_no_longer_on_record(world: World, chat: UUID) -> None:
    """Attempts and requests go by their retention; a change that is deleted goes from the counts as well."""
    logged(world, chat, "new", f"{DAY - timedelta(days=1)} 10:00:00+00:00")
    one = logged(world, chat, "contacted", "09:00:00", old_status="new")
    attempt(world, one, 5)
    world.do(
        "INSERT INTO domiq_sync.request_count "
        "SELECT :d, resman_account_id, lower(resman_property_id), 'v1', 7 FROM domiq_sync.integration",
        d=DAY,
    )
    count(world)
    kept = stored(world, "timed, latency_p50, within_10s, time_in_status, requests")
    assert (kept[0], kept[4]) == (1, 7)
    world.do("DELETE FROM domiq_sync.attempt")
    world.do("DELETE FROM domiq_sync.request_count")
    count(world)
    assert stored(world, "timed, latency_p50, within_10s, time_in_status, requests") == kept
    world.do("DELETE FROM conversation WHERE id = :c", c=chat)
    count(world)
    assert stored(world, "changes, requests") == (0, 7)


def test_archived_changes_count_as_before(world: World, chat: UUID) -> None:
    logged(world, chat, "contacted", "09:00:00", old_status="new")
    count(world)
    before = stored(world, "changes, success, moves, funnel")
    world.do("SELECT domiq_sync.make_archive_month(:d)", d=DAY)
    world.do(
        "INSERT INTO domiq_sync.status_sync_log_archive (id, conversation_id, old_status, new_status, "
        "sync_direction, sync_status, created_at, seq, property_id, logged_at, change, rules) "
        "SELECT g.id, g.conversation_id, g.old_status, g.new_status, g.sync_direction, g.sync_status, "
        "g.created_at, c.seq, c.property_id, c.logged_at, to_jsonb(c), '[]' "
        "FROM status_sync_log g JOIN domiq_sync.change c ON c.change_id = g.id"
    )
    world.do("DELETE FROM status_sync_log")
    count(world)
    assert stored(world, "changes, success, moves, funnel") == before


def test_how_leads_compare_is_told_of_the_days_that_just_were(world: World) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(email="a@example.com")
    chat = world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync()
    today = datetime.now(UTC).date()
    assert count(world, today).diverged == 0
    count(world, DAY)
    columns = "day, conflicts_opened, conflicts_decided, compared, in_step, awaiting, diverged"
    rows = world.rows(f"SELECT {columns} FROM domiq_sync.daily_property ORDER BY day")
    assert [tuple(r) for r in rows] == [
        (DAY, 0, 0, None, None, None, None),
        (today, 1, 0, 1, 0, 0, 0),
    ]


def test_days_are_missing_until_they_were_counted_after_their_end(world: World, chat: UUID) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=5)

    def missing() -> list[date]:
        with world.engine.connect() as connection:
            return days_to_count(connection, date(2020, 1, 1))

    assert missing() == [], "nothing was ever logged"
    change = world.log(chat, "new", sync_status="success")
    assert missing() == [today], "worth a look before it is over"
    count(world, today)
    assert missing() == []
    world.do(
        "UPDATE domiq_sync.change SET logged_at = CAST(:f AS date) + interval '1 h' WHERE change_id = :c",
        f=first, c=change,
    )  # fmt: skip
    late = datetime.now(UTC).hour < 1  # the night's own count comes first
    expected = [first + timedelta(days=n) for n in range(4 if late else 5)]
    assert missing() == expected
    for day in expected:
        count(world, day)
    assert missing() == []
    world.do("UPDATE domiq_sync.daily_count SET counted_at = day + interval '1 h' WHERE day = :f", f=first)
    assert missing() == [first], "it was counted before it was over"


def test_a_range_is_read_as_it_was_counted_and_the_rest_is_counted_without_being_stored(
    world: World, chat: UUID
) -> None:
    logged(world, chat, "contacted", "09:00:00", old_status="new")
    count(world)
    logged(world, chat, "qualified", "10:00:00", old_status="contacted")
    logged(world, chat, "lost", f"{DAY + timedelta(days=1)} 10:00:00+00:00", old_status="qualified")
    with world.engine.connect() as connection:
        found = figures_of_days(connection, DAY - timedelta(days=1), DAY + timedelta(days=1))
    rows = found.figures[["day", "changes"]].itertuples(index=False)
    assert [tuple(r) for r in rows] == [(DAY, 1), (DAY + timedelta(days=1), 1)]
    assert [tuple(r) for r in world.rows("SELECT day FROM domiq_sync.daily_count")] == [(DAY,)]
