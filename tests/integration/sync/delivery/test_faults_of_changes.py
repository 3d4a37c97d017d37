"""A change that cannot be delivered for a fault of its own, of DomIQ's database or of ours: it alone waits or
fails, with its reason, and what is beside it is sent."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import Engine, text

from domiq_dagster.sync.delivery import worker
from domiq_dagster.sync.delivery.sending import Sender
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.doubts import open_doubts
from domiq_dagster.sync.repair.conflicts import resolve_doubt
from domiq_dagster.sync.take_up import take_up
from domiq_dagster.sync.trouble import DELIVERY, Trouble, records_in_trouble
from tests.fixtures.world import World


def in_trouble(world: World) -> list[Trouble]:
    with world.engine.connect() as connection:
        return records_in_trouble(connection)


def times_out(engine: Engine) -> None:
    """The database ends a statement that took too long."""
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 1"))
        connection.execute(text("SELECT pg_sleep(10)"))


def give_up_on(world: World, rounds: int = 8) -> None:
    """Pushes, as time passes, as often as a change of its own fault is tried."""
    for _ in range(rounds):
        world.later()
        world.push()


@pytest.mark.parametrize(
    ("columns", "setting"),
    [
        ({"tour_datetime": "9999-12-31 23:59:59"}, None),
        ({"tour_datetime": "2027-02-02 15:00"}, "America/Chicgo"),
    ],
    ids=["a tour past the end of time", "a time zone that there is not"],
)
def test_a_time_that_cannot_be_reckoned_with_fails_that_change_alone(
    world: World, columns: dict[str, str], setting: str | None
) -> None:
    spoiled, other = world.property(0), world.property(1)
    world.sync()
    if setting is not None:
        world.do(
            "UPDATE domiq_sync.integration SET time_zone = :z WHERE property_id = :p", z=setting, p=spoiled
        )
    bad = world.conversation(spoiled, "tour_scheduled", **columns)
    beside = world.conversation(spoiled, "qualified")
    elsewhere = world.conversation(other, "tour_scheduled", tour_datetime="2027-02-02 15:00")

    report = world.push()

    assert report.total("success") == 2
    assert report.total("postponed") >= 1  # its next try may be due before the push is over
    assert [world.last(c).sync_status for c in (beside, elsewhere)] == ["success", "success"]
    assert world.last(bad).sync_status == "pending"
    give_up_on(world)
    assert (world.last(bad).sync_status, world.last(bad).outcome) == ("failed", "fault")
    assert "in the sync's own code" in world.last(bad).reason


def test_what_the_database_refuses_fails_that_change_alone_and_repeats_no_value(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    property_id = world.property()
    world.sync()
    # A rule of DomIQ's own about its own table, which our settlement breaks.
    world.do(
        "ALTER TABLE status_sync_log ADD CONSTRAINT no_tours CHECK "
        "(sync_status <> 'success' OR new_status <> 'tour_scheduled')"
    )
    bad = world.conversation(property_id, "tour_scheduled", email="secret.canary@example.com")
    beside = world.conversation(property_id, "qualified")

    with caplog.at_level(logging.DEBUG):
        world.push()
        give_up_on(world)

    assert world.last(beside).sync_status == "success"
    assert (world.last(bad).sync_status, world.last(bad).outcome) == ("failed", "database_error")
    assert "no_tours of table status_sync_log" in world.last(bad).reason
    assert "secret.canary" not in caplog.text and "Failing row" not in caplog.text
    assert world.repeated_markers() == []


@pytest.mark.parametrize("fails", ["deciding again", "postponing"])
def test_what_follows_the_delivery_of_one_change_ends_no_account_s_push(
    world: World, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """D2: a statement timeout once ResMan has won, or as its change is given back."""
    property_id = world.property()
    chats = [world.conversation(property_id, "contacted") for _ in range(4)]
    world.sync(2)
    spoiled, *beside = chats
    world.standin.edit(world.lead_of(spoiled)["prospectId"], status="Applicant")
    world.change(spoiled, status="lost")
    for chat in beside:
        world.change(chat, status="qualified")
    lane, postpone = spoiled, queue.postpone

    def postpone_the_others(connection: Any, claim: Any, **how: Any) -> bool:
        if claim.lane == lane:
            times_out(world.engine)
        return postpone(connection, claim, **how)

    with monkeypatch.context() as patched:
        if fails == "postponing":
            patched.setattr(queue, "postpone", postpone_the_others)
        else:
            patched.setattr(worker, "apply_property", lambda *_, **__: times_out(world.engine))
        report = world.push()
        assert [world.last(c).sync_status for c in chats] == ["pending", *["success"] * 3]
        (problem,) = report.problems
        assert str(world.last(spoiled).id) in problem and "SQLSTATE 57014" in problem
    world.deliver()
    assert world.status(spoiled) == "application"
    assert world.rows("SELECT FROM domiq_sync.delivery") == []
    assert world.push().problems == []


def test_a_change_whose_delivery_ends_in_a_fault_is_in_trouble_until_it_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours before anything is sent, then one of the database, which mends itself."""
    property_id = world.property()
    chats = [world.conversation(property_id, "qualified") for _ in range(3)]
    world.pulled()
    with monkeypatch.context() as patched:
        patched.setattr(Sender, "send", lambda *_: 1 / 0)
        (problem,) = world.push().problems
        assert problem.startswith("juniper-flats: 3 changes (") and "ZeroDivisionError" in problem
        assert {(r.kind, r.key) for r in in_trouble(world)} == {
            (DELIVERY, str(world.last(chat).id)) for chat in chats
        }
        world.later()
        world.push()
        assert {r.times for r in in_trouble(world)} == {2}
        patched.setattr(Sender, "send", lambda *_: times_out(world.engine))
        world.later()
        assert len(world.push().problems) == 1
        assert all("SQLSTATE 57014" in r.sentence for r in in_trouble(world))
    world.do(
        "UPDATE status_sync_log SET sync_status = 'success' WHERE conversation_id = :c", c=chats[0]
    )  # by hand
    world.reconcile()
    world.deliver()
    assert world.push().problems == []
    assert {world.last(chat).sync_status for chat in chats} == {"success"}
    assert in_trouble(world) == []


