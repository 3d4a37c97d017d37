"""The totals of the log: whatever is written to it, by whom and in whatever order, each session reads what
the design's own query would have given it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors
from sqlalchemy import Engine

from domiq_dagster.db.engine import make_engine
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.monitoring.log_totals import Ended
from tests.depth import examples
from tests.fixtures.domiq_shapes import Connection, migrated, rows, run, shapes, value

pytestmark = pytest.mark.soaked

_LEVELS = (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ)
SHAPES = ("domiq", "conversation.property_id", "property_id and chatbot")
PROPERTIES, CONVERSATIONS = 5, 6
_SEED = """
SELECT {property} AS property_id,
       COUNT(*) FILTER (WHERE ssl.sync_status = 'success')::float / NULLIF(COUNT(*), 0) * 100,
       COUNT(*) FILTER (WHERE ssl.sync_status = 'failed')
FROM {source} JOIN status_sync_log ssl ON ssl.conversation_id = c.id GROUP BY 1
"""
_JOINED = "conversation c LEFT JOIN chatbot b ON b.id = c.chatbot_id"
_PROPERTY = {
    "domiq": ("b.property_id", _JOINED),
    "conversation.property_id": ("c.property_id", "conversation c"),
    "property_id and chatbot": ("COALESCE(c.property_id, b.property_id)", _JOINED),
}
# What both say, in one statement, so of one snapshot.
_BOTH = """
SELECT (SELECT array_agg(v::text ORDER BY v::text) FROM status_sync_success_rate v),
       (SELECT array_agg(s::text ORDER BY s::text) FROM ({seed}) AS s),
       (SELECT array_agg(t::text ORDER BY t::text) FROM domiq_sync.property_totals() t),
       (SELECT array_agg(t::text ORDER BY t::text)
        FROM (SELECT p.property_id, p.conversation_id IS NOT NULL, g.sync_direction, g.sync_status, count(*)
              FROM status_sync_log g LEFT JOIN domiq_sync.conversation_property p USING (conversation_id)
              GROUP BY 1, 2, 3, 4) AS t),
       public.status_sync_is_counted()
