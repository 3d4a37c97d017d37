"""Every change can tell its story, by the id of the change, the conversation or the lead."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from domiq_dagster.sync.explain import explain

POST = {"endpoint": "PostLeadManagement4_0"}


def stories(world: Any, identifier: object) -> list[dict[str, Any]]:
    with world.engine.connect() as c:
        return explain(c, str(identifier))


def test_a_creation_tells_its_searches_its_post_and_the_answer(world: Any) -> None:
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


def test_it_is_found_by_change_conversation_and_lead_and_tells_in_order(world: Any) -> None:
    conversation = world.conversation(world.property(), "new")
    world.change(conversation, status="qualified")
    world.sync()
    by_conversation = stories(world, conversation)
    assert [s["new_status"] for s in by_conversation] == ["new", "qualified"]
    assert stories(world, world.lead_of(conversation)["prospectId"]) == by_conversation
    assert stories(world, by_conversation[1]["change_id"]) == by_conversation[1:]
    assert stories(world, uuid4()) == stories(world, "nothing") == []


def test_each_try_after_a_fault_is_told(world: Any) -> None:
    place = world.property()
    world.sync()
    conversation = world.conversation(place, "new")
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


def test_a_refusal_is_told_in_resman_s_words(world: Any) -> None:
    place = world.property()
    world.sync()
    conversation = world.conversation(place, "new")
    world.standin.faults({"kind": "refuse", "description": "The moon is full", **POST})
    world.push()
    (story,) = stories(world, conversation)
    assert story["settlement"] == {"outcome": "refused", "reason": "The moon is full"}
    assert story["steps"][-1]["detail"]["answer"] == "The moon is full"


def test_what_the_application_put_into_the_context_stays(world: Any) -> None:
    conversation = world.conversation(world.property(), "active")
    world.log(conversation, "qualified", context_data='{"conversation_summary": "Wants two rooms"}')
    world.log(conversation, "contacted", context_data='["a list"]')
    world.sync()
    first, second = world.changes(conversation)
    assert first.context_data["conversation_summary"] == "Wants two rooms"
    assert "Wants two rooms" in world.lead_of(conversation)["events"][0]["comments"]
    assert second.context_data["original"] == ["a list"]
    assert (first.outcome, second.outcome) == ("sent", "sent")
