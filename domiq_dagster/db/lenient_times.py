"""Times as they come: PostgreSQL has moments that Python has not, `infinity` among them and all after the
year 9999. They are read as the last moment, or the first, that Python has.

A value that cannot be read would else fail the whole query, with every row beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

_NAMES = ("date", "timestamp", "timestamptz")


def read_leniently(connection: psycopg.Connection[Any]) -> None:
    """Has this connection read dates and times so."""
    for name in _NAMES:
        connection.adapters.register_loader(name, _LOADERS[name])


def _lenient(name: str, first: date, last: date) -> type[Loader]:
    """A loader that asks psycopg's own, and knows what to do where that gives up."""
    found = psycopg.adapters.get_loader(psycopg.adapters.types[name].oid, Format.TEXT)
    assert found is not None
    own: Callable[..., Any] = found

    class LenientLoader(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._own = own(oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                return self._own.load(data)
            except psycopg.DataError:
                text = bytes(data)
                return first if text.startswith(b"-") or text.endswith(b"BC") else last

    return LenientLoader


_LOADERS = {
    "date": _lenient("date", date.min, date.max),
    "timestamp": _lenient("timestamp", datetime.min, datetime.max),
    "timestamptz": _lenient(
        "timestamptz", datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    ),
}
