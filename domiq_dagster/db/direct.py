"""Statements that psycopg runs directly, on the session and in the transaction of a SQLAlchemy connection.

For the ten that each change costs. What takes PostgreSQL a tenth of a millisecond takes SQLAlchemy two or
three, most of it for a result of which nobody asks more than its rows. Everything else stays as it is there:
listeners hear of each statement, errors are SQLAlchemy's and hold no values, and a lost session invalidates
the connection. (docs/decisions/0054)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.refusals import clean_error

T = TypeVar("T")
Row = tuple[Any, ...]
_NUMBERED = asyncpg.dialect()  # type: ignore[no-untyped-call]
"""Writes parameters as PostgreSQL itself does, $1: then psycopg need not look for them in the text."""


def fetch(connection: Connection, query: TextClause, values: Mapping[str, Any]) -> list[Row]:
    """Runs a query and gives its rows; none where it returns none. A transaction begins where none has.

    Raises:
        DBAPIError: as SQLAlchemy does.
    """
    return _run(connection, query, values)[1]


def rows_as(kind: type[T], connection: Connection, query: TextClause, values: Mapping[str, Any]) -> list[T]:
    """Every row of a query as a `kind`, whose fields are its columns by name.

    Raises:
        TypeError: they are not.
        DBAPIError: as SQLAlchemy does.
    """
    names, rows = _run(connection, query, values)
    made = _maker(kind, names)  # type: ignore[arg-type]
    return [made(row) for row in rows]


def rows_at_once(
    kind: type[T], connection: Connection, query: TextClause, values: Mapping[str, Any]
) -> list[T]:
    """The same for a query that is a transaction by itself: it is committed when this returns, and no BEGIN
    and COMMIT go to and fro for it. Where a transaction has begun already, that is committed with it."""
    if connection.in_transaction():
        found = rows_as(kind, connection, query, values)
        connection.commit()
        return found
    names, rows = _run(connection, query, values, by_itself=True)
    made = _maker(kind, names)  # type: ignore[arg-type]
    return [made(row) for row in rows]


def _run(
    connection: Connection, query: TextClause, values: Mapping[str, Any], *, by_itself: bool = False
) -> tuple[tuple[str, ...], list[Row]]:
    """The columns' names, and the rows."""
    text, order = _compiled(query)
    given: Any = [values[name] for name in order]
    session = connection.connection.driver_connection
    assert isinstance(session, psycopg.Connection)
    if not (by_itself or connection.in_transaction()):
        connection.begin()
    cursor = psycopg.RawCursor(session)
    heard = connection.engine.dispatch
    for listener in heard.before_cursor_execute:
        text, given = listener(connection, cursor, text, given, None, False)
    try:
        if by_itself:
            session.autocommit = True
        cursor.execute(text, given)
        result = cursor.pgresult
        rows = cursor.fetchall() if result is not None and result.nfields else []
    except psycopg.Error as error:
        raise _told(connection, cursor, text, error) from error
    except BaseException as error:
        # What came of it is not known, as where Ctrl-C ends it.
        connection.invalidate(error)
        raise
    finally:
        if by_itself and not session.closed:
            session.autocommit = False
    for listener in heard.after_cursor_execute:
        listener(connection, cursor, text, given, None, False)
    return _names(query, result), rows


def _told(
    connection: Connection, cursor: psycopg.RawCursor[Any], text: str, error: psycopg.Error
) -> BaseException:
    """The error as SQLAlchemy's own statements raise it."""
    lost = connection.dialect.is_disconnect(
        error,  # type: ignore[arg-type]
        connection.connection,
        cursor,  # type: ignore[arg-type]
    )
    clean_error(error)
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        text,
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=connection.dialect,
    )


@cache
def _compiled(query: TextClause) -> tuple[str, tuple[str, ...]]:
    """The text with numbered parameters, and their names in that order."""
    compiled = query.compile(dialect=_NUMBERED)
    return compiled.string, tuple(compiled.positiontup or ())


_known: dict[TextClause, tuple[str, ...]] = {}


def _names(query: TextClause, result: Any) -> tuple[str, ...]:
    """The names of a query's columns, which are the same each time."""
    names = _known.get(query)
    if names is None:
        names = _known[query] = tuple(result.fname(n).decode() for n in range(result.nfields))
    return names


@cache
def _maker(kind: Callable[..., Any], names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """What makes a `kind` of a row whose columns are named so."""
    wanted = tuple(f.name for f in fields(kind))  # type: ignore[arg-type]
    if wanted == names:
        return lambda row: kind(*row)
    if set(wanted) == set(names) and len(names) > 1:
        picked = itemgetter(*(names.index(name) for name in wanted))
        return lambda row: kind(*picked(row))
    return lambda row: kind(**dict(zip(names, row, strict=True)))
