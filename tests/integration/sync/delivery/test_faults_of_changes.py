"""A change that cannot be delivered for a fault of its own, of DomIQ's database or of ours: it alone waits or
fails, with its reason, and what is beside it is sent."""

from __future__ import annotations

import logging

import pytest

from tests.fixtures.world import World


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

    assert (report.total("success"), report.total("postponed")) == (2, 1)
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
