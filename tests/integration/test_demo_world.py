"""The demo's world against a real stand-in and a real PostgreSQL: its numbers, its promises, two cycles."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import execute_script, migrate, sql_text
from domiq_dagster.demo import (
    Stirred,
    WorldNotEmpty,
    WorldSummary,
    connect_all,
    connections,
    load_world,
    stir,
)
from domiq_dagster.demo.people import PeopleMaker, other_notation, phone_digits
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.sync.account_gate import AccountGate
from domiq_dagster.sync.decisions.conflict_store import open_conflicts
from domiq_dagster.sync.linking.matching import normalise_email, normalise_phone
from domiq_dagster.sync.monitoring.figures import conservation_problems, property_figures
from domiq_dagster.sync.passes import PassReport, sync_pass

SEED = 5
LEAD_WORDS = (
    "new", "contacted", "qualified", "tour_scheduled", "application", "leased", "lost", "initial_contact",
    "engaged", "follow_up_needed", "tour_booked", "application_started",
)  # fmt: skip


class Standin:
    """A stand-in in a process of its own."""

    def __init__(self, prospects: int) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "RESMAN_PARTNER_ID": "standin-partner",
            "RESMAN_API_KEY": "standin-key",
        }
        command = [sys.executable, "-m", "domiq_dagster.resman.standin", "--port", "0"]
        command += ["--seed", str(SEED), "--prospects", str(prospects)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert self._child.stdout is not None
        self.url: str = json.loads(self._child.stdout.readline())["url"]

    def state(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/_standin/state?requests=false", timeout=30)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()
        return data

    def stop(self) -> None:
        self._child.terminate()
        assert self._child.stdout is not None
        self._child.stdout.close()
        assert self._child.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def state() -> Iterator[dict[str, Any]]:
    """The stand-in's whole world."""
    standin = Standin(1500)
    try:
        yield standin.state()
    finally:
        standin.stop()


@pytest.fixture
def domiq(make_database: Callable[..., str]) -> Iterator[Callable[[], Engine]]:
    """`domiq()`: an engine on a new database with DomIQ's own tables, all empty."""
    engines: list[Engine] = []

    def make() -> Engine:
        engine = make_engine(make_database())
        engines.append(engine)
        with engine.begin() as connection:
            execute_script(connection, sql_text("001_uuid_function.sql"))
            execute_script(connection, sql_text("000_domiq_tables.sql"))
        return engine

    yield make
    for engine in engines:
        engine.dispose()


def rows(engine: Engine, query: str, **values: object) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query), values).all())


CHATS = """
SELECT c.*, u.id AS visitor, u.first_name, u.last_name, u.email, u.phone, p.name AS place
FROM conversation c JOIN chatbot b ON b.id = c.chatbot_id JOIN property p ON p.id = b.property_id
JOIN "user" u ON u.id = c.user_id
"""


def test_the_whole_world_has_its_numbers(domiq: Callable[[], Engine], state: dict[str, Any]) -> None:
    engine = domiq()
    began = datetime.now(UTC)
    summary = load_world(engine, state, seed=SEED)
    assert datetime.now(UTC) - began < timedelta(seconds=5)
    assert (summary.companies, summary.properties, summary.conversations) == (2, 12, 2000)
    assert summary.both_sides == 1050
    assert summary.kinds["agreeing"] == 1050 - 126 - 16 - summary.kinds["newer_in_domiq"]
    assert (summary.kinds["moved_at_resman"], summary.kinds["moved_on_both"]) == (126, 16)
    assert (summary.kinds["only_domiq"], summary.kinds["anonymous"] > 200) == (400, True)
    assert min(summary.matched_by.values()) > 50 and set(summary.matched_by) == {"email", "phone", "name"}
    for table, number in (
        ("company", 2),
        ("property", 12),
        ("chatbot", 12),
        ("conversation", 2000),
        ("message", summary.messages),
        ('"user"', summary.users),
        ("property_manager_assignment WHERE is_primary", 12),
    ):
        assert rows(engine, f"SELECT count(*) FROM {table}")[0][0] == number, table
    lengths = rows(engine, "SELECT count(*) FROM message GROUP BY conversation_id")
    assert {n for (n,) in lengths} == {2, 4, 6, 8}


def test_chats_are_as_domiq_has_them(domiq: Callable[[], Engine], state: dict[str, Any]) -> None:
    engine, now = domiq(), datetime.now(UTC)
    load_world(engine, state, seed=SEED, now=now)
    chats = rows(engine, CHATS)
    words = Counter(c.status for c in chats)
    assert {"active", "completed", "scheduled", "converted", None, *LEAD_WORDS} == set(words)
    anonymous = [c for c in chats if c.email is None and c.phone is None and c.first_name == "Anonymous"]
    assert anonymous and not [c for c in anonymous if c.status in LEAD_WORDS]
    for c in chats:
        assert now - timedelta(days=60) <= c.created_at == c.start_time <= c.updated_at <= now
        assert c.end_time is None or c.start_time < c.end_time <= now
        if c.status in ("tour_scheduled", "tour_booked"):
            assert c.is_book_tour and c.pre_qualified and c.tour_datetime.tzinfo is None
            assert 9 <= c.tour_datetime.hour <= 17
        assert (c.lead_score is None) == (c.status not in LEAD_WORDS)
        assert c.ai_intent_summary
    spots = Counter((c.visitor, c.place) for c in chats)
    assert sum(n == 2 for n in spots.values()) == 60
    assert sum(len({p for v, p in spots if v == visitor}) == 2 for visitor, _ in spots) == 40  # 20 people


