"""The schema is the user's contract: a migrated database and one built by the design's own SQL are the
same to the catalogs, and their views give the same rows."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.log_index import LOG_INDEX
from tests.depth import examples
from tests.fixtures.domiq_shapes import (
    MINIMAL_OWN_COLUMN,
    SEED_TABLES,
    SEED_VIEW,
    UUID_FUNCTION,
    Catalog,
    Connection,
    catalog,
    connected,
    differences,
    migrated,
    rows,
    run,
    seed_statements,
    shapes,
)

pytestmark = pytest.mark.soaked

OWN_COLUMN, THROUGH_CHATBOT = "minimal", "minimal through chatbot"


def build_by_seed(url: str) -> None:
    run(url, UUID_FUNCTION, *MINIMAL_OWN_COLUMN, *seed_statements())


def build_by_migrate(url: str, shape: str) -> None:
    run(url, *shapes()[shape])
    migrated(url)


@pytest.fixture(scope="module")
def by_seed(pg_server: EmbeddedServer) -> str:
    """A database built by the seed; nobody changes it."""
    pg_server.ensure_database("contract_seed")
    build_by_seed(pg_server.url("contract_seed"))
    return pg_server.url("contract_seed")


def contract(connection: Connection) -> Catalog:
    """What the contract speaks about: its tables whole, save the machinery's triggers and index, and the face
    of its view."""
    found = catalog(connection, "public", [*SEED_TABLES, SEED_VIEW])
    found["triggers"] = [t for t in found["triggers"] if not t[1].startswith("domiq_sync_")]
    # Beyond the seed, and left out with --no-log-index: see docs/databases.md.
    found["indexes"] = [i for i in found["indexes"] if i[1] != LOG_INDEX]
    found["relations"] = [r[:-1] for r in found["relations"]]  # the view's text may differ, its rows may not
    return found


def test_the_contract_is_read_whole(by_seed: str) -> None:
    """Guards the guard: the comparison sees every statement of the seed."""
    with connected(by_seed) as connection:
        found = contract(connection)
    assert len(seed_statements()) == 14
    assert [r[0] for r in found["relations"]] == sorted([*SEED_TABLES, SEED_VIEW])
    assert len(found["columns"]) == 11 + 8 + 8 + 3
    assert sum(c[2] == "c" for c in found["constraints"]) == 4 * 2
    assert sum(c[2] == "f" for c in found["constraints"]) == 3
    assert len(found["indexes"]) == 3 + 3


@pytest.mark.parametrize("shape", shapes())
def test_a_migrated_database_has_the_contract_as_it_stands(
    by_seed: str, shape: str, make_database: Callable[..., str]
) -> None:
    url = make_database()
    build_by_migrate(url, shape)
    with connected(by_seed) as seeded, connected(url) as ours:
        assert differences(contract(seeded), contract(ours)) == []


ALTERATIONS = [
    "ALTER TABLE status_sync_log ALTER new_status TYPE VARCHAR(51)",
    "ALTER TABLE status_sync_log ALTER created_at TYPE TIMESTAMP",
    "ALTER TABLE status_sync_log ALTER created_at DROP DEFAULT",
    "ALTER TABLE status_sync_log ALTER sync_status SET NOT NULL",
    "ALTER TABLE status_sync_log ADD COLUMN attempts INTEGER",
    "ALTER TABLE status_sync_log DROP CONSTRAINT chk_status_updated_by",
    "ALTER TABLE status_sync_log RENAME CONSTRAINT chk_status_updated_by TO chk_updated_by",
    "ALTER TABLE status_sync_log DROP CONSTRAINT status_sync_log_sync_status_check",
    """ALTER TABLE status_notification_preferences DROP CONSTRAINT chk_notification_method,
       ADD CONSTRAINT chk_notification_method CHECK (notification_method IN ('email', 'sms', 'slack'))""",
    """ALTER TABLE status_workflow_rules DROP CONSTRAINT status_workflow_rules_property_id_fkey,
       ADD FOREIGN KEY (property_id) REFERENCES property (id)""",
    "ALTER TABLE status_workflow_rules ALTER is_active SET DEFAULT FALSE",
    "ALTER TABLE status_workflow_rules ENABLE ROW LEVEL SECURITY",
    "COMMENT ON TABLE status_sync_log IS NULL",
    "DROP INDEX idx_status_workflow_rules_property",
    "CREATE INDEX one_more ON status_sync_log (conversation_id)",
    "DROP TABLE status_workflow_rules",
    "DROP VIEW status_sync_success_rate",
    """DROP VIEW status_sync_success_rate; CREATE VIEW status_sync_success_rate AS
       SELECT gen_random_uuid() AS property_id, 1.0::numeric AS sync_success_rate,
              1::bigint AS failed_status_updates""",
    "ALTER VIEW status_sync_success_rate RENAME COLUMN sync_success_rate TO success_rate",
]


@pytest.fixture(scope="module")
def altered(pg_server: EmbeddedServer) -> Iterator[Connection]:
    pg_server.ensure_database("contract_altered")
    url = pg_server.url("contract_altered")
    build_by_migrate(url, OWN_COLUMN)
    with psycopg.connect(url) as connection:
        yield connection


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_schema_is_told_apart(by_seed: str, altered: Connection, alteration: str) -> None:
    with connected(by_seed) as seeded:
        wanted = contract(seeded)
    assert differences(wanted, contract(altered)) == []
    altered.execute(alteration)
    found = differences(wanted, contract(altered))
    altered.rollback()
    assert found != []


@dataclass(frozen=True)
class World:
    """Random rows: `conversations` gives each one's property (None: none), `log` the logged changes."""

    properties: int
    conversations: list[int | None]
    log: list[tuple[int | None, str | None, str | None, str | None]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    properties = draw(st.integers(0, 3))
    property_or_none = st.none() | st.integers(0, properties - 1) if properties else st.none()
    conversations = draw(st.lists(property_or_none, max_size=6))
    conversation = st.none() | st.integers(0, len(conversations) - 1) if conversations else st.none()
    entry = st.tuples(
        conversation,
        st.sampled_from([None, "pending", "success", "failed"]),
        st.sampled_from([None, "to_resman", "from_resman"]),
        st.sampled_from([None, "new", "leased", "active", ""]),
    )
    return World(properties, conversations, draw(st.lists(entry, max_size=25)))


def identity(kind: str, number: int | None) -> uuid.UUID | None:
    return None if number is None else uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}")


