"""Databases in the shapes that users have, roles as they connect, and what the catalogs say about both.

No assertions here. Everything takes a database URL or a psycopg connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Engine

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import Migrated, migrate, sql_text

Connection = psycopg.Connection[TupleRow]
Catalog = dict[str, list[TupleRow]]

SEED_FILE = Path(__file__).with_name("seed.sql")
SEED_TABLES = ("status_sync_log", "status_workflow_rules", "status_notification_preferences")
SEED_VIEW = "status_sync_success_rate"
CAPTURE_TRIGGERS = {"domiq_sync_capture_insert", "domiq_sync_capture_update"}

UUID_FUNCTION = """
CREATE FUNCTION public.uuid_generate_v4() RETURNS uuid LANGUAGE plpgsql
AS 'BEGIN RETURN gen_random_uuid(); END'
"""
_MINIMAL_PROPERTY = "CREATE TABLE property (id UUID PRIMARY KEY)"
MINIMAL_OWN_COLUMN = (
    _MINIMAL_PROPERTY,
    "CREATE TABLE conversation (id UUID PRIMARY KEY, property_id UUID REFERENCES property(id))",
)
MINIMAL_THROUGH_CHATBOT = (
    _MINIMAL_PROPERTY,
    "CREATE TABLE chatbot (id UUID PRIMARY KEY, property_id UUID REFERENCES property(id))",
    "CREATE TABLE conversation (id UUID PRIMARY KEY, chatbot_id UUID REFERENCES chatbot(id))",
)
_ADD_OWN_COLUMN = "ALTER TABLE conversation ADD COLUMN property_id UUID REFERENCES property(id)"
_DROP_CHATBOT = (
    "DROP TABLE chatbot CASCADE",  # takes the policies that mention it along
    "ALTER TABLE conversation DROP COLUMN chatbot_id",
    "ALTER TABLE conversation DISABLE TRIGGER conversation_notify",  # its function asks the chatbot
)


def domiq_tables() -> tuple[str, ...]:
    """DomIQ's own tables as they are, without any extension."""
    return sql_text("001_uuid_function.sql"), sql_text("000_domiq_tables.sql")


def seed_statements() -> list[str]:
    """The user's contract, statement by statement."""
    code = "\n".join(
        line for line in SEED_FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("--")
    )
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def shapes() -> Mapping[str, tuple[str, ...]]:
    """The statements that make each shape of an existing DomIQ database."""
    own_rows = (
        "INSERT INTO property VALUES ('00000000-0000-0000-0000-0000000000a1')",
        "INSERT INTO conversation SELECT gen_random_uuid(), id FROM property, generate_series(1, 2)",
        """INSERT INTO status_sync_log (conversation_id, new_status, updated_by, sync_direction, sync_status,
                                        created_at)
           SELECT c.id, s, 'chatbot', 'to_resman', CASE s WHEN 'new' THEN 'success' ELSE 'pending' END,
                  TIMESTAMPTZ '2026-03-01 12:00Z' + n * interval '1 minute'
           FROM conversation c, unnest('{new,contacted,qualified}'::text[]) WITH ORDINALITY AS t(s, n)""",
        "INSERT INTO status_sync_log DEFAULT VALUES",
        "INSERT INTO status_sync_log (sync_direction, sync_status) VALUES ('to_resman', 'pending')",
    )
    return {
        "domiq": domiq_tables(),
        "domiq with a uuid function": (UUID_FUNCTION, sql_text("000_domiq_tables.sql")),
        "conversation.property_id": (*domiq_tables(), _ADD_OWN_COLUMN, *_DROP_CHATBOT),
        "property_id and chatbot": (*domiq_tables(), _ADD_OWN_COLUMN),
        "minimal": MINIMAL_OWN_COLUMN,
        "minimal through chatbot": MINIMAL_THROUGH_CHATBOT,
        "seed and rows there": (UUID_FUNCTION, *MINIMAL_OWN_COLUMN, *seed_statements(), *own_rows),
    }


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that commits each statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def run(url: str, *statements: str) -> None:
    """Runs statements as they stand, each committed."""
    with connected(url) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(source: str | Connection, query: str, params: Sequence[Any] = ()) -> list[TupleRow]:
    """What a query gives. `source` is a URL or a connection."""
    if isinstance(source, str):
        with connected(source) as connection:
            return rows(connection, query, params)
    return source.execute(query, params or None).fetchall()


def value(source: str | Connection, query: str, params: Sequence[Any] = ()) -> Any:
    """The first column of a query's only row."""
    [row] = rows(source, query, params)
    return row[0]


@contextmanager
def engine_on(url: str, **settings: Any) -> Iterator[Engine]:
    """An engine, disposed at the end."""
    engine = make_engine(url, **settings)
    try:
        yield engine
    finally:
        engine.dispose()


