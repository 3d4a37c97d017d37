"""A8: ResMan asks to wait a little (429 with a short Retry-After): whoever asks goes on after the pause."""

import pytest

from tests.fixtures.world import POST, World

BUSY = {"kind": "status", "status": 429, "retry_after": 2}


def test_a_push_goes_on_after_a_short_pause_and_nobody_sleeps_with_the_slot(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    flats = world.property()
    world.sync()
    chats = [world.conversation(flats, "contacted") for _ in range(8)]
    locked: list[int] = []
    rest = world.rest

    def look_and_rest(seconds: float) -> None:
        slots = world.rows(
            "SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' "
            "AND l.granted AND a.datname = current_database() AND a.application_name = 'gate'"
        )
        locked.append(len(slots))
        rest(seconds)

    monkeypatch.setattr(world, "rest", look_and_rest)
    world.standin.faults({**BUSY, "rate": 0.3, "endpoint": POST})
    report = world.push(world.make_client())
    refused = report.by_outcome["busy"]
    assert refused >= 1
    assert (report.outages, report.ended) == ({}, "nothing more is due")
    assert report.total("success") == len(chats) - refused
    assert world.pauses
    assert max(world.pauses) <= 2.0
    # Whoever rests has none; another thread may ask as soon as the pause is over.
    assert 0 in locked
    # What was asked to wait costs nothing, waits no longer than that, and is told in the end, once.
    waiting = world.rows(
        "SELECT attempts, EXTRACT(EPOCH FROM next_attempt_at - clock_timestamp())::float AS seconds, state "
        "FROM domiq_sync.delivery"
    )
    assert len(waiting) == refused
    assert all((w.attempts, w.state) == (0, "ready") and w.seconds <= 2.0 for w in waiting)
    world.standin.faults()
    world.deliver()
    assert [world.told(c) for c in chats] == [["Contact"]] * len(chats)
    assert world.repeated_markers() == []


def test_after_a_pause_that_resman_asked_for_it_is_not_asked_slowly(world: World) -> None:
    world.property()
    world.sync()
    world.standin.faults({**BUSY, "count": 1})
    world.sync()
    found = world.rows(
        "SELECT ramp_ms, consecutive_failures FROM domiq_sync.account WHERE opened_at IS NOT NULL"
    )
    assert found == [(0, 0)]


def test_a_property_is_pulled_in_the_same_pass(world: World) -> None:
    world.property()
    world.standin.faults({**BUSY, "count": 2, "endpoint": "Prospects"})
    report = world.sync()
    assert (report.pull_errors, len(report.pulled)) == ({}, 1)
    assert world.pauses == [pytest.approx(2, abs=0.5)] * 2


def test_one_that_asks_for_long_is_left(world: World) -> None:
    flats = world.property()
    world.sync()
    world.conversation(flats, "contacted")
    world.standin.faults({**BUSY, "retry_after": 30})
    report = world.push()
    assert list(report.outages.values()) == ["busy"]
    assert world.pauses == []
    assert report.by_outcome["busy"] == 1
