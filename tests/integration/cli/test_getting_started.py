"""The pages of the documents that say what to type, typed in their order: on a real PostgreSQL with DomIQ's
own tables and nothing of the sync's, against the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from domiq_dagster.db.migrate import sql_text
from tests.fixtures.commands import Done, Run, environment_for
from tests.fixtures.documented import ROOT, Block, blocks
from tests.fixtures.world import Standin

DOCS = ROOT / "docs"
THE_PROPERTY, AT_RESMAN = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
ELSEWHERE = "Install", "Without ResMan"
"""Headings whose blocks install, or start the stand-in that the test has already."""


@dataclass
class Reader:
    """Somebody who types what a page says, with the ids and addresses of their own.

    Attributes:
        own: what they put in place of the examples.
        environment: what the page had them export, with their own addresses.
    """

    run: Run
    own: dict[str, str]
    addresses: dict[str, str]
    environment: dict[str, str]

    def types(self, block: Block) -> list[tuple[str, Done]]:
        """What became of each command of a block."""
        done = []
        for words in block.lines():
            if words[0] == "export":
                named = [word.partition("=")[0] for word in words[1:]]
                self.environment |= {name: self.addresses[name] for name in named}
            else:
                assert words[0] == "domiq-sync", words
                arguments = [self.own.get(word, word) for word in words[1:]]
                done.append((" ".join(words), self.run(*arguments, **self.environment)))
        return done


@dataclass(frozen=True)
class Domiq:
    """DomIQ's own database: a property, and somebody who talked with its chatbot."""

    url: str
    property_id: UUID

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def do(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def domiq(make_database: Callable[..., str]) -> Domiq:
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute(sql_text("001_uuid_function.sql").encode())
        connection.execute(sql_text("000_domiq_tables.sql").encode())
        (found,) = connection.execute(
            """
            WITH c AS (INSERT INTO company (name) VALUES ('Example Residential') RETURNING id),
            p AS (
                INSERT INTO property (company_id, name, address, city, state, zip_code)
                SELECT id, 'Juniper Flats', '1 Main Street', 'Albany', 'NY', '10000' FROM c RETURNING id
            ),
            b AS (INSERT INTO chatbot (property_id, name) SELECT id, 'Bot' FROM p RETURNING id),
            u AS (
                INSERT INTO "user" (first_name, last_name, email)
                VALUES ('Ada', 'Example', 'ada@example.com') RETURNING id
            ),
            v AS (
                INSERT INTO conversation (chatbot_id, user_id, status)
                SELECT b.id, u.id, 'qualified' FROM b, u
            )
            SELECT id FROM p
            """
        ).fetchone() or (None,)
    assert isinstance(found, UUID)
    return Domiq(url, found)


@pytest.fixture
def reader(run: Run, domiq: Domiq, standin: Standin) -> Reader:
    (there,) = (p for p in standin.state()["properties"] if p["name"] == "Juniper Flats")
    own = {THE_PROPERTY: str(domiq.property_id), "400": there["accountId"], AT_RESMAN: there["propertyId"]}
    addresses = environment_for(domiq.url, standin.url)
    # ResMan's own hosts are not to be asked by a test, though that is what a page leaves them at.
    hosts = {name: value for name, value in addresses.items() if name.endswith("_URL") and "RESMAN" in name}
    return Reader(run, own, addresses, hosts)


def of_step(page: Path, heading: str) -> Block:
    """The only block under a heading."""
    (found,) = (block for block in blocks(page) if block.heading.endswith(heading))
    return found


def test_getting_started_ends_with_a_property_that_is_observed_and_then_let_go(
    reader: Reader, domiq: Domiq, standin: Standin
) -> None:
    page = DOCS / "getting-started.md"
    steps = [block for block in blocks(page) if not block.heading.endswith(ELSEWHERE)]
    assert [block.heading.partition(".")[0] for block in steps] == list("23456")
    *observing, going = steps
    ended = {}
    for block in observing:
        for command, done in reader.types(block):
            ended[block.heading[0], command.partition(" --property")[0]] = done
    # Step 3 says so: no property is connected yet.
    assert {
        where: done.err for where, done in ended.items() if done.code and where != ("3", "domiq-sync doctor")
    } == {}
    no_property = ended["3", "domiq-sync doctor"]
    assert no_property.code == 1
    assert no_property.out.count("│ no │") == 1
    assert "run domiq-sync connect" in no_property.out
    # Observed: read and decided, and nothing written on either side.
    assert "juniper-flats" in ended["5", "domiq-sync sync --dry-run"].out
    assert standin.state()["prospects"] == []
    assert domiq.rows("SELECT status FROM conversation") == [("qualified",)]
    assert domiq.rows("SELECT count(*) FROM status_sync_log") == [(0,)]
    # What the chatbot does meanwhile waits, and a dry run says what would become of it.
    domiq.do("UPDATE conversation SET status = 'tour_scheduled'")
    assert domiq.rows("SELECT new_status, sync_status FROM status_sync_log") == [
        ("tour_scheduled", "pending")
    ]
    foretold = reader.run("sync", "--dry-run", **reader.environment)
    assert "would be posted to ResMan: Contact 1, Other 1" in foretold.out
    assert standin.posts() == []
    # Let go: what the dry run foretold is done.
    assert [(command, done.err) for command, done in reader.types(going) if done.code] == []
    (lead,) = standin.state()["prospects"]
    assert lead["people"][0]["email"] == "ada@example.com"
    assert domiq.rows("SELECT new_status, sync_status FROM status_sync_log") == [
        ("tour_scheduled", "success")
    ]
    assert len(standin.posts()) == 2


def test_without_resman_the_stand_in_is_told_of_by_the_same_variables(reader: Reader) -> None:
    reader.types(of_step(DOCS / "getting-started.md", "DomIQ's database"))
    start, rehearse = [b for b in blocks(DOCS / "getting-started.md") if b.heading == "Without ResMan"]
    assert list(start.lines()) == [["domiq-sync", "standin", "--port", "8700"]]
    given = dict(
        word.split("=", 1) for words in rehearse.lines() if words[0] == "export" for word in words[1:]
    )
    assert {**reader.addresses, **given} == {
        **reader.addresses,
        "RESMAN_V1_URL": "http://127.0.0.1:8700",
        "RESMAN_V2_URL": "http://127.0.0.1:8700",
    }
    ((_, done),) = reader.types(rehearse)
    assert (done.code, "run domiq-sync connect" in done.out) == (1, True)


def test_any_guid_has_connect_list_the_properties_of_the_account(reader: Reader, standin: Standin) -> None:
    reader.types(of_step(DOCS / "getting-started.md", "DomIQ's database"))
    reader.types(of_step(DOCS / "getting-started.md", "3. ResMan"))
    guid = reader.own[AT_RESMAN]
    reader.own[AT_RESMAN] = AT_RESMAN
    ((_, done),) = reader.types(of_step(DOCS / "getting-started.md", "Look at a property"))
    assert done.code == 1
    assert f"Juniper Flats is {guid}" in " ".join(done.out.split())


def test_what_the_other_pages_have_one_type_works(reader: Reader) -> None:
    for block in blocks(DOCS / "getting-started.md"):
        if block.heading.endswith(("DomIQ's database", "3. ResMan", "Connect, and observe")):
            reader.types(block)
    typed = [block for name in ("policies.md", "runbook.md") for block in blocks(DOCS / name)]
    assert {block.heading for block in typed} >= {
        "Conflict policies, and what is read when",
        "Pausing",
        "Upgrading",
    }
    ended = [(command, done) for block in typed for command, done in reader.types(block)]
    assert [(command, done.err) for command, done in ended if done.code] == []
