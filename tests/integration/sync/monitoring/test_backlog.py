"""How far behind the queue is, held against what was put into it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.monitoring import backlog as module
from domiq_dagster.sync.monitoring.backlog import AccountQueue, Backlog, load_backlog
from domiq_dagster.sync.setup.fill_settings import complete_settings
from tests.fixtures.world import World

POST = {"endpoint": "PostLeadManagement4_0"}


def look(world: World) -> Backlog:
    with world.engine.connect() as c:
        return load_backlog(c)


def account(world: World, account_id: str = "400") -> AccountQueue:
    (found,) = [a for a in look(world).accounts if a.account_id == account_id]
    return found


def tried(world: World, lane: UUID, ago: float, seconds: float, *, now: Any = None) -> None:
    """The first change of a conversation was worked on, so long ago (seen from `now`) and for so long."""
    world.do(
        "INSERT INTO domiq_sync.attempt "
        "(change_id, lease_token, worker, action, outcome, started_at, duration_ms) "
        "SELECT change_id, 1, 'w', 'tell', 'ok', "
        "COALESCE(CAST(:now AS timestamptz), clock_timestamp()) - :ago, 1000 * :seconds "
        "FROM domiq_sync.change WHERE conversation_id = :lane ORDER BY seq LIMIT 1",
        lane=lane, ago=timedelta(seconds=ago), seconds=seconds, now=now,
    )  # fmt: skip


def settled(world: World, *lanes: UUID) -> None:
    world.do("DELETE FROM domiq_sync.delivery WHERE lane = ANY (:lanes)", lanes=list(lanes))
    world.do(
        "UPDATE status_sync_log SET sync_status = 'success' WHERE conversation_id = ANY (:lanes)",
        lanes=list(lanes),
    )


def waits(world: World, lane: UUID, outcome: str, state: str = "waiting") -> None:
    world.do(
        "UPDATE domiq_sync.delivery SET state = :s, last_outcome = :o WHERE lane = :l AND is_head",
        s=state, o=outcome, l=lane,
    )  # fmt: skip


def test_nothing_pending_is_caught_up(world: World) -> None:
    assert look(world).accounts == []
    world.property()
    now = look(world)
    assert (now.pending, now.due, now.on_hold, now.unknown, now.not_connected) == (0, 0, 0, 0, 0)
    assert (now.oldest_seconds, now.oldest_unknown_seconds, now.per_second) == (None, None, None)
    assert now.catch_up_seconds == 0.0


def test_the_backlog_by_property_says_what_waits_for_whom(world: World) -> None:
    flats = world.property(0)
    world.property(1)
    lanes = [world.conversation(flats, "new") for _ in range(7)]
    conflict, setting, contact, doubt, decided, later, plain = lanes
    for lane in (conflict, later):
        world.change(lane, status="contacted")
    waits(world, conflict, "conflict")
    waits(world, setting, "not_configured: agent_id")
    waits(world, contact, "no_contact")
    waits(world, doubt, "in_doubt", state="unknown")
    waits(world, decided, "in_doubt", state="unknown")
    world.do("UPDATE domiq_sync.delivery SET decided = 'arrived' WHERE lane = :l", l=decided)
    world.do(
        "UPDATE domiq_sync.delivery SET next_attempt_at = 'infinity' WHERE lane = :l AND is_head", l=later
    )
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '2 h' WHERE lane = :l", l=plain)

    now = look(world)

    first, second = now.properties
    assert (first.partition_key, second.partition_key) == ("copper-ridge", "juniper-flats")
    assert (first.pending, first.oldest_seconds) == (0, None)
    # What stands behind the conflict waits with it; the one behind `later` waits for its turn only.
    assert (second.pending, second.conflicts, second.settings, second.contact) == (9, 2, 1, 1)
    assert (second.in_doubt, second.unknown) == (1, 2)
    assert (second.on_hold, second.due) == (5, 2)
    assert second.oldest_seconds == pytest.approx(7200, abs=60)
    assert (now.pending, now.on_hold, now.due, now.oldest_seconds) == (9, 5, 2, second.oldest_seconds)
    world.do("UPDATE domiq_sync.delivery SET state = 'ready' WHERE state IN ('waiting', 'unknown')")
    assert look(world).on_hold == 0
    world.do("UPDATE domiq_sync.integration SET sync_enabled = FALSE WHERE property_id = :p", p=flats)
    now = look(world)
    assert (now.pending, now.on_hold, now.due, now.catch_up_seconds) == (9, 9, 0, 0.0)


def test_changes_of_properties_that_are_not_connected_are_counted_apart(world: World) -> None:
    flats, other, third = (
        world.property(0),
        world.property(1, connected=False),
        world.property(2, connected=False),
    )
    for property_id in (flats, other, other, third):
        world.conversation(property_id, "new")
    world.do("UPDATE domiq_sync.delivery SET property_id = NULL WHERE property_id = :p", p=third)
    now = look(world)
    assert (now.pending, now.not_connected) == (1, 3)
    world.do("DELETE FROM domiq_sync.integration")
    assert look(world).not_connected == 4


def test_outcomes_that_nobody_knows_are_shown_with_the_oldest(world: World) -> None:
    flats = world.property()
    unknown, dead, alive = (world.conversation(flats, "new") for _ in range(3))
    waits(world, unknown, "no_answer", state="unknown")
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '1 h' WHERE lane = :l", l=dead)
    for lane, ends in ((dead, "-1 s"), (alive, "1 min")):
        world.do(
            "UPDATE domiq_sync.delivery SET state = 'in_flight', "
            "next_attempt_at = now() + CAST(:e AS interval) WHERE lane = :l",
            l=lane, e=ends,
        )  # fmt: skip
    now = look(world)
    assert (now.unknown, now.pending, now.on_hold) == (2, 3, 0)
    assert now.oldest_unknown_seconds == pytest.approx(3600, abs=60)


def test_the_rate_is_that_of_the_time_in_which_there_was_work(world: World) -> None:
    """Ten changes a second for two seconds, an idle spell, then one change of half a second."""
    flats = world.property()
    now = world.value("SELECT clock_timestamp()")
    waiting = [world.conversation(flats, "new") for _ in range(30)]
    busy = [world.conversation(flats, "new") for _ in range(21)]
    assert account(world).catch_up_seconds is None  # nobody can tell yet
    for number, lane in enumerate(busy[:20]):
        tried(world, lane, 600 - 0.1 * number, 0.1, now=now)
    tried(world, busy[20], 60, 0.5, now=now)
    settled(world, *busy)
    then = account(world)
    assert then.settled == 21
    assert then.busy_seconds == pytest.approx(2.5, abs=0.2)
    assert then.per_second == pytest.approx(21 / 2.5, rel=0.1)
    assert then.catch_up_seconds == pytest.approx(30 / (21 / 2.5), rel=0.1)
    # An attempt that settled nothing took its time all the same, and so it is with a second one.
    for ago in (40, 30):
        tried(world, waiting[0], ago, 5, now=now)
    later = account(world)
    assert (later.settled, later.busy_seconds) == (21, pytest.approx(12.5, abs=0.2))
    # Two at once count once.
    tried(world, waiting[1], 28, 3, now=now)
    assert account(world).busy_seconds == pytest.approx(12.5, abs=0.2)


def test_what_was_long_ago_says_nothing_about_the_rate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flats = world.property()
    old, new, waiting = (world.conversation(flats, "new") for _ in range(3))
    tried(world, old, 16 * 60, 1)
    settled(world, old)
    assert account(world).per_second is None
    assert look(world).catch_up_seconds is None
    tried(world, new, 14 * 60, 1)
    settled(world, new)
    assert account(world).per_second == pytest.approx(1, abs=0.01)
    # Of the attempts only the newest are looked at.
    monkeypatch.setattr(module, "_MOST_ATTEMPTS", 1)
    tried(world, waiting, 60, 1)
    assert (account(world).settled, account(world).busy_seconds) == (0, pytest.approx(1, abs=0.01))


def test_accounts_catch_up_side_by_side_and_a_paused_one_cannot_tell(world: World) -> None:
    flats, lofts = world.property(0), world.property(7)
    for property_id, count in ((flats, 2), (lofts, 6)):
        done = world.conversation(property_id, "new")
        tried(world, done, 60, 1)
        settled(world, done)
        for _ in range(count):
            world.conversation(property_id, "new")
    now = look(world)
    assert [a.catch_up_seconds for a in now.accounts] == pytest.approx([2, 6], rel=0.01)
    assert (now.catch_up_seconds, now.per_second) == (pytest.approx(6, rel=0.01), pytest.approx(2, rel=0.01))
    world.do(
        "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 min', "
        "open_reason = 'busy' WHERE resman_account_id = '400'"
    )
    paused, other = look(world).accounts
    assert (paused.account_id, paused.paused_because, paused.due, paused.pending) == ("400", "busy", 0, 2)
    assert paused.paused_until is not None
    assert (paused.catch_up_seconds, other.due) == (None, 6)
    assert look(world).catch_up_seconds is None
    world.later()
    assert account(world).paused_until is account(world).paused_because is None


def test_real_pushes_are_measured(world: World) -> None:
    """Three changes against a ResMan of 60 ms a request: no faster than that, and none is left."""
    flats = world.property()
    complete_settings(world.engine, world.client, world.integrations())
    for _ in range(3):
        world.conversation(flats, "new")
    world.standin.faults({"kind": "latency", "seconds": 0.06})
    world.push()
    now = account(world)
    requests = world.value("SELECT count(*) FROM domiq_sync.attempt")
    assert (now.settled, now.pending, now.catch_up_seconds) == (3, 0, 0.0)
    assert now.per_second is not None
    assert now.busy_seconds > 0.06 * requests / 2
    assert 1 < now.per_second < 3 / (0.06 * requests / 2)
