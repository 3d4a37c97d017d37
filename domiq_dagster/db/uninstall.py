"""Takes the sync out of DomIQ's database: what it has there, who has built on it, and removing it.

The SQL that removes lies in `sql/uninstall/uninstall.sql`. Whether anybody still works on the sync, and what
of its rows is to be kept, is for `sync.uninstall`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.log_index import LOG_INDEX
from domiq_dagster.db.migrate import MIGRATE_LOCK, execute_script
from domiq_dagster.db.rows import one_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.runtime.files import shipped

QUERIES = load_queries(__package__, "uninstall.sql")
_SCRIPT = "uninstall/uninstall.sql"
_WAIT_SECONDS = 30.0
"""For how long DomIQ's tables are asked for before it is given up."""
_ALL_WAIT_MS = 750
"""How long all of them together are waited for at a time; what stands behind this in the queue waits as well.
Less than PostgreSQL's deadlock_timeout of a second, so that no transaction of DomIQ's is ended for it."""
_PAUSE_SECONDS = 0.5


class CannotUninstall(DatabaseError):
    """Something is in the way; nothing was removed, and the text says what to do."""


@dataclass(frozen=True, slots=True)
class OwnSchema:
    """How much schema domiq_sync holds."""

    tables: int
    views: int
    functions: int


@dataclass(frozen=True, slots=True)
class Installed:
    """What the sync has in a database.

    Attributes:
        own_schema: None where schema domiq_sync is not there.
        in_public: in schema public, beyond what the design states, in words.
        has_role: the server has the role that the sync's grants are for.
    """

    own_schema: OwnSchema | None
    in_public: tuple[str, ...]
    has_role: bool

    def __bool__(self) -> bool:
        return self.own_schema is not None or bool(self.in_public)


def installed(connection: Connection) -> Installed:
    """What the sync has in this database."""
    own = None
    if connection.scalar(QUERIES.is_there):
        own = one_as(OwnSchema, connection.execute(QUERIES.in_own_schema))
    in_public = tuple(connection.scalars(QUERIES.in_public, {"log_index": LOG_INDEX}))
    return Installed(own, in_public, bool(connection.scalar(QUERIES.has_role)))


def refuse_what_is_built_on_it(connection: Connection) -> None:
    """Refuses where something of others' would go along.

    Raises:
        CannotUninstall: it names all of it.
    """
    built: Sequence[str] = connection.scalars(QUERIES.built_on_it).all()
    if built:
        raise CannotUninstall(
            f"Others have built on the sync's tables, and it would go with them: {', '.join(built)}. Drop it "
            "first, then run `domiq-sync uninstall` again."
        )


def hold_migrations(connection: Connection) -> None:
    """Waits for a migration that is under way, and has others wait until this transaction ends."""
    connection.execute(text(MIGRATE_LOCK))


def remove(connection: Connection, *, wait_seconds: float = _WAIT_SECONDS) -> None:
    """Locks what must be altered, in short waits, and removes the sync. The caller commits.

    Raises:
        CannotUninstall: a table of DomIQ's is in use for too long, or DomIQ waits for this transaction.
    """
    _lock(connection, connection.scalars(QUERIES.tables_in_the_way).all(), wait_seconds)
    execute_script(connection, (shipped("sql") / _SCRIPT).read_text(encoding="utf-8"))


def _lock(connection: Connection, tables: Sequence[str], wait_seconds: float) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {_ALL_WAIT_MS // max(1, len(tables))}"))
    deadline = time.monotonic() + wait_seconds
    while True:
        if connection.scalar(QUERIES.waits_for_us, {"tables": list(tables)}):
            raise CannotUninstall(
                "DomIQ deletes conversations just now whose archived changes were being put back, so it was "
                "let through and nothing was removed: run `domiq-sync uninstall` again."
            )
        try:
            with connection.begin_nested():
                connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"))
            return
        except DBAPIError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
        if time.monotonic() >= deadline:
            raise CannotUninstall(
                f"A table of DomIQ's ({', '.join(tables)}) is in use by a transaction that does not end, and "
                "nothing was removed: run `domiq-sync uninstall` again at a quieter time."
            )
        time.sleep(_PAUSE_SECONDS)
