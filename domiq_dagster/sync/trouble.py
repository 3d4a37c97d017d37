"""Records that could not be dealt with, each with the reason: what is wrong with one of them is shown to
people, and touches nothing beside it. The caller commits.

Every loop over records goes through `Faults`: whatever one of them raises is caught with it, the others go
on, and what went wrong is stored by the caller and ends the pass with exit code 1.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from psycopg import DataError
from psycopg import Error as PsycopgError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError, is_lost_session
from domiq_dagster.db.json_values import UnreadableValue
from domiq_dagster.db.privileges import is_missing_grant, what_is_missing
from domiq_dagster.db.refusals import code_of
from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.errors import ResManError

logger = logging.getLogger(__name__)
T = TypeVar("T")
QUERIES = load_queries(__package__, "trouble.sql")
_PASSING = frozenset({"08", "25", "40", "42", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection, state of the transaction, serialization and deadlock, what is not there or
not granted, resources such as a full disk, locks, an operator's intervention, system errors."""
MISSING_GRANT = "missing_grant"
"""The kind of a fault that a grant mends."""
PROSPECT = "prospect"
"""The kind of a prospect that a pull could not read; its key is the prospect's id, where it has one."""
LEAD = "lead"
"""The kind of a linked lead about which what was decided could not be done; its key: the conversation's."""
UNADOPTED = "change"
"""The kind of a change that could not be given its place in the order, or its delivery; its key: its own."""
UNLOGGED = "status"
"""The kind of a conversation whose status has no change in the log, and could not be given one."""
RULING = "ruling"
"""The kind of a conversation whose changes the workflow rules could not look at; they wait."""
TELLING = "notices"
"""The kind of a change whose notices could not be written; its key: the change's. They wait."""
DELIVERY = "delivery"
"""The kind of a pending change whose delivery ended in a fault; its key: the change's."""
PROPERTY = "property"
"""The kind of a property that one part of a pass could not deal with; its key is that part, one of PARTS."""
GRANT = "grant"
"""The kind of an endpoint that ResMan has not granted; its key: the account and the endpoint."""
PARTS = (
    *("settings", "status map", "decisions", "reconciliation", "rules", "recipients", "gathering notices"),
    "alerts",
)

REMEDIES: Mapping[str, str] = {
    PROSPECT: "each pull asks ResMan for it again; correct it there",
    LEAD: "each pass applies it again; see which constraint or trigger of DomIQ's refuses it",
    UNADOPTED: "each reconciliation tries again; see which constraint or trigger refuses it",
    UNLOGGED: "each reconciliation logs it again; see which constraint or trigger of DomIQ's refuses it",
    RULING: "each run of the rules takes it up again; correct the conversation or the log row that it names",
    TELLING: "each run of the notices takes it up again; correct the log row",
    DELIVERY: "each push tries it again, five times at most; domiq-sync retry gives it new tries",
    PROPERTY: "each pass tries again; correct the property's settings",
    GRANT: "it is asked again every 15 minutes, and at once after domiq-sync retry; what waits loses nothing",
}
"""What becomes of a record of each kind, and what a person can do."""


@dataclass(slots=True)
class Faults:
    """What went wrong with the records of one loop, each by itself.

    Whoever makes one takes its sentences, to note them or to tell of them: a test holds every place to that.

    Attributes:
        what: what a record is, and what could not be done with it, for the log: `{}` stands for its key.
        sentences: what is wrong, by the record's key.
    """

    what: str
    sentences: dict[str, str] = field(default_factory=dict)
    _logged: set[tuple[str, int]] = field(default_factory=set)

    @contextmanager
    def of(self, key: str, savepoint: Connection | None = None) -> Iterator[None]:
        """Whatever is raised within is this record's, and goes no further.

        Args:
            savepoint: a connection in a transaction that goes on: what was written within is undone.

        Raises:
            Exception: the database is gone, which is everybody's.
        """
        try:
            with savepoint.begin_nested() if savepoint is not None else nullcontext():
                yield
        except Exception as fault:
            if is_lost_database(fault):
                raise
            self._log(key, fault)
            self.sentences[key] = sentence(fault)

    def together(
        self,
        records: Mapping[str, T],
        do: Callable[[Sequence[T]], None],
        savepoint: Connection | None = None,
    ) -> None:
        """Does something for all records at once; where that fails, for one after the other.

        Args:
            records: by key.
            do: one transaction, which a fault undoes; or, with `savepoint`, a part of that connection's.

        Raises:
            Exception: the database is gone.
        """
        if not records:
            return
        try:
            with savepoint.begin_nested() if savepoint is not None else nullcontext():
                do(list(records.values()))
        except Exception as fault:
            if is_lost_database(fault):
                raise
            for key, record in records.items():
                with self.of(key, savepoint):
                    do([record])

    def _log(self, key: str, fault: BaseException) -> None:
        """With its traceback only once for each place in the code: a thousand records may share a fault."""
        frames = traceback.extract_tb(fault.__traceback__)
        where = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
        if where in self._logged:
            logger.error("%s: %s", self.what.format(key), sentence(fault))
            return
        self._logged.add(where)
        log_fault(self.what.format(key), fault)


