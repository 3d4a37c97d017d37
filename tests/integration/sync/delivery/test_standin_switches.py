"""B10, D7: whatever a switch of the stand-in makes harder to recognise, with answers lost on the way: nothing
is lost, nothing is posted twice, and both sides end where they should."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from tests.depth import SOAK_MINUTES
from tests.fixtures.world import POST, World

SWITCHES: dict[str, dict[str, Any]] = {
    "comments cut": {"read_comment_length": 30},
    "comments sanitised": {"sanitise_comments": True},
    "events left out": {"events_left_out": "all"},
    "newest event left out": {"events_left_out": "newest"},
    "reads lag": {"read_lag_seconds": 12},
    "late commits": {},
    "foreign id": {"foreign_identification": True},
    "status in capitals": {"status_case": "upper"},
    "status in small letters": {"status_case": "lower"},
    "two phones": {"two_phones": True},
    "v1 ids are personIds": {"v1_agent_ids": "person"},
    "next page": {"next_page": True},
}
TRIPLES = [
    names
    for names in itertools.combinations(SWITCHES, 3)
    if len({key for name in names for key in SWITCHES[name]}) == sum(len(SWITCHES[name]) for name in names)
]
SAMPLE = random.Random(3).sample(TRIPLES, 10)


def lose_answer(world: World, names: tuple[str, ...]) -> None:
    """The next post takes effect, at once or in five minutes, and nobody is told."""
    late = {"commit_after": 300} if "late commits" in names else {}
    world.standin.faults({"kind": "drop_after", "endpoint": POST, "count": 1, **late})


def settle(world: World, *, pulls: bool) -> None:
    """Pushes as time passes, with a pull now and then, until nothing is pending."""
    for step in range(24):
        world.push()
        if not world.rows("SELECT FROM domiq_sync.delivery"):
            world.standin.faults()
            return
        world.pass_time(40)
        if pulls and step % 3 == 2:
            world.pull()
            world.apply()
    pytest.fail(f"still pending: {world.rows('SELECT state, last_outcome FROM domiq_sync.delivery')}")


def run(world: World, names: tuple[str, ...]) -> None:
    world.standin.faults(**{k: v for name in names for k, v in SWITCHES[name].items()})
    property_id = world.property()
    world.sync()
    bo = world.conversation(
        property_id, "new", user=world.user("Bo", "Tern", "bo@example.com", "512 736 0111")
    )
    lose_answer(world, names)
    settle(world, pulls=False)
    told, minutes = ["Contact"], 0
    for status, events in (
        ("qualified", ["Other"]),
        ("lost", ["Cancel"]),
        ("contacted", ["ReActivate"]),
        ("tour_scheduled", ["Other"]),
        ("lost", ["Cancel"]),
        ("qualified", ["ReActivate", "Other"]),
    ):
        world.change(bo, status=status)
        minutes += 10
        world.do(
            "UPDATE status_sync_log SET created_at = created_at + :m * interval '1 minute' WHERE id = :id",
            m=minutes, id=world.last(bo).id,
        )  # fmt: skip
        lose_answer(world, names)
        settle(world, pulls=True)
        told += events
        assert world.told(bo) == told, status
        assert world.status(bo) == status
    world.pass_time(60)
    world.sync()
    world.standin.edit(world.lead_of(bo)["prospectId"], status="Lost")
    world.pass_time(60)
    world.sync(2)
    assert (world.status(bo), world.lead_of(bo)["status"], world.told(bo)) == ("lost", "Lost", told)
    assert len(world.standin.prospects()) == 1
    assert world.repeated_markers() == []
    assert {c.sync_status for c in world.changes(bo)} == {"success"}
    assert [c.sync_direction for c in world.changes(bo)].count("from_resman") == 1


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_alone_converges(world: World, name: str) -> None:
    run(world, (name,))


@pytest.mark.parametrize("names", SAMPLE, ids=" + ".join)
def test_three_switches_together_converge(world: World, names: tuple[str, ...]) -> None:
    run(world, names)


@pytest.mark.soaked
@pytest.mark.skipif(SOAK_MINUTES == 0, reason="only under make soak")
@pytest.mark.parametrize("names", TRIPLES, ids=" + ".join)
def test_any_three_switches_together_converge(world: World, names: tuple[str, ...]) -> None:
    run(world, names)
