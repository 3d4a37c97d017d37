"""A prospect that cannot be read is the one that is not stored: it is named, asked for again, and holds up
neither its property, nor its account, nor the pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.pull import pull as pulling
from domiq_dagster.sync.pull.pulls import pull_all
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.sync.trouble import records_in_trouble
from tests.fixtures.world import World

ODDITIES: list[dict[str, Any]] = [
    {"values": {"lastModified": None}},
    {"values": {"lastModified": "0001-01-01T00:00:00"}},
    {"values": {"lastModified": "/Date(0)/"}},
    {"values": {"status": None}},
    {"values": {"prospectId": None}},
    {"instead": "a string"},
    {"instead": None},
]


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def stored(world: World) -> set[str]:
    return {r.prospect_id for r in world.rows("SELECT prospect_id FROM domiq_sync.resman_lead")}


def in_trouble(world: World) -> list[tuple[str, str, int]]:
    with world.engine.connect() as connection:
        return [(t.key, t.sentence, t.times) for t in records_in_trouble(connection)]


@pytest.mark.parametrize("oddity", ODDITIES, ids=repr)
def test_fifty_prospects_of_which_one_is_odd(world: World, oddity: dict[str, Any]) -> None:
    property_id, other = world.property(0), world.property(1)
    ids = [world.lead(email=f"p{n}@example.com", last=f"Number{n}")["prospectId"] for n in range(50)]
    elsewhere = world.lead(1, email="p1@example.com")["prospectId"]
    conversation = world.conversation(property_id, "new", email="p7@example.com")
    world.standin.edit(ids[7], status="Applicant")
    world.standin.odd(ids[20], **oddity)
    report = world.sync()
    assert report.pull_errors == {}
    assert stored(world) == {*ids, elsewhere} - {ids[20]}
    assert world.status(conversation) == "application"
    ((key, reason),) = report.pulled["juniper-flats"].unreadable.items()
    named = oddity.get("values", {}).get("prospectId", ids[20]) == ids[20] and "values" in oddity
    assert (key == ids[20]) is named
    assert in_trouble(world) == [(key, reason, 1)]
    assert world.value("SELECT count(*) FROM domiq_sync.watermark WHERE last_pull_at IS NOT NULL") == 2
    assert {property_id, other} == {
        r.property_id for r in world.rows("SELECT property_id FROM domiq_sync.watermark")
    }
    # The watermark does not hide it, however old it is by then.
    assert in_trouble(world) != [] and world.sync().pulled["juniper-flats"].unreadable == {key: reason}
    assert in_trouble(world) == [(key, reason, 2)]
    world.standin.odd(ids[20])
    world.standin.edit(ids[20], lastModified=ago(days=40))
    assert world.sync().pulled["juniper-flats"].unreadable == {}
    assert stored(world) == {*ids, elsewhere}
    assert in_trouble(world) == []


def test_one_that_is_deleted_meanwhile_is_in_trouble_no_more(world: World) -> None:
    world.property()
    lead = world.lead(email="p1@example.com")["prospectId"]
    world.standin.odd(lead, values={"status": None})
    world.pull()
    assert in_trouble(world) == [(lead, "has no readable status", 1)]
    world.standin.control(f"prospects/{lead}", method="DELETE")
    world.pull()
    assert in_trouble(world) == []


def test_one_that_was_readable_before_is_not_taken_for_gone(world: World) -> None:
    world.property()
    leads = [world.lead(email=f"p{n}@example.com", last=f"Number{n}")["prospectId"] for n in range(3)]
    world.pull()
    world.standin.odd(leads[1], values={"lastModified": ""})
    for _ in range(3):
        (pulled,) = world.pull(full=True)
        assert (pulled.missing, pulled.vanished, pulled.rejected_reason) == (0, 0, None)
    assert stored(world) == set(leads)


def test_a_fault_of_ours_in_one_prospect_is_that_prospect_s(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that raises: where prospects are looked at for links, and where they are put in rows."""
    world.property()
    leads = [world.lead(email=f"p{n}@example.com", last=f"Number{n}")["prospectId"] for n in range(5)]
    world.conversation(world.integrations()[0].property_id, "new", email="p1@example.com")

    def fails(of: str, what: Any) -> Any:
        def fail(first: Any, *rest: Any) -> Any:
            for each in first if isinstance(first, (list, tuple)) else [first]:
                if getattr(each, "prospect_id", None) == of:
                    raise ZeroDivisionError
            return what(first, *rest)

        return fail

    rows = pulling.Stage.take.__globals__
    monkeypatch.setitem(rows, "_row", fails(leads[2], rows["_row"]))
    looks = pulling.LinkFinder.prefilter.__globals__
    monkeypatch.setitem(looks, "_candidate", fails(leads[1], looks["_candidate"]))
    (pulled,) = world.pull()
    assert pulled.unreadable == dict.fromkeys(leads[1:3], "could not be taken (ZeroDivisionError)")
    assert stored(world) == {leads[0], *leads[3:]}
    monkeypatch.undo()
    (pulled,) = world.pull()
    assert (pulled.unreadable, stored(world)) == ({}, set(leads))


def test_a_fault_of_ours_in_one_property_is_that_property_s(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.property(0)
    world.property(1)
    world.lead(1, email="p1@example.com")
    first = world.integrations()[0]
    real = pulling.property_contacts
    secret = "ada@example.com"

    def fail(client: ResManClient, integration: Any) -> Any:
        if integration.property_id == first.property_id:
            raise KeyError(secret)
        return real(client, integration)

    monkeypatch.setattr(pulling, "property_contacts", fail)
    pulled, errors = pull_all(world.engine, world.client, world.integrations())
    assert (len(pulled), list(errors)) == (1, [first.partition_key])
    said = world.value("SELECT last_error FROM domiq_sync.watermark WHERE last_error IS NOT NULL")
    assert said == "fault: KeyError in the sync's own code; its traceback is in the log"
    assert "KeyError" in caplog.text and secret not in caplog.text


def test_status_and_doctor_name_it(world: World) -> None:
    world.property()
    lead = world.lead(email="p1@example.com")["prospectId"]
    world.standin.odd(lead, values={"status": 0.5})
    world.pull()
    (found,) = [f for f in examine(world.engine, world.client) if "record" in f["question"]]
    assert (found["ok"], found["answer"]) == (
        False,
        f"juniper-flats: prospect {lead} has no readable status "
        "(prospect: each pull asks ResMan for it again; correct it there)",
    )


def test_of_many_that_cannot_be_read_each_is_asked_for_again_in_its_turn(world: World) -> None:
    """A1: two a pull, of five that the watermark hides, and one for which ResMan answers with a fault."""
    world.property()
    leads = [world.lead(email=f"p{n}@example.com", last=f"Number{n}")["prospectId"] for n in range(5)]
    for lead in leads:
        world.standin.odd(lead, values={"status": None})
    world.pull()
    world.do("UPDATE domiq_sync.watermark SET watermark = now() + interval '1 day', covered_since = now()")
    for lead in leads:
        world.standin.odd(lead)
        world.standin.edit(lead, lastModified=ago(days=40))
    for read in (2, 4, 5):
        world.pull(rules=pulling.PullRules(confirm_most=2))
        assert len(stored(world)) == read
    assert in_trouble(world) == []