@pytest.mark.parametrize("arrived", [True, False], ids=["it has arrived", "it never left"])
def test_a_fault_of_ours_while_a_change_is_sent_has_an_end_and_a_person_decides(
    world: World, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    """It may have arrived, and nothing shows that: after five tries only a person has it sent again."""
    chat = world.conversation(world.property(), "contacted")
    world.sync(2)
    world.change(chat, status="qualified")
    sent: list[str] = []
    post = world.client.post_lead

    def post_and_fail(*given: Any) -> Any:
        sent.append("post")
        with world.client._guard(given[0]):
            raise ZeroDivisionError

    monkeypatch.setattr(world.client, "post_lead", post_and_fail)
    for _ in range(40):
        world.later()
        world.pass_time(900)
        assert world.last(chat).sync_status == "pending"
        report = world.push()
    assert len(sent) == 5 and report.problems == []
    delivery = world.delivery()
    assert (delivery.state, delivery.last_outcome) == ("unknown", "in_doubt")
    (record,) = in_trouble(world)
    assert (record.kind, record.times) == (DELIVERY, 5)
    with world.engine.connect() as connection:
        (doubt,) = open_doubts(connection)
    monkeypatch.setattr(world.client, "post_lead", post)
    if arrived:
        resolve_doubt(world.engine, doubt.change_id, "arrived", by="Casey")
    else:
        ((taken),) = take_up(world.engine)
        assert (taken.kind, taken.records, taken.waits) == (DELIVERY, 1, True)
    world.deliver()
    assert world.last(chat).sync_status == "success"
    assert in_trouble(world) == []


def test_a_fault_before_a_post_leaves_fails_the_change_after_its_tries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = world.conversation(world.property(), "contacted")
    world.sync(2)
    world.change(chat, status="qualified")
    monkeypatch.setattr(world.client, "post_lead", lambda *_: 1 / 0)
    give_up_on(world)
    assert (world.last(chat).sync_status, world.last(chat).outcome) == ("failed", "fault")
    assert "may have reached" not in world.last(chat).reason
    assert in_trouble(world) == []
