"""Takes the values of rows out of what PostgreSQL says when it refuses something.

Its DETAIL repeats a row, its CONTEXT a line of a COPY or the values of a function, and a RAISE of somebody
else's trigger says whatever its author liked. An exception is logged, chained and serialised by others,
Dagster among them, so it is the exception itself that is cleaned, where it arises: SQLSTATE, constraint and
table are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_WHATEVER_THE_STATEMENT = frozenset({"08", "25", "40", "53", "55", "57", "58"})
_TELLING = _WHATEVER_THE_STATEMENT | {
    "28",
    "3D",
    "42501",
    "42P01",
    "42703",
    "42704",
    "42883",
    "42P07",
    "3F000",
}
"""Classes and codes of SQLSTATE whose text names objects and the state of things, and no value of a row:
connection, transaction, rights, resources, locks, shutting down, system errors, what is not there."""


def hide_values(engine: Engine) -> None:
    """Has every error of the engine's statements cleaned, before anybody gets to see it."""

    @event.listens_for(engine, "handle_error")
    def clean(context: ExceptionContext) -> None:
        error, shown = context.original_exception, context.sqlalchemy_exception
        if not isinstance(error, psycopg.Error):
            return
        clean_error(error)
        if shown is not None:
            shown.args = (f"({type(error).__module__}.{type(error).__name__}) {error}",)


@contextmanager
def values_hidden() -> Iterator[None]:
    """The same for psycopg's own calls, which pass SQLAlchemy by: COPY."""
    try:
        yield
    except psycopg.Error as error:
        clean_error(error)
        raise


def clean_error(error: psycopg.Error) -> None:
    """Gives an error of psycopg a text without values. Its `diag` stays as it came, to be read and not
    told."""
    error.args = (in_words(error),)


def in_words(error: psycopg.Error) -> str:
    """What may be told of an error: PostgreSQL's own first line where it holds no value of a row, and always
    the SQLSTATE, with the constraint and its table."""
    diag = error.diag
    if error.sqlstate is None:
        # Of psycopg or libpq: a lost connection is told, a value that cannot be read or written is not.
        is_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return str(error) if is_connection else "a value cannot be read or written"
    primary = " ".join((diag.message_primary or "").split())
    return f"{primary} ({code_of(error)})" if primary and _is_plain(error) else code_of(error)


def code_of(error: psycopg.Error) -> str:
    """The SQLSTATE of a refusal, with the constraint or column and its table, where PostgreSQL itself names
    one."""
    diag = error.diag
    what = diag.constraint_name or (diag.column_name and f"column {diag.column_name}")
    where = f", {what} of table {diag.table_name}" if what and not _is_raised(error) else ""
    return f"SQLSTATE {error.sqlstate}{where}"


def _is_raised(error: psycopg.Error) -> bool:
    """Whether a function raised it, whose author chose every word, names of tables too."""
    return (error.diag.source_file or "").rpartition("/")[2].startswith("pl")


def _is_plain(error: psycopg.Error) -> bool:
    """Whether PostgreSQL itself says it of a statement of our own, and not of one that a function made up."""
    state = error.sqlstate or ""
    if _is_raised(error) or (state[:2] not in _TELLING and state not in _TELLING):
        return False
    return state[:2] in _WHATEVER_THE_STATEMENT or not error.diag.context
