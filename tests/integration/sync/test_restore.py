"""D4: the database is put back to where it once was, and the sync goes on: nothing is posted blind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.sync.passes import sync_pass
from domiq_dagster.sync.queue import restores
from domiq_dagster.sync.queue.restores import OutsideMark
from tests.fixtures.world import World

Mark = OutsideMark | None


class Copies:
    """Copies of the world's database, and putting one back in its place."""

    def __init__(self, server: EmbeddedServer, world: World) -> None:
        self._server, self._world = server, world
        self.name = str(world.engine.url.database)
        self._copy = f"{self.name}_copy"

    def take(self) -> None:
        self._make(self._copy, self.name)

    def put_back(self) -> None:
        self._drop(self.name)
        self._make(self.name, self._copy)
        self._drop(self._copy)

    def _make(self, name: str, template: str) -> None:
        self._let_go()
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)

    def _drop(self, name: str) -> None:
        self._let_go()
        self._run("DROP DATABASE {} WITH (FORCE)", name)

    def _let_go(self) -> None:
        self._world.closing.close()
        self._world.engine.dispose()
        self._world.client = self._world.make_client()
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname LIKE %s",
                [f"{self.name}%"],
            )

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture
def copies(pg_server: EmbeddedServer, world: World) -> Copies:
    return Copies(pg_server, world)


def declared(world: World) -> None:
    with world.engine.begin() as c:
        restores.declare(c, "a test", None)


@pytest.fixture(params=["noticed by the mark outside", "declared"])
def notices(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Mark, Callable[[World], None]]:
    """The mark that passes keep, and what is done when the database was put back."""
    if request.param == "declared":
        return None, declared
    return OutsideMark(tmp_path / "marks"), lambda world: None


def goes_on(world: World, mark: Mark, times: int = 1) -> None:
    for _ in range(times):
        world.later()
        sync_pass(world.engine, world.client, mark=mark)


def our_events(world: World) -> dict[str, list[tuple[str, str]]]:
    return {
        p["prospectId"]: sorted(
            (e["type"], e["date"]) for e in p["events"] if "[DQ-" in (e["comments"] or "")
        )
        for p in world.standin.prospects()
    }


MOVES = ["tour_scheduled", "contacted", "qualified", "lost", "application", "contacted"]


def of_many(world: World) -> list[UUID]:
    flats = world.property()
    return [world.conversation(flats, "new", email=f"p{n}@example.com") for n in range(len(MOVES))]


def move_all(world: World, chats: list[UUID]) -> None:
    for chat, status in zip(chats, MOVES, strict=True):
        tour = {"tour_datetime": "2027-02-02 15:00"} if status == "tour_scheduled" else {}
        world.change(chat, status=status, **tour)


def test_what_was_pending_in_the_copy_is_told_once_and_what_staff_did_stays(
    world: World, copies: Copies, notices: tuple[Mark, Callable[[World], None]]
) -> None:
    mark, put_back = notices
    chats = of_many(world)
    goes_on(world, mark, 2)
    move_all(world, chats)
    leads = [world.lead_of(c)["prospectId"] for c in chats]
    copies.take()
    goes_on(world, mark)
    world.standin.edit(leads[1], status="Applicant")
    world.standin.edit(leads[5], status="Applicant")
    told = our_events(world)
    copies.put_back()
    put_back(world)
    goes_on(world, mark, 2)
    assert our_events(world) == told
    assert [world.standin.prospect(leads[n])["status"] for n in (1, 3, 5)] == [
        "Applicant",
        "Lost",
        "Applicant",
    ]
    assert [world.status(chats[n]) for n in (0, 1, 3, 5)] == [
        "tour_scheduled",
        "application",
        "lost",
        "application",
    ]
    assert {c.sync_status for chat in chats for c in world.changes(chat)} == {"success"}
    assert world.conservation() == world.repeated_markers() == []