"""


def identity(kind: str, number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}")


class Database:
    """A migrated database of one shape, three sessions at it, and the engine that folds."""

    def __init__(self, shape: str, url: str) -> None:
        self.shape = shape
        self.engine: Engine = make_engine(url)
        self.owner = psycopg.connect(url, autocommit=True)
        self.sessions = [psycopg.connect(url) for _ in range(3)]
        for session in self.sessions:
            session.execute("SET lock_timeout = '20ms'")
            session.commit()
        source = _PROPERTY[shape]
        self.seed = _SEED.format(property=source[0], source=source[1])
        self.both = _BOTH.format(seed=self.seed)

    def close(self) -> None:
        for connection in (self.owner, *self.sessions):
            connection.close()
        self.engine.dispose()

    def begin(self, isolation: list[bool]) -> None:
        """Properties, of which the first three have a chatbot, four conversations, and an empty log."""
        for session, repeatable in zip(self.sessions, isolation, strict=True):
            session.rollback()
            session.isolation_level = _LEVELS[repeatable]
        do = self.owner.execute
        do("TRUNCATE company CASCADE")
        company = do("INSERT INTO company (name) VALUES ('Sample Homes') RETURNING id").fetchone()
        for n in range(PROPERTIES):
            do(
                "INSERT INTO property (id, company_id, name, address, city, state, zip_code) "
                "VALUES (%s, %s, 'A', 'B', 'C', 'TX', '00000')",
                [identity("property", n), company[0] if company else None],
            )
            if n < 3 and self.shape != "conversation.property_id":
                do("INSERT INTO chatbot (id, property_id, name) VALUES (%s, %s, 'Sam')",
                   [identity("chatbot", n), identity("property", n)])  # fmt: skip
        if self.shape != "conversation.property_id":
            do("ALTER TABLE conversation ALTER chatbot_id DROP NOT NULL")
        for n in range(4):
            self.add_conversation(self.owner, n, n)
            for b in range(1, 4):
                log(self, self.owner, n, b)
        log_totals.keep(self.engine)
        assert value(self.owner, "SELECT domiq_sync.totals_are_counted()")

    def home(self, n: int) -> dict[str, uuid.UUID | None]:
        """Where a conversation may lead: by its chatbot, by itself, or nowhere."""
        chatbot = {"chatbot_id": identity("chatbot", n % 3)} if n % 4 != 3 else {"chatbot_id": None}
        own = {"property_id": identity("property", n % PROPERTIES)} if n % 3 != 2 else {"property_id": None}
        if self.shape == "domiq":
            return {**chatbot}
        return {**own} if self.shape == "conversation.property_id" else {**chatbot, **own}

    def add_conversation(self, session: Connection, a: int, b: int) -> None:
        home = self.home(b)
        session.execute(
            f"INSERT INTO conversation (id, status, {', '.join(home)}) "
            f"VALUES (%s, NULL{', %s' * len(home)})".encode(),
            [identity("conversation", a), *home.values()],
        )

    def move(self, session: Connection, a: int, b: int) -> None:
        home = self.home(b)
        columns = ", ".join(f"{column} = %s" for column in home)
        session.execute(
            f"UPDATE conversation SET {columns} WHERE id = %s".encode(),
            [*home.values(), identity("conversation", a)],
        )

    def move_chatbot(self, session: Connection, a: int, b: int) -> None:
        if self.shape != "conversation.property_id":
            session.execute(
                "UPDATE chatbot SET property_id = %s WHERE id = %s",
                [identity("property", b % PROPERTIES), identity("chatbot", a % 3)],
            )


STATUSES = [None, "pending", "success", "failed"]
DIRECTIONS = [None, "to_resman", "from_resman"]


def log(_: Database, session: Connection, a: int, b: int) -> None:
    """One row, or with an odd `b` three of different conversations by one statement."""
    for_conversations = [a, a + 1, a] if b % 2 else [a]
    session.execute(
        "INSERT INTO status_sync_log (conversation_id, sync_status, sync_direction) SELECT c, %s, %s "
        "FROM unnest(%s::uuid[]) c WHERE c IS NULL OR EXISTS (SELECT FROM conversation k WHERE k.id = c)",
        [
            STATUSES[b % 4],
            DIRECTIONS[b % 3],
            [None if n % 7 == 6 else identity("conversation", n % CONVERSATIONS) for n in for_conversations],
        ],
    )


def settle(_: Database, session: Connection, a: int, b: int) -> None:
    session.execute(
        "UPDATE status_sync_log SET sync_status = %s WHERE conversation_id = %s AND sync_status = 'pending'",
        [STATUSES[b % 4], identity("conversation", a)],
    )


def touch_all(_: Database, session: Connection, a: int, b: int) -> None:
    session.execute("UPDATE status_sync_log SET status_reason = 'touched'")


def reassign(_: Database, session: Connection, a: int, b: int) -> None:
    session.execute(
        "UPDATE status_sync_log SET conversation_id = (SELECT id FROM conversation WHERE id = %s) "
        "WHERE id = (SELECT id FROM status_sync_log WHERE conversation_id = %s LIMIT 1)",
        [identity("conversation", b % CONVERSATIONS), identity("conversation", a)],
    )


def unlog(_: Database, session: Connection, a: int, b: int) -> None:
    session.execute(
        "DELETE FROM status_sync_log WHERE conversation_id = %s OR sync_status IS NOT DISTINCT FROM %s",
        [identity("conversation", a), STATUSES[b % 4]],
    )


def truncate(_: Database, session: Connection, a: int, b: int) -> None:
    session.execute("TRUNCATE status_sync_log CASCADE")


def delete_conversation(_: Database, session: Connection, a: int, b: int) -> None:
    session.execute("DELETE FROM conversation WHERE id = %s", [identity("conversation", a)])


def replace_conversation(database: Database, session: Connection, a: int, b: int) -> None:
    """Deleted and there again, elsewhere, with a change."""
    delete_conversation(database, session, a, b)
    database.add_conversation(session, a, b)
    log(database, session, a, 0)


def delete_property(_: Database, session: Connection, a: int, b: int) -> None:
    """Chatbots, conversations and changes go with it."""
    session.execute("UPDATE conversation SET property_id = NULL WHERE property_id = %s" if _.shape != "domiq"
                    else "SELECT %s", [identity("property", a % PROPERTIES)])  # fmt: skip
    session.execute("DELETE FROM property WHERE id = %s", [identity("property", a % PROPERTIES)])


OFTEN: list[Callable[[Database, Connection, int, int], None]] = [
    *(log, settle, reassign, replace_conversation),
    *(Database.add_conversation, Database.move, Database.move_chatbot),
]
SELDOM = [touch_all, unlog, truncate, delete_conversation, delete_property]
ENDS = ["commit", "rollback", "undone", "fold", "fold in parts"]

steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([*3 * [*OFTEN, *ENDS], *SELDOM]),
        st.integers(0, CONVERSATIONS),
        st.integers(0, 11),
    ),
    min_size=5,
    max_size=50,
)


@pytest.fixture(scope="module", params=SHAPES)
def database(request: pytest.FixtureRequest, make_template: Any, pg_server: Any) -> Iterator[Database]:
    shape: str = request.param
    name = f"log_totals_{SHAPES.index(shape)}"
    pg_server.ensure_database(name)
    url = pg_server.url(name)
    run(url, *shapes()[shape])
    migrated(url)
    found = Database(shape, url)
    yield found
    found.close()


@settings(max_examples=examples(30))
@given(steps=steps, isolation=st.lists(st.booleans(), min_size=3, max_size=3))
def test_each_session_reads_what_the_designs_own_query_would_give_it(
    database: Database, steps: list[tuple[int, Any, int, int]], isolation: list[bool]
) -> None:
    database.begin(isolation)
    for number, what, a, b in steps:
        session = database.sessions[number]
        if what in ("fold", "fold in parts"):
            fold(database, parts=3 if what == "fold in parts" else 1)
        elif what == "undone":
            in_vain(database, session, a, b)
        elif isinstance(what, str):
            getattr(session, what)()
        else:
            attempt(session, lambda: what(database, session, a, b))  # noqa: B023
        # The others are left alone: whoever reads in a transaction is in the way of TRUNCATE.
        compare(database, session)
        compare(database, database.owner)
    for session in database.sessions:
        session.commit()
    compare(database, database.owner, counted=True)
    fold(database, parts=1)
    compare(database, database.owner, counted=True)
    again = log_totals.recount(database.engine)
    assert (again.ended, again.drift) == (Ended.COUNTED, [])
    notes = "SELECT FROM domiq_sync.log_delta UNION ALL SELECT FROM domiq_sync.log_move"
    assert rows(database.owner, notes) == []


def attempt(session: Connection, do: Callable[[], None]) -> None:
    """In a savepoint: what another session is in the way of is left."""
    in_the_way = (errors.LockNotAvailable, errors.SerializationFailure, errors.DeadlockDetected)
    with suppress(*in_the_way, errors.IntegrityError), session.transaction():
        do()


def in_vain(database: Database, session: Connection, a: int, b: int) -> None:
    """Writes in a savepoint that is undone."""

    def do() -> None:
        log(database, session, a, b)
        database.move(session, a, b)
        settle(database, session, a, b)
        compare(database, session)
        raise psycopg.Rollback

    attempt(session, do)


def fold(database: Database, *, parts: int) -> None:
    for part in range(parts):
        database.owner.execute("SELECT domiq_sync.fold_log(%s, %s)", [parts, part])


def compare(database: Database, session: Connection, *, counted: bool | None = None) -> None:
    [(ours, seeds, totals, of_log, is_counted)] = rows(session, database.both)
    assert ours == seeds
    assert totals == of_log
    assert counted is None or is_counted == counted
