"""Tours that move while the status stays: ResMan is told of each new time, in order and once, whatever it
does with a post that names the event that it gave for the last one (B14)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.repair.reconcile import UNCAPTURED, UNCAPTURED_TOURS
from tests.fixtures.world import POST, World

ZONE = "America/New_York"
FIRST, SECOND, THIRD = "2027-02-02 15:00", "2027-02-03 16:30", "2027-07-04 09:15"
SENT = {FIRST: "2027-02-02T20:00:00", SECOND: "2027-02-03T21:30:00", THIRD: "2027-07-04T13:15:00"}
SET_TOUR = text("UPDATE conversation SET tour_datetime = :t WHERE id = :c")
POLICIES = ["echo_and_edit", "ignore", "keep", "refuse"]
IDS = ["everywhere", "reads", "nowhere"]
READ_BACKS = (31, 120, 180, 240)
"""Pauses that reach beyond the time over which a post is looked for."""


def toured(world: World, **settings: Any) -> UUID:
    """A conversation with a tour, of which ResMan was told."""
    chat = world.conversation(world.property(time_zone=ZONE, **settings), "new")
    world.sync(2)
    world.change(chat, status="tour_scheduled", tour_datetime=FIRST)
    world.sync()
    assert appointments(world, chat) == [SENT[FIRST]]
    return chat


def events(world: World, chat: UUID) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.lead_of(chat)["events"]
    return found


def appointments(world: World, chat: UUID) -> list[str]:
    """The times of the appointments that stand at ResMan, in the order in which they were made."""
    return [e["date"][:19] for e in events(world, chat) if e["type"] == "Appointment"]


def settle(world: World) -> None:
    """Pushes over minutes, by the clocks of both, until nothing is pending."""
    for seconds in (1, *READ_BACKS, *READ_BACKS):
        world.pass_time(seconds)
        world.push()
        if not world.rows("SELECT FROM domiq_sync.delivery"):
            return
    pytest.fail(f"still pending: {world.rows('SELECT state, last_outcome FROM domiq_sync.delivery')}")


def moves(world: World, chat: UUID) -> list[Any]:
    """The changes of the conversation whose status stayed."""
    return [c for c in world.changes(chat) if c.old_status == c.new_status]


def is_right(world: World, chat: UUID) -> None:
    """What holds at rest, whatever happened."""
    assert world.conservation() == world.repeated_markers() == []
    posts = len(world.standin.posts())
    world.sync(2)
    assert len(world.standin.posts()) == posts
    assert world.status(chat) == "tour_scheduled"


# On record


def test_a_tour_that_moves_is_a_change_of_the_same_status_with_its_reason(world: World) -> None:
    chat = toured(world)
    world.change(chat, tour_datetime=SECOND)
    (move,) = moves(world, chat)
    assert (move.old_status, move.new_status) == ("tour_scheduled", "tour_scheduled")
    assert (move.sync_direction, move.sync_status, move.updated_by) == ("to_resman", "pending", "chatbot")
    assert move.status_reason == "the tour moved from 2027-02-02 15:00:00 to 2027-02-03 16:30:00"
    assert move.context_data == {"tour": {"was": "2027-02-02T15:00:00", "is": "2027-02-03T16:30:00"}}
    assert world.conservation() == []
    world.sync()
    (move,) = moves(world, chat)
    assert (move.sync_status, move.outcome) == ("success", "sent")
    (event,) = [e for e in events(world, chat) if e["type"] == "Appointment"]
    assert event["date"][:19] == SENT[SECOND]
    said = "The tour moved from 2027-02-02 15:00 (America/New_York) to 2027-02-03 16:30 (America/New_York)"
    assert said in event["comments"]
    is_right(world, chat)


@pytest.mark.parametrize(
    "columns", [{"lead_score": 7}, {"tour_datetime": FIRST}, {"tour_datetime": FIRST, "lead_score": 7}]
)
def test_a_tour_that_stays_is_no_change(world: World, columns: dict[str, Any]) -> None:
    chat = toured(world)
    world.change(chat, **columns)
    assert moves(world, chat) == []


@pytest.mark.parametrize("status", ["qualified", "application", "lost", "completed"])
def test_a_tour_that_moves_at_a_status_without_tours_is_no_change(world: World, status: str) -> None:
    chat = world.conversation(world.property(), status, tour_datetime=FIRST)
    before = world.changes(chat)
    world.change(chat, tour_datetime=SECOND)
    assert world.changes(chat) == before


def test_a_tour_that_moves_with_the_status_is_the_change_of_the_status(world: World) -> None:
    chat = toured(world)
    world.change(chat, status="tour_booked", tour_datetime=SECOND)
    assert moves(world, chat) == []
    world.sync()
    assert appointments(world, chat) == [SENT[FIRST], SENT[SECOND]]


@pytest.mark.parametrize("first", [{"status": "tour_scheduled"}, {"is_book_tour": True}], ids=str)
def test_what_one_transaction_does_to_a_tour_is_one_change(world: World, first: dict[str, Any]) -> None:
    """A chatbot may set the status first and the time after it, and think twice."""
    chat = world.conversation(world.property(time_zone=ZONE), "qualified")
    world.sync(2)
    ((column, value),) = first.items()
    with world.engine.begin() as c:
        c.execute(text(f"UPDATE conversation SET {column} = :v WHERE id = :c"), {"v": value, "c": chat})
        for tour in (FIRST, SECOND):
            c.execute(SET_TOUR, {"t": tour, "c": chat})
    assert (len(world.changes(chat)), moves(world, chat)) == (2, [])
    world.sync()
    assert appointments(world, chat) == [SENT[SECOND]]
    with world.engine.begin() as c:
        for tour in (FIRST, THIRD):
            c.execute(SET_TOUR, {"t": tour, "c": chat})
    (move,) = moves(world, chat)
    assert move.status_reason == "the tour moved from 2027-02-03 16:30:00 to 2027-07-04 09:15:00"
    with world.engine.connect() as c:
        c.execute(SET_TOUR, {"t": FIRST, "c": chat})
        c.rollback()
    world.sync()
    assert appointments(world, chat) == [SENT[THIRD]]
    is_right(world, chat)


def test_no_rule_runs_and_nobody_is_told_that_a_status_changed(world: World) -> None:
    chat = toured(world)
    world.do("UPDATE domiq_sync.change SET ruled_at = clock_timestamp(), notified_at = clock_timestamp()")
    world.change(chat, tour_datetime=SECOND)
    unseen = "SELECT count(*) FROM domiq_sync.change WHERE ruled_at IS NULL OR notified_at IS NULL"
    assert world.value(unseen) == 0
    with world.engine.begin() as c:
        c.execute(text("LOCK TABLE domiq_sync.delivery IN ACCESS EXCLUSIVE MODE"))
        world.change(chat, tour_datetime=THIRD)  # logged, but not queued
    found = world.reconcile()
    assert (found.findings["changes without a place in the order"], world.value(unseen)) == (1, 0)
    world.sync()
    assert appointments(world, chat) == [SENT[THIRD]]


# What is told


def test_each_of_several_quick_moves_is_told_in_order(world: World) -> None:
    chat = toured(world)
    for tour in (SECOND, THIRD, SECOND, FIRST):
        world.change(chat, tour_datetime=tour)
    world.deliver()
    posted = [x for x in world.standin.posts() if "Appointment" in x]
    assert [t for x in posted for t in SENT.values() if t in x] == [
        SENT[t] for t in (FIRST, SECOND, THIRD, SECOND, FIRST)
    ]
    assert appointments(world, chat) == [SENT[FIRST]]
    assert [m.outcome for m in moves(world, chat)] == ["sent"] * 4
    is_right(world, chat)


def test_a_tour_that_is_called_off_is_a_note_and_one_that_is_set_again_edits_the_appointment(
    world: World,
) -> None:
    chat = toured(world)
    world.change(chat, tour_datetime=None)
    world.sync()
    note = events(world, chat)[-1]
    assert note["type"] == "Other" and "was called off" in note["comments"]
    assert moves(world, chat)[-1].status_reason == "the tour of 2027-02-02 15:00:00 was called off"
    assert appointments(world, chat) == [SENT[FIRST]]  # a Cancel would lose the lead
    world.change(chat, tour_datetime=SECOND)
    world.sync()
    assert appointments(world, chat) == [SENT[SECOND]]
    assert world.lead_of(chat)["status"] == "Prospect"
    is_right(world, chat)


def test_a_tour_that_is_set_later_than_the_status_is_an_appointment(world: World) -> None:
    chat = world.conversation(world.property(time_zone=ZONE), "qualified")
    world.sync(2)
    world.change(chat, status="tour_scheduled")
    world.sync()
    assert (world.told(chat)[-1], appointments(world, chat)) == ("Other", [])
    world.change(chat, tour_datetime=FIRST)
    assert moves(world, chat)[-1].status_reason == "the tour was set for 2027-02-02 15:00:00"
    world.sync()
    assert appointments(world, chat) == [SENT[FIRST]]
    assert "The tour is on 2027-02-02 15:00" in events(world, chat)[-1]["comments"]
    is_right(world, chat)


def test_a_property_that_tells_no_appointments_is_told_of_no_move(world: World) -> None:
    chat = toured(world)
    world.do(
        "UPDATE domiq_sync.domiq_status_map SET event_type = 'Show' WHERE lead_status = 'tour_scheduled'"
    )
    world.change(chat, tour_datetime=SECOND)
    world.sync()
    assert (world.last(chat).sync_status, world.last(chat).outcome) == ("success", "no_appointments")


@pytest.mark.parametrize("policy", ["resman_wins", "domiq_wins", "furthest_progress", "manual_review"])
@pytest.mark.parametrize("theirs", ["Lost", "Applicant", "Resident"])
def test_where_resman_has_moved_on_nothing_is_sent_and_that_is_on_record(
    world: World, policy: str, theirs: str
) -> None:
    """Least of all is a lost lead made active again: that a tour moved is no move of DomIQ's."""
    chat = toured(world, conflict_policy=policy)
    posts = len(world.standin.posts())
    world.standin.edit(world.lead_of(chat)["prospectId"], status=theirs)
    world.change(chat, tour_datetime=SECOND)
    world.push()
    world.deliver()
    assert len(world.standin.posts()) == posts
    (move,) = moves(world, chat)
    assert (move.sync_status, move.outcome) == ("success", "superseded")
    assert world.status(chat) == {"Lost": "lost", "Applicant": "application", "Resident": "leased"}[theirs]
    world.sync(2)
    assert len(world.standin.posts()) == posts
    assert world.verdicts() == ["agrees"]


