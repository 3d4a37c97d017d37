"""The status map as tables: what ships, what a property may override, and what is refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from domiq_dagster.sync.status_map import SHIPPED, LeadStatus, load_status_map
from tests.fixtures.world import World

OVERRIDE = (
    "INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) "
    "VALUES (:p, :word, CAST(:covers AS text[]), :sets)"
)


def override(world: World, property_id: UUID | None, word: str, covers: list[str], sets: str) -> None:
    world.do(OVERRIDE, p=property_id, word=word, covers=covers, sets=sets)


def linked(world: World, property_id: UUID, *, n: int = 0, number: int = 0) -> tuple[UUID, str]:
    """A conversation and its prospect at the stand-in's property of that number, agreed."""
    email = f"bo{n}@example.com"
    prospect = world.lead(number, email=email)["prospectId"]
    conversation = world.conversation(property_id, "contacted", email=email)
    world.sync(2)
    return conversation, prospect


def test_what_ships_is_what_the_docs_are_made_from(world: World) -> None:
    with world.engine.connect() as c:
        assert load_status_map(c, world.property()) == SHIPPED


def test_the_database_and_the_engine_look_a_milestone_up_alike(world: World) -> None:
    property_id, other = world.property(0), world.property(1)
    override(world, property_id, "Applicant/Approved", ["application", "leased"], "leased")
    override(world, property_id, "Applicant", ["qualified", "application"], "application")
    override(world, None, "Resident/Evicted", ["lost"], "lost")
    words = [*SHIPPED.resman, "Applicant/Approved", "Resident/Former", "Resident/Evicted", "Ghost", "Ghost/A"]
    for at in (property_id, other):
        with world.engine.connect() as c:
            statuses = load_status_map(c, at)
        for word in words:
            meaning = statuses.resman_meaning(word)
            covers = world.value("SELECT domiq_sync.resman_covers(:p, :w)", p=at, w=word)
            assert (None if covers is None else set(map(LeadStatus, covers))) == (
                None if meaning is None else meaning.covers
            ), word


def said_by_the_database(error: DBAPIError) -> str:
    """What somebody at psql reads; our own errors leave PostgreSQL's words out."""
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag.message_primary or ""


@pytest.mark.parametrize(
    ("lease", "word", "ours"),
    [
        ({"approvalDate": "2026-11-01"}, "Applicant/Approved", "application"),
        ({"leaseSignedDate": "2026-11-02"}, "Applicant/LeaseSigned", "leased"),
        ({"status": "Current"}, "Applicant/MovedIn", "leased"),
        ({"status": "Denied"}, "Applicant/Denied", "application"),
        ({"leaseSignedDate": "2026-11-02", "denialDate": "2026-11-03"}, "Applicant/Denied", "application"),
        ({"cancellationDate": "2026-11-03"}, "Applicant/Cancelled", "application"),
    ],
)
def test_a_lease_s_milestone_sets_what_its_row_says(world: World, lease: Any, word: str, ours: str) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.edit(prospect, status="Applicant", lease=lease)
    world.sync()
    assert world.value("SELECT effective_status FROM domiq_sync.resman_lead") == word
    assert world.status(conversation) == ours
    assert world.verdicts() == ["agrees"]
    before, posts = world.versions(), len(world.standin.posts())
    world.sync(2)
    assert (world.versions(), len(world.standin.posts())) == (before, posts)


def test_a_milestone_that_means_the_same_is_no_move_of_resman_s(world: World) -> None:
    conversation, prospect = linked(world, world.property(conflict_policy="manual_review"))
    world.standin.edit(prospect, status="Applicant")
    world.sync()
    world.change(conversation, status="lost")
    world.standin.edit(prospect, lease={"approvalDate": "2026-11-01"})
    world.sync()
    assert world.rows("SELECT FROM domiq_sync.conflict") == []
    assert world.standin.prospect(prospect)["status"] == "Lost"


def test_an_accepted_difference_stays_accepted_through_another_milestone(world: World) -> None:
    conversation, prospect = linked(world, world.property())
    world.standin.edit(prospect, status="Applicant")
    world.sync()
    world.change(conversation, status="leased")
    world.sync(2)
    assert world.verdicts() == ["awaiting"]
    world.standin.edit(prospect, lease={"approvalDate": "2026-11-01"})
    world.sync()
    assert (world.status(conversation), world.verdicts()) == ("leased", ["awaiting"])


