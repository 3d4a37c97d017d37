"""The gate of a ResMan account: one request at a time, a pace, and the breaker."""

from __future__ import annotations

import multiprocessing
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman import deadline
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.resman.errors import BadCredentials, Busy, Refused, ResManError, ServerFault
from domiq_dagster.sync import patience
from domiq_dagster.sync.account_gate import (
    AccountBusy,
    AccountClosed,
    AccountGate,
    BreakerRules,
    RequestInDoubt,
    SlotLost,
)
from domiq_dagster.sync.delivery import person_lock
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.delivery.person_lock import PersonLock
from tests.fixtures.world import POST, World

PROPERTIES = {"endpoint": "Properties"}
GATES = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE application_name = 'gate' AND datname = current_database()"
)


def state(world: World) -> Any:
    (found,) = world.rows(
        "SELECT consecutive_failures, open_until, open_reason, ramp_ms FROM domiq_sync.account "
        "WHERE resman_account_id = '400'"
    )
    return found


def asked(world: World) -> int:
    return len(world.standin.requests())


def ask(world: World) -> Any:
    return world.client.properties("400")


def test_the_breaker_opens_after_three_failures_probes_once_and_closes(world: World) -> None:
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
        # F15: it is kept with the pull that failed, and read later.
        assert re.search(r"is paused until \d{4}-\d\d-\d\d [\d:]{8} UTC \(server_fault\)", str(closed.value))
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


def reopened(world: World) -> None:
    """The breaker was open, and its probe went through."""
    world.standin.faults({"kind": "status", "status": 503, "count": 3, **PROPERTIES})
    for _ in range(3):
        with pytest.raises(ServerFault):
            ask(world)
    world.later()
    ask(world)


def test_after_an_outage_the_account_is_asked_slowly_at_first(world: World) -> None:
    world.property()
    reopened(world)
    assert (world.pauses, state(world).ramp_ms) == ([], 2000)
    for _ in range(12):
        ask(world)
    paused = [round(p, 1) for p in world.pauses]
    assert paused[0] == pytest.approx(2.0, abs=0.2)  # what the clock shows: no test waits
    assert state(world).ramp_ms == 0
    before = len(world.pauses)
    ask(world)
    assert len(world.pauses) == before


def test_a_failure_during_the_ramp_opens_the_breaker_again_at_once(world: World) -> None:
    world.property()
    reopened(world)
    world.standin.faults({"kind": "status", "status": 503, "count": 1, **PROPERTIES})
    with pytest.raises(ServerFault):
        ask(world)
    with pytest.raises(AccountClosed):
        ask(world)
    world.later()
    ask(world)
    assert state(world).ramp_ms == 2000


def test_a_request_whose_worker_vanished_keeps_the_account_quiet_for_a_while(world: World) -> None:
    world.property()

    def vanish(*_args: Any) -> Any:
        world.do(GATES)
        raise SystemExit  # and it never says that its request is over

    gate = world.client._v2.transport._guard
    gate._engine.begin = vanish
    with pytest.raises(SystemExit), gate("400"):
        vanish()
    del gate._engine.begin
    before = asked(world)
    other = world.make_client()
    with pytest.raises(RequestInDoubt) as doubt:
        other.properties("400")
    assert patience.LONGEST_REQUEST - 5 < doubt.value.retry_after <= patience.LONGEST_REQUEST
    assert asked(world) == before
    assert other.properties("401")
    world.do("UPDATE domiq_sync.account_turn SET busy_until = clock_timestamp() - interval '1 s'")
    assert len(other.properties("400")) == 7


def test_a_request_that_outlives_its_session_counts_and_its_slot_is_free(world: World) -> None:
    world.property()
    gate = world.client._v2.transport._guard
    with gate("400"):
        world.do(GATES)
    assert len(ask(world)) == 7