@pytest.mark.parametrize("theirs", ["Lost", "Applicant"])
def test_where_a_property_takes_nothing_from_resman_a_move_of_a_lead_that_moved_on_is_not_told(
    world: World, theirs: str
) -> None:
    chat = toured(world, sync_direction="to_resman")
    posts = len(world.standin.posts())
    world.standin.edit(world.lead_of(chat)["prospectId"], status=theirs)
    world.change(chat, tour_datetime=SECOND)
    world.push()
    assert (world.last(chat).sync_status, world.last(chat).outcome) == ("success", "moved_on")
    assert len(world.standin.posts()) == posts


def test_a_status_behind_a_tour_is_told_after_it(world: World) -> None:
    chat = toured(world)
    world.change(chat, tour_datetime=SECOND)
    world.change(chat, status="application")
    world.deliver()
    assert appointments(world, chat) == [SENT[SECOND]]
    assert world.told(chat)[-1] == "Application"


# The switches


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_whatever_resman_does_with_the_id_of_an_event_the_new_time_stands_there(
    world: World, policy: str, ids: str
) -> None:
    world.standin.faults(event_id_policy=policy, event_ids=ids)
    chat = toured(world)
    for tour in (SECOND, THIRD):
        world.change(chat, tour_datetime=tour)
        settle(world)
    expected = (
        [SENT[THIRD]]
        if policy == "echo_and_edit" and ids != "nowhere"
        else [SENT[FIRST], SENT[SECOND], SENT[THIRD]]
    )
    assert appointments(world, chat) == expected
    last = [e for e in events(world, chat) if e["type"] == "Appointment"][-1]
    assert "the appointment at the earlier time no longer stands" in last["comments"]
    assert [m.sync_status for m in moves(world, chat)] == ["success", "success"]
    is_right(world, chat)


