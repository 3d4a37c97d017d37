"""The gate of a ResMan account: one request at a time, a pace, and the breaker."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest

from domiq_dagster.db.engine import make_engine
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.resman.errors import BadCredentials, Busy, Refused, ResManError, ServerFault
from domiq_dagster.sync.accounts import AccountClosed, AccountGate, account_states

PROPERTIES = {"endpoint": "Properties"}


def state(world: Any) -> Any:
    with world.engine.connect() as c:
        (found,) = [s for s in account_states(c) if s.account_id == "400"]
    return found


def asked(world: Any) -> int:
    return len(world.standin.requests())


def ask(world: Any) -> Any:
    return world.client.properties("400")


def test_the_breaker_opens_after_three_failures_probes_once_and_closes(world: Any) -> None:
    world.property()
    world.standin.faults({"kind": "status", "status": 503, **PROPERTIES})
    for _ in range(3):
        with pytest.raises(ServerFault):
            ask(world)
    assert (state(world).consecutive_failures, state(world).open_reason) == (3, "server_fault")
    for _ in range(2):
        with pytest.raises(AccountClosed) as closed:
            ask(world)
        assert 0 < closed.value.retry_after <= 5.0
    assert asked(world) == 3
    world.later()
    with pytest.raises(ServerFault):  # the probe fails: open again, for longer
        ask(world)
    with pytest.raises(AccountClosed) as closed:
        ask(world)
    assert 5.0 < closed.value.retry_after <= 10.0
    assert asked(world) == 4
    world.standin.faults()
    world.later()
    assert len(ask(world)) == 7
    assert (state(world).consecutive_failures, state(world).open_until) == (0, None)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 429, "retry_after": 30}, Busy),
        ({"kind": "unauthorized", "code": None}, BadCredentials),
    ],
    ids=["429", "401"],
)
def test_some_answers_open_it_at_once(world: Any, fault: dict[str, Any], error: type[ResManError]) -> None:
    world.property()
    world.standin.faults({**fault, **PROPERTIES})
    with pytest.raises(error):
        ask(world)
    with pytest.raises(AccountClosed):
        ask(world)
    assert asked(world) == 1


def test_answers_about_one_request_do_not_open_it_and_close_it(world: Any) -> None:
    world.property()
    (place, *_) = world.places
    world.standin.faults({"kind": "status", "status": 503, "count": 2}, {"kind": "refuse"})
    for _ in range(2):
        with pytest.raises(ServerFault):
            ask(world)
    assert state(world).consecutive_failures == 2
    for _ in range(5):
        with pytest.raises(Refused):
            world.client.search_by_email("400", place["propertyId"], "bo@example.com")
    assert state(world).consecutive_failures == 0


def test_one_account_s_breaker_leaves_the_others_alone(world: Any) -> None:
    here, there = world.property(0), world.property(7)
    world.sync()
    world.standin.faults({"kind": "unauthorized", "code": None, "account_id": "400"})
    one, two = world.conversation(here, "new"), world.conversation(there, "new")
    report = world.sync()
    assert list(report.pull_errors) == ["juniper-flats"]
    assert (world.last(one).sync_status, world.last(two).sync_status) == ("pending", "success")
    assert "400" in world.push().outages or world.delivery().last_outcome == "breaker_open"


def test_an_outage_ends_the_push_for_its_account_and_says_so(world: Any) -> None:
    place = world.property()
    world.sync()
    for _ in range(20):
        world.conversation(place, "new")
    world.standin.faults({"kind": "drop_before"})
    before = asked(world)
    report = world.push()
    assert report.outages == {"400": "breaker_open"}
    assert report.ended == "ResMan does not answer for account 400"
    assert asked(world) - before == 3
    assert world.rows("SELECT FROM domiq_sync.delivery WHERE attempts > 0") == []


def test_the_pace_is_kept_between_requests_of_all_workers(world: Any) -> None:
    world.property()
    world.do("UPDATE domiq_sync.account SET min_interval_ms = 60000")
    ask(world)
    assert world.pauses == []
    ask(world)
    world.make_client().properties("400")
    assert [round(p / 60) for p in world.pauses] == [1, 2]


def _ask_from_a_process(database: str, standin: str, times: int) -> None:
    engine = make_engine(database, statement_timeout_ms=0, lock_timeout_ms=0)
    config = ResManConfig(standin, standin, "standin-partner", "standin-key")
    with ResManClient(config, guard=AccountGate(engine)) as client:
        for _ in range(times):
            client.properties("400")
    engine.dispose()


def test_one_request_at_a_time_across_processes_and_threads(world: Any) -> None:
    world.property(0)
    world.property(7)
    world.standin.faults(latency_ms=20)
    spawn = multiprocessing.get_context("fork")
    child = spawn.Process(target=_ask_from_a_process, args=(world.url, world.standin.url, 6))
    child.start()
    errors: list[Exception] = []

    def mine(account: str) -> None:
        try:
            for _ in range(6):
                world.client.properties(account)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=mine, args=(a,)) for a in ("400", "400", "401")]
    for thread in threads:
        thread.start()
    for thread in [*threads, child]:
        thread.join(20)
    assert (errors, child.exitcode) == ([], 0)
    found = world.standin.state()
    assert found["maxConcurrent"] == {"400": 1, "401": 1}
    assert len(found["requests"]) == 24


def test_a_gate_left_by_an_error_is_free_again(world: Any) -> None:
    world.property()
    with pytest.raises(ZeroDivisionError), world.client._v2.transport._guard("400"):
        raise ZeroDivisionError
    assert len(ask(world)) == 7
