"""Pulls miss nothing: what the watermark may claim, how far a pull looks back, answers that are too large."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domiq_dagster.resman.errors import AnswerTooLarge, NoAnswer
from domiq_dagster.sync.pull.pull import PullRules, pull_property
from domiq_dagster.sync.pull.pulls import pull_all
from tests.depth import SOAK_MINUTES
from tests.fixtures.world import World

pytestmark = pytest.mark.soaked


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def watermark(world: World) -> datetime | None:
    found: datetime | None = world.value("SELECT watermark FROM domiq_sync.watermark")
    return found


def leads(world: World, count: int, **fields: Any) -> list[str]:
    made = [world.lead(email=f"p{n}@example.com", last=f"Example{n}", **fields) for n in range(count)]
    return [p["prospectId"] for p in made]


def test_what_is_as_it_was_stored_is_recognised_and_not_written(world: World) -> None:
    world.property()
    first, *_ = leads(world, 5)
    world.pull()
    before = world.versions()["domiq_sync.resman_lead"]
    assert [(p.fetched, p.stored, p.unchanged) for p in world.pull(full=True)] == [(5, 0, 5)]
    assert world.versions()["domiq_sync.resman_lead"] == before
    world.standin.edit(first, status="Lost")
    assert [(p.fetched, p.stored, p.unchanged) for p in world.pull()] == [(5, 1, 4)]
    row = world.rows("SELECT * FROM domiq_sync.pull ORDER BY id")[-1]
    assert (row.fetched, row.stored, row.unchanged, row.silent, row.requests) == (5, 1, 4, 0, 1)


def test_a_change_that_leaves_last_modified_alone_is_counted(world: World) -> None:
    world.property()
    first, *_ = leads(world, 3)
    world.pull()
    world.standin.edit(first, status="Lost", silent=True)
    assert [(p.stored, p.silent) for p in world.pull(full=True)] == [(1, 1)]
    assert [(p.stored, p.silent) for p in world.pull(full=True)] == [(0, 0)]


def test_a_date_in_the_future_hides_nothing(world: World) -> None:
    """Else the next pull would ask from there, and what an outage held back would never be asked for."""
    world.property()
    ahead, late = leads(world, 2, lastModified=ago(hours=1))
    world.standin.edit(ahead, lastModified=(datetime.now(UTC) + timedelta(days=400)).isoformat())
    world.pull()
    world.standin.faults(refuse_future_modified_since=True)
    marked = watermark(world)
    assert marked is not None and marked <= datetime.now(UTC)
    world.do("UPDATE domiq_sync.watermark SET watermark = watermark + interval '99 days'")
    assert [p.fetched for p in world.pull()] == [2]
    assert [p.fetched for p in world.pull(since=datetime(2099, 1, 1, tzinfo=UTC))] == [1]
    assert late in stored(world)


def test_a_pull_since_a_later_date_does_not_claim_what_lies_before_it(world: World) -> None:
    world.property()
    leads(world, 1, lastModified=ago(days=50))
    world.lead(email="new@example.com")
    world.pull(since=datetime.now(UTC) - timedelta(days=3))
    assert watermark(world) is None
    assert [p.stored for p in world.pull()] == [1]
    assert watermark(world) is not None


def test_the_overlap_grows_with_the_lateness_that_was_seen_and_is_shown(world: World) -> None:
    world.property()
    world.lead(email="one@example.com", lastModified=ago(days=9))
    world.lead(email="two@example.com")
    ((found),) = world.pull()
    assert (found.overlap, found.late) == (timedelta(hours=26), timedelta(0))
    world.lead(email="late@example.com", last="Late", lastModified=ago(hours=40))
    ((found),) = world.pull()
    assert (found.stored, found.late) == (0, timedelta(0))  # out of an overlap's reach
    ((found),) = world.pull(full=True)
    assert found.stored == 1 and timedelta(hours=39) < found.late < timedelta(hours=41)
    ((found),) = world.pull()
    assert timedelta(hours=59) < found.overlap < timedelta(hours=61)
    row = world.rows("SELECT * FROM domiq_sync.pull ORDER BY id")[-1]
    assert row.overlap_seconds == found.overlap.total_seconds()
    assert found.modified_since == watermark(world) - found.overlap  # type: ignore[operator]
    world.lead(email="later@example.com", last="Later", lastModified=ago(days=200))
    world.pull(full=True)
    assert [p.overlap for p in world.pull()] == [PullRules().overlap_most]
    world.do("UPDATE domiq_sync.pull SET started_at = started_at - interval '31 days'")
    assert [p.overlap for p in world.pull()] == [PullRules().overlap]


def test_what_no_pull_ever_asked_for_is_not_late(world: World) -> None:
    world.property()
    world.lead(email="one@example.com")
    leads(world, 3, lastModified=ago(days=500))
    world.pull()
    ((found),) = world.pull(since=datetime.now(UTC) - timedelta(days=900))
    assert (found.stored, found.late) == (3, timedelta(0))


def test_a_pull_that_is_stopped_while_it_waits_for_its_account_ends(world: World) -> None:
    world.property(0)
    world.property(7)
    client = world.make_client(gate_wait_ms=20)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with world.client.together("400"), pytest.raises(KeyboardInterrupt):
        pull_all(world.engine, client, world.integrations(), on_property=stop)
    assert {p["accountId"] for p in world.standin.requests() if "accountId" in p} <= {"401"}
    assert len(world.pull()) == 2


def spread(world: World, count: int) -> list[str]:
    """Prospects first met over two years, all modified of late; every tenth has no first contact."""
    made = []
    for n in range(count):
        met = None if n % 10 == 9 else ago(days=730 * n / count, hours=1)
        made += leads(world, 1, firstContactDate=met, lastModified=ago(hours=n))
    assert sum(p["firstContactDate"] is None for p in world.standin.prospects()) == count // 10
    return made


def stored(world: World) -> set[str]:
    return {r.prospect_id for r in world.rows("SELECT prospect_id FROM domiq_sync.resman_lead")}


@pytest.mark.parametrize("honoured", ["exact", "day"])
def test_an_answer_too_large_is_read_in_windows_that_halve_and_grow_back(world: World, honoured: str) -> None:
    world.property()
    made = spread(world, 60)
    world.standin.faults(max_prospects=12, max_search_results=10, first_contact_filter=honoured)
    ((found),) = world.pull()
    assert stored(world) == set(made)
    assert found.stored == 60 and 10 < found.requests < 60
    row = world.rows("SELECT * FROM domiq_sync.watermark")[0]
    width, reach = row.window_seconds / 86400, row.window_reach_seconds / 86400
    assert (1 < width < 200, round(reach)) == (True, 360)
    assert row.watermark == world.value("SELECT max(last_modified) FROM domiq_sync.resman_lead")
    world.standin.faults(max_prospects=None)
    ((found),) = world.pull()  # looks back a day: that was not too large
    assert found.requests == 1
    while world.value("SELECT window_seconds FROM domiq_sync.watermark") is not None:
        ((found),) = world.pull(full=True)
        assert (found.fetched >= 60, found.stored, found.missing) == (True, 0, 0)
    assert [p.requests for p in world.pull(full=True)] == [1]


def test_nothing_is_missed_where_the_filter_is_not_honoured(world: World) -> None:
    """The first answer is lost; the windows' answers are all whole ones."""
    world.property()
    made = spread(world, 30)
    world.standin.faults(
        {"kind": "truncate", "endpoint": "Prospects", "count": 1}, first_contact_filter="ignore"
    )
    ((found),) = world.pull()
    assert stored(world) == set(made)
    assert found.requests < 10