LOST_ANSWERS = {
    "done, and the answer lost": {"kind": "drop_after"},
    "done late, and the answer lost": {"kind": "drop_after", "commit_after": 50},
    "not done": {"kind": "drop_before"},
    "done, and the answer is a page": {"kind": "html", "commit": True},
}


@pytest.mark.parametrize("lost", LOST_ANSWERS)
@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_move_whose_answer_is_lost_is_told_once(world: World, policy: str, ids: str, lost: str) -> None:
    world.standin.faults(event_id_policy=policy, event_ids=ids)
    chat = toured(world)
    world.standin.faults({**LOST_ANSWERS[lost], "endpoint": POST, "count": 1})
    world.change(chat, tour_datetime=SECOND)
    settle(world)
    world.change(chat, tour_datetime=THIRD)
    settle(world)
    assert appointments(world, chat)[-1] == SENT[THIRD]
    assert len(set(appointments(world, chat))) == len(appointments(world, chat))
    if policy == "echo_and_edit" and ids != "nowhere":
        assert appointments(world, chat) == [SENT[THIRD]]
    assert [m.sync_status for m in moves(world, chat)] == ["success", "success"]
    is_right(world, chat)


HIDDEN = {
    "comments are cut": {"read_comment_length": 12},
    "comments are stripped": {"sanitise_comments": True},
    "the newest event is left out": {"events_left_out": "newest"},
    "events are left out": {"events_left_out": "all"},
    "reads lag": {"read_lag_seconds": 45},
}