def test_nobody_looks_like_somebody_else_by_accident(
    domiq: Callable[[], Engine], state: dict[str, Any]
) -> None:
    engine = domiq()
    load_world(engine, state, seed=SEED)
    theirs = [p for prospect in state["prospects"] for p in prospect["people"]]
    emails = {normalise_email(p["email"]) for p in theirs}
    phones = {normalise_phone(p["phone"]) for p in theirs}
    names = {(p["firstName"], p["lastName"]) for p in theirs}
    users = rows(engine, 'SELECT first_name, last_name, email, phone FROM "user"')
    shared = Counter(
        "email" if normalise_email(u.email) in emails
        else "phone" if normalise_phone(u.phone) in phones
        else "name" if (u.first_name, u.last_name) in names
        else "none"
        for u in users
    )  # fmt: skip
    assert (shared["email"] + shared["phone"] + shared["name"], shared["email"] > 600) == (1050, True)
    assert not [u for u in users if u.email is None and u.phone and u.phone in {p["phone"] for p in theirs}]
    for kind, values in (
        ("email", [normalise_email(u.email) for u in users if u.email]),
        ("phone", [normalise_phone(u.phone) for u in users if u.phone]),
    ):
        assert None not in values and len(values) == len(set(values)), kind
    strangers = [
        (u.first_name, u.last_name)
        for u in users
        if (u.first_name, u.last_name) not in names and u.first_name != "Anonymous"
    ]
    assert len(strangers) == len(set(strangers)) >= 500
    assert all(u.email is None or u.email.endswith("@example.com") for u in users)
    assert all(u.phone is None or phone_digits(u.phone)[3:8] == "55501" for u in users)


def test_the_same_seed_gives_the_same_world(domiq: Callable[[], Engine], state: dict[str, Any]) -> None:
    now = datetime.now(UTC)

    def digest(seed: int) -> str:
        engine, said = domiq(), hashlib.sha256()
        load_world(engine, state, seed=seed, conversations=300, now=now)
        # What the database itself fills in (created_at of a company, say) is no part of the world.
        for table in ("conversation", "message", '"user"', "property_manager", "chatbot"):
            for row in rows(engine, f"SELECT * FROM {table} ORDER BY id"):
                said.update(repr(tuple(row)).encode())
        return said.hexdigest()

    assert digest(1) == digest(1) != digest(2)


def test_a_database_with_something_in_it_is_left_alone(
    domiq: Callable[[], Engine], state: dict[str, Any]
) -> None:
    engine = domiq()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO company (name) VALUES ('Somebody')"))
    with pytest.raises(WorldNotEmpty):
        load_world(engine, state, seed=SEED, conversations=50)
    assert rows(engine, "SELECT count(*) FROM conversation")[0][0] == 0


def test_connecting_gives_three_values_and_three_policies(
    domiq: Callable[[], Engine], state: dict[str, Any]
) -> None:
    engine = domiq()
    load_world(engine, state, seed=SEED, conversations=50)
    migrate(engine)
    pairs = connections(engine, state)
    names = {p["propertyId"]: (p["name"], p["accountId"]) for p in state["properties"]}
    ours = dict(rows(engine, "SELECT id, name FROM property"))
    assert [(ours[p.property_id], p.resman_account_id) for p in pairs] == list(names.values())
    connect_all(engine, pairs)
    settings = rows(engine, "SELECT * FROM domiq_sync.integration")
    assert {(s.agent_id, s.source_id, s.lost_reason_id, s.time_zone) for s in settings} == {(None,) * 4}
    policies = Counter(s.conflict_policy for s in settings)
    assert policies == {"resman_wins": 9, "manual_review": 1, "furthest_progress": 1, "domiq_wins": 1}
    told = rows(
        engine, "SELECT DISTINCT notification_method, recipients FROM status_notification_preferences"
    )
    assert told == [("in_app", ["property_manager"])]
    with pytest.raises(LookupError, match="no property Nowhere"):
        connections(engine, {"properties": [{"name": "Nowhere", "accountId": "400", "propertyId": "x"}]})