def test_nothing_is_posted_to_an_applicant_who_signed(world: World) -> None:
    conversation, prospect = linked(world, world.property(conflict_policy="domiq_wins"))
    world.standin.edit(prospect, status="Applicant", lease={"leaseSignedDate": "2026-11-02"})
    world.sync()
    posts = len(world.standin.posts())
    world.change(conversation, status="lost")
    world.sync(2)
    assert (world.status(conversation), len(world.standin.posts())) == ("leased", posts)


def test_a_property_s_own_row_decides_there_and_nowhere_else(world: World) -> None:
    here, there = world.property(0), world.property(1)
    override(world, here, "Applicant/Denied", ["lost"], "lost")
    one, first = linked(world, here, n=1)
    two, second = linked(world, there, n=2, number=1)
    for prospect in (first, second):
        world.standin.edit(prospect, status="Applicant", lease={"status": "Denied"})
    world.sync()
    assert (world.status(one), world.status(two)) == ("lost", "application")


def test_a_changed_row_decides_anew_about_leads_that_were_in_step_and_about_no_accepted_difference(
    world: World,
) -> None:
    property_id = world.property()
    denied, prospect = linked(world, property_id, n=1)
    waiting, _ = linked(world, property_id, n=2)
    world.standin.edit(prospect, status="Applicant", lease={"status": "Denied"})
    world.change(waiting, status="application")
    world.sync(2)
    assert sorted(world.verdicts()) == ["agrees", "awaiting"]
    override(world, property_id, "Applicant/Denied", ["lost"], "lost")
    override(world, property_id, "Prospect", ["new", "contacted", "qualified"], "new")
    world.sync()
    assert (world.status(denied), world.status(waiting)) == ("lost", "application")
    assert sorted(world.verdicts()) == ["agrees", "awaiting"]
    world.do("DELETE FROM domiq_sync.resman_status_map WHERE property_id IS NOT NULL")
    world.sync()
    assert (world.status(denied), world.status(waiting)) == ("lost", "application")


def test_a_word_that_resman_is_not_known_to_use_is_left_alone(world: World) -> None:
    conversation, _ = linked(world, world.property())
    world.do("UPDATE domiq_sync.resman_lead SET status = 'Ghost', effective_status = 'Ghost'")
    (applied,) = world.apply()
    assert applied.left_alone == 1
    assert world.status(conversation) == "contacted"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            ("Applicant/Denied", ["toured"], "toured"),
            "covers toured, which is no lead status: use some of new",
        ),
        (("Applicant/Denied", ["lost"], "application"), 'sets "application", which it does not cover'),
        (("Applicant/Denied", [], "lost"), "covers nothing"),
        (
            ("Applicant/Signed", ["leased"], "leased"),
            'No lease milestone is called "Applicant/Signed": use one',
        ),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_with_a_sentence(world: World, row: Any, sentence: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        override(world, world.property(), *row)
    assert sentence in said_by_the_database(refused.value)


@pytest.mark.parametrize(
    ("lead_status", "event", "sentence"),
    [("toured", "Other", '"toured", which there is not'), ("contacted", "Cancel", "says something else")],
)
def test_a_word_of_domiq_s_is_not_given_a_meaning_that_there_is_not_or_an_event_that_harms(
    world: World, lead_status: str, event: str, sentence: str
) -> None:
    with pytest.raises(DBAPIError) as refused:
        world.do(
            "INSERT INTO domiq_sync.domiq_status_map VALUES (NULL, 'touring', :s, :e)", s=lead_status, e=event
        )
    assert sentence in said_by_the_database(refused.value)


def test_a_bad_row_that_is_there_all_the_same_takes_its_word_s_meaning_away_and_stops_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    property_id = world.property()
    conversation, prospect = linked(world, property_id, n=1)
    other, second = linked(world, property_id, n=2)
    world.do("ALTER TABLE domiq_sync.resman_status_map DISABLE TRIGGER check_status_map")
    override(world, property_id, "Lost", ["toured"], "toured")
    world.standin.edit(prospect, status="Lost")
    world.standin.edit(second, status="Applicant")
    world.sync()
    assert (world.status(conversation), world.status(other)) == ("contacted", "application")
    assert "covers 'toured', which is no lead status: use some of new" in caplog.text
