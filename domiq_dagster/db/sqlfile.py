"""Queries in `.sql` files that lie beside the modules which run them, several named ones to a file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import TextClause, text

_NAME = re.compile(r"^--[ \t]*name:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_COMMENT_OR_BLANK = re.compile(r"\s*(?:--.*)?")


class SqlFileError(ValueError):
    """A `.sql` file does not keep to the form that `load_queries` reads."""


class Queries:
    """The queries of one file, each ready to be executed, under its name: `QUERIES.claim`.

    The text of one, as the file has it, is `QUERIES.claim.text`.
    """

    def __init__(self, queries: dict[str, str]) -> None:
        self.__dict__.update({name: text(sql) for name, sql in queries.items()})

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> TextClause: ...

    def __getitem__(self, name: str) -> TextClause:
        """The query of a name that is worked out."""
        found: TextClause = self.__dict__[name]
        return found


def load_queries(package: str, filename: str) -> Queries:
    """Reads the queries of a file.

    A query begins with a line `-- name: some_name` and ends at the next one. Comments inside it are kept,
    so that they show in pg_stat_activity and logs. Above the first name there may only be comments.

    Raises:
        SqlFileError: a name is missing, malformed or given twice, or a query is empty.
        FileNotFoundError, ModuleNotFoundError: there is no such file or package.
    """
    return Queries(read_queries(package, filename))


@cache
def read_queries(package: str, filename: str) -> dict[str, str]:
    """The text of each query of a file, by name. Each file is read once; raises as `load_queries` does."""
    source = (files(package) / filename).read_text(encoding="utf-8")
    preamble, *sections = _NAME.split(source)
    if not all(_COMMENT_OR_BLANK.fullmatch(line) for line in preamble.splitlines()):
        raise SqlFileError(f"{package}/{filename}: there is SQL above the first `-- name:` line.")
    queries: dict[str, str] = {}
    for name, body in zip(sections[::2], sections[1::2], strict=True):
        if not name.isidentifier():
            raise SqlFileError(f"{package}/{filename}: {name!r} is not a usable name for a query.")
        if name in queries:
            raise SqlFileError(f"{package}/{filename}: the name {name} is given twice.")
        if all(_COMMENT_OR_BLANK.fullmatch(line) for line in body.splitlines()):
            raise SqlFileError(f"{package}/{filename}: the query {name} is empty.")
        queries[name] = body.strip()
    if not queries:
        raise SqlFileError(f"{package}/{filename}: there is no `-- name:` line.")
    return queries
