"""What the examples of the state machine share (one database, some worker processes), and the property of
each: a property, an account, users and conversations of its own, which are deleted when it is done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import Connection, CursorResult, text

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.delivery import person_lock, push
from domiq_dagster.sync.delivery.attempts import AttemptLog
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.setup.connect import connect_property
from tests.machine.process import Process
from tests.machine.resman_model import AGENT, LOST_REASON, SOURCE, ZONE, property_of

SETTINGS = {"agent_id": AGENT, "source_id": SOURCE, "lost_reason_id": LOST_REASON, "time_zone": ZONE}
USER_OF = [0, 1, 1, 2]
"""Which user each conversation belongs to. Of the last one no contact is known at first."""


_CLOCK = """
CREATE SCHEMA machine;
CREATE TABLE machine.clock (ahead INTERVAL NOT NULL);
INSERT INTO machine.clock VALUES ('1000 days');
CREATE FUNCTION machine.clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE sql VOLATILE AS
'SELECT pg_catalog.clock_timestamp() + (SELECT ahead FROM machine.clock)';
"""
_SESSION = "-c search_path=machine,pg_catalog,public"
"""Options of sessions in which the queue's statements see that clock. (Triggers and defaults go by the true
one, far behind: what they write is due at once, as it should be.)"""


class Harness:
    """A migrated database with a clock that can be set, and the processes that work on it."""

    def __init__(self, url: str) -> None:
        url = with_options(url, _SESSION)
        self.engine = make_engine(url, application_name="machine", pool_size=4)
        if not self.rows("SELECT FROM pg_namespace WHERE nspname = 'machine'"):
            self.do(_CLOCK)
        assert self.rows("SELECT WHERE clock_timestamp() > now() + interval '999 days'")
        self.processes = [Process(url, f"worker {n}") for n in range(3)]
        self.skew = 0.0
        """How many seconds the workers' own clocks are ahead."""

    def close(self) -> None:
        for process in self.processes:
            process.close()
        self.engine.dispose()

    def run(self, connection: Connection, sql: str, **values: Any) -> CursorResult[Any]:
        return connection.execute(text(sql), values)

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.connect() as c:
            return list(self.run(c, sql, **values).all())

    def do(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as c:
            self.run(c, sql, **values)

    def step_clock(self, seconds: float) -> None:
        """The database's clock goes ahead (or back) by so much."""
        self.do("UPDATE machine.clock SET ahead = ahead + :s * interval '1 second'", s=seconds)

    def property(self, first: list[str], *, settings_open: bool) -> SyncedProperty:
        """A connected property with conversations at these statuses."""
        return SyncedProperty(self, first, settings_open=settings_open)


def with_options(url: str, options: str) -> str:
    """The URL of the same database in sessions with these options."""
    return f"{url}{'&' if '?' in url else '?'}options={quote(options)}"


def migrated(server: EmbeddedServer, name: str) -> str:
    """The URL of a database of that name, for all tests of a module: examples do not see each other."""
    server.ensure_database(name)
    engine = make_engine(server.url(name))
    migrate(engine)
    engine.dispose()
    return server.url(name)


@contextmanager
def harness_at(url: str, *, abreast: int = 1) -> Iterator[Harness]:
    """A harness whose workers' clocks can be set. With one thread at an account (`abreast`) what happens can
    be repeated; the engine has two."""
    harness = Harness(url)
    true_now = AttemptLog.now

    def now(attempts: AttemptLog) -> datetime:
        return true_now(attempts) + timedelta(seconds=harness.skew)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AttemptLog, "now", now)
        patch.setattr(push, "ABREAST", abreast)
        # Steps that are repeated take the same course: no pause is over sooner than another time.
        patch.setitem(DeliveryWorker.__init__.__kwdefaults__, "jitter", lambda: 0.9)
        # Nobody hurries here: who waits for a person that a frozen worker has locked would wait in vain.
        patch.setattr(person_lock, "_WAIT_A_LITTLE", text("SET LOCAL lock_timeout = '10ms'"))
        try:
            yield harness
        finally:
            harness.close()


class SyncedProperty:
    """One example's part of the database."""

    def __init__(self, harness: Harness, first: list[str], *, settings_open: bool) -> None:
        self._harness = harness
        self.account = uuid.uuid4().hex
        with harness.engine.begin() as c:
            self._company = harness.run(
                c, "INSERT INTO company(name) VALUES (:n) RETURNING id", n=self.account
            ).scalar_one()
            self.id: UUID = harness.run(
                c,
                "INSERT INTO property(company_id, name, address, city, state, zip_code) "
                "VALUES (:c, :n, '1 Main', 'X', 'TX', '1') RETURNING id",
                c=self._company, n=self.account,
            ).scalar_one()  # fmt: skip
            harness.run(c, "INSERT INTO chatbot(property_id, name) VALUES (:p, 'bot')", p=self.id)
            self.users = [
                harness.run(
                    c,
                    "INSERT INTO \"user\"(first_name, last_name, email) VALUES ('Bo', :l, :e) RETURNING id",
                    l=f"Number{n}",
                    e=self.email(n) if n < 2 else None,
                ).scalar_one()
                for n in range(3)
            ]
        settings: dict[str, Any] = {} if settings_open else SETTINGS
        connect_property(harness.engine, self.id, self.account, property_of(self.account), **settings)
        with harness.engine.begin() as c:
            self.conversations = [self._begin(c, n, word, age=40 - n) for n, word in enumerate(first)]

    def _begin(self, c: Connection, n: int, status: str, age: int) -> UUID:
        found: UUID = self._harness.run(
            c,
            "INSERT INTO conversation(chatbot_id, user_id, status, created_at) "
            "SELECT id, :u, :s, now() - :age * interval '1 minute' FROM chatbot WHERE property_id = :p "
            "RETURNING id",
            u=self.users[USER_OF[n]], s=status, age=age, p=self.id,
        ).scalar_one()  # fmt: skip
        return found

    def email(self, user: int) -> str:
        return f"p{user}.{self.account}@example.com"

    def siblings(self, n: int) -> list[UUID]:
        """The other conversations of the same user."""
        return [c for k, c in enumerate(self.conversations) if k != n and USER_OF[k] == USER_OF[n]]

    def replace(self, n: int) -> None:
        """Deletes a conversation; its user begins another one."""
        with self._harness.engine.begin() as c:
            self._harness.run(c, "DELETE FROM conversation WHERE id = :c", c=self.conversations[n])
            self.conversations[n] = self._begin(c, n, "new", age=0)

    def tell_contact(self) -> None:
        """From here on every user has an e-mail address."""
        self._harness.do(
            'UPDATE "user" SET email = :e WHERE id = :u AND email IS NULL', e=self.email(2), u=self.users[2]
        )

    def set(self, **settings: Any) -> None:
        connect_property(self._harness.engine, self.id, self.account, property_of(self.account), **settings)

    def clear(self) -> None:
        """Leaves nothing behind."""
        with self._harness.engine.begin() as c:
            self._harness.run(c, "DELETE FROM company WHERE id = :c", c=self._company)
            self._harness.run(c, 'DELETE FROM "user" WHERE id = ANY (:u)', u=self.users)
            for table in ("account", "account_turn"):
                self._harness.run(
                    c, f"DELETE FROM domiq_sync.{table} WHERE resman_account_id = :a", a=self.account
                )
