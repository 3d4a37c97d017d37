"""A7: a property that was never pulled is told nothing that happened before it was connected, and all that
happened since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domiq_dagster.db.migrate import migrate
from tests.fixtures.world import World

CANNOT = [
    lambda world: world.standin.faults({"kind": "status", "status": 500, "endpoint": "Prospects"}),
    lambda world: world.standin.faults(entitlements={"Prospects": False}),
]


def can(world: World) -> None:
    world.standin.faults(entitlements={"Prospects": True})
    world.later()


def stood_well(world: World, capture: bool) -> tuple[Any, list[Any]]:
    """A property that is connected when both sides have had the same leads for days."""
    migrate(world.engine, capture_trigger=capture)
    property_id = world.property(connected=False)
    chats = []
    for n, status in enumerate(["contacted", "qualified", "lost", "new"]):
        email = f"p{n}@example.com"
        chats.append(world.conversation(property_id, status, email=email, age="3 days"))
        world.lead(email=email, status="Lost" if status == "lost" else "Prospect")
    world.do("UPDATE domiq_sync.change SET logged_at = logged_at - interval '3 days'")
    world.connect(property_id)
    return property_id, chats


@pytest.mark.parametrize("capture", [True, False], ids=["captured", "found by reconciliation"])
@pytest.mark.parametrize("fault", CANNOT, ids=["fails", "is not granted"])
def test_nothing_is_told_until_the_first_pull_but_what_happens_since(
    world: World, fault: Callable[[World], None], capture: bool
) -> None:
    _, chats = stood_well(world, capture)
    fault(world)
    for _ in range(3):
        world.sync()
        world.later()
    assert world.standin.posts() == []
    migrate(world.engine)
    world.change(chats[0], status="tour_scheduled")
    world.later()
    world.push()
    world.later()
    world.sync()
    assert [e["type"] for e in world.standin.of("p0@example.com")["events"] if e["comments"]] == ["Other"]
    assert len(world.standin.posts()) == 1
    can(world)
    world.sync()
    assert set(world.verdicts()) == {"agrees"}
    assert world.conservation() == []
    assert not capture or all(c.sync_status == "success" for chat in chats[:1] for c in world.changes(chat))


def test_what_waited_goes_on_at_once_when_the_first_pull_came(world: World) -> None:
    stood_well(world, capture=True)
    CANNOT[0](world)
    world.sync()
    assert {r.last_outcome for r in world.rows("SELECT last_outcome FROM domiq_sync.delivery")} == {
        "never_pulled"
    }
    world.standin.faults()
    world.sync()
    assert world.rows("SELECT FROM domiq_sync.delivery") == []
    assert set(world.verdicts()) == {"agrees"}


def test_a_property_that_is_connected_to_another_one_at_resman_begins_anew(world: World) -> None:
    property_id = world.property()
    world.sync()
    chat = world.conversation(property_id, "new")
    world.connect(property_id, 1)
    CANNOT[0](world)
    world.sync()
    assert world.standin.posts() == []
    assert world.changes(chat)[0].sync_status == "pending"