@pytest.mark.parametrize("ends", ["between two requests", "during one"])
def test_one_session_for_many_requests_is_opened_anew_where_it_ends(world: World, ends: str) -> None:
    """C10: a session that is kept may end while it stands idle, as a pooled one may: the next request goes
    all the same."""
    world.property()
    gate = world.client._v2.transport._guard
    with world.client.one_session():
        assert len(ask(world)) == 7
        kept = world.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'gate'")
        if ends == "during one":
            with gate("400"):
                world.do(GATES)
        else:
            world.do(GATES)
        assert len(ask(world)) == 7
        assert len(ask(world)) == 7
        now = world.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'gate'")
        assert (len(kept), len(now)) == (1, 1)
        assert kept != now
    assert marks(world) == []


@pytest.mark.parametrize("ends", ["between two requests", "during one"])
def test_what_a_session_opened_anew_writes_is_seen_at_once(world: World, ends: str) -> None:
    """C10: others are kept out by the mark of a request, no use in a transaction that is still open."""
    world.property()
    gate = world.client._v2.transport._guard
    with world.client.one_session():
        ask(world)
        if ends == "during one":
            with gate("400"):
                world.do(GATES)
        else:
            world.do(GATES)
        ask(world)
        with gate("400"):
            assert len(marks(world)) == 1
        assert marks(world) == []


def marks(world: World) -> list[Any]:
    return world.rows("SELECT FROM domiq_sync.account_turn WHERE busy_until IS NOT NULL")


def test_an_answer_counts_whose_session_ended_while_the_account_is_asked_slowly(world: World) -> None:
    """What is learnt of the account can no longer be kept, and the slot no longer released on its session."""
    world.property()
    reopened(world)
    with world.client._v2.transport._guard("400"):
        world.do(GATES)
    assert marks(world) == []
    assert len(ask(world)) == 7


def test_a_slot_whose_session_ended_between_two_requests_is_lost_and_free(world: World) -> None:
    world.property()
    with pytest.raises(SlotLost, match="ended with its session"), world.client.together("400"):
        ask(world)
        world.do(GATES)
        ask(world)
    assert marks(world) == []
    assert asked(world) == 1
    assert len(ask(world)) == 7


TAKEN_OVER = (
    "UPDATE domiq_sync.account_turn "
    "SET epoch = epoch + 1, holder = nextval('domiq_sync.turn_holder'), busy_until = NULL"
)


@pytest.mark.parametrize("lost_by", [GATES, TAKEN_OVER], ids=["its session ended", "others took it over"])
def test_a_change_waits_whose_slot_is_lost_again_and_again(
    world: World, monkeypatch: pytest.MonkeyPatch, lost_by: str
) -> None:
    """Between the lead's read and the post. It is no fault of the change's: it costs no try, nothing is
    posted, and the push goes on."""
    property_id = world.property()
    world.sync()
    chat = world.conversation(property_id, "contacted")
    world.sync(2)
    world.change(chat, status="lost")
    search, posts = world.client.search_by_id, world.standin.posts()

    def search_and_lose_the_slot(*asked_for: Any) -> Any:
        try:
            return search(*asked_for)
        finally:
            world.do(lost_by)

    monkeypatch.setattr(world.client, "search_by_id", search_and_lose_the_slot)
    for _ in range(DeliveryRules().max_attempts + 1):
        world.later()
        assert world.push().by_outcome == {"slot_lost": 1}
    assert (world.delivery().attempts, world.delivery().posted_at) == (0, None)
    assert world.standin.posts() == posts
    monkeypatch.undo()
    world.deliver()
    assert world.last(chat).outcome == "sent"


def test_only_the_mark_of_a_request_waits_for_the_disk(world: World) -> None:
    """A crash of the database may lose that a request is over, never that one is under way."""
    asked = load_queries("domiq_dagster.sync", "account_gate.sql")
    values = {"a": "400", "slot": 0, "epoch": 0, "holder": 1, "longest": 45.0, "key": "a lock"}
    waits = {}
    for name in ("enter", "release"):
        with world.engine.connect() as c:
            c.execute(text("SELECT pg_advisory_lock(1)"))
            c.execute(asked[name], values)
            waits[name] = c.scalar(text("SHOW synchronous_commit"))
            c.rollback()
            c.invalidate()
    default = world.value("SHOW synchronous_commit")
    assert waits == {"enter": default, "release": "off"}


