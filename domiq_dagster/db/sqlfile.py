"""Reads the `.sql` files that lie beside the modules which run them: several named queries to a file."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^--[ \t]*name:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_COMMENT_OR_BLANK = re.compile(r"\s*(?:--.*)?")


class SqlFileError(ValueError):
    """A `.sql` file does not keep to the form that `load_queries` reads."""


def load_queries(package: str, filename: str) -> dict[str, str]:
    """The queries of `filename` in `package`, by name. Each file is read once.

    A query begins with a line `-- name: some_name` and ends at the next one. Comments inside it are kept,
    so that they show in pg_stat_activity and logs. Above the first name there may only be comments.
    Raises SqlFileError for a name that is missing, malformed or given twice, and for an empty query;
    FileNotFoundError or ModuleNotFoundError if there is no such file or package.
    """
    return dict(_load(package, filename))


@cache
def _load(package: str, filename: str) -> dict[str, str]:
    text = (files(package) / filename).read_text(encoding="utf-8")
    preamble, *sections = _NAME.split(text)
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