def migrated(url: str, *, capture_trigger: bool = True) -> Migrated:
    """Migrates the database at `url`."""
    with engine_on(url) as engine:
        return migrate(engine, capture_trigger=capture_trigger)


def as_role(url: str, role: str) -> str:
    """The URL for another role."""
    return url.replace("//postgres@", f"//{role}@")


_RELATIONS = "relation.relnamespace = {schema}::regnamespace AND {names}"
_QUERIES = {
    "relations": """
        SELECT relation.relname, relation.relkind, relation.reloptions, relation.relrowsecurity,
               relation.relforcerowsecurity, pg_get_userbyid(relation.relowner),
               obj_description(relation.oid, 'pg_class'),
               CASE WHEN relation.relkind = 'v' THEN pg_get_viewdef(relation.oid) END
        FROM pg_class relation WHERE relation.relkind IN ('r', 'p', 'v', 'S') AND {which}""",
    "columns": """
        SELECT relation.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attcollation,
               col_description(relation.oid, a.attnum)
        FROM pg_class relation JOIN pg_attribute a ON a.attrelid = relation.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = relation.oid AND d.adnum = a.attnum
        WHERE relation.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND {which}""",
    "constraints": """
        SELECT relation.relname, k.conname, k.contype, pg_get_constraintdef(k.oid), k.convalidated,
               obj_description(k.oid, 'pg_constraint')
        FROM pg_class relation JOIN pg_constraint k ON k.conrelid = relation.oid WHERE {which}""",
    "indexes": """
        SELECT relation.relname, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisvalid
        FROM pg_class relation JOIN pg_index i ON i.indrelid = relation.oid WHERE {which}""",
    "triggers": """
        SELECT relation.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_class relation JOIN pg_trigger t ON t.tgrelid = relation.oid
        WHERE NOT t.tgisinternal AND {which}""",
    "policies": """
        SELECT relation.relname, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid)
        FROM pg_class relation JOIN pg_policy p ON p.polrelid = relation.oid WHERE {which}""",
}
_FUNCTIONS = """
SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = {schema}::regnamespace
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"""


def catalog(connection: Connection, schema: str, names: Sequence[str] | None = None) -> Catalog:
    """What the catalogs say of a schema's relations and functions, or of the named relations alone,
    sorted, without object ids: equal for databases that are built alike."""
    quoted = psycopg.sql.quote(schema, connection)
    listed = psycopg.sql.quote(list(names), connection) if names is not None else ""
    which = _RELATIONS.format(
        schema=quoted, names=f"relation.relname = ANY ({listed})" if names is not None else "TRUE"
    )
    found = {kind: rows(connection, query.format(which=which)) for kind, query in _QUERIES.items()}
    if names is None:
        found["functions"] = rows(connection, _FUNCTIONS.format(schema=quoted))
    return {kind: sorted(entries, key=repr) for kind, entries in found.items()}


def differences(one: Catalog, other: Catalog) -> list[str]:
    """What only one of two catalogs has, in words; empty when they are equal."""
    found = []
    for kind in one.keys() | other.keys():
        mine, theirs = one.get(kind, []), other.get(kind, [])
        found += [f"only the first: {kind} {entry}" for entry in mine if entry not in theirs]
        found += [f"only the second: {kind} {entry}" for entry in theirs if entry not in mine]
        if len(mine) != len(theirs) and not found:
            found.append(f"{kind}: {len(mine)} and {len(theirs)}")
    return sorted(found)


def whole_catalog(url: str) -> Catalog:
    """Both schemas of a migrated database, with the rows of the status maps and Alembic's version."""
    with connected(url) as connection:
        parts = {schema: catalog(connection, schema) for schema in ("public", "domiq_sync")}
        both = {f"{schema} {kind}": rows for schema, part in parts.items() for kind, rows in part.items()}
        for table in ("domiq_status_map", "resman_status_map", "alembic_version"):
            both[table] = sorted(rows(connection, f"SELECT * FROM domiq_sync.{table}"), key=repr)
        return both


PEOPLE = """
INSERT INTO company (name) VALUES ('Sample Homes');
INSERT INTO property (company_id, name, address, city, state, zip_code)
    SELECT id, 'Sample Court', '1 Sample Street', 'Sampleton', 'TX', '00000' FROM company;
INSERT INTO chatbot (property_id, name) SELECT id, 'Sam' FROM property;
INSERT INTO "user" (first_name, last_name, email) VALUES ('Ann', 'Example', 'ann@example.com');
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id)
    SELECT id, '400', 'a-resman-property' FROM property;
"""
"""One connected property with its chatbot, and one user, on a migrated DomIQ database."""


def add_conversation(connection: Connection, status: str | None = "active") -> Any:
    """A new conversation of that one user at that one property; its id."""
    return value(
        connection,
        """INSERT INTO conversation (chatbot_id, user_id, status)
           SELECT b.id, u.id, %s FROM chatbot b, "user" u RETURNING id""",
        [status],
    )
