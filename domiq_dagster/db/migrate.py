"""Brings a database to this version's schema, or prints the SQL that would.

The SQL lies in the numbered files of `sql/`.

- Below 100: the tables, made once. Files up to 016 are the baseline, which is one Alembic revision; a later
  file is a revision of its own.
- From 100 on: functions, triggers and views, and what depends on the shape of the database or on a choice.
  Applied at every migrate, in the order of their numbers. The last of them say what each table holds.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from importlib.resources import files

from alembic import command, context, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from domiq_dagster.db.checks import refuse_blind_role, require_domiq_tables
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.log_index import LOG_INDEX_SQL, ensure_log_index
from domiq_dagster.db.revision import HEAD as HEAD
from domiq_dagster.db.triggers import captures, disabled_triggers
from domiq_dagster.runtime.files import shipped

BASELINE = "0016"
_CAPTURE_TRIGGER = "110_capture_trigger.sql"
_NO_CAPTURE_TRIGGER = "111_no_capture_trigger.sql"
_SEQUENCES = "107_sequences.sql"
_RLS = "140_rls.sql"
_NO_RLS = "141_no_rls.sql"
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
MIGRATE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('domiq_sync.migrate', 0))"


class MayNotMigrate(DatabaseError):
    """The role lacks a right that a migration needs."""


class CannotMigrateNow(DatabaseError):
    """Others keep a table locked that must be altered."""


class UnknownRevision(DatabaseError):
    """The database is at a revision that this version cannot take on."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` did.

    Attributes:
        before: the revision before; None: it was never migrated.
        created_domiq_tables: the database was empty, and DomIQ's own tables were made.
        capture_trigger: a trigger captures the changes of conversation.status now.
        enabled: triggers that were disabled, and fire again.
        sequences: those that stood behind what was drawn from them, and do not any more.
        log_index: why the index on conversation_id of the log was not made; None: it is there, or was not
            wanted.
    """

    before: str | None
    now: str
    created_domiq_tables: bool
    capture_trigger: bool
    enabled: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    log_index: str | None = None


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


@dataclass(frozen=True, slots=True)
class Choices:
    """What an installation chooses when it migrates.

    Attributes:
        capture_trigger: a trigger captures changes of conversation.status; else reconciliation finds them.
        log_index: the log has an index on conversation_id, beyond the contract.
        rls: row-level security is put on the contract's tables, or taken off; None: as it is.
    """

    capture_trigger: bool = True
    log_index: bool = True
    rls: bool | None = None


def migrate(
    engine: Engine, *, capture_trigger: bool = True, log_index: bool = True, rls: bool | None = None
) -> Migrated:
    """Migrates in one transaction; a second time changes nothing but what is chosen otherwise, and mends what
    was disabled or set back. Then the log's index is made, while others go on writing. What can be chosen is
    said at `Choices`.

    On an empty database DomIQ's own tables are created first, as the demo needs them.

    Raises:
        WrongDatabase: tables exist, but not DomIQ's.
        BlindRole: row-level security would hide DomIQ's rows from this role.
        MayNotMigrate: this role lacks a right that a migration needs.
        CannotMigrateNow: somebody has locked what must be altered.
        UnknownRevision: the database is at a revision from which nothing leads to this version.
    """
    try:
        done = _migrate(engine, Choices(capture_trigger, log_index, rls))
        return replace(done, log_index=ensure_log_index(engine)) if log_index else done
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            refusal = str(error.orig)
            raise MayNotMigrate(
                f"This role may not migrate the database ({refusal}): run `domiq-sync migrate` as the owner "
                "of DomIQ's tables, or let that owner run what `domiq-sync migrate --sql` prints."
            ) from None
        raise
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise CannotMigrateNow(
                "A table of DomIQ's or of the sync's is in use by a transaction that does not end, and "
                "nothing was migrated: run `domiq-sync migrate` again at a quieter time."
            ) from None
        raise


def _migrate(engine: Engine, choices: Choices) -> Migrated:
    with engine.begin() as connection:
        connection.execute(text(MIGRATE_LOCK))
        created = create_domiq_tables_if_empty(connection)
        require_domiq_tables(connection)
        refuse_blind_role(connection)
        before = known_revision(connection)
        disabled = disabled_triggers(connection)
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS domiq_sync"))
        for name in _TAKE_OVER.get(before or "", ()):
            execute_script(connection, sql_text(name))
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        behind: list[str] = []
        for name in every_time(replace(choices, rls=_wants_rls(connection, choices))):
            if name == _SEQUENCES and before is not None:
                behind = _sequences_behind(connection)
            execute_script(connection, sql_text(name))
        enabled = sorted(disabled - disabled_triggers(connection))
        return Migrated(before, HEAD, created, captures(connection), tuple(enabled), tuple(behind))


def _sequences_behind(connection: Connection) -> list[str]:
    """What 107_sequences.sql is about to set right, as the last migrate's own function has it."""
    if connection.scalar(text("SELECT to_regprocedure('domiq_sync.sequences_behind()')")) is None:
        return []
    return list(connection.scalars(text("SELECT sequence_name FROM domiq_sync.sequences_behind()")))


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


def migration_sql(
    revision: str | None = None,
    *,
    capture_trigger: bool = True,
    log_index: bool = True,
    rls: bool | None = None,
) -> str:
    """The whole migration as plain SQL for a DBA to read and run: one transaction, and after it the log's
    index.

    Args:
        revision: where the database is, as `known_revision` says it. None: it was never migrated.
    """
    taken_over = _TAKE_OVER.get(revision or "", ())
    start = BASELINE if taken_over else revision
    buffer = io.StringIO()
    command.upgrade(_alembic_config(buffer), f"{start}:head" if start else "head", sql=True)
    parts = [
        "BEGIN;",
        f"{MIGRATE_LOCK};",
        _FOR_ONE_AT.format(revision=revision) if revision else _FOR_A_NEW_DATABASE,
        "CREATE SCHEMA IF NOT EXISTS domiq_sync;",
        *(f"-- {name}\n{sql_text(name)}" for name in taken_over),
        buffer.getvalue(),
        *(f"-- {name}\n{sql_text(name)}" for name in every_time(Choices(capture_trigger, log_index, rls))),
        "COMMIT;",
        *([LOG_INDEX_SQL + ";"] if log_index else []),
    ]
    return "\n".join(parts) + "\n"


def every_time(choices: Choices) -> list[str]:
    """The files of `sql/` that are applied at every migrate, in their order."""
    others = {
        _NO_CAPTURE_TRIGGER if choices.capture_trigger else _CAPTURE_TRIGGER,
        *([_RLS] if not choices.rls else []),
        *([_NO_RLS] if choices.rls in (None, True) else []),
    }
    names = sorted(path.name for path in shipped("sql").glob("[1-9][0-9][0-9]_*.sql"))
    return [name for name in names if name not in others]


def has_rls(connection: Connection) -> bool:
    """Whether row-level security was put on the contract's tables."""
    policy = text("SELECT EXISTS (SELECT FROM pg_policy WHERE polname = 'domiq_sync_company')")
    return bool(connection.scalar(policy))


def _wants_rls(connection: Connection, choices: Choices) -> bool | None:
    """The view is made anew each time, without the option that belongs to row-level security."""
    return has_rls(connection) or None if choices.rls is None else choices.rls


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