def test_what_is_said_again_after_it_is_recognised_though_it_has_another_id(
    world: World, copies: Copies, notices: tuple[Mark, Callable[[World], None]]
) -> None:
    mark, put_back = notices
    chats = of_many(world)
    goes_on(world, mark, 2)
    copies.take()
    move_all(world, chats)
    goes_on(world, mark)
    told = our_events(world)
    copies.put_back()
    put_back(world)
    move_all(world, chats)
    # Before anything is pulled.
    world.push(mark=mark)
    goes_on(world, mark, 2)
    assert our_events(world) == told
    assert [world.status(c) for c in chats] == MOVES
    world.change(chats[2], status="contacted")
    world.change(chats[0], tour_datetime="2027-02-03 15:00", status="qualified")
    world.change(chats[0], status="tour_scheduled")
    goes_on(world, mark, 2)
    new = our_events(world)
    twice = [len(new[k]) - len(told[k]) for k in (world.lead_of(chats[n])["prospectId"] for n in (2, 0))]
    assert twice == [1, 2]


def test_a_lead_that_was_created_in_the_lost_time_is_not_created_again(
    world: World, copies: Copies, tmp_path: Path
) -> None:
    mark = OutsideMark(tmp_path)
    flats = world.property()
    goes_on(world, mark)
    chat = world.conversation(flats, "new", email="bo@example.com")
    copies.take()
    goes_on(world, mark)
    late = world.conversation(flats, "new", email="cy@example.com")
    goes_on(world, mark)
    assert world.told(late) == ["Contact"]
    copies.put_back()
    goes_on(world, mark, 2)
    again = world.conversation(flats, "new", email="cy@example.com")
    goes_on(world, mark, 2)
    assert len(world.standin.prospects()) == 2
    assert world.told(chat) == world.told(again) == ["Contact"]
    assert world.repeated_markers() == []


def test_an_event_of_ours_that_nobody_knows_is_noticed_when_it_is_read(world: World, copies: Copies) -> None:
    """Without a mark and without a word: from the first lead that is read on."""
    chats = of_many(world)
    goes_on(world, None, 2)
    copies.take()
    move_all(world, chats)
    goes_on(world, None)
    copies.put_back()
    world.change(chats[3], status="lost")
    world.push()
    with world.engine.connect() as c:
        found = restores.latest(c)
    assert found is not None and "unknown change" in found.evidence
    assert world.last(chats[3]).outcome in ("already_there", "told_before_restore")
    before = len(world.rows("SELECT FROM domiq_sync.restored"))
    goes_on(world, None, 2)
    assert len(world.rows("SELECT FROM domiq_sync.restored")) == before


@pytest.mark.parametrize("days", [0, 3, 90])
def test_what_the_lost_time_said_is_no_answer_to_what_is_said_after_it(
    world: World, copies: Copies, days: int
) -> None:
    """The lead was lost since, and comes back: the event of the lost time left behind another status."""
    (chat, *_) = of_many(world)
    goes_on(world, None, 2)
    copies.take()
    world.change(chat, status="contacted")
    goes_on(world, None, 2)
    copies.put_back()
    declared(world)
    goes_on(world, None, 2)
    world.do("UPDATE domiq_sync.restored SET noticed_at = noticed_at - :d * interval '1 day'", d=days)
    world.change(chat, status="lost")
    goes_on(world, None, 2)
    world.change(chat, status="contacted")
    goes_on(world, None, 3)
    assert world.told(chat)[-2:] == ["Cancel", "ReActivate"]
    assert (world.status(chat), world.lead_of(chat)["status"]) == ("contacted", "Prospect")


def test_an_old_event_of_a_log_that_was_thinned_out_is_no_sign_and_no_answer(world: World) -> None:
    (chat, *_) = of_many(world)
    goes_on(world, None, 2)
    world.change(chat, status="contacted")
    goes_on(world, None, 2)
    old = {
        "type": "Other",
        "date": "2024-03-01T12:00:00Z",
        "comments": "DomIQ status: contacted -> qualified. [DQ-0123456789ab]",
    }
    world.standin.edit(world.lead_of(chat)["prospectId"], event=old, silent=True)
    declared(world)
    world.change(chat, status="qualified")
    goes_on(world, None, 2)
    assert [r.evidence[:8] for r in world.rows("SELECT evidence FROM domiq_sync.restored")] == ["declared"]
    assert world.last(chat).outcome == "sent"