def test_an_answer_that_no_window_divides_stores_nothing_and_says_so(world: World) -> None:
    world.property()
    spread(world, 30)
    world.standin.faults(max_prospects=5, first_contact_filter="ignore")
    _, errors = pull_all(world.engine, world.client, world.integrations())
    assert isinstance(errors["juniper-flats"], AnswerTooLarge)
    assert stored(world) == set() and watermark(world) is None
    assert world.rows("SELECT * FROM domiq_sync.watermark")[0].last_error.startswith("answer_too_large")


def test_an_answer_that_breaks_off_midway_leaves_nothing_half_believed(world: World) -> None:
    """A window breaks off in the middle and is asked for again: what it had shown is not counted twice, and a
    prospect that is gone by then is not stored."""
    world.property()
    leads(world, 40)
    seen: list[int] = []
    read = world.client.prospects

    def breaking(*args: Any, **options: Any) -> Any:
        seen.append(len(seen))
        answer = read(*args, **options)
        if len(seen) > 1:
            yield from answer
            return
        for _ in range(25):
            yield next(answer)
        world.standin.control(f"prospects/{gone}", method="DELETE")
        raise NoAnswer("cut")

    gone = world.standin.prospects()[0]["prospectId"]
    world.client.prospects = breaking  # type: ignore[method-assign]
    (integration,) = world.integrations()
    found = pull_property(world.engine, world.client, integration)
    assert (found.fetched - found.unchanged, found.stored) == (found.fetched, 39)
    assert gone not in stored(world)


def test_silence_is_taken_for_an_outage_after_the_second_time(world: World) -> None:
    """Two properties of one account: a third failure would open the breaker and cost the other its pull."""
    world.property(0)
    world.property(1)
    world.do("UPDATE domiq_sync.integration SET resman_account_id = resman_account_id")
    leads(world, 40)
    world.standin.faults(
        {"kind": "truncate", "endpoint": "Prospects", "property_id": world.at_resman[0]["propertyId"]}
    )
    pulled, errors = pull_all(world.engine, world.client, world.integrations())
    assert (len(pulled), [e.kind for e in errors.values()]) == (1, ["no_answer"])
    assert len(world.standin.requests("Prospects")) == 3


def test_a_prospect_that_comes_twice_is_stored_as_its_newest(world: World) -> None:
    world.property()
    (one,) = leads(world, 1)
    read = world.client.prospects
    old = list(read("400", world.at_resman[0]["propertyId"], modified_since=datetime(2026, 1, 1, tzinfo=UTC)))
    world.standin.edit(one, status="Lost")
    world.pull()

    def twice(*args: Any, **options: Any) -> Any:
        new = list(read(*args, **options))
        yield from new + old + new + old

    world.client.prospects = twice  # type: ignore[method-assign]
    before = world.versions()["domiq_sync.resman_lead"]
    ((found),) = world.pull()
    assert (found.fetched, found.stored) == (4, 0)
    assert world.versions()["domiq_sync.resman_lead"] == before


def test_a_huge_answer_stays_within_250_mib_of_the_whole_process(world: World) -> None:
    """200,000 prospects, some 200 MB, in a soak."""
    count = 200_000 if SOAK_MINUTES else 15_000
    world.property()
    program = Path(__file__).resolve().parents[4] / "tests" / "fixtures" / "pull_program.py"
    done = subprocess.run(
        [sys.executable, program, world.url, str(count)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["fetched"], found["stored"]) == ([count, count], [count, 0])
    assert found["peak"] < 250