def test_an_account_may_allow_more_than_one_request_at_a_time(world: World) -> None:
    world.property()
    world.do("UPDATE domiq_sync.account SET max_concurrent = 3")
    world.standin.faults(latency_ms=150)
    clients = [world.make_client() for _ in range(6)]
    threads = [threading.Thread(target=c.properties, args=("400",)) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    found = world.standin.state()
    assert len(found["requests"]) == 6
    assert 2 <= found["maxConcurrent"]["400"] <= 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 429, "retry_after": 30}, Busy),
        ({"kind": "unauthorized", "code": None}, BadCredentials),
    ],
    ids=["429", "401"],
)
def test_some_answers_open_it_at_once(world: World, fault: dict[str, Any], error: type[ResManError]) -> None:
    world.property()
    world.standin.faults({**fault, **PROPERTIES})
    with pytest.raises(error):
        ask(world)
    with pytest.raises(AccountClosed):
        ask(world)
    assert asked(world) == 1


def test_answers_about_one_request_do_not_open_it_and_close_it(world: World) -> None:
    world.property()
    (first, *_) = world.at_resman
    world.standin.faults({"kind": "status", "status": 503, "count": 2}, {"kind": "refuse"})
    for _ in range(2):
        with pytest.raises(ServerFault):
            ask(world)
    assert state(world).consecutive_failures == 2
    for _ in range(5):
        with pytest.raises(Refused):
            world.client.search_by_email("400", first["propertyId"], "bo@example.com")
    assert state(world).consecutive_failures == 0


def test_one_account_s_breaker_leaves_the_others_alone(world: World) -> None:
    here, there = world.property(0), world.property(7)
    world.sync()
    world.standin.faults({"kind": "unauthorized", "code": None, "account_id": "400"})
    one, two = world.conversation(here, "new"), world.conversation(there, "new")
    report = world.sync()
    assert list(report.pull_errors) == ["juniper-flats"]
    assert (world.last(one).sync_status, world.last(two).sync_status) == ("pending", "success")
    assert "400" in world.push().outages or world.delivery().last_outcome == "breaker_open"


def test_an_outage_ends_the_push_for_its_account_and_says_so(world: World) -> None:
    property_id = world.property()
    world.sync()
    for _ in range(20):
        world.conversation(property_id, "new")
    world.standin.faults({"kind": "drop_before"})
    before = asked(world)
    report = world.push()
    assert report.outages == {"400": "breaker_open"}
    assert report.ended == "ResMan does not answer for account 400"
    assert asked(world) - before == 3
    assert world.rows("SELECT FROM domiq_sync.delivery WHERE attempts > 0") == []


def test_the_pace_is_kept_between_requests_of_all_workers(world: World) -> None:
    world.property()
    world.do("UPDATE domiq_sync.account SET min_interval_ms = 60000")
    ask(world)
    assert world.pauses == []
    ask(world)
    assert round(sum(world.pauses)) == 60
    world.make_client().properties("400")
    assert round(sum(world.pauses)) == 120


def test_nobody_sleeps_on_a_slot(world: World) -> None:
    """F1: whoever waits for the pace keeps nobody else waiting for the account's lock."""
    world.property()
    world.do("UPDATE domiq_sync.account SET min_interval_ms = 60000")
    ask(world)
    held: list[Any] = []
    rest = world.rest

    def look(seconds: float) -> None:
        held.extend(world.kept_locks())
        rest(seconds)

    world.client._v2.transport._guard._pause = look
    ask(world)
    assert (round(sum(world.pauses)), held) == (60, [])


LOCKS_AND_IS_CANCELLED = """
CREATE FUNCTION public.lock_and_be_cancelled(key bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(key);
    RAISE lock_not_available;
END $$"""


