"""Both sides moved since they last agreed: the property's policy decides, and says why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.decisions.conflict_store import open_conflicts
from domiq_dagster.sync.repair.conflicts import CannotEnforce, NoSuchConflict, resolve
from domiq_dagster.sync.repair.link_review import never_link
from tests.fixtures.world import World

CASES = [
    ("resman_wins", "qualified", "Lost", "lost", "Lost", "superseded"),
    ("domiq_wins", "qualified", "Lost", "qualified", "Prospect", "sent"),
    ("furthest_progress", "qualified", "Lost", "qualified", "Prospect", "sent"),
    ("furthest_progress", "lost", "Applicant", "application", "Applicant", "superseded"),
    ("domiq_wins", "lost", "Applicant", "lost", "Lost", "sent"),
    ("domiq_wins", "qualified", "Applicant", "application", "Applicant", "superseded"),
    ("domiq_wins", "lost", "Resident", "leased", "Resident", "superseded"),
    ("resman_wins", "application", "Applicant", "application", "Applicant", "already_there"),
]
"""Policy; where DomIQ and ResMan went from contacted; where they end; how DomIQ's change was settled."""


@pytest.mark.parametrize("pull_first", [True, False], ids=["pull first", "push first"])
def test_the_policy_decides_whichever_step_comes_first(world: World, pull_first: bool) -> None:
    ids = [
        world.conversation(world.property(property_id, conflict_policy=case[0]), "contacted")
        for property_id, case in enumerate(CASES)
    ]
    world.sync(2)
    leads = [world.lead_of(conversation)["prospectId"] for conversation in ids]
    for case, conversation, lead in zip(CASES, ids, leads, strict=True):
        world.change(conversation, status=case[1])
        world.standin.edit(lead, status=case[2])
    if not pull_first:
        # What was known of the leads is old: the push reads them again before it posts.
        world.do("UPDATE domiq_sync.resman_lead SET read_at = '2026-01-01', touched_at = NULL")
        world.do("UPDATE domiq_sync.watermark SET last_pull_at = '2026-01-01'")
        world.push()
        world.deliver()
    world.sync(2)
    for case, conversation, lead in zip(CASES, ids, leads, strict=True):
        (mine,) = [
            c
            for c in world.changes(conversation)
            if c.sync_direction == "to_resman" and c.new_status == case[1]
        ]
        found = (world.status(conversation), world.standin.prospect(lead)["status"], mine.outcome)
        assert found == case[3:], case
        assert mine.sync_status == "success"
        assert mine.reason
    assert world.verdicts() == ["agrees"] * len(CASES)
    assert world.rows("SELECT FROM domiq_sync.delivery") == []


def test_a_step_that_only_resman_took_is_no_conflict(world: World) -> None:
    property_id = world.property(conflict_policy="manual_review")
    conversation = world.conversation(property_id, "contacted")
    world.sync(2)
    world.standin.edit(world.lead_of(conversation)["prospectId"], status="Applicant")
    world.sync()
    assert world.status(conversation) == "application"


def conflicted(world: World, ours: str = "qualified", theirs: str = "Lost") -> tuple[UUID, str]:
    """A conversation and its prospect between which a person has to decide."""
    conversation = world.conversation(world.property(conflict_policy="manual_review"), "contacted")
    world.sync(2)
    prospect = world.lead_of(conversation)["prospectId"]
    world.change(conversation, status=ours)
    world.standin.edit(prospect, status=theirs)
    world.sync()
    with world.engine.connect() as c:
        (conflict,) = open_conflicts(c)
    assert (conflict.conversation_id, conflict.prospect_id) == (conversation, prospect)
    assert (conflict.domiq_status, conflict.resman_status) == (ours, theirs)
    return conversation, prospect


def test_manual_review_holds_both_sides_until_a_person_decides(world: World) -> None:
    conversation, prospect = conflicted(world)
    posts = len(world.standin.posts())
    for _ in range(2):
        world.later()
        world.sync()
    assert (world.status(conversation), world.standin.prospect(prospect)["status"]) == ("qualified", "Lost")
    assert len(world.standin.posts()) == posts
    assert world.verdicts() == ["conflict"]
    assert world.last(conversation).sync_status == "pending"
    assert len(world.rows("SELECT FROM domiq_sync.conflict")) == 1