class PropertyFaults:
    """What one part of a pass could not do with whole properties: each is noted, and the others go on.

    Args:
        part: one of PARTS.
        notes: whether it is noted; not by a dry run.

    Attributes:
        problems: what is wrong, by the property's partition key.
    """

    def __init__(self, engine: Engine, part: str, *, notes: bool = True) -> None:
        assert part in PARTS
        self.problems: dict[str, str] = {}
        self._engine = engine
        self._part = part
        self._notes = notes
        self._before: frozenset[UUID] | None = None

    @contextmanager
    def of(self, property_id: UUID, partition_key: str) -> Iterator[None]:
        """Whatever is raised within is this property's, and goes no further. Notes it, or that it is over, in
        a transaction of its own.

        Raises:
            Exception: the database is gone, which is everybody's.
        """
        faults = Faults(f"{self._part} of {{}} failed")
        with faults.of(partition_key):
            yield
        said = faults.sentences.get(partition_key)
        if said is not None:
            self.problems[partition_key] = said
        if not self._notes:
            return
        if said is not None:
            with self._engine.begin() as connection:
                note(connection, PROPERTY, property_id, {self._part: said})
        elif property_id in self._in_trouble():
            with self._engine.begin() as connection:
                clear(connection, PROPERTY, property_id, [self._part])

    @property
    def sentences(self) -> list[str]:
        """One for each property."""
        return [f"{self._part} of {key}: {said}" for key, said in self.problems.items()]

    def _in_trouble(self) -> frozenset[UUID]:
        """Read once: nearly always there is none."""
        if self._before is None:
            with self._engine.connect() as connection:
                found = connection.scalars(QUERIES.properties_in_trouble, {"part": self._part})
                self._before = frozenset(found)
        return self._before


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


@dataclass(frozen=True, slots=True)
class TroubleCount:
    """How many records of one kind are in trouble at a property.

    Attributes:
        lasting: how many of them were met at least twice.
        since, sentence: of one of them, or of the first.
    """

    property_id: UUID
    kind: str
    records: int
    lasting: int
    since: datetime
    sentence: str


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


def note_at(connection: Connection, kind: str, property_ids: Collection[UUID], key: str, said: str) -> None:
    """Notes one thing that is wrong at several properties."""
    if property_ids:
        values = {"kind": kind, "property_ids": list(property_ids), "key": key, "sentence": said}
        connection.execute(QUERIES.note_at, values)


def clear_at(connection: Connection, kind: str, property_ids: Collection[UUID], key: str) -> list[UUID]:
    """One thing is well again at several properties. Returns those at which it was not."""
    values = {"kind": kind, "property_ids": list(property_ids), "key": key}
    return list(connection.scalars(QUERIES.clear_at, values))


def take_back(
    connection: Connection,
    kind: str,
    seconds: float,
    *,
    property_ids: Collection[UUID] | None,
    key: str | None,
) -> list[UUID]:
    """Has records of one kind count as not met for so many seconds.

    Args:
        property_ids, key: only there, only these; all, if None.

    Returns:
        The properties at which there are any.
    """
    ids = None if property_ids is None else list(property_ids)
    values = {"kind": kind, "seconds": seconds, "property_ids": ids, "key": key}
    return list(connection.scalars(QUERIES.take_back, values))


