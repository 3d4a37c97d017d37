"""A copy of the machine's database, and putting it back: every row of every table, and every sequence, as
they were. Sessions stay, so nobody may be in the middle of anything."""

from __future__ import annotations

from tests.machine.harness import Harness

_TABLES = """
SELECT c.oid::regclass::text AS name, 'copy.' || quote_ident(n.nspname || '_' || c.relname) AS kept
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('public', 'domiq_sync') AND c.relname <> 'alembic_version'
ORDER BY 1
"""
_SEQUENCES = """
CREATE TABLE copy.sequences AS
SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) AS name, last_value
FROM pg_sequences WHERE schemaname IN ('public', 'domiq_sync')
"""


def take(harness: Harness) -> None:
    """Takes a copy, instead of an earlier one."""
    tables = harness.rows(_TABLES)
    with harness.engine.begin() as c:
        harness.run(c, "DROP SCHEMA IF EXISTS copy CASCADE")
        harness.run(c, "CREATE SCHEMA copy")
        for table in tables:
            harness.run(c, f"CREATE TABLE {table.kept} AS TABLE {table.name}")
        harness.run(c, _SEQUENCES)


def put_back(harness: Harness) -> None:
    """Puts the copy back."""
    tables = harness.rows(_TABLES)
    with harness.engine.begin() as c:
        harness.run(c, "SET LOCAL session_replication_role = replica")
        for table in tables:
            harness.run(c, f"DELETE FROM {table.name}")
            harness.run(c, f"INSERT INTO {table.name} OVERRIDING SYSTEM VALUE SELECT * FROM {table.kept}")
        harness.run(
            c,
            "SELECT setval(name::regclass, COALESCE(last_value, 1), last_value IS NOT NULL) "
            "FROM copy.sequences",
        )
