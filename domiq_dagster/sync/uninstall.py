"""Uninstalling: the sync goes out of DomIQ's database, and the design's objects are as the design says.

One transaction, so that it is all done or nothing. No row of the log is lost: what moved to the archive is
put back. Nothing in the database tells of it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.checks import refuse_blind_role, require_domiq_tables, require_migrated
from domiq_dagster.db.revision import HEAD
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.db.uninstall import (
    CannotUninstall,
    Installed,
    hold_migrations,
    installed,
    refuse_what_is_built_on_it,
    remove,
)
from domiq_dagster.sync import workers
from domiq_dagster.sync.queue.archive import count_archived, put_back

QUERIES = load_queries(__package__, "uninstall.sql")


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of what is lost, or left alone.

    Attributes:
        properties: connected ones, with their settings.
        pending: changes that stay pending in the log, and nobody sends.
        unknown: of those, the ones that may have arrived at ResMan.
        links: which conversation is which lead.
        conflicts: that wait for a person.
        notices: that were still to go out.
        decisions: what people decided, on record.
        archived: rows of the archive, which go back to the log.
        archived_gone: those of conversations that DomIQ has deleted, which do not.
    """

    properties: int = 0
    pending: int = 0
    unknown: int = 0
    links: int = 0
    conflicts: int = 0
    notices: int = 0
    decisions: int = 0
    archived: int = 0
    archived_gone: int = 0


@dataclass(frozen=True, slots=True)
class UninstallPlan:
    """What uninstalling would do.

    Attributes:
        alive: who works on the sync, and so is in the way.
    """

    installed: Installed
    counts: Counts
    alive: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        own = self.installed.own_schema
        return {
            "own_schema": None if own is None else asdict(own),
            "in_public": list(self.installed.in_public),
            "counts": asdict(self.counts),
            "alive": list(self.alive),
        }


def uninstall_plan(engine: Engine) -> UninstallPlan:
    """What uninstalling would do. Reads only.

    Raises:
        CannotUninstall: nothing of the sync is there, or others have built on it.
        WrongDatabase, BlindRole, NotMigrated: this is not a database that this version can take the sync out
            of.
    """
    with _told_in_a_sentence(), engine.connect() as connection:
        return _plan(connection)


def uninstall(engine: Engine, *, leave_doubts: bool = False) -> UninstallPlan:
    """Takes the sync out, and says what there was.

    Args:
        leave_doubts: also where changes may have arrived at ResMan, which nothing tells of afterwards.

    Raises:
        CannotUninstall: as `uninstall_plan`; or somebody works on the sync, changes are in doubt, a table is
            in use for too long, or this role may not.
        CannotArchive: rows of the archive cannot be put back.
    """
    with _told_in_a_sentence(), engine.begin() as connection:
        connection.execute(QUERIES.be_patient)
        hold_migrations(connection)
        plan = _plan(connection)
        refuse_alive(plan.alive)
        if not leave_doubts:
            refuse_doubts(plan.counts)
        if plan.installed.own_schema is not None:
            workers.keep_out(connection)
            refuse_alive((*workers.all_alive(connection), *workers.other_sessions(connection)))
            put_back(connection)
        remove(connection)
    return plan


@contextmanager
def _told_in_a_sentence() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).splitlines()[0]
        if isinstance(error.orig, InsufficientPrivilege):
            raise CannotUninstall(
                f"This role may not take the sync out of the database ({said}): run `domiq-sync uninstall` "
                "as the role that migrates."
            ) from None
        if isinstance(error.orig, LockNotAvailable):
            raise CannotUninstall(
                "Somebody else works on the sync's tables just now (a migrate, housekeeping, a long "
                "transaction), and nothing was removed: run `domiq-sync uninstall` again when that has ended."
            ) from None
        raise


def _plan(connection: Connection) -> UninstallPlan:
    require_domiq_tables(connection)
    refuse_blind_role(connection)
    there = installed(connection)
    if not there:
        raise CannotUninstall("There is nothing of the sync in this database: nothing was done.")
    counts, alive = Counts(), workers.other_sessions(connection)
    if there.own_schema is not None:
        require_migrated(connection, HEAD)
        alive = [*workers.all_alive(connection), *alive]
        living, gone = count_archived(connection)
        found = connection.execute(QUERIES.counts).mappings().one()
        counts = Counts(**found, archived=living, archived_gone=gone)
    refuse_what_is_built_on_it(connection)
    return UninstallPlan(there, counts, tuple(alive))


def refuse_alive(alive: tuple[str, ...]) -> None:
    """Refuses while somebody works on the sync.

    Raises:
        CannotUninstall: it names them.
    """
    if alive:
        raise CannotUninstall(
            f"The sync is at work: {', '.join(alive)}. End workers, Dagster's daemon and its runs, wait half "
            "a minute, then run `domiq-sync uninstall` again."
        )


def refuse_doubts(counts: Counts) -> None:
    """Refuses while a pending change may have arrived at ResMan: whoever takes the log up after this, the
    sync too, would tell ResMan of it a second time.

    Raises:
        CannotUninstall: it says how many.
    """
    if counts.unknown:
        changes = "1 change" if counts.unknown == 1 else f"{counts.unknown} changes"
        raise CannotUninstall(
            f"{changes} may have arrived at ResMan, and would be sent again by whoever takes up what is "
            "pending: let a worker run for ten minutes, decide about what `domiq-sync conflicts` shows in "
            "doubt, then run `domiq-sync uninstall` again; or leave them so with --leave-doubts."
        )
