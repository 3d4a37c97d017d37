"""What a session of DomIQ's database is set to: whatever we rely on we set ourselves after connecting, since
a role, a database, PG* variables or a pooler may say otherwise.

Not by the startup parameter `options`: poolers refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

_FIXED = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # What row-level security would hide is an error rather than an empty table.
    "row_security": "off",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    "array_nulls": "on",
}
"""What nobody else may choose. A version that does not know one of them does without."""
_AT_START_ONLY = frozenset(
    {
        *("ignore_system_indexes", "post_auth_delay", "jit_debugging_support", "jit_profiling_support"),
        *("log_connections", "log_disconnections", "local_preload_libraries", "session_preload_libraries"),
    }
)
"""Settings that PostgreSQL takes while a session begins, or that mean nothing later."""
_WORD = re.compile(r"(?:\\.|\S)+", re.DOTALL)
_SETTING = re.compile(r"(?:-c\s*|--)([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)
# The installation's own path is kept, for uuid_generate_v4 may lie anywhere on it, but public comes first.
_OWN_PATH = sql.SQL("""
SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'public', (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(p.name), ', ' ORDER BY p.place)
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS p(name, place)
    WHERE p.name NOT IN ('public', 'pg_catalog'))), false), pg_catalog.pg_backend_pid()""")
# One that the URL names is taken as it is, and public is put behind it where it is missing.
_CHOSEN_PATH = sql.SQL("""
SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ',
    pg_catalog.current_setting('search_path'),
    CASE WHEN 'public' OPERATOR(pg_catalog.<>) ALL (pg_catalog.current_schemas(false)) THEN 'public' END),
    false), pg_catalog.pg_backend_pid()""")


def split_options(options: str) -> tuple[dict[str, str], str]:
    """The settings that a URL's `options` ask for, as libpq reads them, and what else stands there."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in _WORD.findall(options)]
    settings: dict[str, str] = {}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word += words.pop(0)
        found = _SETTING.fullmatch(word)
        name = found[1].replace("-", "_") if found else ""
        # --cluster=, --endpoint= and the like are for hosted databases and have no meaning as settings.
        known = found and (word.startswith("-c") or "_" in name) and name.lower() not in _AT_START_ONLY
        if found and known:
            settings[name] = found[2]
        else:
            rest.append(word)
    return settings, " ".join(re.sub(r"([\\\s])", r"\\\1", word) for word in rest)


def set_up(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> int:
    """Sets a new session up, in one round trip.

    Args:
        settings: those that may be chosen, by name.

    Returns:
        The number of the server's process that answers.
    """
    chosen = sql.SQL(", ").join(
        sql.SQL("pg_catalog.set_config({}, {}, false)").format(name, value)
        for name, value in settings.items()
    )
    fixed = sql.SQL(", ").join(sql.SQL("({}, {})").format(name, value) for name, value in _FIXED.items())
    statement = sql.SQL(
        "SELECT {}; SELECT pg_catalog.set_config(f.name, f.value, false) FROM (VALUES {}) AS f(name, value) "
        "WHERE pg_catalog.current_setting(f.name, true) IS NOT NULL; {}"
    ).format(
        chosen if settings else sql.SQL("1"),
        fixed,
        _CHOSEN_PATH if any(name.lower() == "search_path" for name in settings) else _OWN_PATH,
    )
    before = connection.autocommit
    connection.autocommit = True  # a transaction that is rolled back would take its settings along
    try:
        cursor = connection.execute(statement)
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    finally:
        connection.autocommit = before
    assert row is not None
    return int(row[1])
