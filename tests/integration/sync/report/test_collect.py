"""What the report collects: each lead that waits for a person, with the reason, and nobody's name."""

from __future__ import annotations

from uuid import UUID

from domiq_dagster.sync.monitoring.divergence import note_divergence
from domiq_dagster.sync.report.collect import Report, collect
from domiq_dagster.sync.report.page import page
from domiq_dagster.sync.report.weekly import words
from tests.fixtures.world import POST, World


def read(world: World, *properties: UUID) -> Report:
    with world.engine.connect() as connection:
        return collect(connection, property_ids=list(properties) or None)


def kinds(report: Report) -> dict[UUID | None, str]:
    return {w.conversation_id: w.kind for w in report.waiting}


def test_each_lead_that_waits_for_a_person_is_told_with_its_reason(world: World) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    lofts = world.property(7)
    both = world.lead(email="both@example.com")
    torn = world.conversation(flats, "contacted", email="both@example.com")
    for _ in "ab":
        world.lead(email="bo@example.com")
    world.conversation(flats, "qualified", email="bo@example.com")
    signed = world.conversation(flats, "tour_scheduled")
    fine = world.conversation(flats, "new")
    world.sync()
    world.change(torn, status="tour_scheduled")
    world.standin.edit(both["prospectId"], status="Lost")
    world.change(signed, status="application")
    world.sync()
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": "no"})
    refused = world.conversation(lofts, "new")
    world.push()
    world.standin.faults()

    found = read(world)

    told = kinds(found)
    assert {chat: told.get(chat) for chat in (torn, signed, refused, fine)} == {
        torn: "conflict",
        signed: "awaiting",
        refused: "failed",
        fine: None,
    }
    assert sorted(set(told.values())) == ["awaiting", "conflict", "failed", "link"]
    conflict = next(w for w in found.waiting if w.conversation_id == torn)
    assert conflict.prospect_id == both["prospectId"]
    assert conflict.statuses == "DomIQ: tour scheduled, ResMan: Lost"
    assert next(w for w in found.waiting if w.conversation_id == refused).why == "ResMan refused it."
    assert {w.partition_key for w in read(world, lofts).waiting} == {"prairie-lofts"}
    by_key = {p.key: p.waiting for p in found.properties}
    assert by_key["prairie-lofts"] == 1
    assert sum(by_key.values()) == len(found.waiting)


def test_a_failed_change_waits_for_nobody_once_a_later_one_has_gone(world: World) -> None:
    flats = world.property(0)
    world.sync()
    chat = world.conversation(flats, "new")
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": "no"})
    world.push()
    assert kinds(read(world)) == {chat: "failed"}
    world.standin.faults()
    world.change(chat, status="qualified")
    world.deliver()
    assert kinds(read(world)) == {}


def test_how_things_stand_and_how_the_days_were(world: World) -> None:
    flats = world.property(0)
    lead = world.lead(email="a@example.com")
    world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.conversation(flats, "new")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync(2)

    found = read(world)

    (line,) = found.properties
    assert (line.name, line.compared, line.in_step, line.trouble) == ("Juniper Flats", 2, 2, None)
    logged = world.rows(
        "SELECT sync_direction, count(*) FROM status_sync_log WHERE sync_status = 'success' GROUP BY 1"
    )
    assert {"to_resman": found.flow.sum("outbound"), "from_resman": found.flow.sum("inbound")} == dict(
        tuple(r) for r in logged
    )
    assert (found.flow.within_1min, found.flow.sum("timed")) == (100.0, found.flow.sum("outbound"))
    for gate in world.gates:
        gate.close()  # which stores what it has counted
    asked = world.value(
        "SELECT sum(requests)::int FROM domiq_sync.request_count WHERE resman_property_id <> ''"
    )
    assert read(world).flow.sum("requests") == asked > 0
    assert found.funnel["lost"] == 1
    assert [a.account_id for a in found.accounts] == [world.at_resman[0]["accountId"]]
    assert found.diverged == [0, 0, 0, 0]


def test_leads_that_diverge_are_told_by_for_how_long(world: World) -> None:
    flats = world.property(0)
    for n in range(3):
        world.lead(email=f"a{n}@example.com")
        world.conversation(flats, "contacted", email=f"a{n}@example.com")
    world.sync()
    world.do("UPDATE domiq_sync.resman_lead SET effective_status = 'Lost'")
    with world.engine.begin() as connection:
        note_divergence(connection)
    first = world.rows("SELECT conversation_id FROM domiq_sync.divergence ORDER BY 1")
    for (chat,), age in zip(first, ("30 min", "3 h", "20 d"), strict=True):
        world.do(
            "UPDATE domiq_sync.divergence SET first_seen_at = now() - CAST(:a AS interval) "
            "WHERE conversation_id = :c",
            a=age, c=chat,
        )  # fmt: skip
    assert read(world).diverged == [1, 1, 0, 1]
    assert read(world).in_step == 0


def test_no_name_e_mail_or_phone_gets_into_the_page_or_the_words(world: World) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    world.sync()
    person = world.user("Zebediah", "Quillfeather", "zq.canary@mail.example", "+1 212 555 0187")
    chat = world.conversation(flats, "new", user=person)
    world.standin.faults(
        {"kind": "refuse", "endpoint": POST, "description": "Zebediah Quillfeather zq.canary@mail.example"}
    )
    world.push()
    found = read(world)
    assert kinds(found) == {chat: "failed"}
    for text in (page(found), words(found)):
        assert str(chat) in text
        for private in ("Zebediah", "Quillfeather", "canary", "555 0187", "5550187", "@"):
            assert private not in text.replace("@media", "").replace("@page", "")