@pytest.mark.parametrize(
    ("keep", "domiq", "resman"), [("resman", "lost", "Lost"), ("domiq", "qualified", "Prospect")]
)
def test_a_person_decides_for_either_side(world: World, keep: Any, domiq: str, resman: str) -> None:
    conversation, prospect = conflicted(world)
    resolve(world.engine, conversation, keep)
    world.sync(2)
    assert (world.status(conversation), world.standin.prospect(prospect)["status"]) == (domiq, resman)
    assert world.verdicts() == ["agrees"]
    (conflict,) = world.rows("SELECT * FROM domiq_sync.conflict")
    assert conflict.resolution == f"a person decided: {keep}"
    assert conflict.resolved_at is not None
    assert world.rows("SELECT FROM domiq_sync.delivery") == []
    with pytest.raises(NoSuchConflict):
        resolve(world.engine, conversation, keep)


def test_what_cannot_be_undone_at_resman_cannot_be_decided_for_domiq(world: World) -> None:
    conversation, _ = conflicted(world, "qualified", "Applicant")
    with pytest.raises(CannotEnforce, match="cannot be undone"):
        resolve(world.engine, conversation, "domiq")
    resolve(world.engine, conversation, "resman")
    world.sync(2)
    assert world.status(conversation) == "application"
    with world.engine.connect() as c:
        assert open_conflicts(c) == []


def test_a_conflict_closes_itself_when_the_sides_agree_again(world: World) -> None:
    conversation, prospect = conflicted(world)
    world.standin.edit(prospect, status="Prospect")
    world.later()
    world.sync(2)
    with world.engine.connect() as c:
        assert open_conflicts(c) == []
    assert world.last(conversation).sync_status == "success"
    assert world.verdicts() == ["agrees"]


def ended(world: World) -> Any:
    """The only conflict, which must be over."""
    (conflict,) = world.rows("SELECT * FROM domiq_sync.conflict")
    assert conflict.resolved_at is not None
    with world.engine.connect() as c:
        assert open_conflicts(c) == []
    return conflict


def test_who_decided_is_on_record(world: World) -> None:
    conversation, _ = conflicted(world)
    resolve(world.engine, conversation, "resman", by="pat@desk")
    assert ended(world).resolved_by == "pat@desk"
    beaten = next(c for c in world.changes(conversation) if c.new_status == "qualified")
    assert beaten.context_data["sync"]["decided_by"] == "pat@desk"


def test_a_conflict_whose_sides_moved_on_is_not_decided_by_what_was_listed(world: World) -> None:
    conversation, prospect = conflicted(world)
    world.standin.edit(prospect, status="Applicant")
    world.pull()
    with pytest.raises(NoSuchConflict, match=r"DomIQ shows qualified, ResMan Applicant\. Look again"):
        resolve(world.engine, conversation, "domiq")
    with world.engine.connect() as c:
        (conflict,) = open_conflicts(c)
    assert (conflict.domiq_status, conflict.resman_status) == ("qualified", "Applicant")
    resolve(world.engine, conversation, "resman")
    assert world.status(conversation) == "application"


def test_an_open_conflict_is_not_written_again(world: World) -> None:
    conflicted(world)
    before = world.versions()
    world.apply()
    assert world.versions() == before


def test_a_conflict_of_a_conversation_that_is_deleted_ends_on_record(world: World) -> None:
    conversation, _ = conflicted(world)
    world.do("DELETE FROM conversation WHERE id = :c", c=conversation)
    assert ended(world).resolution == "the conversation was deleted"
    with pytest.raises(NoSuchConflict):
        resolve(world.engine, conversation, "domiq")


def test_a_conflict_whose_link_is_closed_ends_on_record(world: World) -> None:
    conversation, prospect = conflicted(world)
    never_link(world.engine, conversation, prospect, by="pat@desk")
    assert ended(world).resolution == "ruled out by pat@desk"
    assert world.delivery().state == "ready"  # and waits for no decision any more
    world.push()
    assert world.last(conversation).sync_status == "success"


def test_a_conflict_of_a_conversation_that_a_newer_one_replaces_ends_on_record(world: World) -> None:
    conversation, _ = conflicted(world)
    user = world.value("SELECT user_id FROM conversation WHERE id = :c", c=conversation)
    property_id = world.value("SELECT property_id FROM domiq_sync.integration")
    newer = world.conversation(property_id, "lost", user=user)
    world.sync(2)
    assert ended(world).resolution == "a newer conversation of the lead speaks for it"
    assert world.value("SELECT conversation_id FROM domiq_sync.lead_link WHERE is_current") == newer


