"""Dry runs say what would be done and write nothing; connect proposes, and asks where it can."""

import os
import pty
import re
import select
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.db.migrate import HEAD
from domiq_dagster.runtime.supervise import free_port
from tests.fixtures.commands import PROGRAM, Run, resman_options
from tests.fixtures.world import POST, World

PULLED = "SELECT (SELECT count(*) FROM domiq_sync.pull), (SELECT count(*) FROM domiq_sync.watermark)"


def everything(world: World) -> Any:
    return world.versions(), world.rows(PULLED)


@pytest.fixture
def flats(world: World) -> UUID:
    """A property that is not connected yet, with a conversation to link, to lose and to create."""
    found = world.property(0, connected=False)
    world.lead(0, "Lost", email="a@example.com")
    world.conversation(found, "contacted", email="a@example.com", age="9 days")
    world.conversation(found, "contacted")
    return found


def test_connect_shows_what_it_would_do_and_writes_nothing(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    before = everything(world)
    done = run("connect", "--property", flats, *resman_options(world), "--dry-run", "--json", **env)
    assert (done.code, done.err) == (0, "")
    assert everything(world) == before
    assert world.standin.requests(POST) == []
    assert done.result["connected"] is False
    assert (done.result["property"], done.result["ok"]) == ("juniper-flats", True)
    forecast = done.result["forecast"]
    assert (forecast["fetched"], forecast["would_link"]) == (1, 1)
    assert (forecast["would_apply"], forecast["would_create"]) == ({"lost": 1}, 1)
    there = world.at_resman[0]
    proposals = done.result["proposals"]
    assert proposals["time_zone"] == there["timeZone"]
    for words in (f"At ResMan it is {there['name']}", "What a sync would do", "Nothing was written."):
        assert words in done.out
    asked = {f["question"] for f in done.result["findings"]}
    for endpoint in ("v2 Properties", "v2 Prospects", "v1 SearchProspects", "v1 GetEmployees"):
        assert f"Account {there['accountId']}: {endpoint}" in asked

    assert run("connect", "--property", flats, *resman_options(world), **env).code == 0
    assert run("sync", **env).code == 0
    (stored,) = world.rows(
        "SELECT agent_id, source_id, lost_reason_id, time_zone FROM domiq_sync.integration"
    )
    assert stored._asdict() == proposals
    assert [c.status for c in world.rows("SELECT status FROM conversation ORDER BY created_at")] == [
        "lost",
        "contacted",
    ]


@pytest.mark.parametrize(
    ("fault", "endpoint", "words"),
    [
        ({"kind": "unauthorized", "code": 20001, "endpoint": "Prospects"}, "v2 Prospects", "has not granted"),
        (
            {"kind": "unauthorized", "code": 1, "endpoint": "Prospects"},
            "v2 Prospects",
            "Other endpoints take",
        ),
        ({"kind": "unauthorized", "code": 1}, "v2 Properties", "Correct RESMAN_PARTNER_ID"),
    ],
    ids=["not granted", "not granted, worded like a wrong key", "a wrong key"],
)
def test_connect_tells_the_two_kinds_of_401_apart(
    run: Run, world: World, env: dict[str, str], flats: UUID, fault: dict[str, Any], endpoint: str, words: str
) -> None:
    world.standin.faults(fault)
    done = run("connect", "--property", flats, *resman_options(world), "--dry-run", "--json", **env)
    assert done.code == 1
    (found,) = [f for f in done.result["findings"] if f["question"].endswith(endpoint)]
    assert not found["ok"]
    assert words in found["answer"]
    assert world.rows("SELECT FROM domiq_sync.integration") == []


def test_an_endpoint_that_one_can_do_without_is_no_fault(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    world.standin.faults(entitlements={"Employees": False})
    done = run("connect", "--property", flats, *resman_options(world), "--dry-run", "--json", **env)
    assert (done.code, done.result["ok"]) == (0, True)
    (found,) = [f for f in done.result["findings"] if f["question"].endswith("v2 Employees")]
    assert "who leases is then guessed" in found["answer"]
    assert done.result["proposals"]["agent_id"]


def test_a_script_connects_also_where_resman_cannot_be_asked(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    down = {**env, "RESMAN_V1_URL": nowhere, "RESMAN_V2_URL": nowhere}
    done = run("connect", "--property", flats, *resman_options(world), **down)
    assert (done.code, done.err) == (0, "")
    assert "unreachable" in done.out
    assert "Connected Juniper Flats as juniper-flats." in done.out
    world.do("DELETE FROM domiq_sync.integration")
    poor = {k: v for k, v in env.items() if not k.startswith("RESMAN_")}
    done = run("connect", "--property", flats, *resman_options(world), **poor)
    assert (done.code, done.err) == (0, "")
    assert "ResMan was not asked: RESMAN_PARTNER_ID and RESMAN_API_KEY must be set" in done.out
    assert len(world.rows("SELECT FROM domiq_sync.integration")) == 1
    # But a dry run without them has nothing to say.
    assert (
        "must be set"
        in run("connect", "--property", flats, *resman_options(world), "--dry-run", **poor).sentence
    )


def test_yes_takes_what_is_proposed(run: Run, world: World, env: dict[str, str], flats: UUID) -> None:
    done = run("connect", "--property", flats, *resman_options(world), "--yes", "--json", **env)
    assert (done.code, done.err) == (0, "")
    assert "To be asked" not in done.out
    (row,) = world.rows("SELECT * FROM domiq_sync.integration")
    proposals = done.result["proposals"]
    assert (row.source_id, row.time_zone) == (proposals["source_id"], world.at_resman[0]["timeZone"])
    assert row.agent_id
    assert row.lost_reason_id


def at_a_terminal(env: dict[str, str], *arguments: object, types: str) -> tuple[int, str]:
    """The program at a terminal: its exit code, and what it showed."""
    mine, its = pty.openpty()
    child = subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        stdin=its, stdout=its, stderr=its, env={"PATH": os.environ["PATH"], **env}, close_fds=True,
    )  # fmt: skip
    os.close(its)
    shown, typed = b"", False
    while True:
        ready, _, _ = select.select([mine], [], [], 30)
        assert ready, shown.decode()
        try:
            part = os.read(mine, 4096)
        except OSError:  # Linux says so where the other end is closed
            part = b""
        if not part:
            break
        shown += part
        if b"Connect it so?" in shown and not typed:
            os.write(mine, types.encode())
            typed = True
    os.close(mine)
    return child.wait(timeout=30), shown.decode()


def test_at_a_terminal_it_asks_first(world: World, env: dict[str, str], flats: UUID) -> None:
    code, shown = at_a_terminal(env, "connect", "--property", flats, *resman_options(world), types="n\n")
    assert (code, "Nothing was written." in shown) == (0, True)
    assert world.rows("SELECT FROM domiq_sync.integration") == []
    code, shown = at_a_terminal(env, "connect", "--property", flats, *resman_options(world), types="y\n")
    assert (code, "Connected Juniper Flats as juniper-flats." in shown) == (0, True)
    (row,) = world.rows("SELECT * FROM domiq_sync.integration")
    assert row.agent_id
    assert f"{row.agent_id}" in shown


def test_sync_says_what_it_would_do(run: Run, world: World, env: dict[str, str], flats: UUID) -> None:
    world.connect(flats, 0)
    before = everything(world)
    done = run("sync", "--dry-run", "--json", **env)
    assert (done.code, done.err) == (0, "")
    assert everything(world) == before
    assert world.standin.requests(POST) == []
    (row,) = done.result["properties"]
    assert (row["property"], row["would_apply"], row["would_create"]) == ("juniper-flats", {"lost": 1}, 1)
    assert "would be posted to ResMan: Contact 1" in done.out
    world.standin.faults({"kind": "status", "status": 503, "endpoint": "Prospects"})
    failed = run("sync", "--dry-run", "--json", **env)
    assert (failed.code, failed.result["properties"][0]["error"].split(":")[0]) == (1, "server_fault")


def test_deciding_a_conflict_can_be_tried(run: Run, world: World, env: dict[str, str]) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    chat = world.conversation(flats, "contacted")
    world.sync()
    world.standin.edit(world.lead_of(chat)["prospectId"], status="Lost")
    world.change(chat, status="qualified")
    world.pull()
    world.apply()
    before = world.versions()
    done = run("conflicts", "--resolve", chat, "--keep", "resman", "--dry-run", "--json", **env)
    assert (done.code, len(done.result["conflicts"])) == (0, 1)
    assert "It would be decided for resman." in done.out
    assert world.versions() == before
    other = run("conflicts", "--resolve", flats, "--keep", "resman", "--dry-run", **env)
    assert "no open conflict" in other.sentence


def test_a_migration_can_be_looked_at(run: Run, make_database: Callable[..., str]) -> None:
    url = make_database()
    done = run("migrate", "--dry-run", DOMIQ_DATABASE_URL=url)
    assert (done.code, done.err) == (0, "")
    assert "The database is empty" in done.out
    assert re.search(rf"Would go from revision none through 0016, .*{HEAD}\.", done.out)
    assert run("status", DOMIQ_DATABASE_URL=url).code == 2
    assert run("migrate", DOMIQ_DATABASE_URL=url).code == 0
    assert "Schema at revision" in run("migrate", "--dry-run", DOMIQ_DATABASE_URL=url).out
