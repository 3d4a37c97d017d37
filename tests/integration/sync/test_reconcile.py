"""What the ordinary way missed is found and mended, and mending twice changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from domiq_dagster.db.migrate import migrate


def test_a_change_whose_trigger_failed_is_queued_later(world: Any) -> None:
    place = world.property()
    world.sync()
    world.do("ALTER TABLE status_sync_log DISABLE TRIGGER USER")
    conversation = world.conversation(place, "qualified")
    world.do("ALTER TABLE status_sync_log ENABLE TRIGGER USER")
    assert [p["problem"] for p in world.conservation()] == ["change without a place in the order"]
    found = world.reconcile()
    assert (found.unadopted_changes, sum(found.uncaptured.values())) == (1, 0)
    assert world.conservation() == []
    world.push()
    assert world.last(conversation).sync_status == "success"
    assert not any(world.reconcile().findings.values())


@pytest.mark.parametrize("linked", [False, True], ids=["unlinked", "linked"])
def test_a_status_that_was_not_captured_is_found(world: Any, linked: bool) -> None:
    migrate(world.engine, capture_trigger=False)
    place = world.property()
    conversation = world.conversation(place, "contacted")
    if linked:
        world.sync(2)
        world.change(conversation, status="application")
    world.sync()
    world.deliver(2)
    status = "application" if linked else "contacted"
    change = world.last(conversation)
    assert (change.new_status, change.updated_by, change.sync_status) == (status, "system", "success")
    assert "found by reconciliation" in change.status_reason
    count = len(world.changes(conversation))
    world.sync(2)
    assert len(world.changes(conversation)) == count


def test_an_uncaptured_status_that_resman_covers_needs_no_change(world: Any) -> None:
    migrate(world.engine, capture_trigger=False)
    place = world.property()
    world.lead(email="bo@example.com", last="Example1")
    conversation = world.conversation(place, "qualified", email="bo@example.com")
    world.sync(2)
    assert world.changes(conversation) == []
    assert world.verdicts() == ["agrees"]


def test_a_conversation_without_a_lead_has_no_end_to_tell(world: Any) -> None:
    migrate(world.engine, capture_trigger=False)
    place = world.property()
    for status in ("lost", "leased"):
        world.conversation(place, status)
    user = world.user("Bo", "Example", "bo@example.com")
    older = world.conversation(place, "qualified", user=user, age="9 days")
    newer = world.conversation(place, "contacted", user=user)
    assert sum(world.reconcile().uncaptured.values()) == 1
    assert (len(world.changes(older)), len(world.changes(newer))) == (0, 1)


def test_a_change_settled_by_hand_is_not_sent(world: Any) -> None:
    place = world.property()
    world.sync()
    conversation = world.conversation(place, "qualified")
    world.do("UPDATE status_sync_log SET sync_status = 'success'")
    assert [p["problem"] for p in world.conservation()] == ["delivery without pending change"]
    assert world.reconcile().idle_deliveries == 1
    world.push()
    assert world.standin.posts() == []
    world.change(conversation, status="lost")
    world.push()
    assert world.last(conversation).sync_status == "success"


def test_a_lost_delivery_and_a_lost_head_are_mended(world: Any) -> None:
    place = world.property()
    world.sync()
    one, two = world.conversation(place, "new"), world.conversation(place, "new")
    world.change(two, status="contacted")
    world.do("DELETE FROM domiq_sync.delivery WHERE lane = :l", l=one)
    world.do("UPDATE domiq_sync.delivery SET is_head = FALSE")
    found = world.reconcile()
    assert (found.undelivered_changes, found.heads_mended) == (1, 1)
    world.push()
    assert {c.sync_status for i in (one, two) for c in world.changes(i)} == {"success"}


def test_what_nobody_can_act_on_is_counted(world: Any) -> None:
    place = world.property()
    conversation = world.conversation(place, "active")
    world.log(conversation, "qualified", sync_status=None)
    world.log(conversation, "qualified", sync_direction=None)
    world.log(conversation, "qualified", sync_direction="from_resman")
    world.sync()
    assert world.reconcile().incomplete_rows == 3
    assert world.standin.posts() == []


def test_rows_of_before_the_machinery_are_adopted_by_a_migration(world: Any) -> None:
    place = world.property()
    world.do("ALTER TABLE status_sync_log DISABLE TRIGGER USER")
    conversation = world.conversation(place, "qualified")
    world.do("ALTER TABLE status_sync_log ENABLE TRIGGER USER")
    migrate(world.engine)
    assert world.conservation() == []
    world.sync()
    assert world.last(conversation).sync_status == "success"
