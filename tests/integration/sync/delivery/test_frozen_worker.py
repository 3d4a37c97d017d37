"""A worker that is frozen with its database sessions alive: others go on, and when it wakes it does
nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from sqlalchemy import event

from domiq_dagster.db.engine import make_engine
from domiq_dagster.resman import deadline
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.sync.account_gate import AccountGate, BreakerRules
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.pull.pull import pull_property
from tests.fixtures.world import POST, World

# The house's patience, at a sixtieth.
EXCHANGE, MARK, LEASE, IDLE_MS, HEAR_MS = 0.5, 0.7, 0.8, 700, 40
RULES = DeliveryRules(read_backs=(0.1, 0.3), lease=LEASE, heartbeat=0.15)
BREAKER = BreakerRules(longest_request=MARK)


def freeze(once: list[bool]) -> None:
    """The whole process, threads and all, the first time."""
    if not once:
        once.append(True)
        os.kill(os.getpid(), signal.SIGSTOP)


def work(url: str, standin: str, job: str, moment: str) -> None:
    """A worker's process: does the job, and freezes on the way."""
    once: list[bool] = []
    engine = make_engine(url, pool_size=8, idle_in_transaction_ms=IDLE_MS)
    gate = make_engine(url, pool_size=0, statement_timeout_ms=0, lock_timeout_ms=HEAR_MS)
    asked = "POST" if job == "push" else "GET"
    request, receive = deadline._Timed.request, deadline._TimedSocket.recv_into

    def connected(self: Any, method: str, path: str, *args: Any, **options: Any) -> None:
        self.asked = method if POST in path or job == "pull" else ""
        if moment == "before it sends" and self.asked == asked:
            freeze(once)
        request(self, method, path, *args, **options)
        if moment == "when it has sent" and self.asked == asked:
            freeze(once)

    def received(self: Any, *args: Any) -> int:
        count = receive(self, *args)
        if moment == "while it reads":
            freeze(once)
        return count

    ask_again = AccountGate._ask_again

    def asked_again(*given: Any) -> None:
        if moment == "between two requests":
            freeze(once)
        ask_again(*given)

    AccountGate._ask_again = asked_again  # type: ignore[method-assign]
    deadline._Timed.request = connected  # type: ignore[method-assign]
    deadline._TimedSocket.recv_into = received  # type: ignore[method-assign]
    if moment == "while it settles":

        @event.listens_for(engine, "after_cursor_execute")
        def settled(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "DELETE FROM domiq_sync.delivery" in statement:
                freeze(once)

    config = ResManConfig(
        standin, standin, "standin-partner", "standin-key", longest_write=EXCHANGE, longest_read=EXCHANGE
    )
    with ResManClient(config, guard=AccountGate(gate, rules=BREAKER)) as client:
        if job == "push":
            push(engine, client, PushOptions(rules=RULES))
        else:
            with engine.connect() as connection:
                (integration,) = load_integrations(connection)
            pull_property(engine, client, integration)


@contextmanager
def frozen_worker(world: World, job: str, moment: str) -> Iterator[Callable[[], None]]:
    """Another process that froze at a moment of its job. Gives what wakes it, and waits for its end."""
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=work, args=(world.url, world.standin.url, job, moment))
    child.start()
    try:
        process = psutil.Process(child.pid)
        until = time.monotonic() + 20
        while process.status() != psutil.STATUS_STOPPED:
            assert child.is_alive() and time.monotonic() < until, f"it did not freeze {moment}"
            time.sleep(0.01)

        def wake() -> None:
            assert process.status() == psutil.STATUS_STOPPED
            process.resume()
            child.join(20)
            assert child.exitcode is not None

        yield wake
    finally:
        child.kill()
        child.join()


def marks(world: World) -> list[Any]:
    """The marks of requests that are under way."""
    return world.rows("SELECT FROM domiq_sync.account_turn WHERE busy_until IS NOT NULL")


@pytest.mark.parametrize("moment", ["before it sends", "when it has sent", "while it settles"])
def test_a_frozen_push_is_overtaken_and_does_nothing_when_it_wakes(world: World, moment: str) -> None:
    """D10: the account, the change and the rows that it has locked are free within a minute (here: a
    second)."""
    property_id = world.property()
    world.sync()
    first, second = (
        world.conversation(property_id, "tour_scheduled", tour_datetime="2031-05-05 10:00") for _ in "ab"
    )
    other = world.make_client(gate_wait_ms=HEAR_MS, rules=BREAKER)
    with frozen_worker(world, "push", moment) as wake:
        until = time.monotonic() + 6 * MARK
        while world.rows("SELECT FROM domiq_sync.delivery"):
            assert time.monotonic() < until, world.rows("SELECT * FROM domiq_sync.delivery")
            world.push(other, rules=RULES)
            time.sleep(0.05)
        posts, settled = world.standin.posts(), [world.changes(c) for c in (first, second)]
        wake()
    assert world.standin.posts() == posts
    assert [world.changes(c) for c in (first, second)] == settled
    assert {row.sync_status for rows in settled for row in rows} == {"success"}
    assert world.repeated_markers() == []
    assert len(world.standin.prospects()) == 2
    assert world.standin.state()["maxConcurrent"] == {"400": 1}
    assert world.rows("SELECT FROM domiq_sync.account WHERE consecutive_failures > 0") == []
    assert marks(world) == []


def test_a_push_that_is_frozen_between_two_requests_of_a_slot_goes_no_further(world: World) -> None:
    """D10: it has read the lead, and would post in the same slot. Meanwhile others have taken the slot over,
    and the change with it."""
    property_id = world.property()
    chat = world.conversation(property_id, "contacted")
    world.sync(2)
    world.change(chat, status="lost")
    other = world.make_client(gate_wait_ms=HEAR_MS, rules=BREAKER)
    with frozen_worker(world, "push", "between two requests") as wake:
        until = time.monotonic() + 6 * MARK
        while world.rows("SELECT FROM domiq_sync.delivery"):
            assert time.monotonic() < until, world.rows("SELECT * FROM domiq_sync.delivery")
            world.push(other, rules=RULES)
            time.sleep(0.05)
        posts, settled = world.standin.posts(), world.changes(chat)
        asked = len(world.standin.requests())
        assert world.value("SELECT epoch FROM domiq_sync.account_turn") > 0
        wake()
    assert (world.standin.posts(), world.changes(chat)) == (posts, settled)
    assert len(world.standin.requests()) == asked
    assert (world.last(chat).outcome, world.repeated_markers()) == ("sent", [])
    assert marks(world) == []


def test_a_frozen_pull_does_not_keep_the_account(world: World) -> None:
    """D10."""
    property_id = world.property()
    for number in range(3):
        world.lead(email=f"lead.{number}@example.com")
    other = world.make_client(gate_wait_ms=HEAR_MS, rules=BREAKER)
    with frozen_worker(world, "pull", "while it reads") as wake:
        began = time.monotonic()
        assert len(other.properties("400")) == 7
        assert time.monotonic() - began < 3 * MARK
        wake()
    world.conversation(property_id, "new")
    assert world.sync().pulled
    assert world.standin.state()["maxConcurrent"] == {"400": 1}