def fill(connection: Connection, world: World) -> None:
    cursor = connection.cursor()
    properties = [identity("property", n) for n in range(world.properties)]
    cursor.executemany("INSERT INTO property (id) VALUES (%s)", [(p,) for p in properties])
    through_chatbot = rows(connection, "SELECT to_regclass('chatbot') IS NOT NULL") == [(True,)]
    if through_chatbot:
        # A conversation without a property has no chatbot, or one that belongs nowhere.
        bots = [(identity("bot", n), p) for n, p in enumerate(properties)] + [(identity("bot", -1), None)]
        cursor.executemany("INSERT INTO chatbot (id, property_id) VALUES (%s, %s)", bots)
    for n, property_id in enumerate(world.conversations):
        if through_chatbot:
            bot = -1 if property_id is None and n % 2 else property_id
            home, column = identity("bot", bot), "chatbot_id"
        else:
            home, column = identity("property", property_id), "property_id"
        insert = f"INSERT INTO conversation (id, {column}) VALUES (%s, %s)"
        cursor.execute(insert, [identity("conversation", n), home])
    cursor.executemany(
        "INSERT INTO status_sync_log (conversation_id, sync_status, sync_direction, new_status) "
        "VALUES (%s, %s, %s, %s)",
        [(identity("conversation", c), *rest) for c, *rest in world.log],
    )


VIEW_ROWS = "SELECT * FROM status_sync_success_rate ORDER BY property_id NULLS FIRST"


@pytest.fixture(scope="module")
def seed_and_ours(pg_server: EmbeddedServer) -> Iterator[dict[str, Connection]]:
    """Connections to the seed's own database and to a migrated one of either shape."""
    builders: dict[str, Callable[[str], None]] = {
        "seed": build_by_seed,
        OWN_COLUMN: lambda url: build_by_migrate(url, OWN_COLUMN),
        THROUGH_CHATBOT: lambda url: build_by_migrate(url, THROUGH_CHATBOT),
    }
    connections = {}
    for number, (name, build) in enumerate(builders.items()):
        database = f"contract_rows_{number}"
        pg_server.ensure_database(database)
        build(pg_server.url(database))
        connections[name] = psycopg.connect(pg_server.url(database))
    yield connections
    for connection in connections.values():
        connection.close()


@settings(max_examples=examples(60))
@given(world=worlds())
def test_the_view_gives_the_rows_of_the_seeds_view(
    seed_and_ours: dict[str, Connection], world: World
) -> None:
    found = {}
    for name, connection in seed_and_ours.items():
        fill(connection, world)
        found[name] = rows(connection, VIEW_ROWS)
        connection.rollback()
    assert found[OWN_COLUMN] == found["seed"]
    assert found[THROUGH_CHATBOT] == found["seed"]


def test_the_view_tells_success_failure_and_the_rest_apart(seed_and_ours: dict[str, Connection]) -> None:
    """The oracle is no empty one: a world whose figures are known."""
    log = [(0, "success"), (0, "failed"), (1, None), (None, "failed")]
    world = World(1, [0, None], [(conversation, status, None, None) for conversation, status in log])
    for connection in seed_and_ours.values():
        fill(connection, world)
        assert rows(connection, VIEW_ROWS) == [(None, 0.0, 0), (identity("property", 0), 50.0, 1)]
        connection.rollback()
