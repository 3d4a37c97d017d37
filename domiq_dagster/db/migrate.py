"""Brings a database to this version's schema, or prints the SQL that would.

The SQL lies in the numbered files of `sql/`.

- Below 100: the tables, made once. Files up to 016 are the baseline, which is one Alembic revision; a later
  file is a revision of its own.
- From 100 on: functions, triggers and views, and what depends on the shape of the database or on a choice.
  Applied at every migrate, in the order of their numbers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.resources import files

from alembic import command, context, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from domiq_dagster.db.checks import refuse_blind_role, require_domiq_tables
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.runtime.files import shipped

BASELINE = "0016"
HEAD = BASELINE
_CAPTURE_TRIGGER = "110_capture_trigger.sql"
_NO_CAPTURE_TRIGGER = "111_no_capture_trigger.sql"
_TAKE_OVER = {
    "0014": ("011_workers.sql", "016_take_over.sql"),
    "0015": ("016_take_over.sql",),
}
"""Instead of the baseline: what brings a database of an older revision to it."""
_FOR_A_NEW_DATABASE = """\
-- For a database in which the sync was never set up. What another one needs is printed by:
-- domiq-sync migrate --sql --database-url URL"""
_FOR_ONE_AT = """\
DO $$
BEGIN
    IF (SELECT version_num FROM domiq_sync.alembic_version) <> '{revision}' THEN
        RAISE EXCEPTION 'This is for a database at revision {revision}.';
    END IF;
END $$;"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.migrate', 0))"


class MayNotMigrate(DatabaseError):
    """The role lacks a right that a migration needs."""


class UnknownRevision(DatabaseError):
    """The database is at a revision that this version cannot take on."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` did: the revision before (None: never migrated) and now, and whether it had to
    create DomIQ's own tables."""

    before: str | None
    now: str
    created_domiq_tables: bool
    capture_trigger: bool


def sql_text(name: str) -> str:
    """The text of one file of `sql/`."""
    return (shipped("sql") / name).read_text(encoding="utf-8")


def execute_script(connection: Connection, script: str) -> None:
    """Runs a script of several statements as it stands: no parameter markers are read in it."""
    connection.execution_options(no_parameters=True).exec_driver_sql(script)


def run_file(name: str) -> None:
    """For a revision: applies one file, or prints it in offline mode."""
    migration = context.get_context()
    if migration.as_sql:
        migration.impl.static_output(f"-- {name}\n{sql_text(name)}")
    else:
        execute_script(op.get_bind(), sql_text(name))


def migrate(engine: Engine, *, capture_trigger: bool = True) -> Migrated:
    """Migrates in one transaction; a second time changes nothing but the choice of the trigger.

    On an empty database DomIQ's own tables are created first, as the demo needs them.

    Raises:
        WrongDatabase: tables exist, but not DomIQ's.
        BlindRole: row-level security would hide DomIQ's rows from this role.
        MayNotMigrate: this role lacks a right that a migration needs.
        UnknownRevision: the database is at a revision from which nothing leads to this version.
    """
    try:
        return _migrate(engine, capture_trigger)
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            refusal = error.orig.diag.message_primary
            raise MayNotMigrate(
                f"This role may not migrate the database ({refusal}): run `domiq-sync migrate` as the owner "
                "of DomIQ's tables, or let that owner run what `domiq-sync migrate --sql` prints."
            ) from None
        raise


def _migrate(engine: Engine, capture_trigger: bool) -> Migrated:
    with engine.begin() as connection:
        connection.execute(text(_LOCK))
        created = create_domiq_tables_if_empty(connection)
        require_domiq_tables(connection)
        refuse_blind_role(connection)
        before = known_revision(connection)
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS domiq_sync"))
        for name in _TAKE_OVER.get(before or "", ()):
            execute_script(connection, sql_text(name))
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        for name in every_time(capture_trigger):
            execute_script(connection, sql_text(name))
    return Migrated(before, HEAD, created, capture_trigger)


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What `migrate` would do: the revision now, those that are still to come, and whether it would first
    create DomIQ's own tables, since the database is empty."""

    now: str | None
    to_come: tuple[str, ...]
    would_create_domiq_tables: bool