def test_another_timeline_and_a_mark_that_is_behind(world: World, tmp_path: Path) -> None:
    mark = OutsideMark(tmp_path)
    chat = world.conversation(world.property(), "new")
    goes_on(world, mark, 3)
    assert world.rows("SELECT FROM domiq_sync.restored") == []
    (path,) = tmp_path.glob("*.json")
    path.write_text("{")
    world.change(chat, status="contacted")
    goes_on(world, mark, 2)
    assert world.rows("SELECT FROM domiq_sync.restored") == []
    world.do("UPDATE domiq_sync.installation SET timeline = timeline + 1")
    goes_on(world, mark)
    (found,) = world.rows("SELECT evidence FROM domiq_sync.restored")
    assert "timeline" in found.evidence


class MarkBesideOthers(OutsideMark):
    """A mark of one process, beside another one that claims at the given moment."""

    def __init__(self, folder: Path, moment: str, claim: Callable[[], None]) -> None:
        super().__init__(folder)
        self._moment, self._claim = moment, claim

    def of(self, installation_id: UUID) -> int | None:
        self._others_claim("before it is read")
        found = super().of(installation_id)
        self._others_claim("when it was read")
        return found

    def passed(self, furthest: int) -> None:
        self._others_claim("before it is moved on")
        super().passed(furthest)

    def _others_claim(self, moment: str) -> None:
        if moment == self._moment:
            self._claim()


@pytest.mark.parametrize("moment", ["before it is read", "when it was read", "before it is moved on"])
def test_a_claim_of_somebody_else_in_between_is_no_restore(world: World, tmp_path: Path, moment: str) -> None:
    """Two workers with one mark: the database and the mark are read one after the other, and the mark never
    goes back."""
    theirs = OutsideMark(tmp_path)
    world.conversation(world.property(), "new")
    goes_on(world, theirs)
    claimed = "SELECT nextval('domiq_sync.lease_token')"

    def claim() -> None:
        theirs.passed(world.value(claimed))

    world.value(claimed)  # of a worker that died before it could say so
    restores.look(world.engine, MarkBesideOthers(tmp_path, moment, claim))
    assert world.rows("SELECT FROM domiq_sync.restored") == []
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text()) == {
        "furthest": world.value("SELECT last_value FROM domiq_sync.lease_token")
    }


def test_after_a_day_it_is_as_it_was(world: World) -> None:
    """Then what moves nothing is posted without a look again."""
    chat = world.conversation(world.property(), "new")
    world.sync(2)
    declared(world)
    for reads, ago in ((1, "1 hour"), (0, "25 hours")):
        world.do(
            "UPDATE domiq_sync.restored SET noticed_at = clock_timestamp() - CAST(:ago AS interval)", ago=ago
        )
        before = len(world.standin.requests("SearchProspects"))
        world.change(chat, status="contacted" if reads else "qualified")
        world.push()
        assert len(world.standin.requests("SearchProspects")) - before == reads


def test_nobody_may_be_hindered_by_a_role_that_may_not_ask(world: World) -> None:
    world.do("REVOKE EXECUTE ON FUNCTION pg_control_checkpoint() FROM PUBLIC")
    world.do("CREATE ROLE looks_on")
    try:
        with world.engine.begin() as c:
            c.execute(text("GRANT USAGE ON SCHEMA domiq_sync TO looks_on"))
            c.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA domiq_sync TO looks_on"))
            c.execute(text("GRANT USAGE ON ALL SEQUENCES IN SCHEMA domiq_sync TO looks_on"))
            c.execute(text("SET LOCAL ROLE looks_on"))
            row: Any = c.execute(restores.QUERIES.position).one()
        assert (row.may_ask, row.installation_id is None) == (False, False)
    finally:
        world.do("GRANT EXECUTE ON FUNCTION pg_control_checkpoint() TO PUBLIC")
        world.do("DROP OWNED BY looks_on")
        world.do("DROP ROLE looks_on")
