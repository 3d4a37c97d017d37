"""A change of conversation.status reaches ResMan as the right event, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domiq_dagster.sync.dry_run import forecast_push
from tests.fixtures.world import World

CREATED = {
    "new": (["Contact"], "Prospect"),
    "contacted": (["Contact"], "Prospect"),
    "qualified": (["Contact", "Other"], "Prospect"),
    "tour_scheduled": (["Contact", "Other"], "Prospect"),
    "application": (["Contact", "Application"], "Prospect"),
    "leased": (["Contact", "Other"], "Prospect"),
    "lost": (["Contact", "Cancel"], "Lost"),
    "initial_contact": (["Contact"], "Prospect"),
    "engaged": (["Contact"], "Prospect"),
    "follow_up_needed": (["Contact"], "Prospect"),
    "tour_booked": (["Contact", "Other"], "Prospect"),
    "application_started": (["Contact", "Application"], "Prospect"),
}
TOLD = {
    "contacted": ("Contact", "Prospect"),
    "qualified": ("Other", "Prospect"),
    "application": ("Application", "Prospect"),
    "leased": ("Other", "Prospect"),
    "lost": ("Cancel", "Lost"),
}


def test_each_word_creates_the_lead_and_tells_its_event(world: World) -> None:
    property_id = world.property()
    ids = {word: world.conversation(property_id, word) for word in CREATED}
    world.sync()
    for word, conversation in ids.items():
        change, lead = world.last(conversation), world.lead_of(conversation)
        assert (change.sync_status, change.outcome) == ("success", "sent"), word
        assert change.resman_lead_id == lead["prospectId"]
        assert (world.told(conversation), lead["status"]) == CREATED[word], word
        assert world.status(conversation) == word
    assert world.repeated_markers() == []


def test_each_word_is_told_to_an_existing_lead_without_contact_data(world: World) -> None:
    property_id = world.property()
    ids = {}
    for n, word in enumerate(TOLD):
        email, phone = f"{word}@example.com", f"(202) 555-010{n}"
        lead = world.lead(email=email, phone=phone, first="Bo", last=word)
        conversation = world.conversation(property_id, "new", user=world.user("Bo", word, email, phone))
        ids[word] = (conversation, lead["prospectId"])
    world.sync()
    before = len(world.standin.posts())
    for word, (conversation, _) in ids.items():
        world.change(conversation, status=word)
    world.sync()
    for word, (conversation, prospect) in ids.items():
        lead = world.lead_of(conversation)
        assert lead["prospectId"] == prospect
        assert (world.told(conversation)[-1], lead["status"]) == TOLD[word]
    posts = world.standin.posts()[before:]
    assert len(posts) == len(TOLD)
    for post in posts:
        assert "ProspectID" in post
        assert not any(contact in post for contact in ("<Phone", "<Email", "example.com", "555"))


def test_lost_names_the_reason_and_coming_back_reactivates(world: World) -> None:
    conversation = world.conversation(world.property(), "contacted")
    world.sync()
    world.change(conversation, status="lost")
    world.sync()
    lead = world.lead_of(conversation)
    (reason,) = [r for r in world.standin.state()["lostReasons"]["400"] if r["name"] == lead["lostReason"]]
    assert lead["events"][-1]["transactionSource"] == reason["id"]
    assert 'Customer Type="lost"' in world.standin.posts()[-1]
    world.change(conversation, status="qualified")
    world.sync()
    assert world.lead_of(conversation)["status"] == "Prospect"
    assert world.told(conversation)[-2:] == ["ReActivate", "Other"]


def test_a_tour_booked_by_flag_is_an_appointment_at_the_property_s_time(world: World) -> None:
    conversation = world.conversation(world.property(2), "contacted")  # Denver
    world.sync()
    world.change(conversation, is_book_tour=True, tour_datetime=datetime(2027, 7, 1, 9, 30))
    world.sync()
    event = world.lead_of(conversation)["events"][-1]
    assert event["type"] == "Appointment"
    assert datetime.fromisoformat(event["date"]) == datetime(2027, 7, 1, 15, 30, tzinfo=UTC)
    assert (world.last(conversation).old_status, world.last(conversation).new_status) == (
        "contacted",
        "tour_scheduled",
    )


def test_a_tour_without_a_time_is_told_as_a_note_that_says_so(world: World) -> None:
    conversation = world.conversation(world.property(), "contacted")
    world.sync()
    world.change(conversation, is_book_tour=True)
    world.sync()
    event = world.lead_of(conversation)["events"][-1]
    assert event["type"] == "Other"
    assert "No tour time was given." in event["comments"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"email": "Bo@Example.com"}, ("Bo", "Example", "bo@example.com", None)),
        ({"phone": "(202) 555-0143"}, ("Bo", "Example", None, "202.555.0143")),
        ({"first": "BO", "last": "Example"}, ("Bo", "example", "bo@example.com", None)),
    ],
    ids=["e-mail", "phone", "name"],
)
def test_a_lead_that_is_there_is_found_not_created(
    world: World, theirs: dict[str, str], ours: tuple[Any, ...]
) -> None:
    property_id = world.property()
    lead = world.lead(**theirs)
    conversation = world.conversation(property_id, "qualified", user=world.user(*ours))
    world.push()  # no pull was there yet: only the search can find it
    (prospect,) = world.standin.prospects()
    assert prospect["prospectId"] == lead["prospectId"]
    assert world.told(conversation) == ["Other"]


def test_the_search_before_creating_asks_by_email_phone_and_name(world: World) -> None:
    user = world.user("Bo", "Example", "bo@example.com", "202-555-0143")
    world.conversation(world.property(), "new", user=user)
    world.sync()
    asked = [r["parameters"] for r in world.standin.requests("SearchProspects")]
    keys = [next(k for k in ("Email", "Phone", "FirstName") if k in p) for p in asked]
    assert keys == ["Email", "Phone", "FirstName"]
    assert len(world.standin.prospects()) == 1


def test_two_conversations_of_one_user_create_one_prospect(world: World) -> None:
    property_id = world.property()
    user = world.user("Bo", "Example", "bo@example.com")
    older = world.conversation(property_id, "qualified", user=user, age="2 days")
    newer = world.conversation(property_id, "contacted", user=user)
    world.sync()
    world.deliver()
    assert len(world.standin.prospects()) == 1
    current = world.rows("SELECT conversation_id FROM domiq_sync.lead_link WHERE is_current")
    assert [r.conversation_id for r in current] == [newer]
    assert {world.last(older).sync_status, world.last(newer).sync_status} == {"success"}


def test_what_we_posted_for_an_older_conversation_is_no_news_to_a_newer_one(world: World) -> None:
    property_id = world.property()
    user = world.user("Bo", "Example", "bo@example.com")
    world.conversation(property_id, "contacted", user=user, age="2 days")
    newer = world.conversation(property_id, "application", user=user, age="1 day")
    world.push()
    world.deliver()
    assert (world.status(newer), world.last(newer).outcome) == ("application", "sent")
    assert world.told(newer) == ["Contact", "Application"]


def test_an_anonymous_name_does_not_replace_the_lead_s_name(world: World) -> None:
    property_id = world.property()
    world.lead(first="Bo", last="Example", email="bo@example.com")
    user = world.user("Anonymous", "User", "bo@example.com")
    world.conversation(property_id, "qualified", user=user)
    world.sync()
    person = world.standin.of("bo@example.com")["people"][0]
    assert (person["firstName"], person["lastName"]) == ("Bo", "Example")


def test_several_leads_that_fit_are_not_guessed_among(world: World) -> None:
    property_id = world.property()
    world.lead(email="bo@example.com")
    world.lead(email="bo@example.com")
    conversation = world.conversation(property_id, "qualified", email="bo@example.com")
    world.sync()
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("failed", "ambiguous_lead")
    assert world.standin.posts() == []
    assert len(world.standin.prospects()) == 2


def test_a_status_without_meaning_that_the_application_logs_fails_and_says_so(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    world.log(conversation, "dreaming")
    world.sync()
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("failed", "unmapped_status")
    assert "dreaming" in change.reason
    assert world.standin.posts() == []


def test_a_change_without_a_conversation_fails_and_says_so(world: World) -> None:
    world.property()
    change = world.log(None, "qualified")
    world.sync(2)
    row = world.rows("SELECT sync_status, context_data FROM status_sync_log WHERE id = :i", i=change)[0]
    assert row.sync_status == "failed"
    assert row.context_data["sync"]["outcome"] == "no_conversation"


def test_a_change_without_a_status_fails_and_says_so(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    world.log(conversation, None)
    (integration,) = world.integrations()
    assert forecast_push(world.engine, integration).nothing_to_send == {"no_status": 1}
    world.sync()
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("failed", "no_status")
    assert "names no new status" in change.reason
    assert world.standin.posts() == []


def test_a_change_that_does_not_say_when_it_was_made_is_dated_by_its_delivery(world: World) -> None:
    conversation = world.conversation(world.property(), "contacted")
    world.do("UPDATE status_sync_log SET created_at = NULL")
    world.do("UPDATE conversation SET created_at = NULL")
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = '2026-01-02 03:04:05+00'")
    world.sync()
    assert world.last(conversation).sync_status == "success"
    (event,) = world.lead_of(conversation)["events"]
    assert datetime.fromisoformat(event["date"]) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(("queued", "status"), [("2026-01-02", "lost"), ("2026-03-02", "qualified")])
def test_a_change_that_does_not_say_when_it_was_made_is_as_new_as_its_delivery(
    world: World, queued: str, status: str
) -> None:
    lost = {"type": "Cancel", "date": "2026-02-01T10:00:00Z"}
    property_id = world.property()
    world.lead(email="bo@example.com", status="Lost", events=[lost], lastModified=lost["date"])
    conversation = world.conversation(property_id, "qualified", email="bo@example.com")
    world.do("UPDATE status_sync_log SET created_at = NULL")
    world.do("UPDATE conversation SET created_at = NULL")
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = CAST(:queued AS timestamptz)", queued=queued)
    world.deliver()
    assert world.last(conversation).sync_status == "success"
    assert world.status(conversation) == status


def test_statuses_of_the_chat_itself_are_left_alone(world: World) -> None:
    property_id = world.property()
    ids = [
        world.conversation(property_id, s) for s in ("active", "completed", "scheduled", "converted", None)
    ]
    world.sync()
    assert [world.changes(i) for i in ids] == [[], [], [], [], []]
    assert world.standin.posts() == []


def test_a_conversation_deleted_while_its_change_is_on_the_way(world: World) -> None:
    property_id = world.property()
    world.sync()
    gone = world.conversation(property_id, "qualified", email="gone@example.com")
    stays = world.conversation(property_id, "qualified", email="stays@example.com")
    post = world.client.post_lead

    def post_and_delete(*args: Any) -> Any:
        answer = post(*args)
        world.do("DELETE FROM conversation WHERE id = :c", c=gone)
        return answer

    world.client.post_lead = post_and_delete
    report = world.push()
    assert report.by_outcome["lost_lease"] == 1
    assert world.last(stays).sync_status == "success"
    assert world.rows("SELECT FROM domiq_sync.delivery") == []
    assert world.rows("SELECT FROM domiq_sync.lead_link WHERE conversation_id = :c", c=gone) == []


def test_a_property_that_is_not_connected_keeps_its_changes_until_it_is(world: World) -> None:
    property_id = world.property(connected=False)
    conversation = world.conversation(property_id, "qualified")
    world.sync()
    assert world.last(conversation).sync_status == "pending"
    world.connect(property_id)
    world.sync()
    assert world.last(conversation).sync_status == "success"


def test_a_disabled_property_sends_and_takes_nothing(world: World) -> None:
    property_id = world.property()
    conversation = world.conversation(property_id, "qualified")
    world.connect(property_id, sync_enabled=False)
    world.sync()
    assert world.last(conversation).sync_status == "pending"
    assert world.standin.requests() == []
    world.connect(property_id, sync_enabled=True)
    world.sync()
    assert world.last(conversation).sync_status == "success"


def test_a_property_that_only_takes_statuses_logs_and_sends_nothing(world: World) -> None:
    property_id = world.property(sync_direction="from_resman")
    conversation = world.conversation(property_id, "qualified")
    world.sync(2)
    assert world.changes(conversation) == []
    assert world.standin.posts() == []


def test_missing_settings_are_filled_from_resman(world: World) -> None:
    world.property(2)
    there = world.at_resman[2]
    (before,) = world.integrations()
    assert before.missing_settings == ("agent_id", "source_id", "lost_reason_id", "time_zone")
    assert world.sync().problems == []
    (after,) = world.integrations()
    assert after.time_zone == "America/Denver"
    assert after.agent_id in {e["agentId"] for e in there["employees"] if e["isLeasing"]}
    names = {s["transactionSourceId"]: s["name"] for s in there["sources"]}
    assert names[after.source_id] == "Chatbot"
    asked = len(world.standin.requests())
    world.sync()
    assert {r["endpoint"] for r in world.standin.requests()[asked:]} == {"Prospects"}


def test_a_change_waits_for_settings_that_resman_does_not_tell(world: World) -> None:
    world.standin.faults({"kind": "refuse", "endpoint": "GetProspectSources", "description": "Not today"})
    conversation = world.conversation(world.property(), "qualified")
    assert len(world.sync().problems) == 1
    assert world.delivery().last_outcome == "not_configured: source_id"
    assert (world.delivery().state, world.delivery().attempts) == ("waiting", 0)
    world.standin.faults()
    world.later()
    world.sync()
    assert world.last(conversation).sync_status == "success"


def test_a_lead_without_contact_waits_and_goes_when_it_has_one(world: World) -> None:
    user = world.user("Bo", "Example", "noreply@example.com", "000-000-0000")
    conversation = world.conversation(world.property(), "qualified", user=user)
    world.sync()
    assert (world.delivery().state, world.delivery().last_outcome) == ("waiting", "no_contact")
    assert world.standin.posts() == []
    world.do("UPDATE \"user\" SET email = 'bo@example.com'")
    world.deliver()
    assert world.last(conversation).sync_status == "success"
    assert world.standin.of("bo@example.com")["status"] == "Prospect"


def test_a_lead_without_contact_fails_when_nobody_gives_one_for_two_weeks(world: World) -> None:
    user = world.user("Anonymous", "User")
    conversation = world.conversation(world.property(), "qualified", user=user)
    world.sync()
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '15 days'")
    world.deliver(1)
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("failed", "no_contact")


def test_a_user_without_a_name_waits_and_goes_when_there_is_one(world: World) -> None:
    """B9: without a last name, or a first, or with one of blanks."""
    property_id = world.property()
    names = [("Bo", ""), ("", "Example"), ("Cy", " \u00a0\t")]
    chats = [
        world.conversation(property_id, "qualified", user=world.user(first, last, f"u{n}@example.com"))
        for n, (first, last) in enumerate(names)
    ]
    report = world.sync()
    assert (report.pull_errors, world.standin.posts()) == ({}, [])
    waiting = world.rows("SELECT state, last_outcome, attempts FROM domiq_sync.delivery")
    assert [tuple(row) for row in waiting] == [("waiting", "no_name", 0)] * 3
    world.do("UPDATE \"user\" SET first_name = 'Bo', last_name = 'Example'")
    world.deliver()
    assert [world.last(chat).sync_status for chat in chats] == ["success"] * 3


def test_a_lead_that_resman_merged_away_is_found_again(world: World) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    old = world.lead_of(conversation)["prospectId"]
    kept = world.lead(email="bo@example.com")
    world.standin.control("merge", {"keep": kept["prospectId"], "drop": old})
    world.change(conversation, status="qualified")
    world.deliver()
    assert world.last(conversation).sync_status == "success"
    assert world.lead_of(conversation)["prospectId"] == kept["prospectId"]
    assert world.told(conversation)[-1] == "Other"
