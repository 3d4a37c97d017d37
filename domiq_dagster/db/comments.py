"""What each table, view and column holds, as `sql/` tells the database (COMMENT ON): for the catalogue in
Dagster and for docs/tables.md, which are made where there is no database.

The files keep to one form, which is read here:

    COMMENT ON TABLE domiq_sync.pause IS
    'Pauses of properties';
    COMMENT ON COLUMN domiq_sync.pause.resumed_at IS -- timestamp with time zone
    'When it ended; NULL: it is paused';

What stands behind `--` is the column's type, and NOT NULL where it must have a value. A test holds all of it
against a migrated database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from domiq_dagster.runtime.files import shipped

_OURS = "1[0-9][0-9]_comments_on_*.sql"
_DOMIQS = "comments/public.sql"
_STATEMENT = re.compile(
    r"COMMENT ON (?P<kind>TABLE|VIEW|COLUMN) (?P<name>[a-z_0-9.]+) IS"
    r"(?: -- (?P<type>.+?)(?P<required> NOT NULL)?)?\n"
    r"(?P<words>(?:'(?:[^'\n]|'')*'\n?)+);\n"
)
_PIECE = re.compile(r"'((?:[^'\n]|'')*)'")
_LEFT_OUT = re.compile(r"\s*(?:--.*)?")


class CommentsError(ValueError):
    """A file of comments does not keep to the form that is read."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, PostgreSQL's name of its type, whether it must have a value, what it holds."""

    name: str
    type: str
    required: bool
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view.

    Attributes:
        name: with its schema.
        words: what it holds.
        columns: in their order.
        file: the file of `sql/` that says so.
    """

    name: str
    is_view: bool
    words: str
    columns: tuple[Column, ...]
    file: str


@cache
def described_tables() -> dict[str, Table]:
    """Every table and view of the sync's, and those of DomIQ's and of the design that it reads, by name with
    schema, in the order of the files.

    Raises:
        CommentsError: a file does not keep to the form.
    """
    sql = shipped("sql")
    files = [sql / _DOMIQS, *sorted(sql.glob(_OURS))]
    return {table.name: table for file in files for table in read_comments(file)}


def read_comments(file: Path) -> Iterator[Table]:
    """The tables and views of one file, in their order. Raises CommentsError."""
    source = file.read_text(encoding="utf-8")
    left = [line for line in _STATEMENT.sub("", source).splitlines() if not _LEFT_OUT.fullmatch(line)]
    if left:
        raise CommentsError(f"{file.name}: this is no comment of a table, view or column: {left[0]}")
    table: Table | None = None
    for found in _STATEMENT.finditer(source):
        words = "".join(_PIECE.findall(found["words"])).replace("''", "'")
        if found["kind"] != "COLUMN":
            if table is not None:
                yield table
            table = Table(found["name"], found["kind"] == "VIEW", words, (), file.name)
            continue
        of, _, name = found["name"].rpartition(".")
        if table is None or of != table.name:
            raise CommentsError(f"{file.name}: {found['name']} does not stand below its table.")
        if found["type"] is None:
            raise CommentsError(f"{file.name}: {found['name']} has no type behind IS.")
        column = Column(name, found["type"], found["required"] is not None, words)
        table = Table(table.name, table.is_view, table.words, (*table.columns, column), table.file)
    if table is not None:
        yield table