def test_people_are_never_made_twice_and_numbers_run_out_with_a_sentence() -> None:
    dice = random.Random(1)
    maker = PeopleMaker(dice)
    maker.know([("Amara", "Abernathy", "AMARA.Abernathy@example.com", "1-402-555-0100")])
    made = [maker.make() for _ in range(3500)]
    assert len({(p.first_name, p.last_name) for p in made}) == 3500
    assert len({p.email for p in made}) == 3500 and len({phone_digits(p.phone) for p in made}) == 3500
    assert ("Amara", "Abernathy") not in {(p.first_name, p.last_name) for p in made}
    assert "4025550100" not in {phone_digits(p.phone) for p in made}
    for person in made[:200]:
        again = other_notation(person.phone, dice)
        assert again != person.phone and normalise_phone(again) == normalise_phone(person.phone)


class Demo:
    """A small world, connected."""

    def __init__(self, engine: Engine, gate_engine: Engine, standin: Standin) -> None:
        self.engine = engine
        self.standin = standin
        state = standin.state()
        self.summary: WorldSummary = load_world(engine, state, seed=SEED, conversations=320)
        migrate(engine)
        connect_all(engine, connections(engine, state))
        config = ResManConfig(standin.url, standin.url, "standin-partner", "standin-key")
        self.client = ResManClient(config, guard=AccountGate(gate_engine))

    def cycle(self) -> PassReport:
        report = sync_pass(self.engine, self.client)
        assert (report.problems, report.pull_errors) == ([], {})
        return report

    def stir(self) -> Stirred:
        return stir(self.engine, self.standin.url, seed=SEED, share=0.3)

    def assert_settled(self) -> None:
        """Nothing pending, nothing failed, nothing diverged; conflicts only where a person decides."""
        with self.engine.connect() as connection:
            figures = property_figures(connection)
            assert conservation_problems(connection) == []
            assert open_conflicts(connection)
            policies = connection.execute(
                text("SELECT partition_key, conflict_policy FROM domiq_sync.integration")
            )
            manual = {key for key, policy in policies if policy == "manual_review"}
        assert sum(f.pending + f.failed + f.diverged + f.deliveries for f in figures) == 0
        assert {f.partition_key for f in figures if f.conflicts} == manual
        assert sum(f.verdicts["open_change"] for f in figures) == 0

    def events(self) -> int:
        return sum(len(p["events"]) for p in self.standin.state()["prospects"])


@pytest.fixture
def demo(domiq: Callable[[], Engine]) -> Iterator[Demo]:
    engine, standin = domiq(), Standin(240)
    gate_engine = make_engine(engine.url.render_as_string(hide_password=False), application_name="gate")
    try:
        demo = Demo(engine, gate_engine, standin)
        try:
            yield demo
        finally:
            demo.client.close()
    finally:
        gate_engine.dispose()
        standin.stop()


def test_two_cycles_and_what_happens_between_them_end_in_agreement(demo: Demo) -> None:
    first = demo.cycle()
    linked = sum(p.linked for p in first.pulled.values())
    assert linked >= demo.summary.both_sides
    by = Counter(dict(rows(demo.engine, "SELECT linked_by, count(*) FROM domiq_sync.lead_link GROUP BY 1")))
    assert {"email", "phone", "name", "created"} == set(by)
    assert by["created"] == demo.summary.kinds["only_domiq"] + demo.summary.kinds["at_two_properties"]
    assert sum(a.agreed for a in first.applied.values()) == demo.summary.kinds["agreeing"]
    assert rows(demo.engine, "SELECT * FROM domiq_sync.link_question") == []
    demo.assert_settled()

    before = {p["prospectId"]: p["status"] for p in demo.standin.state()["prospects"]}
    stirred = demo.stir()
    after = {p["prospectId"]: p["status"] for p in demo.standin.state()["prospects"]}
    moved = sum(after[p] != status for p, status in before.items())
    assert moved == sum(n for kind, n in stirred.staff.items() if kind != "note")
    assert json.loads(json.dumps(stirred.chatbot)) == stirred.chatbot
    assert {"forward", "tour_booked", "pre_qualified", "two_steps", "lost", "back"} <= set(stirred.chatbot)
    assert {"tour_moved", "joined", "new_conversation", "application", "leased", "both_sides"} <= set(
        stirred.chatbot
    )
    assert {"Lost", "Applicant", "Resident", "Prospect", "both_sides", "converted"} <= set(stirred.staff)
    pending = rows(demo.engine, "SELECT count(*) FROM status_sync_log WHERE sync_status = 'pending'")[0][0]
    assert pending == sum(stirred.chatbot.values()) + stirred.chatbot["two_steps"]

    demo.cycle()
    demo.assert_settled()
    applied = [
        p["prospectId"]
        for p in demo.standin.state()["prospects"]
        if p["status"] == "Prospect" and any(e["type"] == "Application" for e in p["events"])
    ]
    assert applied == []

    events = demo.events()
    third = demo.cycle()
    assert third.pushed is not None and third.pushed.delivered == 0
    assert (demo.events(), sum(a.applied for a in third.applied.values())) == (events, 0)
