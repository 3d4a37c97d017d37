"""The heartbeat keeps what is worked on, and nothing else; a stop postpones what was not sent."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.heartbeat import Heartbeat
from tests.fixtures.world import World

RULES = DeliveryRules()
LEFT = "SELECT EXTRACT(EPOCH FROM next_attempt_at - clock_timestamp())::float FROM domiq_sync.delivery"


def claimed(world: World) -> queue.Claim:
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        (claim,) = queue.claim(c, integration.property_id, "w", RULES.lease)
    return claim


def heart(world: World, clock: Any = lambda: 0.0, interval: float = 3600.0) -> Heartbeat:
    return Heartbeat(world.engine, lease=RULES.lease, interval=interval, longest=300.0, clock=clock)


def test_a_crash_is_noticed_within_a_minute_and_a_beat_can_be_missed() -> None:
    assert RULES.lease < 60
    assert RULES.heartbeat * 3 < RULES.lease


def test_a_beat_extends_what_is_claimed_and_leaves_it_when_it_is_let_go(world: World) -> None:
    world.conversation(world.property(), "new")
    claim = claimed(world)
    heartbeat = heart(world)
    assert heartbeat.beat() == 0
    world.do("UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() + interval '1 s'")
    with heartbeat.holding(claim):
        assert heartbeat.beat() == 1
    assert RULES.lease - 5 < world.value(LEFT) <= RULES.lease
    world.do("UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() + interval '1 s'")
    assert heartbeat.beat() == 0
    assert world.value(LEFT) <= 1


def test_a_beat_does_not_take_back_what_another_worker_has_claimed(world: World) -> None:
    world.conversation(world.property(), "new")
    late = claimed(world)
    world.later()
    holder = claimed(world)
    world.do("UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() + interval '1 s'")
    heartbeat = heart(world)
    with heartbeat.holding(late):
        assert heartbeat.beat() == 0
    assert world.value(LEFT) <= 1
    assert world.delivery().lease_token == holder.lease_token


def test_what_hangs_is_not_kept_for_ever(world: World) -> None:
    world.conversation(world.property(), "new")
    now = [0.0]
    heartbeat = heart(world, clock=lambda: now[0])
    with heartbeat.holding(claimed(world)):
        now[0] = 300.0
        assert heartbeat.beat() == 1
        now[0] = 300.1
        assert heartbeat.beat() == 0


def test_the_thread_beats_by_itself_and_survives_a_failing_database(world: World) -> None:
    world.conversation(world.property(), "new")
    claim = claimed(world)
    heartbeat = heart(world, interval=0.01)
    beats: list[object] = []
    enough = threading.Event()
    beat = heartbeat.beat

    def counted() -> int:
        if not beats:
            # the first beat finds its connection cut
            world.do(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        try:
            beats.append(beat())
        except Exception as error:
            beats.append(error)
            raise
        finally:
            if beats.count(1) >= 2:
                enough.set()
        return 1

    heartbeat.beat = counted  # type: ignore[method-assign]
    with heartbeat, heartbeat.holding(claim):
        assert enough.wait(10)
    assert not heartbeat._thread.is_alive()


def test_a_slow_request_outlives_its_lease_while_the_worker_lives(world: World) -> None:
    property_id = world.property()
    conversation = world.conversation(property_id, "new")
    world.sync(2)
    world.change(conversation, status="qualified")
    rules = DeliveryRules(lease=0.4, heartbeat=0.05)
    world.standin.faults(latency_ms=1000)
    stolen: list[Any] = []
    post = world.client.post_lead

    def post_slowly(*args: Any) -> Any:
        answer = post(*args)
        with world.engine.connect() as c:
            stolen.extend(queue.claim(c, property_id, "thief", 1.0))
        return answer

    world.client.post_lead = post_slowly
    report = world.push(rules=rules)
    assert (stolen, report.total("success")) == ([], 1)


def test_a_stop_postpones_what_waits_for_its_slot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change whose request is under way is settled; the one beside it is due as it was."""
    property_id = world.property()
    ids = [world.conversation(property_id, "new") for _ in range(2)]
    world.sync(2)
    for conversation in ids:
        world.change(conversation, status="qualified")
    stopped = threading.Event()
    request = requests.Session.request

    def stop_while_posting(session: requests.Session, method: str, url: str, **more: Any) -> Any:
        answer = request(session, method, url, **more)
        if "PostLead" in url:
            stopped.set()  # the account's slot is still this request's
        return answer

    monkeypatch.setattr(requests.Session, "request", stop_while_posting)
    report = world.push(stop=stopped.is_set)
    assert report.ended == "asked to stop"
    assert report.total("success") == 1
    assert len(world.standin.comments()) - len(set(world.standin.comments())) == 0
    (left,) = world.rows("SELECT state, attempts, lease_token FROM domiq_sync.delivery")
    assert (left.state, left.attempts, left.lease_token) == ("ready", 0, None)
    world.deliver()
    assert [world.last(c).sync_status for c in ids] == ["success", "success"]
    assert world.repeated_markers() == []
