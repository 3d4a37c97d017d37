"""Every change can tell its story, by the id of the change, the conversation or the lead."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from domiq_dagster.sync.monitoring.explain import Explained, explain
from domiq_dagster.sync.repair.retry import Choice, put_back
from tests.fixtures.world import World

POST = {"endpoint": "PostLeadManagement4_0"}


def told(world: World, identifier: object, *, with_contact: bool = False) -> Explained:
    with world.engine.connect() as c:
        return explain(c, str(identifier), with_contact=with_contact)


def stories(world: World, identifier: object) -> list[dict[str, Any]]:
    return list(told(world, identifier).changes)


def test_a_creation_tells_its_searches_its_post_and_the_answer(world: World) -> None:
    conversation = world.conversation(world.property(), "qualified")
    world.sync()
    (story,) = stories(world, conversation)
    assert [s["action"] for s in story["steps"]] == ["search_by_email", "search_by_name", "create", "tell"]
    assert {s["outcome"] for s in story["steps"]} == {"ok"}
    create = story["steps"][2]
    lead = world.lead_of(conversation)
    assert create["detail"]["answer_prospect_id"] == lead["prospectId"]
    assert create["detail"]["marker"] in lead["events"][0]["comments"]
    assert create["duration_ms"] >= 0
    assert story["settlement"]["outcome"] == "sent"
    assert story["settlement"]["event_ids"] == [e["eventId"] for e in lead["events"]]
    assert (story["partition_key"], story["delivery_state"]) == ("juniper-flats", None)


def test_it_is_found_by_change_conversation_and_lead_and_tells_in_order(world: World) -> None:
    conversation = world.conversation(world.property(), "new")
    world.change(conversation, status="qualified")
    world.sync()
    by_conversation = stories(world, conversation)
    assert [s["new_status"] for s in by_conversation] == ["new", "qualified"]
    assert stories(world, world.lead_of(conversation)["prospectId"]) == by_conversation
    assert stories(world, by_conversation[1]["change_id"]) == by_conversation[1:]
    assert stories(world, uuid4()) == stories(world, "nothing") == []


def test_each_try_after_a_fault_is_told(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.standin.faults({"kind": "drop_after", **POST, "count": 1})
    world.push()
    (story,) = stories(world, conversation)
    assert (story["sync_status"], story["delivery_state"], story["last_outcome"]) == (
        "pending",
        "unknown",
        "no_answer",
    )
    assert story["settlement"] is None
    world.deliver()
    (story,) = stories(world, conversation)
    outcomes = [(s["action"], s["outcome"]) for s in story["steps"]]
    assert ("create", "no_answer") in outcomes
    assert outcomes[-1] == ("probe", "found")
    assert len({s["lease_token"] for s in story["steps"]}) == 2
    assert story["settlement"]["outcome"] == "confirmed_by_read"


def test_what_a_read_showed_is_told(world: World) -> None:
    conversation = world.conversation(world.property(), "new")
    world.sync()
    world.do("UPDATE domiq_sync.resman_lead SET read_at = 'epoch', touched_at = NULL")
    world.do("UPDATE domiq_sync.watermark SET last_pull_at = 'epoch'")
    world.change(conversation, status="contacted")
    world.push()
    read, tell = stories(world, conversation)[-1]["steps"]
    lead = world.lead_of(conversation)
    assert (read["action"], read["outcome"], tell["action"]) == ("read", "ok", "tell")
    assert read["detail"] == {
        "answer_prospect_id": lead["prospectId"],
        "answer_status": "prospect",
        "answer_events": len(lead["events"]) - 1,
    }


def test_a_retry_is_told_between_the_tries_before_and_after_it(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.standin.faults({"kind": "refuse", "description": "The moon is full", **POST})
    world.push()
    world.standin.faults()
    assert put_back(world.engine, Choice(property_id, reason="refused"), by="ops@example").total == 1
    (story,) = stories(world, conversation)
    # It may have arrived all the same, so it is probed before it is sent again.
    assert (story["sync_status"], story["settlement"], story["delivery_state"]) == (
        "pending",
        None,
        "unknown",
    )
    world.push()
    (story,) = stories(world, conversation)
    assert story["settlement"]["outcome"] == "sent"
    (retry,) = story["retries"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", retry.pop("at"))
    before = [s["outcome"] for s in story["steps"] if s["id"] <= retry["after_attempt"]]
    del retry["after_attempt"]
    assert retry == {
        "by": "ops@example", "property": "juniper-flats", "since": None, "reason": "refused",
        "after": {"outcome": "refused", "reason": "The moon is full"},
    }  # fmt: skip
    assert before[-1] == "refused"
    assert {s["outcome"] for s in story["steps"][len(before) :]} == {"ok"}


def test_how_the_conversation_stands_is_told(world: World) -> None:
    property_id = world.property(conflict_policy="manual_review")
    person = world.user("Ada", "Example", "ada@example.com")
    older = world.conversation(property_id, "contacted", user=person, age="9 days")
    world.sync()
    newer = world.conversation(property_id, "qualified", user=person)
    idle = world.conversation(property_id, "active")
    world.sync()
    first, second = told(world, world.lead_of(newer)["prospectId"]).conversations
    assert [c["conversation_id"] for c in (first, second)] == [older, newer]
    assert (first["speaks_for_lead"], second["speaks_for_lead"]) == (False, True)
    assert (second["domiq_status"], second["resman_status"], second["linked_by"]) == (
        "qualified", "Prospect", "email",
    )  # fmt: skip
    assert (second["agreed_domiq_status"], second["conflict"]) == ("qualified", False)
    world.change(newer, status="tour_scheduled")
    world.standin.edit(second["prospect_id"], status="Lost")
    world.sync()
    assert told(world, newer).conversations[0]["conflict"]
    nothing = told(world, idle)
    assert nothing.changes == []
    (stands,) = nothing.conversations
    assert (stands["domiq_status"], stands["lead_status"], stands["prospect_id"]) == ("active", None, None)


def test_what_is_not_in_the_order_or_linked_any_more_is_found_by_its_id(world: World) -> None:
    property_id = world.property()
    world.do("ALTER TABLE status_sync_log DISABLE TRIGGER USER")
    conversation = world.conversation(property_id, "active")
    change = world.log(conversation, "new", resman_lead_id="gone-lead")
    world.do("ALTER TABLE status_sync_log ENABLE TRIGGER USER")
    for identifier in (change, conversation, "gone-lead"):
        (story,) = stories(world, identifier)
        assert (story["change_id"], story["seq"], story["delivery_state"]) == (change, None, None)
    world.reconcile()


FIRST, LAST, EMAIL, PHONE = "Zebedee", "Quillfeather", "zebedee.quillfeather@example.com", "+1 (212) 555-0187"
PERSONAL = re.compile(r"zebedee|quillfeather|example\.com|555-?0187|5550187", re.IGNORECASE)
WORDS = f"{FIRST} of {EMAIL} rang from 212-555-0187"


def written_by_the_application(world: World) -> UUID:
    """A change of which the application wrote everything that it may write freely."""
    person = world.user(FIRST, LAST, EMAIL, PHONE)
    conversation = world.conversation(world.property(), "active", user=person)
    context = {
        "conversation_summary": WORDS,
        FIRST: 1,
        "sync": {"outcome": FIRST, "reason": WORDS, "event_ids": ["7", EMAIL], WORDS: {"deep": [WORDS]}},
        "retries": [
            {"by": EMAIL, "at": "12125550187", "after": {"outcome": "x", "prospect_id": LAST}},
            WORDS,
        ],
    }
    world.log(
        conversation, "contacted", status_reason=WORDS, resman_lead_id="2125550187", sync_status="failed",
        context_data=json.dumps(context),
    )  # fmt: skip
    found: UUID = conversation
    return found


def test_nothing_that_the_application_wrote_names_the_person(world: World) -> None:
    conversation = written_by_the_application(world)
    explained = told(world, conversation)
    assert PERSONAL.search(repr(explained)) is None
    (story,) = explained.changes
    assert story["status_reason"] == "[hidden] of [hidden] rang from [hidden]"
    assert story["settlement"]["event_ids"][0] == "7"
    assert "context" not in story
    assert "conversation_summary" in story["context_keys"]
    assert all("contact" not in c and "email" not in c for c in explained.conversations)


def test_the_person_is_told_where_asked_for_and_nothing_is_stored(world: World) -> None:
    conversation = written_by_the_application(world)
    before = world.versions()
    explained = told(world, conversation, with_contact=True)
    assert world.versions() == before
    (story,) = explained.changes
    assert story["status_reason"] == story["context"]["conversation_summary"] == WORDS
    assert story["resman_lead_id"] == "2125550187"
    assert story["settlement"]["reason"] == WORDS
    (stands,) = explained.conversations
    assert stands["contact"] == {"name": f"{FIRST} {LAST}", "email": EMAIL, "phone": PHONE}
    nobody = world.conversation(world.rows("SELECT id FROM property")[0].id, "active")
    world.do("UPDATE conversation SET user_id = NULL WHERE id = :c", c=nobody)
    (stands,) = told(world, nobody, with_contact=True).conversations
    assert stands["contact"] == {"name": None, "email": None, "phone": None}


@pytest.mark.parametrize("sync", ["done", ["a list"], 7])
def test_a_settlement_that_the_application_wrote_in_its_own_way_is_told(world: World, sync: object) -> None:
    conversation = world.conversation(world.property(), "active")
    context = {"sync": sync, "retries": "twice"}
    world.log(conversation, "contacted", sync_status="failed", context_data=json.dumps(context))
    (story,) = stories(world, conversation)
    assert (story["settlement"], story["retries"]) == (sync, "twice")


def test_a_refusal_is_told_in_resman_s_words(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.standin.faults({"kind": "refuse", "description": "The moon is full", **POST})
    world.push()
    (story,) = stories(world, conversation)
    assert story["settlement"] == {"outcome": "refused", "reason": "The moon is full"}
    assert story["steps"][-1]["detail"]["answer"] == "The moon is full"


def test_what_the_application_put_into_the_context_stays(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    world.log(conversation, "qualified", context_data='{"conversation_summary": "Wants two rooms"}')
    world.log(conversation, "contacted", context_data='["a list"]')
    world.sync()
    first, second = world.changes(conversation)
    assert first.context_data["conversation_summary"] == "Wants two rooms"
    assert "Wants two rooms" in world.lead_of(conversation)["events"][0]["comments"]
    assert second.context_data["original"] == ["a list"]
    assert (first.outcome, second.outcome) == ("sent", "sent")
