"""A worker that goes on: changes reach ResMan as they are committed, and it ends without leaving anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from domiq_dagster.sync.service import service as service_module
from domiq_dagster.sync.service import tally, waking
from domiq_dagster.sync.service.service import Service, ServiceOptions
from domiq_dagster.sync.service.tally import Summary
from domiq_dagster.sync.workers import SERVICE, LiveWorker, live_workers
from tests.fixtures.notices import NoticeWorld
from tests.fixtures.world import POST, World

WOKEN_ONLY = ServiceOptions(poll=60.0, quiet_poll=60.0, pulls=False)
"""What it does within seconds it does because it was woken."""
POLLING = ServiceOptions(hears_notify=False, poll=0.1, quiet_poll=0.1)


class Told:
    """Keeps what a service tells, or refuses it."""

    def __init__(self) -> None:
        self.summaries: list[Summary] = []
        self.fault: Exception | None = None

    def tell(self, summary: Summary) -> None:
        if self.fault is not None:
            raise self.fault
        self.summaries.append(summary)


@contextmanager
def running(world: World, options: ServiceOptions = POLLING, **more: Any) -> Iterator[Service]:
    """A service on a thread, told to stop at the end. What it raises is raised here."""
    service = Service(world.engine, world.client, options, **more)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            service.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join(60)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def until(look: Callable[[], object], seconds: float = 20.0) -> None:
    """Looks until there is something to see."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "not seen"
        time.sleep(0.02)


def settled(world: World, conversation: Any) -> bool:
    return bool(world.last(conversation).sync_status == "success")


@pytest.fixture
def lead(world: World) -> Any:
    """A conversation whose lead is linked and agreed."""
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    return conversation


def test_a_change_wakes_a_worker_that_sleeps(world: World, lead: Any) -> None:
    with running(world, WOKEN_ONLY):
        until(lambda: world.rows("SELECT FROM domiq_sync.sleeper WHERE until > clock_timestamp()"))
        world.change(lead, status="qualified")
        until(lambda: settled(world, lead))
        until(lambda: world.rows("SELECT FROM domiq_sync.sleeper WHERE until > clock_timestamp()"))
        world.change(lead, status="lost")
        until(lambda: settled(world, lead))
    assert world.told(lead) == ["Contact", "Other", "Cancel"]


def test_without_a_notify_it_is_found_by_looking(world: World, lead: Any) -> None:
    with running(world, POLLING):
        world.change(lead, status="qualified")
        until(lambda: settled(world, lead))
    assert not world.rows("SELECT FROM domiq_sync.sleeper")


def test_nobody_is_notified_while_nobody_sleeps_and_once_a_transaction_where_somebody_does(
    world: World, lead: Any
) -> None:
    world.do("UPDATE conversation SET status = 'new'")
    with psycopg.connect(world.url, autocommit=True) as session:
        session.execute(f"LISTEN {waking.CHANNEL}")
        world.change(lead, status="qualified")
        assert list(session.notifies(timeout=0.3)) == []
        world.do("INSERT INTO domiq_sync.sleeper VALUES ('one', clock_timestamp() + interval '1 minute')")
        world.do(
            "UPDATE conversation SET status = 'lost'; UPDATE conversation SET status = 'new'; "
            "UPDATE conversation SET status = 'qualified'"
        )
        assert len(list(session.notifies(timeout=0.3))) == 1
        world.do("UPDATE domiq_sync.sleeper SET until = clock_timestamp() - interval '1 second'")
        world.change(lead, status="new")
        assert list(session.notifies(timeout=0.3)) == []


def test_a_change_is_queued_though_nobody_can_be_woken(world: World, lead: Any) -> None:
    """What is wrong with the table of sleepers costs a second, and not the delivery."""
    with psycopg.connect(world.url) as other:
        other.execute("LOCK TABLE domiq_sync.sleeper")
        world.change(lead, status="qualified")
        assert world.delivery().state == "ready"
    with running(world, POLLING):
        until(lambda: settled(world, lead))