def clear(connection: Connection, kind: str, property_id: UUID | None, keys: Collection[str]) -> None:
    """These records were dealt with, or are gone.

    Args:
        property_id: None where the keys are the ids of rows, which tell enough.
    """
    if not keys:
        return
    values = {"kind": kind, "keys": list(keys)}
    if property_id is None:
        connection.execute(QUERIES.clear_anywhere, values)
    else:
        connection.execute(QUERIES.clear, {**values, "property_id": property_id})


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


def replace_part(
    connection: Connection,
    part: str,
    sentences: Mapping[UUID, str],
    *,
    among: Collection[UUID] | None = None,
) -> None:
    """Notes the properties that one part of a pass could not deal with; with the others it could.

    Args:
        part: one of PARTS.
        sentences: what is wrong, by property.
        among: the properties that it dealt with this time; all that there are, if not given.
    """
    before = set(connection.scalars(QUERIES.properties_in_trouble, {"part": part}))
    before &= before if among is None else set(among)
    for property_id in before - set(sentences):
        clear(connection, PROPERTY, property_id, [part])
    for property_id, said in sentences.items():
        note(connection, PROPERTY, property_id, {part: said})


def records_in_trouble(
    connection: Connection, property_ids: Collection[UUID] | None = None, *, most: int = 1_000
) -> list[Trouble]:
    """The records in trouble at these properties, or at all: at most so many."""
    ids = None if property_ids is None else list(property_ids)
    rows = connection.execute(QUERIES.listed, {"property_ids": ids, "most": most})
    return rows_as(Trouble, rows)


def store(
    connection: Connection,
    kind: str,
    property_id: UUID,
    faults: Faults,
    *,
    among: Collection[str] | None = None,
) -> None:
    """Notes what went wrong in a loop; see `replace`."""
    replace(connection, kind, property_id, faults.sentences, among=among)


def keys_to_take_up(connection: Connection, kind: str, property_id: UUID | None = None) -> list[str]:
    """The keys of the records of one kind, of a property or of all: the one that was met least lately comes
    first."""
    values = {"kind": kind, "property_id": property_id}
    return list(connection.scalars(QUERIES.keys_to_take_up, values))


def ask_first(connection: Connection, kind: str, property_ids: Collection[UUID] | None = None) -> int:
    """Puts records of one kind first in their turn; returns how many there are."""
    ids = None if property_ids is None else list(property_ids)
    return connection.execute(QUERIES.ask_first, {"kind": kind, "property_ids": ids}).rowcount


def count_troubles(connection: Connection) -> list[TroubleCount]:
    """How many records are in trouble, by property and kind."""
    return rows_as(TroubleCount, connection.execute(QUERIES.counts))


def is_lost_database(error: BaseException) -> bool:
    """Whether an error says that the database is gone, or is not what we took it for: that is no record's
    fault, and nothing can be done about any other."""
    return isinstance(error, DatabaseError) or is_lost_session(error)


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
    if is_missing_grant(error):
        return f"{MISSING_GRANT}: {what_is_missing(error)}"
    if isinstance(error, UnreadableValue):
        return f"unreadable: {error}"
    if isinstance(error, DatabaseError):  # of connecting, which repeats no row
        return f"database_error: {error}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, PsycopgError):
        if cause.sqlstate is None and isinstance(cause, DataError):
            return "unreadable: the database holds a value that Python cannot, such as a year past 9999"
        return f"database_error: the database refused it ({code_of(cause)})"
    return f"fault: {type(error).__name__} in the sync's own code; its traceback is in the log"


def log_fault(what: str, error: BaseException) -> None:
    """Logs a fault of our own with where it happened, and without the values that it happened with. Of what
    is not ours the sentence says all: nobody need look into the code where a database is gone or full."""
    told = isinstance(error, (ResManError, UnreadableValue)) or is_missing_grant(error)
    if told or is_lost_database(error):
        logger.warning("%s: %s", what, sentence(error))
        return
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", what, sentence(error), frames)
