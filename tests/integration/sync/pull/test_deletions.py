"""Prospects gone from ResMan: believed late, closed on record, and their conversations linked anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.pull.pull import Pulled
from tests.fixtures.world import World


def linked(world: World, property_id: UUID, ours: str = "contacted", **lead: Any) -> tuple[UUID, str]:
    """A conversation and its prospect, agreed, beside a prospect that nobody knows."""
    world.lead(email="stranger@example.com", first="Cy", last="Stranger")
    prospect = world.lead(email="bo@example.com", first="Bo", last="Example", **lead)["prospectId"]
    conversation = world.conversation(property_id, ours, user=world.user("Bo", "Example", "bo@example.com"))
    world.sync(2)
    assert world.verdicts() == ["agrees"]
    return conversation, prospect


def full(world: World, times: int = 1, **options: Any) -> Pulled:
    for _ in range(times):
        (found,) = world.pull(full=True, **options)
    return found


def link(world: World, conversation: UUID) -> str | None:
    found: str | None = world.value(
        "SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = :c", c=conversation
    )
    return found


def merge(world: World, gone: str, **survivor: Any) -> str:
    """Staff made a second card for the same person and merged the first one into it."""
    kept: str = world.lead(email="bo@example.com", first="Bo", last="Example", **survivor)["prospectId"]
    world.standin.control("merge", {"keep": kept, "drop": gone})
    return kept


def test_a_prospect_is_believed_gone_when_two_full_reads_and_its_id_say_so(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.control(f"prospects/{prospect}", method="DELETE")
    assert [(p.missing, p.vanished) for p in world.pull()] == [(0, 0)]  # an ordinary pull concludes nothing
    found = full(world)
    assert (found.missing, found.vanished, link(world, conversation)) == (1, 0, prospect)
    found = full(world)
    assert (found.missing, found.vanished, link(world, conversation)) == (1, 1, None)
    assert len(world.rows("SELECT FROM domiq_sync.resman_lead")) == 1
    (closed,) = world.rows("SELECT * FROM domiq_sync.closed_link")
    assert (closed.conversation_id, closed.prospect_id, closed.linked_by) == (conversation, prospect, "email")
    assert (closed.agreed_domiq_status, closed.agreed_resman_status) == ("contacted", "Prospect")
    assert closed.reason.startswith("missing from two full reads")
    row = world.rows("SELECT * FROM domiq_sync.pull ORDER BY id")[-1]
    assert (row.missing, row.vanished) == (1, 1)
    assert full(world).missing == 0


def test_one_that_comes_again_was_not_missing(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.faults(omit_prospects=1.0)
    full(world, believe_short=True)
    world.standin.faults(omit_prospects=0.0)
    world.pull()
    assert world.rows("SELECT FROM domiq_sync.missing_lead") == []
    world.standin.faults(omit_prospects=1.0)
    full(world, believe_short=True)
    assert link(world, conversation) == prospect


def test_one_that_resman_still_has_by_its_id_keeps_its_link(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.faults(omit_prospects=1.0)
    found = full(world, 3, believe_short=True)
    assert (found.missing, found.vanished, link(world, conversation)) == (2, 0, prospect)
    row, _ = world.rows("SELECT * FROM domiq_sync.missing_lead")
    assert (row.missed_reads, row.found_by_id_at is not None) == (3, True)


def test_an_id_that_cannot_be_asked_for_closes_nothing(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.control(f"prospects/{prospect}", method="DELETE")
    full(world)
    world.standin.faults({"kind": "status", "status": 503, "endpoint": "SearchProspects"})
    assert (full(world).vanished, link(world, conversation)) == (0, prospect)
    world.standin.faults()
    world.later()
    assert (full(world).vanished, link(world, conversation)) == (1, None)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_read_that_is_suspiciously_short_is_not_believed_and_says_so(world: World, share: float) -> None:
    world.property()
    for n in range(30):
        world.lead(email=f"p{n}@example.com", last=f"Example{n}")
    world.pull()
    before = world.rows("SELECT * FROM domiq_sync.watermark")[0]
    world.standin.faults(omit_prospects=share)
    world.lead(email="new@example.com", last="New")
    found = full(world, 3)
    assert found.rejected_reason is not None and found.missing > 5
    assert world.rows("SELECT FROM domiq_sync.missing_lead") == []
    after = world.rows("SELECT * FROM domiq_sync.watermark")[0]
    assert (after.watermark, after.last_full_at) == (before.watermark, None)
    assert (after.distrust, after.distrusted_since is not None) == (found.rejected_reason, True)
    world.standin.faults(omit_prospects=0.0)
    world.pull()
    assert world.rows("SELECT distrust FROM domiq_sync.watermark")[0].distrust == found.rejected_reason
    assert full(world).rejected_reason is None
    after = world.rows("SELECT * FROM domiq_sync.watermark")[0]
    assert (after.distrust, after.distrusted_since, after.last_full_at is not None) == (None, None, True)


def test_a_prospect_older_than_a_full_read_asks_for_is_not_missing(world: World) -> None:
    _, prospect = linked(world, world.property())
    world.standin.edit(prospect, lastModified="2024-01-05T00:00:00Z")
    world.pull(since=None, full=True)
    world.do("UPDATE domiq_sync.resman_lead SET last_modified = '2024-01-05'")
    assert full(world, 2).missing == 0


@pytest.mark.parametrize("policy", ["resman_wins", "domiq_wins", "furthest_progress", "manual_review"])
def test_the_conversation_of_a_merged_card_goes_on_with_the_card_that_survived(
    world: World, policy: str
) -> None:
    conversation, prospect = linked(world, world.property(conflict_policy=policy))
    kept = merge(world, prospect)
    posts, logged = len(world.standin.posts()), len(world.changes(conversation))
    full(world)
    found = full(world)
    assert (found.vanished, found.linked, link(world, conversation)) == (1, 1, kept)
    (closed,) = world.rows("SELECT * FROM domiq_sync.closed_link")
    assert closed.relinked_to == kept
    world.sync(2)
    assert (len(world.standin.posts()), len(world.changes(conversation))) == (posts, logged)
    assert (world.status(conversation), world.verdicts()) == ("contacted", ["agrees"])
    world.change(conversation, status="qualified")
    world.sync()
    assert len(world.standin.posts()) == posts + 1
    assert world.repeated_markers() == []


@pytest.mark.parametrize("policy", ["resman_wins", "domiq_wins"])
def test_what_the_surviving_card_shows_is_news_against_the_pair_last_agreed(
    world: World, policy: str
) -> None:
    """Only ResMan moved since, so it is applied, whoever wins where both moved."""
    conversation, prospect = linked(world, world.property(conflict_policy=policy))
    kept = merge(world, prospect)
    world.standin.edit(kept, status="Lost")
    posts = len(world.standin.posts())
    full(world, 2)
    world.sync(2)
    assert (world.status(conversation), link(world, conversation)) == ("lost", kept)
    assert len(world.standin.posts()) == posts


def test_a_change_that_waits_when_its_card_is_merged_reaches_the_survivor_once(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    kept = merge(world, prospect)
    full(world)
    world.change(conversation, status="tour_scheduled", tour_datetime="2026-12-01 10:00")
    assert full(world).vanished == 1
    assert len(world.rows("SELECT FROM domiq_sync.delivery")) == 1
    world.deliver()
    assert (link(world, conversation), world.last(conversation).sync_status) == (kept, "success")
    assert world.last(conversation).resman_lead_id == kept
    assert "Appointment" in world.told(conversation)
    world.sync(2)
    assert world.repeated_markers() == [] and world.verdicts() == ["agrees"]


@pytest.mark.parametrize("state", ["in_flight", "unknown"])
def test_a_link_with_a_change_on_its_way_is_left_to_that_change(world: World, state: str) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.control(f"prospects/{prospect}", method="DELETE")
    full(world)
    world.change(conversation, status="qualified")
    world.do("UPDATE domiq_sync.delivery SET state = :s", s=state)
    assert (full(world).vanished, link(world, conversation)) == (0, prospect)
    world.do("UPDATE domiq_sync.delivery SET state = 'ready'")
    assert (full(world).vanished, link(world, conversation)) == (1, None)


def test_a_conflict_about_a_card_that_is_gone_is_decided_afresh(world: World) -> None:
    conversation, prospect = linked(world, world.property(conflict_policy="manual_review"))
    world.change(conversation, status="qualified")
    world.standin.edit(prospect, status="Lost")
    world.sync(2)
    assert world.verdicts() == ["conflict"]
    kept = merge(world, prospect)
    full(world, 2)
    world.sync(2)
    assert link(world, conversation) == kept
    (conflict,) = world.rows("SELECT * FROM domiq_sync.conflict")
    assert conflict.resolution == "the prospect is gone from ResMan"
    assert (world.status(conversation), world.verdicts()) == ("qualified", ["agrees"])


def test_a_card_that_was_never_linked_is_only_forgotten(world: World) -> None:
    world.property()
    prospect = world.lead(email="alone@example.com")["prospectId"]
    world.lead(email="other@example.com")
    world.pull()
    world.standin.control(f"prospects/{prospect}", method="DELETE")
    assert full(world, 2).vanished == 1
    assert len(world.rows("SELECT FROM domiq_sync.resman_lead")) == 1
    assert world.rows("SELECT FROM domiq_sync.closed_link") == []


def test_deleting_a_property_removes_its_leads_and_disconnecting_it_does_not(world: World) -> None:
    property_id = world.property()
    world.lead(email="alone@example.com")
    world.pull()
    world.do("DELETE FROM domiq_sync.integration")
    assert len(world.rows("SELECT FROM domiq_sync.resman_lead")) == 1
    world.connect(property_id)
    world.do("DELETE FROM property")
    assert world.rows("SELECT FROM domiq_sync.resman_lead") == []


def test_one_whose_record_cannot_be_read_is_not_taken_for_gone(world: World) -> None:
    """A4: ResMan answers with something of which no id can be read."""
    conversation, prospect = linked(world, world.property())
    world.standin.control(f"prospects/{prospect}", method="DELETE")
    world.standin.control("beside", {"SearchProspects": ["<Prospect>rubbish</Prospect>"]})
    assert (full(world, 2).vanished, link(world, conversation)) == (0, prospect)
    world.standin.control("beside", {})
    assert (full(world).vanished, link(world, conversation)) == (1, None)
