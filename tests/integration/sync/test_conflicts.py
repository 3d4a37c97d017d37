"""Both sides moved since they last agreed: the property's policy decides, and says why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.conflicts import CannotEnforce, NoSuchConflict, open_conflicts, resolve

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
def test_the_policy_decides_whichever_step_comes_first(world: Any, pull_first: bool) -> None:
    ids = [
        world.conversation(world.property(place, conflict_policy=case[0]), "contacted")
        for place, case in enumerate(CASES)
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


def test_a_step_that_only_resman_took_is_no_conflict(world: Any) -> None:
    place = world.property(conflict_policy="manual_review")
    conversation = world.conversation(place, "contacted")
    world.sync(2)
    world.standin.edit(world.lead_of(conversation)["prospectId"], status="Applicant")
    world.sync()
    assert world.status(conversation) == "application"


def held(world: Any, ours: str = "qualified", theirs: str = "Lost") -> tuple[UUID, str]:
    """A conversation and its prospect between which a person has to decide."""
    conversation = world.conversation(world.property(conflict_policy="manual_review"), "contacted")
    world.sync(2)
    prospect = world.lead_of(conversation)["prospectId"]
    world.change(conversation, status=ours)
    world.standin.edit(prospect, status=theirs)
    world.sync()
    with world.engine.connect() as c:
        (conflict,) = open_conflicts(c)
    assert (conflict["conversation_id"], conflict["prospect_id"]) == (conversation, prospect)
    assert (conflict["domiq_status"], conflict["resman_status"]) == (ours, theirs)
    return conversation, prospect


def test_manual_review_holds_both_sides_until_a_person_decides(world: Any) -> None:
    conversation, prospect = held(world)
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
def test_a_person_decides_for_either_side(world: Any, keep: Any, domiq: str, resman: str) -> None:
    conversation, prospect = held(world)
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


def test_what_cannot_be_undone_at_resman_cannot_be_decided_for_domiq(world: Any) -> None:
    conversation, _ = held(world, "qualified", "Applicant")
    with pytest.raises(CannotEnforce, match="cannot be undone"):
        resolve(world.engine, conversation, "domiq")
    resolve(world.engine, conversation, "resman")
    world.sync(2)
    assert world.status(conversation) == "application"
    with world.engine.connect() as c:
        assert open_conflicts(c) == []


def test_a_conflict_closes_itself_when_the_sides_agree_again(world: Any) -> None:
    conversation, prospect = held(world)
    world.standin.edit(prospect, status="Prospect")
    world.later()
    world.sync(2)
    with world.engine.connect() as c:
        assert open_conflicts(c) == []
    assert world.last(conversation).sync_status == "success"
    assert world.verdicts() == ["agrees"]