def test_a_change_that_was_queued_just_before_it_sleeps_is_seen(
    world: World, lead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever queues it does not know yet that somebody is to be woken."""
    begin = waking.Sleeping.begin

    def changed_meanwhile(sleeping: waking.Sleeping) -> bool:
        world.change(lead, status="qualified")
        monkeypatch.undo()
        world.do("DELETE FROM domiq_sync.sleeper")
        return begin(sleeping)

    monkeypatch.setattr(waking.Sleeping, "begin", changed_meanwhile)
    with running(world, WOKEN_ONLY):
        until(lambda: settled(world, lead))


def test_the_post_under_way_is_finished_when_it_is_told_to_stop(world: World, lead: Any) -> None:
    world.standin.faults(latency_ms=1500)
    with running(world) as service:
        world.change(lead, status="qualified")
        until(lambda: world.rows("SELECT FROM domiq_sync.delivery WHERE posted_at IS NOT NULL"))
        world.change(lead, status="lost")
        service.stop()
    world.standin.faults()
    assert world.told(lead) == ["Contact", "Other"]
    statuses = [c.sync_status for c in world.changes(lead)]
    assert statuses[-2:] == ["success", "pending"]
    assert world.rows("SELECT FROM domiq_sync.delivery WHERE lease_token IS NOT NULL") == []
    assert world.rows("SELECT FROM domiq_sync.worker") == []
    world.push()
    assert world.told(lead) == ["Contact", "Other", "Cancel"]


@pytest.mark.slow
def test_a_post_that_outlasts_the_grace_is_given_back_and_looked_for(world: World, lead: Any) -> None:
    world.standin.faults({"kind": "latency", "seconds": 12, "endpoint": POST})
    with running(world, replace(POLLING, grace=9.0)) as service:
        world.change(lead, status="qualified")
        until(lambda: world.rows("SELECT FROM domiq_sync.delivery WHERE posted_at IS NOT NULL"))
        began = time.monotonic()
        service.stop()
    assert time.monotonic() - began < 30.0
    assert world.delivery().state == "unknown"
    world.standin.faults()
    world.deliver(20)
    assert settled(world, lead)
    assert world.told(lead) == ["Contact", "Other"]


def test_two_workers_double_nothing(world: World) -> None:
    flats = world.property()
    leads = [world.conversation(flats, "contacted", email=f"bo{n}@example.com") for n in range(6)]
    with running(world), running(world):
        until(lambda: all(settled(world, c) for c in leads))
        for status in ("qualified", "lost"):
            for conversation in leads:
                world.change(conversation, status=status)
        until(lambda: all(settled(world, c) for c in leads))
    assert all(world.told(c) == ["Contact", "Other", "Cancel"] for c in leads)
    assert world.repeated_markers() == []


def test_an_account_that_does_not_answer_is_left_and_the_others_are_served(world: World) -> None:
    accounts = [p["accountId"] for p in world.at_resman]
    other = next(n for n, account in enumerate(accounts) if account != accounts[0])
    here, there = world.property(0), world.property(other)
    leads = [
        world.conversation(p, "contacted", email=f"bo{n}@example.com") for n, p in enumerate((here, there))
    ]
    world.sync(2)
    account = next(i.account_id for i in world.integrations() if i.property_id == here)
    world.standin.faults({"kind": "status", "status": 401, "account_id": account})
    told = Told()
    with running(world, reports=told) as service:
        world.change(leads[0], status="qualified")
        until(lambda: service.unready() == [] and world.delivery().last_outcome == "bad_credentials")
        world.change(leads[1], status="qualified")
        until(lambda: settled(world, leads[1]))
        until(lambda: any(s.pushed.outages for s in told.summaries))
    assert world.last(leads[0]).sync_status == "pending"
    assert {a for s in told.summaries for a in s.pushed.outages} == {account}


def test_a_property_that_is_switched_off_is_told_nothing_from_then_on(world: World, lead: Any) -> None:
    with running(world):
        world.change(lead, status="qualified")
        until(lambda: settled(world, lead))
        world.do("UPDATE domiq_sync.integration SET sync_enabled = false")
        world.change(lead, status="lost")
        time.sleep(0.5)
    assert world.told(lead) == ["Contact", "Other"]
    assert world.last(lead).sync_status == "pending"


def test_its_sessions_may_be_ended_and_it_goes_on(world: World, lead: Any) -> None:
    with running(world, ServiceOptions(poll=0.2)) as service:
        until(lambda: world.rows("SELECT FROM domiq_sync.sleeper"))
        with psycopg.connect(world.url, autocommit=True) as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        world.change(lead, status="qualified")
        until(lambda: settled(world, lead))
        until(lambda: service.unready() == [])
    tried = world.rows(
        "SELECT change_id, lease_token, action, outcome, detail FROM domiq_sync.attempt ORDER BY started_at"
    )
    assert world.told(lead) == ["Contact", "Other"], tried


def test_a_database_that_a_newer_version_migrated_is_said_once_and_it_goes_on(
    world: World, lead: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_FOLD_SECONDS", 0.05)
    told = "this worker goes on until it is replaced: The sync's tables are at revision 9999"
    with running(world, ServiceOptions(hears_notify=False, poll=0.1, upkeep=0.05, pulls=False)):
        world.do("UPDATE domiq_sync.alembic_version SET version_num = '9999'")
        until(lambda: told in caplog.text)
        world.change(lead, status="qualified")
        until(lambda: settled(world, lead))
    assert caplog.text.count(told) == 1
    assert world.told(lead) == ["Contact", "Other"]


def test_it_says_that_it_lives_how_far_behind_it_is_and_that_it_is_gone(world: World) -> None:
    def alive() -> list[LiveWorker]:
        with world.engine.connect() as connection:
            return live_workers(connection, SERVICE)

    with running(world) as service:
        until(alive)
        (one,) = alive()
        assert (one.name, service.is_well) == (service.name, True)
        assert one.silent_seconds < 20
    assert alive() == []


def test_rules_and_notices_are_taken_along(notice_world: NoticeWorld) -> None:
    world = notice_world.world
    flats = world.property()
    conversation = world.conversation(flats, "contacted", email="bo@example.com")
    world.sync(2)
    world.do(
        "INSERT INTO status_workflow_rules(property_id, trigger_status, target_status, conditions, actions) "
        "VALUES (:p, 'qualified', 'tour_scheduled', '{}', '[]')",
        p=flats,
    )
    notice_world.prefer(flats, "qualified", "email", ["boss@example.com"])
    told = Told()
    with running(world, POLLING, channels=notice_world.channels, reports=told):
        world.change(conversation, status="qualified")
        until(lambda: world.status(conversation) == "tour_scheduled" and settled(world, conversation))
        until(lambda: notice_world.mailbox.to("boss@example.com"))
    assert sum(s.ruled.total("changes") for s in told.summaries if s.ruled) >= 1
    assert sum(s.sent.total("delivered") for s in told.summaries if s.sent) == 1


def test_what_cannot_be_reported_is_said_and_reported_later(
    world: World, lead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "LEAST_PAUSE_SECONDS", 0.2)
    told = Told()
    told.fault = ConnectionError("no storage")
    with running(world, reports=told) as service:
        world.change(lead, status="qualified")
        until(lambda: settled(world, lead))
        until(lambda: any("reported to Dagster" in said for said in service.unready()))
        told.fault = None
        until(lambda: service.unready() == [])
    assert sum(s.pushed.total("success") for s in told.summaries) == 1


def test_an_idle_worker_tells_nothing_and_asks_little(world: World, lead: Any) -> None:
    told, asked = Told(), []

    def count(*_: Any) -> None:
        asked.append(1)

    with running(world, ServiceOptions(poll=0.1), reports=told):
        until(lambda: world.rows("SELECT FROM domiq_sync.sleeper WHERE until > clock_timestamp()"))
        time.sleep(0.3)
        event.listen(world.engine, "before_cursor_execute", count)
        time.sleep(1.0)
        event.remove(world.engine, "before_cursor_execute", count)
    assert told.summaries == []
    assert len(asked) <= 20, "one look each tenth of a second, and nothing beside it"