@contextmanager
def cancelled_when_granted(world: World, engine: Engine) -> Iterator[list[str]]:
    """The next wait for an advisory lock is cancelled by lock_timeout in the moment in which it is granted:
    the statement fails, and PostgreSQL keeps the lock for the session."""
    world.do(LOCKS_AND_IS_CANCELLED)
    befell: list[str] = []

    def cancel(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:
        if "pg_advisory_lock(" in statement and not befell:
            befell.append(statement)
            statement = statement.replace("pg_advisory_lock(", "public.lock_and_be_cancelled(")
        return statement, parameters

    event.listen(engine, "before_cursor_execute", cancel, retval=True)
    yield befell
    event.remove(engine, "before_cursor_execute", cancel)


def test_a_slot_granted_while_its_wait_is_cancelled_is_let_go(world: World) -> None:
    """F1."""
    world.property()
    with cancelled_when_granted(world, world.client._v2.transport._guard._engine) as befell:
        assert len(ask(world)) == 7
    assert befell and world.kept_locks() == []
    assert len(world.make_client().properties("400")) == 7


def test_a_person_is_locked_by_one_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_lock, "_WAIT_A_LITTLE", text("SET LOCAL lock_timeout = '20ms'"))
    user, property_id = uuid4(), uuid4()
    with world.engine.connect() as one, world.engine.connect() as two:
        mine, other = PersonLock(one, property_id), PersonLock(two, property_id)
        assert mine.take(user) and mine.is_kept()
        assert not other.take(user)
        mine.release()
        assert other.take(user)
        other.release()


def test_a_person_is_not_kept_by_a_worker_that_stands_still(world: World) -> None:
    """D10: PostgreSQL ends its session, and it goes no further when it wakes."""
    user, property_id = uuid4(), uuid4()
    frozen = make_engine(world.url, idle_in_transaction_ms=200)
    world.closing.callback(frozen.dispose)
    with frozen.connect() as one, world.engine.connect() as two:
        mine, other = PersonLock(one, property_id), PersonLock(two, property_id)
        assert mine.take(user)
        assert other.take(user)  # after a while
        mine.release()
        assert mine.take(uuid4())
        time.sleep(0.4)
        assert not mine.is_kept()
        assert not mine.is_kept()
        mine.release()
        assert other.is_kept()
        other.release()


def test_a_request_under_way_is_cut_off_soon_after_a_stop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D6: SIGTERM does not wait for an answer that does not come. What became of the post is read back, and
    the account is not blamed."""
    monkeypatch.setattr(patience, "HEAR", 0.05)
    monkeypatch.setattr(patience, "STOP_GRACE", 0.2)
    monkeypatch.setattr(deadline, "LOOK_SECONDS", 0.05)
    property_id = world.property()
    world.sync()
    chat = world.conversation(property_id, "new")
    world.standin.faults({"kind": "hang", "seconds": 20, "commit": True, "endpoint": POST})
    asked_for = []

    def stop() -> bool:
        if not asked_for and world.standin.requests(POST):
            asked_for.append(time.monotonic())
        return bool(asked_for)

    report = world.push(stop=stop)
    assert time.monotonic() - asked_for[0] < 15  # the answer is 20 s away
    assert (report.ended, world.delivery().state) == ("asked to stop", "unknown")
    assert state(world).consecutive_failures == 0
    world.standin.faults()
    world.deliver()
    assert world.last(chat).outcome == "confirmed_by_read"
    assert world.repeated_markers() == []


IN_TRANSACTION = """
SELECT a.query FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.application_name = 'domiq-sync' AND a.state LIKE 'idle in
transaction%'
  AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')"""


