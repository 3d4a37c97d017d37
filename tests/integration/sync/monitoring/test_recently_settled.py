"""The changes settled in the last hour, with how long each took from being logged."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.monitoring.recently_settled import RecentlySettled, recently_settled
from tests.fixtures.world import World


def read(world: World) -> RecentlySettled:
    with world.engine.connect() as connection:
        return recently_settled(connection)


def attempt(world: World, change_id: Any, age: str, outcome: str = "sent", took: str = "0 s") -> None:
    """An attempt that began so long ago; its change was logged `took` before its end."""
    world.do(
        "INSERT INTO domiq_sync.attempt "
        "(change_id, lease_token, worker, action, outcome, started_at, duration_ms) "
        "VALUES (:c, 1, 'w', 'post', :o, clock_timestamp() - CAST(:age AS interval), 500)",
        c=change_id, o=outcome, age=age,
    )  # fmt: skip
    world.do(
        "UPDATE domiq_sync.change SET logged_at = clock_timestamp() - CAST(:age AS interval) "
        "+ interval '0.5 s' - CAST(:took AS interval) WHERE change_id = :c",
        c=change_id, age=age, took=took,
    )  # fmt: skip


@pytest.fixture
def flats(world: World) -> UUID:
    return world.property(0)


def test_nothing_settled_has_neither_latency_nor_rate(world: World, flats: UUID) -> None:
    found = read(world)
    assert found == RecentlySettled(0, 0, None, None, 0, 0)
    assert found.success_rate is None


def test_latency_is_from_logging_to_the_end_of_the_last_attempt(world: World, flats: UUID) -> None:
    chat = world.conversation(flats, "active")
    settled = [world.log(chat, "new", sync_status="success") for _ in range(20)]
    for n, change in enumerate(settled, start=1):
        attempt(world, change, "10 min", took=f"{n} s")
    failed = world.log(chat, "new", sync_status="failed")
    attempt(world, failed, "30 min", "busy")
    attempt(world, failed, "10 min", "refused", took="21 s")

    found = read(world)

    assert (found.success, found.failed, found.requests, found.throttled) == (20, 1, 22, 1)
    assert found.latency_p50 == pytest.approx(11.0, abs=0.5)
    assert found.latency_p95 == pytest.approx(20.0, abs=0.5)
    assert found.success_rate == pytest.approx(100 * 20 / 21)


def test_what_was_settled_before_the_hour_and_what_is_still_pending_do_not_count(
    world: World, flats: UUID
) -> None:
    chat = world.conversation(flats, "active")
    attempt(world, world.log(chat, "new", sync_status="success"), "61 min")
    attempt(world, world.log(chat, "new", sync_status="pending"), "1 min", "busy")
    assert read(world) == RecentlySettled(0, 0, None, None, 1, 1)
