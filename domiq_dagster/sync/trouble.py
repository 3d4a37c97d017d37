"""Records that could not be dealt with, each with the reason: what is wrong with one of them is shown to
people, and touches nothing beside it. The caller commits."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Error as PsycopgError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.errors import ResManError

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "trouble.sql")
_PASSING = frozenset({"08", "25", "40", "42", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection, state of the transaction, serialization and deadlock, what is not there or
not granted, resources such as a full disk, locks, an operator's intervention, system errors."""
PROSPECT = "prospect"
"""The kind of a prospect that a pull could not read; its key is the prospect's id, where it has one."""
LEAD = "lead"
"""The kind of a linked lead about which what was decided could not be done; its key: the conversation's."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One record in trouble: since when, last seen when, and how often it was met."""

    kind: str
    key: str
    property_id: UUID
    partition_key: str
    sentence: str
    since: datetime
    seen_at: datetime
    times: int


def note(connection: Connection, kind: str, property_id: UUID, sentences: Mapping[str, str]) -> None:
    """Notes records by their keys, each with what is wrong; one that is noted already is met once more."""
    if sentences:
        connection.execute(
            QUERIES.note,
            {
                "kind": kind,
                "property_id": property_id,
                "keys": list(sentences),
                "sentences": list(sentences.values()),
            },
        )


def clear(connection: Connection, kind: str, property_id: UUID, keys: Collection[str]) -> None:
    """These records were dealt with, or are gone."""
    if keys:
        values = {"kind": kind, "property_id": property_id, "keys": list(keys)}
        connection.execute(QUERIES.clear, values)


def replace(
    connection: Connection,
    kind: str,
    property_id: UUID,
    sentences: Mapping[str, str],
    *,
    among: Collection[str] | None = None,
) -> None:
    """Notes the records that are in trouble now; what was wrong with the others is over.

    Args:
        sentences: what is wrong, by key.
        among: the keys of those that were dealt with this time; all that there are, if not given.
    """
    values = {"kind": kind, "property_id": property_id, "keys": list(sentences)}
    connection.execute(QUERIES.clear_others, {**values, "among": None if among is None else list(among)})
    note(connection, kind, property_id, sentences)


def records_in_trouble(
    connection: Connection, property_ids: Collection[UUID] | None = None, *, most: int = 1_000
) -> list[Trouble]:
    """The records in trouble at these properties, or at all: at most so many."""
    ids = None if property_ids is None else list(property_ids)
    rows = connection.execute(QUERIES.listed, {"property_ids": ids, "most": most})
    return rows_as(Trouble, rows)


def is_lost_database(error: BaseException) -> bool:
    """Whether an error says that the database is gone, or is not what we took it for: that is no record's
    fault, and nothing can be done about any other."""
    return isinstance(error, DatabaseError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def is_passing(error: BaseException) -> bool:
    """Whether the database refused something for what was going on there just then, or for what it is, and
    not for what was to be written: that is no record's fault."""
    if not isinstance(error, DBAPIError) or not isinstance(error.orig, PsycopgError):
        return False
    return (error.orig.sqlstate or "")[:2] in _PASSING


def sentence(error: BaseException) -> str:
    """What to say of an error: a kind, a colon, and words without anything of a lead's. PostgreSQL's own text
    is left out, since it may repeat a row: the SQLSTATE and the constraint tell which rule it was."""
    if isinstance(error, ResManError):
        return f"{error.kind}: {error}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, PsycopgError):
        diag = cause.diag
        where = f", {diag.constraint_name} of table {diag.table_name}" if diag.constraint_name else ""
        return f"database_error: the database refused it (SQLSTATE {cause.sqlstate}{where})"
    return f"fault: {type(error).__name__} in the sync's own code; its traceback is in the log"


def log_fault(what: str, error: BaseException) -> None:
    """Logs a fault of our own with where it happened, and without the values that it happened with."""
    if isinstance(error, ResManError):
        logger.warning("%s: %s", what, sentence(error))
        return
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", what, sentence(error), frames)