def test_nobody_asks_resman_in_the_middle_of_a_transaction(world: World) -> None:
    """D10: PostgreSQL ends a session that stands still in one, and an answer may take its time. The lock on a
    person is of a transaction that does nothing else, and says at each look that it is here."""
    property_id = world.property()
    found: list[str] = []
    gate = world.client._v2.transport._guard

    def look(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "domiq_sync.account_turn AS t" in statement:
            found.extend(row.query for row in world.rows(IN_TRANSACTION))

    event.listen(gate._engine, "before_cursor_execute", look)
    world.lead(email="known@example.com")
    world.sync()
    user = world.user("Ada", "Shared", "shared@example.com")
    chats = [world.conversation(property_id, "new", user=user) for _ in range(2)]
    chats.append(world.conversation(property_id, "new", email="known@example.com"))
    world.sync()
    for status in ("lost", "qualified", "application", "leased"):
        for chat in chats:
            world.change(chat, status=status)
        world.do("UPDATE domiq_sync.resman_lead SET read_at = read_at - interval '1 day'")
        world.sync()
    event.remove(gate._engine, "before_cursor_execute", look)
    assert len(world.standin.requests()) > 15
    assert found == []


def test_the_mark_of_a_read_that_lasts_is_renewed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """D6, D10: a pull that flows for longer than the mark keeps its slot, and nobody gets in beside it."""
    monkeypatch.setattr(patience, "HEAR", 0.05)
    monkeypatch.setattr(patience, "MARK_RENEWED", 0.1)
    monkeypatch.setattr(deadline, "LOOK_SECONDS", 0.05)
    world.property()
    rules = BreakerRules(longest_request=0.5)
    client, other = (world.make_client(rules=rules, gate_wait_ms=50) for _ in "ab")
    world.standin.faults({"kind": "latency", "seconds": 1.5, **PROPERTIES})
    reading = threading.Thread(target=client.properties, args=("400",))
    reading.start()
    time.sleep(0.2)
    other.lost_reasons("400")
    reading.join(20)
    order = [r["endpoint"] for r in world.standin.requests()]
    assert order == ["Properties", "GetLostProspectReasons"]
    assert world.standin.state()["maxConcurrent"] == {"400": 1}
    assert world.value("SELECT epoch FROM domiq_sync.account_turn") == 0


def test_whoever_waits_for_a_slot_comes_to_an_end(world: World) -> None:
    world.property()
    waiter = world.make_client(gate_wait_ms=20, rules=BreakerRules(longest_wait=0.1))
    with world.client.together("400"):
        with pytest.raises(AccountBusy, match="has been busy with other requests") as busy:
            waiter.properties("400")
        assert busy.value.retry_after > 0
    assert len(waiter.properties("400")) == 7


def test_a_wait_that_is_interrupted_keeps_nothing(world: World) -> None:
    """Ctrl-C while a slot is awaited: whether it was granted by then nobody can tell, so the session goes."""
    world.property()
    gate = world.client._v2.transport._guard

    def interrupt(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "pg_advisory_lock(" in statement:
            raise KeyboardInterrupt

    event.listen(gate._engine, "after_cursor_execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ask(world)
    event.remove(gate._engine, "after_cursor_execute", interrupt)
    assert world.kept_locks() == []
    assert len(ask(world)) == 7


def test_requests_of_one_slot_follow_each_other_without_anybody_between(world: World) -> None:
    world.property()
    other = world.make_client()
    there = threading.Thread(target=other.lost_reasons, args=("400",))
    with world.client.together("400"):
        ask(world)
        there.start()
        ask(world)
        ask(world)
    there.join(20)
    order = [r["endpoint"] for r in world.standin.requests()]
    assert order == ["Properties", "Properties", "Properties", "GetLostProspectReasons"]
    assert world.standin.state()["maxConcurrent"] == {"400": 1}


def test_the_pace_counts_every_request_of_a_slot(world: World) -> None:
    world.property()
    world.do("UPDATE domiq_sync.account SET min_interval_ms = 60000")
    with world.client.together("400"):
        ask(world)
        ask(world)
    assert world.pauses == []
    ask(world)
    assert round(sum(world.pauses)) == 120


def _ask_from_a_process(database: str, standin: str, times: int) -> None:
    engine = make_engine(database, statement_timeout_ms=0, lock_timeout_ms=0)
    config = ResManConfig(standin, standin, "standin-partner", "standin-key")
    with ResManClient(config, guard=AccountGate(engine)) as client:
        for _ in range(times):
            client.properties("400")
    engine.dispose()


def test_one_request_at_a_time_across_processes_and_threads(world: World) -> None:
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


def test_a_gate_left_by_an_error_is_free_again(world: World) -> None:
    world.property()
    with pytest.raises(ZeroDivisionError), world.client._v2.transport._guard("400"):
        raise ZeroDivisionError
    assert len(ask(world)) == 7
