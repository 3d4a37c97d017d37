"""Rows with types: what a query returns, as the dataclass that names its columns."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import CursorResult, Result

T = TypeVar("T")


def rows_as(kind: type[T], result: Result[Any] | CursorResult[Any]) -> list[T]:
    """Every row as a `kind`, whose fields are the query's columns by name.

    Raises:
        TypeError: they are not.
    """
    return [kind(**row) for row in result.mappings()]


def one_as(kind: type[T], result: Result[Any] | CursorResult[Any]) -> T:
    """The only row as a `kind`.

    Raises:
        NoResultFound, MultipleResultsFound: there is none, or more than one.
    """
    return kind(**result.mappings().one())


def row_as(kind: type[T], result: Result[Any] | CursorResult[Any]) -> T | None:
    """The first row as a `kind`; None where there is none."""
    row = result.mappings().first()
    return None if row is None else kind(**row)
