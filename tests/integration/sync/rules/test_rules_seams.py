"""Where rules meet the rest: a property's first pass, a log with gaps, the outbox."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.fixtures.log_chain import breaks
from tests.fixtures.rules import action, add_rule, decisions, moves, run, tasks
from tests.fixtures.world import World

TASK = action("create_task", title="Look")


def without_capture(world: World) -> None:
    for event in ("insert", "update"):
        world.do(f"DROP TRIGGER domiq_sync_capture_{event} ON conversation")


def prefer_in_app(world: World, property_id: UUID) -> None:
    world.do(
        "INSERT INTO status_notification_preferences "
        "(property_id, status_type, notification_method, recipients) "
        "VALUES (:p, 'any', 'in_app', '[\"desk\"]')",
        p=property_id,
    )


def notices(world: World) -> list[Any]:
    return list(
        world.rows(
            "SELECT recipient, subject, body, state, state_reason, urgent FROM domiq_sync.notification"
        )
    )


def test_a_first_pass_registers_what_is_there_without_rules_and_notices(world: World) -> None:
    property_id = world.property(connected=False)
    without_capture(world)
    add_rule(world, property_id, "contacted", actions=[TASK])
    add_rule(world, property_id, "leased", actions=[TASK])
    prefer_in_app(world, property_id)
    leased, here = (world.conversation(property_id, "contacted", age="9 days") for _ in range(2))
    world.lead(email="ada.1@example.com", status="Resident")
    world.connect(property_id)
    world.sync(2)
    assert [(m[1], m[2]) for m in moves(world, leased)] == [("leased", "resman_user")]
    assert moves(world, here) == [(None, "contacted", "system")]
    assert world.last(here).sync_status == "success"
    assert decisions(world, leased) == decisions(world, here) == tasks(world) == []
    assert [n.subject for n in notices(world)] == [
        "Juniper Flats: A lead has leased"
    ]  # DomIQ's own status moved

    world.change(here, status="lost")
    new = world.conversation(property_id, "contacted")
    world.sync()
    assert [t.conversation_id for t in tasks(world)] == [new]
    assert len(notices(world)) == 3


def test_a_change_at_another_property_does_not_hold_the_rules_of_this_one(world: World) -> None:
    property_id, elsewhere = world.property(0), world.property(1, connected=False)
    add_rule(world, property_id, "contacted", "qualified")
    moved = world.conversation(elsewhere, "new")
    chatbot = world.value("SELECT id FROM chatbot WHERE property_id = :p", p=property_id)
    world.change(moved, chatbot_id=chatbot)
    world.change(moved, status="contacted")
    run(world)
    assert world.status(moved) == "qualified"


@pytest.mark.parametrize("captured", [True, False])
def test_a_move_closes_a_gap_in_the_log(world: World, captured: bool) -> None:
    property_id = world.property()
    add_rule(world, property_id, "contacted", "qualified")
    conversation = world.conversation(property_id, "new")
    if not captured:
        without_capture(world)
        world.log(conversation, "contacted", old_status="new")
    world.change(conversation, status="contacted")
    world.log(
        conversation, "tour_scheduled", old_status="contacted"
    )  # which the status itself never followed
    run(world)
    log = [(old, new) for old, new, _ in moves(world, conversation)]
    assert log[-2:] == [("tour_scheduled", "contacted"), ("contacted", "qualified")]
    with world.engine.connect() as connection:
        assert breaks(connection) == []


def test_a_rule_tells_each_person_once_and_urgent_is_urgent(world: World) -> None:
    property_id = world.property()
    notice = action(
        "send_notification",
        channel="email",
        recipients=["desk@example.com", "property_manager", "janitor"],
        subject="An application",
        message="Somebody applied.",
    )
    add_rule(world, property_id, "application", actions=[notice, notice])
    manager = world.value(
        "INSERT INTO property_manager (company_id, first_name, last_name, email, role) "
        "SELECT company_id, 'Mo', 'Example', 'desk@example.com', 'property_manager' FROM property "
        "RETURNING id"
    )
    world.do(
        "INSERT INTO property_manager_assignment (property_id, property_manager_id, is_primary) "
        "VALUES (:p, :m, TRUE)",
        p=property_id,
        m=manager,
    )
    conversations = [world.conversation(property_id, "application") for _ in range(3)]
    run(world)
    found = notices(world)
    assert len(found) == 2 * len(conversations)
    assert {(n.recipient, n.state) for n in found} == {
        ("desk@example.com", "pending"),
        ("janitor", "undeliverable"),
    }
    assert all(n.urgent for n in found)


def test_an_in_app_notice_of_a_rule_takes_its_template(world: World) -> None:
    property_id = world.property()
    add_rule(
        world,
        property_id,
        "contacted",
        actions=[
            action(
                "send_notification",
                recipients=["desk"],
                template_id="contacted",
                subject="Own subject",
            ),
            action("send_notification", recipients=["desk"], template_id="none_such"),
        ],
    )
    world.conversation(property_id, "contacted")
    run(world)
    told, lost = sorted(notices(world), key=lambda n: str(n.state))
    assert (told.state, told.subject) == ("delivered", "Own subject")
    assert "contacted" in told.body
    assert "Ada" not in told.body
    assert "A workflow rule" not in told.body
    assert (lost.state, lost.state_reason) == ("undeliverable", "there is no template none_such")
