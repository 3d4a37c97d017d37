"""D3, F2: what ResMan's staff did is never undone unread: a lead is read in the same slot before any post
that could, and what it shows is decided by the property's policy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.decisions.decide import enforceable
from domiq_dagster.sync.status_map import SHIPPED, ConflictPolicy
from tests.fixtures.world import POST, SEARCH, World

POLICIES = list(ConflictPolicy)


def in_step(world: World, policy: str, status: str = "contacted") -> tuple[UUID, str]:
    """A conversation and its lead, pulled just now."""
    property_id = world.property(0, conflict_policy=policy)
    lead = world.lead(email="bo@example.com")["prospectId"]
    conversation = world.conversation(property_id, status, email="bo@example.com")
    world.sync(2)
    assert world.rows("SELECT FROM domiq_sync.delivery") == []
    return conversation, lead


def pulled_ago(world: World, seconds: int) -> None:
    """The last pull, and all that is known of the lead, was so long ago."""
    for table, column in (
        ("watermark", "last_pull_at"),
        ("resman_lead", "read_at"),
        ("resman_lead", "touched_at"),
    ):
        world.do(f"UPDATE domiq_sync.{table} SET {column} = {column} - :s * interval '1 second'", s=seconds)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seconds", [10, 250])
@pytest.mark.parametrize(
    ("staff", "chatbot"),
    [("Resident", "lost"), ("Applicant", "lost"), ("Lost", "tour_scheduled"), ("Applicant", "application")],
)
def test_staff_and_the_chatbot_move_the_same_lead_after_the_last_pull(
    world: World, policy: ConflictPolicy, seconds: int, staff: str, chatbot: str
) -> None:
    conversation, lead = in_step(world, policy)
    pulled_ago(world, seconds)
    world.standin.edit(lead, status=staff)
    before = len(world.standin.posts())
    world.change(conversation, status=chatbot)
    world.push()
    shown, ours = world.standin.prospect(lead)["status"], SHIPPED.lead_status(chatbot)
    assert ours is not None
    conflicts = world.rows("SELECT resman_status FROM domiq_sync.conflict WHERE resolved_at IS NULL")
    assert ("read", "ok") in tried(world, conversation)
    if SHIPPED.covers(staff, ours):
        assert (shown, len(world.standin.posts()), conflicts) == (staff, before, [])
        return
    if policy is ConflictPolicy.MANUAL_REVIEW:
        assert (shown, [c.resman_status for c in conflicts]) == (staff, [staff])
        assert world.status(conversation) == chatbot
    elif policy is ConflictPolicy.RESMAN_WINS or not enforceable(staff, ours):
        sets = SHIPPED.resman_meaning(staff)
        assert sets is not None
        assert (shown, world.status(conversation)) == (staff, sets.sets.value)
    if policy is ConflictPolicy.DOMIQ_WINS and enforceable(staff, ours):
        assert shown == ("Lost" if chatbot == "lost" else "Prospect")
        return
    if policy is not ConflictPolicy.FURTHEST_PROGRESS:
        assert len(world.standin.posts()) == before


def tried(world: World, conversation: UUID) -> list[tuple[str, str]]:
    return [
        (r.action, r.outcome)
        for r in world.rows(
            "SELECT a.action, a.outcome FROM domiq_sync.attempt a JOIN domiq_sync.change c USING (change_id) "
            "WHERE c.conversation_id = :c ORDER BY a.id",
            c=conversation,
        )
    ]


@pytest.mark.parametrize("policy", ["resman_wins", "manual_review"])
def test_a_prospect_that_staff_made_lost_is_not_reactivated_by_a_lost_lead_that_comes_back(
    world: World, policy: str
) -> None:
    """We knew it as Lost, staff made it an applicant, and the chatbot says contacted: no ReActivate."""
    conversation, lead = in_step(world, policy)
    world.change(conversation, status="lost")
    world.sync()
    assert world.standin.prospect(lead)["status"] == "Lost"
    world.standin.edit(lead, status="Applicant")
    before = len(world.standin.posts())
    world.change(conversation, status="qualified")
    world.push()
    assert (world.standin.prospect(lead)["status"], len(world.standin.posts())) == ("Applicant", before)


def test_the_read_and_the_post_share_one_slot_of_the_account(world: World) -> None:
    conversation, lead = in_step(world, "resman_wins")
    world.change(conversation, status="lost")
    seen: list[tuple[str, int]] = []
    gate = world.client._v2.transport._guard
    enter = gate._request

    def look(slot: Any, endpoint: Any) -> Any:
        seen.append((world.standin.requests()[-1]["endpoint"], slot.asked))
        return enter(slot, endpoint)

    gate._request = look
    world.push()
    assert [endpoint for endpoint, _ in seen[-2:]][1] == SEARCH  # the post follows the search ...
    assert [asked for _, asked in seen[-2:]] == [0, 1]  # ... in the slot that was taken for it
    assert world.standin.requests()[-1]["endpoint"] == POST
    assert world.standin.prospect(lead)["status"] == "Lost"


@pytest.mark.parametrize(
    ("chatbot", "reads"),
    [("contacted", 0), ("qualified", 0), ("tour_scheduled", 1), ("leased", 1), ("lost", 1)],
)
def test_what_moves_nothing_is_posted_without_another_request(world: World, chatbot: str, reads: int) -> None:
    conversation, _ = in_step(world, "resman_wins", "new")
    before = len(world.standin.requests(SEARCH))
    world.change(conversation, status=chatbot)
    world.push()
    assert world.last(conversation).sync_status == "success"
    assert len(world.standin.requests(SEARCH)) - before == reads
