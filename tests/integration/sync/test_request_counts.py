"""Requests are counted where they go out, by property, day and API."""

from __future__ import annotations

from domiq_dagster.resman.config import Endpoint
from domiq_dagster.sync.request_counts import RequestCounts, days, forget_old, requests_of_this_thread
from tests.fixtures.world import World


def counted(world: World) -> list[tuple[str | None, int, int]]:
    with world.engine.connect() as connection:
        return [(d.partition_key, d.v1, d.v2) for d in days(connection, 1)]


def test_what_goes_out_is_counted_as_the_standin_counts_it(world: World) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    assert world.told(conversation) == ["Contact"]
    world.gates[0].close()
    seen = world.standin.requests()
    found = counted(world)
    assert sum(v1 + v2 for _, v1, v2 in found) == len(seen)
    (key,) = [i.partition_key for i in world.integrations()]
    assert {name for name, _, _ in found} == {key, None}


def test_counts_of_several_processes_add_up(world: World) -> None:
    world.property()
    (integration,) = world.integrations()
    about = Endpoint("GET /Prospects", integration.resman_property_id.upper())
    for _ in range(2):
        counts = RequestCounts()
        for _ in range(3):
            counts.note(integration.account_id, about)
        counts.note(integration.account_id, Endpoint("MITS/PostLeadManagement4_0", about.property_id))
        with world.engine.begin() as connection:
            counts.store(connection)
    assert counted(world) == [(integration.partition_key, 2, 6)]


def test_what_cannot_be_stored_is_stored_later(world: World) -> None:
    now = [0.0]
    counts = RequestCounts(clock=lambda: now[0])
    counts.note("400", Endpoint("GET /Properties"))
    assert not counts.is_due
    now[0] = 60.0
    assert counts.is_due
    with world.engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE pg_monitor")
        counts.store(connection)
        connection.rollback()
        counts.store(connection)
        connection.commit()
    assert counted(world) == [(None, 0, 1)]


def test_a_thread_counts_its_own(world: World) -> None:
    counts = RequestCounts()
    counts.note("400", None)
    with requests_of_this_thread() as mine:
        counts.note("400", None)
        counts.note("400", Endpoint("GET /Prospects", "x"))
    counts.note("400", None)
    assert mine.made == 2


def test_old_counts_are_forgotten(world: World) -> None:
    world.do(
        "INSERT INTO domiq_sync.request_count SELECT current_date - n, '400', '', 'v2', 1 "
        "FROM generate_series(0, 200) AS n"
    )
    with world.engine.begin() as connection:
        forget_old(connection)
    assert 90 <= world.value("SELECT count(*) FROM domiq_sync.request_count") <= 92
