"""A forecast says what the real pass then does, and nothing of it stays: no row, no request but reads."""

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.db.dry_run_session import dry_run_session
from domiq_dagster.sync.dry_run import Forecast, forecast_all, forecast_property, forecast_push
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.repair.reconcile import reconcile
from domiq_dagster.sync.setup.connect import connect_property
from tests.fixtures.world import POST, World

WRITTEN_BY_PULLS = (
    "SELECT (SELECT count(*) FROM domiq_sync.pull), (SELECT count(*) FROM domiq_sync.watermark)"
)


def everything(world: World) -> Any:
    return (
        world.versions(),
        world.rows(WRITTEN_BY_PULLS),
        world.rows("SELECT resman_account_id FROM domiq_sync.account"),
    )


def forecast(world: World, **options: Any) -> Forecast:
    (integration,) = world.integrations()
    found, _ = forecast_property(lambda: dry_run_session(world.url), world.client, integration, **options)
    return found


def populate(world: World, flats: UUID) -> None:
    """One of each kind, as it stands before a first sync."""
    for name, status in (
        ("lost", "Lost"),
        ("same", "Prospect"),
        ("applied", "Applicant"),
        ("gone", "Resident"),
    ):
        world.lead(0, status, email=f"{name}@example.com")
    world.lead(0, email="twin@example.com", first="Twin", last="One")
    world.lead(0, email="twin@example.com", first="Twin", last="Two")
    world.lead(0, email="stranger@example.com", first="Some", last="Stranger")
    for name, status in (
        ("lost", "qualified"),
        ("same", "contacted"),
        ("applied", "new"),
        ("gone", "leased"),
        ("twin", "new"),
    ):
        world.conversation(flats, status, email=f"{name}@example.com", age="9 days")
    for _ in range(3):
        world.conversation(flats, "contacted")
    world.conversation(flats, "tour_scheduled", tour_datetime="2026-12-24 10:00")
    world.conversation(flats, "new", user=world.user("Anonymous", "User"))
    world.conversation(flats, "active")


def test_it_says_what_the_first_pass_then_does(world: World) -> None:
    flats = world.property(0, connected=False)
    populate(world, flats)
    before = everything(world)
    there = world.at_resman[0]
    proposed = connect_property(world.engine, flats, there["accountId"], there["propertyId"], dry_run=True)

    found, pulled = forecast_property(lambda: dry_run_session(world.url), world.client, proposed)

    assert everything(world) == before
    assert world.standin.requests(POST) == []
    assert world.rows("SELECT FROM domiq_sync.integration") == []
    assert pulled is not None
    assert (found.fetched, found.stored, found.would_link) == (7, 7, 4)
    assert found.would_apply == {"lost": 1, "application": 1}
    # Their changes are pending since before there was a sync: what they ask for is there already, or is told.
    assert (found.held, found.conflicts, found.error) == (2, 0, None)
    assert found.nothing_to_send == {"already_there": 1}
    assert found.ambiguous == 1

    world.connect(flats, 0)
    report = world.sync()
    assert report.pulled["juniper-flats"].linked == found.would_link
    assert report.applied["juniper-flats"].applied == found.would_apply.total()
    posts = world.standin.posts()
    # The twins' conversation is one that nobody can tell: the search finds two leads, and it is not created.
    assert len(posts) == found.would_post.total() - 1
    created = world.rows("SELECT FROM domiq_sync.lead_link WHERE linked_by = 'created'")
    assert len(created) == found.would_create - 1 == 4
    assert found.would_push == 1
    assert found.waits == {"an e-mail address or phone": 1}
    assert found.would_post == {"Contact": 6, "Appointment": 1}


def test_of_a_property_in_step_nothing_would_be_done(world: World) -> None:
    flats = world.property(0)
    populate(world, flats)
    world.sync(times=2)
    before = everything(world)
    found = forecast(world)
    assert everything(world) == before
    assert (found.would_link, found.would_apply.total(), found.would_post.total(), found.conflicts) == (
        0,
        0,
        0,
        0,
    )


def test_staff_edits_and_pending_changes_are_forecast_by_policy(world: World) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    chats = {n: world.conversation(flats, "contacted") for n in ("theirs", "ours", "both", "twice")}
    world.sync()
    world.deliver()
    for name in ("theirs", "both"):
        world.standin.edit(world.lead_of(chats[name])["prospectId"], status="Lost")
    world.change(chats["ours"], status="lost")
    world.change(chats["both"], status="qualified")
    world.change(chats["twice"], status="lost")
    world.change(chats["twice"], status="contacted")
    before, posted = everything(world), len(world.standin.posts())

    found = forecast(world)

    assert (everything(world), len(world.standin.posts())) == (before, posted)
    assert (found.would_apply, found.conflicts) == ({"lost": 1}, 1)
    assert found.would_post == {"Cancel": 2, "ReActivate": 1}
    assert (found.would_create, found.would_push) == (0, 3)
    assert found.waits == {"a person's decision": 1}
    # Without a pull nothing is known of the edits: what is pending would go out.
    (integration,) = world.integrations()
    assert forecast_push(world.engine, integration).would_post == {"Cancel": 2, "ReActivate": 1, "Other": 1}
    assert everything(world) == before


@pytest.mark.parametrize("direction", ["from_resman", "to_resman"])
def test_a_direction_that_is_switched_off_is_forecast_as_such(world: World, direction: str) -> None:
    flats = world.property(0)
    chat, other = world.conversation(flats, "contacted"), world.conversation(flats, "contacted")
    world.sync()
    world.standin.edit(world.lead_of(chat)["prospectId"], status="Lost")
    world.change(other, status="lost")
    world.do("UPDATE domiq_sync.integration SET sync_direction = :d", d=direction)
    found = forecast(world)
    assert found.would_apply == ({"lost": 1} if direction == "from_resman" else {})
    assert found.would_post == ({"Cancel": 1} if direction == "to_resman" else {})


def test_a_property_that_cannot_be_read_does_not_keep_the_others_from_being_forecast(world: World) -> None:
    world.property(0)
    world.property(7)
    there = world.at_resman[0]["propertyId"]
    world.standin.faults({"kind": "status", "status": 503, "property_id": there})
    with world.engine.connect() as connection:
        integrations = load_integrations(connection)
    found = forecast_all(lambda: dry_run_session(world.url), world.client, integrations)
    by_key = {i.partition_key: f for i, f, _ in found}
    assert "server_fault" in str(by_key["juniper-flats"].error)
    assert by_key["prairie-lofts"].error is None
    assert world.rows(WRITTEN_BY_PULLS) == [(0, 0)]


def test_the_sweep_can_be_foreseen(world: World) -> None:
    flats = world.property(0)
    chat = world.conversation(flats, "contacted")
    world.sync()
    world.do("UPDATE domiq_sync.resman_lead SET status = 'Lost', effective_status = 'Lost'")
    world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    world.conversation(flats, "new")
    world.do("ALTER TABLE conversation ENABLE TRIGGER USER")
    world.conversation(flats, "new")
    world.do("DELETE FROM domiq_sync.delivery")
    before = world.versions()
    foreseen = reconcile(world.engine, dry_run=True)
    assert world.versions() == before
    assert world.status(chat) == "contacted"
    assert foreseen.findings == world.reconcile().findings
    assert world.status(chat) == "lost"
