"""What the engine's tests share: a migrated database per test, one stand-in process, and a `World` that
puts properties, people and conversations into the one and looks at what came of them in the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from sqlalchemy import Engine, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.sync.account_gate import AccountGate, BreakerRules
from domiq_dagster.sync.decisions.apply import Applied, apply_property
from domiq_dagster.sync.delivery.push import PushReport, push
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.monitoring.divergence import comparison
from domiq_dagster.sync.monitoring.figures import conservation_problems
from domiq_dagster.sync.passes import PassReport, sync_pass
from domiq_dagster.sync.pull.pull import Pulled, pull_property
from domiq_dagster.sync.repair.reconcile import Reconciled, reconcile
from domiq_dagster.sync.setup.connect import connect_property

POST = "PostLeadManagement4_0"
SEARCH = "SearchProspects"


class Standin:
    """A hand on the stand-in's controls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def control(self, path: str, data: dict[str, Any] | None = None, method: str = "POST") -> Any:
        answer = self.http.request(method, f"{self.url}/_standin/{path}", json=data, timeout=10)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control("state", method="GET")
        return found

    def faults(self, *faults: dict[str, Any], **switches: Any) -> None:
        """Replaces the faults in force (none given: no faults) and merges the switches."""
        self.control("faults", {"seed": 5, "faults": list(faults), "switches": switches})

    def edit(self, prospect_id: str, **change: Any) -> dict[str, Any]:
        """A staff edit."""
        found: dict[str, Any] = self.control(f"prospects/{prospect_id}", change)
        return found

    def odd(self, prospect_id: str, **shown: Any) -> None:
        """From now on v2 shows a prospect with these `values`, or something else `instead`; as it is, if
        nothing is given."""
        self.control(f"prospects/{prospect_id}/odd", shown)

    def prospect(self, prospect_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.control(f"prospects/{prospect_id}", method="GET")
        return found

    def prospects(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state()["prospects"]
        return found

    def of(self, email: str) -> dict[str, Any]:
        """The only prospect with this e-mail address."""
        (found,) = [p for p in self.prospects() if any(q["email"] == email for q in p["people"])]
        return found

    def requests(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        return [r for r in self.state()["requests"] if endpoint in (None, r["endpoint"])]

    def posts(self) -> list[str]:
        """The Xml of every post that was seen."""
        return [r["parameters"]["Xml"] for r in self.requests(POST)]

    def comments(self) -> list[str]:
        return [e["comments"] or "" for p in self.prospects() for e in p["events"]]


class World:
    """A DomIQ database beside a stand-in."""

    def __init__(self, engine: Engine, url: str, standin: Standin) -> None:
        self.engine, self.url, self.standin = engine, url, standin
        self.places: list[dict[str, Any]] = standin.state()["properties"]
        self.pauses: list[float] = []
        self.closing = ExitStack()
        self.client = self.make_client()
        self._people = 0

    def make_client(
        self,
        *,
        kind: type[ResManClient] = ResManClient,
        gate_wait_ms: int = 0,
        rules: BreakerRules | None = None,
        **config: Any,
    ) -> ResManClient:
        """A client of its own behind a gate of its own. What the pace asks to wait goes to `pauses`, and
        passes at once."""
        gate = make_engine(
            self.url, application_name="gate", statement_timeout_ms=0, lock_timeout_ms=gate_wait_ms
        )
        self.closing.callback(gate.dispose)
        url = self.standin.url
        settings = ResManConfig(url, url, "standin-partner", "standin-key", **config)
        client = kind(settings, guard=AccountGate(gate, rules=rules, pause=self.rest, jitter=lambda: 1.0))
        self.closing.callback(client.close)
        return client

    def rest(self, seconds: float) -> None:
        """Time passes for the pace."""
        self.pauses.append(seconds)
        self.do(
            "UPDATE domiq_sync.account SET next_request_at = next_request_at - :s * interval '1 second'",
            s=seconds,
        )

    # Building

    def property(self, place: int = 0, *, connected: bool = True, **settings: Any) -> UUID:
        """The DomIQ property that belongs to the stand-in's property number `place`."""
        there = self.places[place]
        with self.engine.begin() as c:
            company = c.scalar(
                text("INSERT INTO company(name) VALUES (:n) RETURNING id"), {"n": f"Company {place}"}
            )
            found: UUID = c.scalar(
                text(
                    "INSERT INTO property(company_id, name, address, city, state, zip_code) "
                    "VALUES (:c, :n, '1 Main', 'X', 'TX', '1') RETURNING id"
                ),
                {"c": company, "n": there["name"]},
            )
            c.execute(text("INSERT INTO chatbot(property_id, name) VALUES (:p, 'bot')"), {"p": found})
        if connected:
            self.connect(found, place, **settings)
        return found

    def connect(self, property_id: UUID, place: int = 0, **settings: Any) -> Integration:
        there = self.places[place]
        return connect_property(self.engine, property_id, there["accountId"], there["propertyId"], **settings)

    def user(self, first: str, last: str, email: str | None = None, phone: str | None = None) -> UUID:
        found: UUID = self.value(
            'INSERT INTO "user"(first_name, last_name, email, phone) VALUES (:f, :l, :e, :p) RETURNING id',
            f=first, l=last, e=email, p=phone,
        )  # fmt: skip
        return found

    def conversation(
        self,
        property_id: UUID,
        status: str | None = "new",
        *,
        user: UUID | None = None,
        email: str | None = None,
        age: str = "0 s",
        **columns: Any,
    ) -> UUID:
        """A conversation, by default of a new user with an e-mail address; `age` is how long ago it began."""
        if user is None:
            self._people += 1
            user = self.user("Ada", f"Example{self._people}", email or f"ada.{self._people}@example.com")
        names = "".join(f", {n}" for n in columns)
        values = "".join(f", :{n}" for n in columns)
        found: UUID = self.value(
            f"INSERT INTO conversation(chatbot_id, user_id, status, created_at{names}) "
            f"SELECT b.id, :u, :s, now() - CAST(:age AS interval){values} FROM chatbot b "
            "WHERE b.property_id = :p RETURNING id",
            u=user, s=status, age=age, p=property_id, **columns,
        )  # fmt: skip
        return found

    def change(self, conversation_id: UUID, **columns: Any) -> None:
        """What the chatbot does: UPDATE conversation."""
        sets = ", ".join(f"{n} = :{n}" for n in columns)
        self.do(f"UPDATE conversation SET {sets} WHERE id = :id", id=conversation_id, **columns)

    def log(self, conversation_id: UUID | None, new_status: str | None, **columns: Any) -> UUID:
        """A pending outbound row that the application logs itself."""
        row = {"sync_direction": "to_resman", "sync_status": "pending", **columns}
        names = ", ".join(row)
        found: UUID = self.value(
            f"INSERT INTO status_sync_log(conversation_id, new_status, {names}) "
            f"VALUES (:c, :n, {', '.join(':' + n for n in row)}) RETURNING id",
            c=conversation_id, n=new_status, **row,
        )  # fmt: skip
        return found

    def lead(self, place: int = 0, status: str = "Prospect", **fields: Any) -> dict[str, Any]:
        """A prospect that ResMan's staff made, with one person of the given name, e-mail and phone."""
        person = {
            "firstName": fields.pop("first", "Ada"), "lastName": fields.pop("last", "Example"),
            "email": fields.pop("email", None), "phone": fields.pop("phone", None), "isMainContact": True,
        }  # fmt: skip
        data = {"propertyId": self.places[place]["propertyId"], "people": [person], "status": status}
        found: dict[str, Any] = self.standin.control("prospects", {**data, **fields})
        return found

    # Acting

    def integrations(self) -> list[Integration]:
        with self.engine.connect() as c:
            return load_integrations(c)

    def sync(self, times: int = 1) -> PassReport:
        for _ in range(times):
            report = sync_pass(self.engine, self.client)
        return report

    def pull(self, **options: Any) -> list[Pulled]:
        return [pull_property(self.engine, self.client, i, **options) for i in self.integrations()]

    def apply(self) -> list[Applied]:
        return [apply_property(self.engine, i) for i in self.integrations()]

    def push(self, client: ResManClient | None = None, **options: Any) -> PushReport:
        return push(self.engine, client or self.client, **options)

    def reconcile(self) -> Reconciled:
        return reconcile(self.engine)

    def later(self) -> None:
        """Time passes: every delivery is due, every lease and every breaker's pause is over."""
        self.do("UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() - interval '1 s'")
        self.do(
            "UPDATE domiq_sync.account SET open_until = clock_timestamp() - interval '1 s' "
            "WHERE open_until IS NOT NULL"
        )

    def deliver(self, rounds: int = 6) -> None:
        """Pushes, as time passes, until nothing is pending."""
        for _ in range(rounds):
            self.later()
            self.push()
            if not self.rows("SELECT FROM domiq_sync.delivery"):
                return
        pytest.fail(f"still pending: {self.rows('SELECT state, last_outcome FROM domiq_sync.delivery')}")

    # Looking

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.connect() as c:
            return list(c.execute(text(sql), values).all())

    def value(self, sql: str, **values: Any) -> Any:
        with self.engine.begin() as c:
            return c.scalar(text(sql), values)

    def do(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as c:
            c.execute(text(sql), values)

    def status(self, conversation_id: UUID) -> str | None:
        found: str | None = self.value("SELECT status FROM conversation WHERE id = :c", c=conversation_id)
        return found

    def changes(self, conversation_id: UUID) -> list[Any]:
        """The log of a conversation in order, with `outcome` and `reason` of the settlement."""
        return self.rows(
            "SELECT g.*, g.context_data #>> '{sync,outcome}' AS outcome, "
            "g.context_data #>> '{sync,reason}' AS reason FROM status_sync_log g "
            "JOIN domiq_sync.change c ON c.change_id = g.id WHERE g.conversation_id = :c ORDER BY c.seq",
            c=conversation_id,
        )

    def last(self, conversation_id: UUID) -> Any:
        return self.changes(conversation_id)[-1]

    def delivery(self) -> Any:
        """The only delivery."""
        (found,) = self.rows("SELECT * FROM domiq_sync.delivery")
        return found

    def lead_of(self, conversation_id: UUID) -> dict[str, Any]:
        """The prospect that a conversation is linked with, as the stand-in has it."""
        return self.standin.prospect(
            self.value(
                "SELECT prospect_id FROM domiq_sync.lead_link WHERE conversation_id = :c", c=conversation_id
            )
        )

    def told(self, conversation_id: UUID) -> list[str]:
        """The types of the events that the sync posted to its prospect, in order."""
        return [e["type"] for e in self.lead_of(conversation_id)["events"] if "[DQ-" in (e["comments"] or "")]

    def verdicts(self) -> list[str]:
        with self.engine.connect() as c:
            return [v.verdict for i in load_integrations(c) for v in comparison(c, i.property_id)]

    def kept_locks(self) -> list[Any]:
        """Advisory locks that a session of this database holds though nobody is using it by now. A session
        that was thrown away ends a moment after its client."""
        until = time.monotonic() + 5
        while True:
            kept = self.rows(
                "SELECT a.application_name, a.state, a.query FROM pg_locks l "
                "JOIN pg_stat_activity a USING (pid) "
                "WHERE l.locktype = 'advisory' AND a.datname = current_database()"
            )
            if not kept or time.monotonic() > until:
                return kept
            time.sleep(0.05)

    def conservation(self) -> list[dict[str, Any]]:
        with self.engine.connect() as c:
            return conservation_problems(c)

    def repeated_markers(self) -> list[str]:
        """Markers that stand at ResMan more than once: changes that were posted twice."""
        marks = [w.rstrip(".") for text_ in self.standin.comments() for w in text_.split() if "[DQ-" in w]
        return sorted({m for m in marks if marks.count(m) > 1})

    def versions(self) -> dict[str, list[Any]]:
        """The row versions of every table that a pass may write, but for the record of pulls and requests
        (a success after an outage still speeds its account up)."""
        tables = self.rows(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname IN ('public', 'domiq_sync') "
            "AND tablename NOT IN ('pull', 'watermark', 'account', 'account_turn', 'worker')"
        )
        find = "SELECT xmin::text, ctid::text FROM {} ORDER BY 1, 2"
        return {t.name: [tuple(r) for r in self.rows(find.format(t.name))] for t in tables}


@pytest.fixture(scope="session")
def standin_url() -> Iterator[str]:
    """A stand-in in a process of its own."""
    secrets = ("RESMAN_PARTNER_ID", "RESMAN_API_KEY")
    environment = {k: v for k, v in os.environ.items() if k not in secrets}
    root = str(Path(__file__).resolve().parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "domiq_dagster.resman.standin", "--port", "0", "--empty"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    yield json.loads(child.stdout.readline())["url"]
    child.terminate()
    _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, b"")


@pytest.fixture
def standin(standin_url: str) -> Iterator[Standin]:
    """The stand-in, reset: two accounts, twelve properties in three time zones, no prospects."""
    hand = Standin(standin_url)
    hand.control("reset", {"seed": 3, "empty": True})
    yield hand
    hand.http.close()


def _build(url: str) -> None:
    engine = make_engine(url)
    migrate(engine)
    engine.dispose()


@pytest.fixture
def domiq_url(
    make_template: Callable[[str, Callable[[str], None]], str], make_database: Callable[..., str]
) -> str:
    """The URL of a migrated, empty DomIQ database."""
    return make_database(make_template("sync_template", _build))


@pytest.fixture
def world(domiq_url: str, standin: Standin) -> Iterator[World]:
    """A world; in the end every pending change must still have its delivery, and no other, and no advisory
    lock outlives whoever took it."""
    engine = make_engine(domiq_url, pool_size=10)
    world = World(engine, domiq_url, standin)
    try:
        yield world
        assert world.conservation() == []
        assert world.kept_locks() == []
    finally:
        world.closing.close()
        engine.dispose()