@pytest.mark.parametrize(
    ("policy", "domiq", "resman"),
    [
        ("resman_wins", "lost", "Lost"),
        ("domiq_wins", "qualified", "Prospect"),
        ("furthest_progress", "qualified", "Prospect"),
    ],
)
def test_a_conflict_is_decided_by_the_new_policy_where_it_is_no_longer_manual(
    world: World, policy: str, domiq: str, resman: str
) -> None:
    conversation, prospect = conflicted(world)
    world.do("UPDATE domiq_sync.integration SET conflict_policy = :p", p=policy)
    world.apply()
    assert ended(world).resolution.startswith(f"no longer open: both moved: {policy}")
    world.push()  # what waited for the person is due at once
    world.pull()
    assert (world.status(conversation), world.standin.prospect(prospect)["status"]) == (domiq, resman)


def test_a_conflict_ends_where_domiq_s_status_is_no_lead_status_any_more(world: World) -> None:
    conversation, _ = conflicted(world)
    world.change(conversation, status="completed")
    world.apply()
    assert ended(world).resolution == "no longer open: DomIQ's status is no lead status"


def test_a_conflict_ends_where_both_sides_are_back_at_a_difference_that_was_accepted(world: World) -> None:
    conversation = world.conversation(world.property(conflict_policy="manual_review"), "contacted")
    world.sync(2)
    prospect = world.lead_of(conversation)["prospectId"]
    world.change(conversation, status="application")
    world.sync(2)
    assert world.verdicts() == ["awaiting"]
    world.do("ALTER TABLE conversation DISABLE TRIGGER domiq_sync_capture_update")
    world.change(conversation, status="leased")
    world.standin.edit(prospect, status="Lost")
    world.pull()
    world.apply()
    assert world.verdicts() == ["conflict"]
    world.change(conversation, status="application")
    world.standin.edit(prospect, status="Prospect")
    world.pull()
    world.apply()
    assert ended(world).resolution.startswith("no longer open: the difference was settled before")
    assert world.verdicts() == ["awaiting"]


@pytest.mark.parametrize(
    ("setting", "keep", "whose"),
    [("from_resman", "domiq", "DomIQ"), ("to_resman", "resman", "ResMan")],
)
def test_a_side_that_the_settings_do_not_let_across_cannot_win(
    world: World, setting: str, keep: Any, whose: str
) -> None:
    conversation, _ = conflicted(world)
    world.do("UPDATE domiq_sync.integration SET sync_direction = :d", d=setting)
    with pytest.raises(CannotEnforce, match=f"do not let {whose}'s status across"):
        resolve(world.engine, conversation, keep)
    world.apply()
    assert ended(world).resolution.startswith("no longer open: both moved, and statuses go one way only")


def test_a_conflict_of_a_property_that_is_not_connected_any_more_says_so(world: World) -> None:
    conversation, _ = conflicted(world)
    world.do("DELETE FROM domiq_sync.integration")
    with pytest.raises(CannotEnforce, match="not connected any more"):
        resolve(world.engine, conversation, "resman")


@pytest.mark.parametrize(
    ("policy", "comes_to"), [("manual_review", "lost"), ("resman_wins", "leased"), ("domiq_wins", "leased")]
)
def test_a_status_that_came_back_to_a_difference_once_accepted_is_decided(
    world: World, policy: str, comes_to: str
) -> None:
    """A change is open, though the pair is the agreed one: it must not wait for a decision nobody makes."""
    conversation = world.conversation(world.property(conflict_policy=policy), "contacted")
    world.sync(2)
    world.standin.edit(world.lead_of(conversation)["prospectId"], status="Resident")
    world.sync()
    world.change(conversation, status="lost")
    world.do("DELETE FROM domiq_sync.delivery")
    world.do("UPDATE public.status_sync_log SET sync_status = 'success' WHERE sync_status = 'pending'")
    world.do(
        "UPDATE domiq_sync.lead_link SET agreed_domiq_status = 'lost', agreed_resman_status = 'Resident'"
    )
    world.change(conversation, status="qualified")
    world.change(conversation, status="lost")
    for _ in range(3):
        world.sync()
        world.later()
    asked = world.rows(
        "SELECT domiq_status, resman_status FROM domiq_sync.conflict WHERE resolved_at IS NULL"
    )
    left = world.rows("SELECT FROM domiq_sync.delivery")
    assert world.status(conversation) == comes_to
    if policy == "manual_review":
        assert [(a.domiq_status, a.resman_status) for a in asked] == [("lost", "Resident")]
        assert left
    else:
        assert (asked, left) == ([], [])