@pytest.mark.parametrize("lost", [None, "done, and the answer lost", "not done"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_move_is_found_however_little_of_it_is_shown(world: World, hidden: str, lost: str | None) -> None:
    """There and back, so that the same time is told twice."""
    chat = toured(world)
    world.pass_time(600)
    for tour in (SECOND, FIRST):
        faults = [{**LOST_ANSWERS[lost], "endpoint": POST, "count": 1}] if lost else []
        world.standin.faults(*faults, **HIDDEN[hidden])
        world.change(chat, tour_datetime=tour)
        settle(world)
        world.pass_time(600)
    assert appointments(world, chat)[-1] == SENT[FIRST]
    assert [m.sync_status for m in moves(world, chat)] == ["success", "success"]
    is_right(world, chat)


# What capture did not see


def test_a_tour_that_moved_while_capture_was_off_is_found_by_reconciliation(world: World) -> None:
    chat, other = toured(world), world.conversation(world.property(1), "tour_scheduled", tour_datetime=FIRST)
    world.sync()
    world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    world.change(chat, tour_datetime=SECOND)
    world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    found = world.reconcile()
    assert (found.findings[UNCAPTURED_TOURS], found.findings[UNCAPTURED]) == (1, 0)
    assert world.reconcile().findings[UNCAPTURED_TOURS] == 0
    (move,) = moves(world, chat)
    assert move.status_reason.startswith("the tour moved from 2027-02-02 15:00:00 to 2027-02-03 16:30:00; ")
    assert (move.updated_by, move.sync_status) == ("system", "pending")
    world.sync()
    assert appointments(world, chat) == [SENT[SECOND]]
    assert moves(world, other) == []
    is_right(world, chat)


def test_a_status_that_nobody_logged_is_told_with_the_tour_that_moved(world: World) -> None:
    chat = world.conversation(world.property(time_zone=ZONE), "qualified")
    world.sync(2)
    world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    world.change(chat, status="tour_scheduled", tour_datetime=FIRST)
    world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    world.change(chat, tour_datetime=SECOND)
    assert (world.last(chat).old_status, world.last(chat).new_status) == ("qualified", "tour_scheduled")
    world.sync()
    assert appointments(world, chat) == [SENT[SECOND]]
    assert (moves(world, chat), world.reconcile().findings[UNCAPTURED]) == ([], 0)


def test_a_change_from_before_tours_were_kept_is_not_taken_for_one_without_a_tour(world: World) -> None:
    """As after an upgrade: nothing is told anew, and the next move edits the appointment that stands."""
    chat = toured(world)
    world.do("UPDATE status_sync_log SET context_data = (context_data - 'tour') #- '{sync,tour}'")
    assert world.reconcile().findings[UNCAPTURED_TOURS] == 0
    world.change(chat, tour_datetime=SECOND)
    world.sync()
    assert appointments(world, chat) == [SENT[SECOND]]
    is_right(world, chat)


# The shape of the column


def test_without_the_column_statuses_are_captured_and_told_all_the_same(world: World) -> None:
    chat = toured(world)
    world.do("ALTER TABLE conversation DROP COLUMN tour_datetime")
    for _ in range(2):
        world.change(chat, lead_score=8)
        world.change(chat, status="qualified")
        world.change(chat, status="tour_scheduled")
        assert world.reconcile().findings[UNCAPTURED_TOURS] == 0
        world.deliver()
        assert world.told(chat)[-1] == "Other"
        migrate(world.engine)  # looks for the column anew
    world.do("ALTER TABLE conversation ADD COLUMN tour_datetime timestamp")
    migrate(world.engine)
    world.change(chat, tour_datetime=THIRD)
    world.sync()
    assert appointments(world, chat)[-1] == SENT[THIRD]


@pytest.mark.parametrize("column", ["timestamptz", "date", "text", "json"])
def test_a_column_of_another_type_is_captured_as_what_it_is(world: World, column: str) -> None:
    """By a session that was there before as well, whose plans are for the old type."""
    chat = toured(world)
    world.do("ALTER TABLE conversation DISABLE TRIGGER conversation_notify")
    using = "to_json(tour_datetime)" if column == "json" else f"tour_datetime::{column}"
    world.do(f"ALTER TABLE conversation ALTER COLUMN tour_datetime TYPE {column} USING {using}")
    assert world.reconcile().findings[UNCAPTURED_TOURS] in (0, 1)  # a date has lost its hours
    world.deliver()
    value = '"2027-02-03T16:30:00"' if column == "json" else SECOND
    world.do(
        f"UPDATE conversation SET tour_datetime = CAST(:t AS {column}), status = status WHERE id = :c",
        t=value, c=chat,
    )  # fmt: skip
    world.change(chat, lead_score=9)
    world.deliver()
    expected = {"timestamptz": "2027-02-03T16:30:00", "date": "2027-02-03T05:00:00"}
    assert appointments(world, chat)[-1] == expected.get(column, SENT[SECOND])
    assert world.value("SELECT last_value FROM domiq_sync.capture_misses") == 1


def test_a_time_with_a_zone_is_kept_in_utc_whatever_the_session_s_zone_is(world: World) -> None:
    world.do("ALTER TABLE conversation ALTER COLUMN tour_datetime TYPE timestamptz")
    chat = world.conversation(world.property(time_zone=ZONE), "new")
    world.sync(2)
    with world.engine.begin() as c:
        c.execute(text("SET LOCAL TimeZone = 'Asia/Kolkata'"))
        c.execute(
            text("UPDATE conversation SET status = 'tour_scheduled', tour_datetime = '2027-02-02 15:00'")
        )
    world.sync()
    assert appointments(world, chat) == ["2027-02-02T09:30:00"]
    assert world.reconcile().findings[UNCAPTURED_TOURS] == 0
    assert moves(world, chat) == []


# The application logs for itself


@pytest.mark.parametrize("order", ["log first", "log last"])
@pytest.mark.parametrize("count", ["one transaction", "two transactions"])
def test_a_move_that_the_application_logs_itself_is_told_once(world: World, order: str, count: str) -> None:
    """B4."""
    chat = toured(world)
    move = SET_TOUR
    log = text(
        "INSERT INTO status_sync_log "
        "(conversation_id, old_status, new_status, status_reason, sync_direction, sync_status) "
        "VALUES (:c, 'tour_scheduled', 'tour_scheduled', 'They asked for it', 'to_resman', 'pending')"
    )
    for tour in (SECOND, THIRD):
        steps = [log, move] if order == "log first" else [move, log]
        for group in [steps] if count == "one transaction" else [[step] for step in steps]:
            with world.engine.begin() as c:
                for step in group:
                    c.execute(step, {"c": chat, **({"t": tour} if step is move else {})})
        world.deliver()
        assert appointments(world, chat) == [SENT[tour]]
    assert len([x for x in world.standin.posts() if "Appointment" in x]) == 3
    assert {c.sync_status for c in world.changes(chat)} == {"success"}
    world.change(chat, status="qualified")
    world.change(chat, status="tour_scheduled")
    assert [c.new_status for c in world.changes(chat)][-2:] == ["qualified", "tour_scheduled"]
    world.deliver()
    is_right(world, chat)


def test_a_row_with_equal_statuses_that_is_of_no_tour_is_told_as_it_was(world: World) -> None:
    chat = toured(world)
    world.log(chat, "tour_scheduled", old_status="tour_scheduled", status_reason="Brings a dog")
    world.sync()
    assert appointments(world, chat) == [SENT[FIRST], SENT[FIRST]]
    assert "Brings a dog" in events(world, chat)[-1]["comments"]


def test_a_property_whose_times_are_utc_is_told_the_instant(world: World) -> None:
    chat = world.conversation(world.property(time_zone=ZONE, tour_times="utc"), "new")
    world.sync(2)
    world.change(chat, status="tour_scheduled", tour_datetime=datetime(2027, 2, 2, 15))
    world.change(chat, tour_datetime=datetime(2027, 3, 14, 7))  # an hour that New York's clock skips
    world.deliver()
    assert appointments(world, chat) == ["2027-03-14T07:00:00"]
    assert "to 2027-03-14 03:00 (America/New_York)" in events(world, chat)[-1]["comments"]
