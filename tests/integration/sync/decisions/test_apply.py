"""What ResMan's staff do reaches DomIQ once, and is not sent back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from domiq_dagster.sync.decisions import apply
from domiq_dagster.sync.pull.pull import PullRules
from domiq_dagster.sync.pull.pulls import pull_all
from tests.fixtures.world import World


def linked(world: World, property_id: UUID, ours: str = "contacted", **lead: Any) -> tuple[UUID, str]:
    """A conversation and its prospect, agreed."""
    email = lead.pop("email", "bo@example.com")
    prospect = world.lead(email=email, first="Bo", last="Example", **lead)["prospectId"]
    conversation = world.conversation(property_id, ours, user=world.user("Bo", "Example", email))
    world.sync(2)
    assert world.verdicts().count("agrees") >= 1
    return conversation, prospect


@pytest.mark.parametrize(
    ("theirs", "ours"), [("Lost", "lost"), ("Applicant", "application"), ("Resident", "leased")]
)
def test_a_status_set_by_staff_is_applied_logged_and_not_sent_back(
    world: World, theirs: str, ours: str
) -> None:
    conversation, prospect = linked(world, world.property())
    posts = len(world.standin.posts())
    world.standin.edit(prospect, status=theirs)
    world.sync(2)
    assert world.status(conversation) == ours
    change = world.last(conversation)
    assert (change.sync_direction, change.sync_status, change.updated_by) == (
        "from_resman",
        "success",
        "resman_user",
    )
    assert (change.old_status, change.new_status, change.resman_lead_id) == ("contacted", ours, prospect)
    assert change.outcome == "applied"
    assert [c.sync_direction for c in world.changes(conversation)] == ["to_resman", "from_resman"]
    assert len(world.standin.posts()) == posts


def test_a_lost_lead_carries_resman_s_reason(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.edit(prospect, status="Lost", lostReason="Price Too High")
    world.sync()
    assert world.last(conversation).status_reason == "Price Too High"


def test_coming_back_from_lost_at_resman_counts_as_contacted(world: World) -> None:
    conversation, prospect = linked(world, world.property(), "lost", status="Lost")
    world.standin.edit(prospect, status="Prospect")
    world.sync()
    assert world.status(conversation) == "contacted"


def test_a_signed_lease_of_an_applicant_counts_as_leased_and_a_cancelled_one_does_not(world: World) -> None:
    property_id = world.property()
    signed, one = linked(world, property_id, email="one@example.com")
    ended, two = linked(world, property_id, email="two@example.com")
    world.standin.edit(one, status="Applicant", lease={"leaseSignedDate": "2026-11-02"})
    dates = {"leaseSignedDate": "2026-11-02", "cancellationDate": "2026-11-09"}
    world.standin.edit(two, status="Applicant", lease=dates)
    world.sync()
    assert (world.status(signed), world.status(ended)) == ("leased", "application")


def test_the_next_cycle_writes_nothing_at_all(world: World) -> None:
    property_id = world.property()
    _, prospect = linked(world, property_id)
    world.lead(email="alone@example.com")
    world.conversation(property_id, "active")
    world.conversation(property_id, "qualified", user=world.user("Anonymous", "User"))
    world.standin.edit(prospect, status="Applicant")
    world.sync(2)
    world.do("UPDATE domiq_sync.delivery SET next_attempt_at = now() + interval '1 day'")
    before, posts = world.versions(), len(world.standin.posts())
    world.sync(2)
    assert world.versions() == before
    assert len(world.standin.posts()) == posts


def test_everything_is_fetched_once_where_modified_since_rounds_down_to_the_day(world: World) -> None:
    world.property()
    world.standin.faults(modified_since_granularity="day")
    for n in range(3):
        world.lead(email=f"p{n}@example.com", last=f"Example{n}")
    assert [(p.fetched, p.stored) for p in world.pull()] == [(3, 3)]
    world.lead(email="p3@example.com", last="Example3")
    ((found),) = world.pull()
    assert (found.fetched, found.stored) == (4, 1)


def test_a_change_dated_back_within_the_overlap_is_still_seen(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.lead(email="newer@example.com", last="Newer")
    world.sync()
    late = datetime.now(UTC) - timedelta(hours=20)
    world.standin.edit(prospect, status="Lost", lastModified=late.isoformat())
    world.sync()
    assert world.status(conversation) == "lost"


def test_a_change_that_leaves_last_modified_alone_is_found_by_the_full_read(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    world.standin.edit(prospect, lastModified=old)
    world.pull()
    world.standin.edit(prospect, status="Lost", silent=True)
    world.sync()
    assert world.status(conversation) == "contacted"
    world.pull(full=True)
    world.apply()
    assert world.status(conversation) == "lost"


def test_the_watermark_is_the_newest_stored_and_only_goes_forward(world: World) -> None:
    world.property()
    newest = world.lead(email="a@example.com")["lastModified"]
    world.pull()
    reached = world.value("SELECT watermark FROM domiq_sync.watermark")
    assert reached == datetime.fromisoformat(newest)
    world.pull(since=datetime(2026, 1, 1, tzinfo=UTC), rules=PullRules(overlap=timedelta(0)))
    assert world.value("SELECT watermark FROM domiq_sync.watermark") == reached


@pytest.mark.parametrize("fault", ["truncate", "html", "drop_before"])
def test_a_pull_that_breaks_off_stores_nothing_and_touches_no_other_property(
    world: World, fault: str
) -> None:
    broken, fine = world.property(0), world.property(1)
    for n in range(40):
        world.lead(0, email=f"p{n}@example.com", last=f"Example{n}")
    world.lead(1, email="q@example.com")
    world.standin.faults(
        {"kind": fault, "endpoint": "Prospects", "property_id": world.at_resman[0]["propertyId"]}
    )
    pulled, errors = pull_all(world.engine, world.client, world.integrations())
    assert (list(pulled), list(errors)) == (["copper-ridge"], ["juniper-flats"])
    stored = world.rows("SELECT DISTINCT property_id FROM domiq_sync.resman_lead")
    assert [r.property_id for r in stored] == [fine]
    row = world.rows("SELECT * FROM domiq_sync.watermark WHERE property_id = :p", p=broken)[0]
    assert (row.watermark, row.last_error.split(":")[0]) == (None, errors["juniper-flats"].kind)
    assert row.failing_since is not None
    world.standin.faults()
    world.later()
    assert [p.stored for p in world.pull()] == [0, 40]
    assert world.rows("SELECT FROM domiq_sync.watermark WHERE last_error IS NOT NULL") == []


def test_a_pull_that_began_before_our_own_push_does_not_undo_it(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    read = world.client.prospects

    def read_then_push(*args: Any, **options: Any) -> Any:
        found = list(read(*args, **options))
        world.change(conversation, status="lost")
        world.push()
        return (p for p in found)

    world.client.prospects = read_then_push
    world.pull()
    del world.client.prospects
    assert world.standin.prospect(prospect)["status"] == "Lost"
    world.apply()
    assert world.status(conversation) == "lost"
    world.sync(2)
    assert world.status(conversation) == "lost"
    assert [c.sync_direction for c in world.changes(conversation)] == ["to_resman", "to_resman"]
    assert world.verdicts() == ["agrees"]


def test_a_status_that_domiq_s_own_trigger_rewrites_is_sent(world: World) -> None:
    conversation, _ = linked(world, world.property())
    world.change(conversation, pre_qualified=True)
    world.sync()
    assert world.status(conversation) == "qualified"
    assert world.told(conversation)[-1] == "Other"


def test_a_conversation_that_is_no_lead_is_left_alone(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.change(conversation, status="completed")
    world.standin.edit(prospect, status="Lost")
    world.sync(2)
    assert world.status(conversation) == "completed"
    assert len(world.changes(conversation)) == 1
    assert world.verdicts() == ["not_a_lead"]


def test_a_property_that_only_sends_takes_no_status(world: World) -> None:
    property_id = world.property(sync_direction="to_resman")
    conversation, prospect = linked(world, property_id)
    world.standin.edit(prospect, status="Lost")
    world.sync(2)
    assert world.status(conversation) == "contacted"


def test_an_application_waits_for_staff_and_follows_them(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.change(conversation, status="application")
    world.sync(2)
    assert (world.status(conversation), world.verdicts()) == ("application", ["awaiting"])
    world.standin.edit(prospect, status="Applicant")
    world.sync()
    assert (world.status(conversation), world.verdicts()) == ("application", ["agrees"])
    world.standin.edit(prospect, status="Resident")
    world.sync()
    assert world.status(conversation) == "leased"


def test_prospects_link_only_without_guessing(world: World) -> None:
    property_id = world.property()
    for n in range(2):
        world.conversation(property_id, "new", user=world.user("Bo", "Twin", f"bo{n}@example.com"))
    twin = world.lead(first="Bo", last="Twin")["prospectId"]
    world.conversation(property_id, "new", user=world.user("Cy", "Sole", "cy@example.com"))
    world.lead(first="Cy", last="Sole", email="other@example.com")
    (pulled,) = world.pull()
    assert pulled.linked == 0
    (question,) = world.rows("SELECT * FROM domiq_sync.link_question")
    assert (question.prospect_id, question.candidates) == (twin, 2)
    assert question.reason == "several users share its name"


def test_a_lead_linked_at_the_first_pull_gives_its_status_where_it_is_newer(world: World) -> None:
    property_id = world.property()
    world.sync()
    world.do("ALTER TABLE conversation DISABLE TRIGGER USER")  # conversations from before the sync
    old = world.conversation(property_id, "contacted", email="old@example.com", age="30 days")
    new = world.conversation(property_id, "contacted", email="new@example.com")
    world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    earlier = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    world.lead(email="old@example.com", last="Example1", status="Lost", lastModified=earlier)
    world.lead(email="new@example.com", last="Example2", status="Lost", lastModified=earlier)
    world.sync(2)
    assert world.status(old) == "lost"
    assert world.standin.of("old@example.com")["status"] == "Lost"
    assert world.status(new) == "contacted"
    assert world.standin.of("new@example.com")["status"] == "Prospect"


def test_nobody_moves_a_conversation_between_what_is_read_of_it_and_what_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.edit(prospect, status="Lost")
    set_status, blocked = apply._Applying._write_status, []

    def chat_meanwhile(self: apply._Applying, conversation_id: UUID, status: str) -> str | None:
        with world.engine.connect() as chatbot:
            chatbot.execute(text("SET lock_timeout = '20ms'"))
            with pytest.raises(OperationalError) as refused:
                chatbot.execute(
                    text("UPDATE conversation SET status = 'qualified' WHERE id = :c"), {"c": conversation_id}
                )
            blocked.append(refused.value.orig)
        return set_status(self, conversation_id, status)

    monkeypatch.setattr(apply._Applying, "_write_status", chat_meanwhile)
    world.sync()
    assert [type(error) for error in blocked] == [LockNotAvailable]
    assert world.status(conversation) == "lost"