def migration_plan(engine: Engine) -> MigrationPlan:
    """What `migrate` would do. Reads only.

    Raises:
        WrongDatabase, BlindRole, UnknownRevision: as `migrate` does.
    """
    with engine.connect() as connection:
        empty = no_tables(connection)
        if not empty:
            require_domiq_tables(connection)
            refuse_blind_role(connection)
        now = known_revision(connection)
    taken_over = (BASELINE,) if now in _TAKE_OVER else ()
    start = BASELINE if taken_over else now
    script = ScriptDirectory.from_config(_alembic_config())
    to_come = [] if start == HEAD else list(script.iterate_revisions("head", start or "base"))
    return MigrationPlan(now, (*taken_over, *(r.revision for r in reversed(to_come))), empty)


def migration_sql(revision: str | None = None, *, capture_trigger: bool = True) -> str:
    """The whole migration as plain SQL in one transaction, for a DBA to read and run.

    Args:
        revision: where the database is, as `known_revision` says it. None: it was never migrated.
    """
    taken_over = _TAKE_OVER.get(revision or "", ())
    start = BASELINE if taken_over else revision
    buffer = io.StringIO()
    command.upgrade(_alembic_config(buffer), f"{start}:head" if start else "head", sql=True)
    parts = [
        "BEGIN;",
        f"{_LOCK};",
        _FOR_ONE_AT.format(revision=revision) if revision else _FOR_A_NEW_DATABASE,
        "CREATE SCHEMA IF NOT EXISTS domiq_sync;",
        *(f"-- {name}\n{sql_text(name)}" for name in taken_over),
        buffer.getvalue(),
        *(f"-- {name}\n{sql_text(name)}" for name in every_time(capture_trigger)),
        "COMMIT;",
    ]
    return "\n".join(parts) + "\n"


def every_time(capture_trigger: bool) -> list[str]:
    """The files of `sql/` that are applied at every migrate, in their order."""
    other = _NO_CAPTURE_TRIGGER if capture_trigger else _CAPTURE_TRIGGER
    names = sorted(path.name for path in shipped("sql").glob("[1-9][0-9][0-9]_*.sql"))
    return [name for name in names if name != other]


def known_revision(connection: Connection) -> str | None:
    """As `current_revision`, of a database that this version can take on.

    Raises:
        UnknownRevision: it cannot.
    """
    revision = current_revision(connection)
    script = ScriptDirectory.from_config(_alembic_config())
    if (
        revision is None
        or revision in _TAKE_OVER
        or revision in {r.revision for r in script.walk_revisions()}
    ):
        return revision
    if revision < min(_TAKE_OVER):
        raise UnknownRevision(
            f"The sync's tables are at revision {revision} in this database, which was never released and is "
            "not taken over: run DROP SCHEMA domiq_sync CASCADE, which leaves the log of status changes, "
            "then `domiq-sync migrate`, and connect the properties anew."
        )
    raise UnknownRevision(
        f"The sync's tables are at revision {revision} in this database, which this version does not know: "
        "use the version of domiq-dagster that migrated it, or a newer one."
    )


def current_revision(connection: Connection) -> str | None:
    """The revision that the database is at, or None if it was never migrated."""
    if connection.scalar(text("SELECT to_regclass('domiq_sync.alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM domiq_sync.alembic_version"))
    return revision


def no_tables(connection: Connection) -> bool:
    """Whether schema public has no table at all."""
    tables = connection.scalar(
        text(
            "SELECT count(*) FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
    )
    return not tables


def create_domiq_tables_if_empty(connection: Connection) -> bool:
    """Creates DomIQ's own tables, for a try-out, where schema public has no table at all.

    Returns:
        Whether it did.
    """
    if not no_tables(connection):
        return False
    execute_script(connection, sql_text("001_uuid_function.sql"))
    execute_script(connection, sql_text("000_domiq_tables.sql"))
    return True


def _alembic_config(buffer: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=buffer) if buffer is not None else Config()
    config.set_main_option("script_location", str(files("domiq_dagster.db") / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
