"""What data means: words in any case, the instant of a tour, the property of a conversation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domiq_dagster.assets.inbound_checks import divergence_result
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.monitoring.divergence import unknown_words
from domiq_dagster.sync.setup.connect import CannotConnect
from domiq_dagster.sync.setup.doctor import examine
from tests.fixtures.world import World


@pytest.mark.parametrize("word", ["LOST", "lost", " Lost "])
def test_resmans_words_compare_without_case(world: World, word: str) -> None:
    """B5."""
    chat = world.conversation(world.property(), "contacted", email="bo@example.com")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.sync()
    world.standin.edit(lead, status="Lost")
    world.standin.odd(lead, values={"status": word})
    world.sync(2)
    assert (world.status(chat), world.verdicts()) == ("lost", ["agrees"])
    assert world.rows("SELECT status, effective_status FROM domiq_sync.resman_lead") == [("Lost", "Lost")]


@pytest.mark.parametrize("word", ["LOST", "Lost", "lost\t"])
def test_domiqs_words_compare_without_case(world: World, word: str) -> None:
    """B5."""
    chat = world.conversation(world.property(), "Contacted", email="bo@example.com")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.sync()
    world.change(chat, status=word)
    world.sync(2)
    assert world.standin.prospect(lead)["status"] == "Lost"
    assert world.verdicts() == ["agrees"]


def test_a_word_that_is_not_known_is_named(world: World) -> None:
    """B5: by status, doctor and the check; one that a property explains is known there, in any case."""
    flats = world.property()
    world.conversation(flats, "tour_schedueld", email="bo@example.com")
    lead = world.lead(email="bo@example.com")["prospectId"]
    world.standin.odd(lead, values={"status": "Waitlisted"})
    world.sync()
    with world.engine.connect() as c:
        assert [(w.partition_key, w.word, w.leads) for w in unknown_words(c)] == [
            ("juniper-flats", "Waitlisted", 1)
        ]
    (said,) = [
        f for f in examine(world.engine, world.client) if f["question"] == "Every status has a meaning"
    ]
    assert not said["ok"] and "'Waitlisted'" in said["answer"] and "tour_schedueld 1" in said["answer"]
    check = divergence_result(world.engine)
    assert not check.passed and "'Waitlisted'" in str(check.description)
    world.do(
        "INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) "
        "VALUES (:p, 'WAITLISTED', '{qualified}', 'qualified')",
        p=flats,
    )
    with world.engine.connect() as c:
        assert unknown_words(c) == []
    assert divergence_result(world.engine).passed


@pytest.mark.parametrize(
    ("column", "setting", "sent"),
    [
        ("timestamptz", None, "2027-02-02T15:00:00"),
        ("timestamptz", "utc", "2027-02-02T15:00:00"),
        ("timestamp", None, "2027-02-02T20:00:00"),
        ("timestamp", "local", "2027-02-02T20:00:00"),
        ("timestamp", "utc", "2027-02-02T15:00:00"),
    ],
)
def test_the_instant_of_a_tour(world: World, column: str, setting: str | None, sent: str) -> None:
    """B3: and doctor says by an example how it is meant."""
    world.do(
        f"ALTER TABLE conversation ALTER COLUMN tour_datetime TYPE {column} USING tour_datetime::{column}"
    )
    flats = world.property(time_zone="America/New_York", tour_times=setting)
    chat = world.conversation(flats, "new")
    world.sync()
    tour = datetime(2027, 2, 2, 15, tzinfo=UTC)
    world.change(
        chat,
        status="tour_scheduled",
        tour_datetime=tour if column == "timestamptz" else tour.replace(tzinfo=None),
    )
    world.sync()
    (post,) = [x for x in world.standin.posts() if "Appointment" in x]
    assert sent in post
    (said,) = [f for f in examine(world.engine, world.client) if "tour_datetime" in f["question"]]
    example = "the instant that it is" if column == "timestamptz" else f"sent as {sent[:10]} {sent[11:16]}Z"
    assert example in said["answer"]


def test_tour_times_are_local_or_utc(world: World) -> None:
    """B3."""
    with pytest.raises(CannotConnect, match="Tour times are local"):
        world.property(tour_times="gmt")


def test_a_conversation_without_a_property_of_its_own_has_its_chatbots(world: World) -> None:
    """B12: a nullable column that is added later, and migrate again."""
    flats, lofts = world.property(0), world.property(1)
    mine, other = world.conversation(flats, "new"), world.conversation(flats, "contacted")
    world.sync()
    world.do("ALTER TABLE conversation ADD COLUMN property_id UUID REFERENCES property (id)")
    migrate(world.engine)
    of = "SELECT property_id FROM domiq_sync.conversation_property WHERE conversation_id = :c"
    assert (world.value(of, c=mine), world.value(of, c=other)) == (flats, flats)
    rate = world.rows("SELECT property_id, sync_success_rate FROM status_sync_success_rate")
    assert rate == [(flats, 100.0)]
    world.change(mine, status="qualified")
    late = world.conversation(flats, None)
    world.change(late, property_id=lofts, status="new")
    world.change(other, property_id=lofts)
    assert (world.value(of, c=other), world.value(of, c=late)) == (lofts, lofts)
    assert world.value("SELECT domiq_sync.property_of(:c)", c=late) == lofts
    assert {r.property_id for r in world.rows("SELECT property_id FROM status_sync_success_rate")} == {
        flats,
        lofts,
    }
    world.sync(2)
    assert world.told(mine)[-1] == "Other"
    assert world.last(late).sync_status == "success"
