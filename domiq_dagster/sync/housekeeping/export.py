"""The archive in Parquet files, one for each month, for whoever analyses it elsewhere. It needs pyarrow,
which comes with the extra `parquet`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from domiq_dagster.sync.queue.archive import archived_months, rows_of_month

_TIMES = ("created_at", "logged_at", "archived_at")
_DOCUMENTS = ("context_data", "change", "rules")
_TEXTS = (
    *("id", "conversation_id", "resman_lead_id", "old_status", "new_status", "status_reason", "updated_by"),
    *("sync_direction", "sync_status", "property_id"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """A file, and how many rows it has."""

    path: Path
    rows: int

    def as_json(self) -> dict[str, Any]:
        return {"path": str(self.path), "rows": self.rows}


def export_archive(connection: Connection, directory: Path) -> Sequence[Written]:
    """Writes each month of the archive to `status_sync_log_YYYY_MM.parquet`. A file that is there is replaced
    once its successor is whole. Ids are text, documents JSON.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        OSError: what cannot be written.
    """
    import pyarrow  # noqa: F401  # said before anything is asked

    return [_write(connection, directory, month) for month in archived_months(connection)]


def _write(connection: Connection, directory: Path, month: date) -> Written:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            *((name, pa.string()) for name in _TEXTS),
            *((name, pa.string()) for name in _DOCUMENTS),
            *((name, pa.timestamp("us", tz="UTC")) for name in _TIMES),
            ("seq", pa.int64()),
        ]
    )
    path = directory / f"status_sync_log_{month:%Y_%m}.parquet"
    unfinished = path.with_suffix(".unfinished")
    rows = 0
    with pq.ParquetWriter(unfinished, schema) as writer:
        for part in rows_of_month(connection, month):
            writer.write_table(pa.Table.from_pylist([_plain(row) for row in part], schema))
            rows += len(part)
    os.replace(unfinished, path)
    return Written(path, rows)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in (*_TIMES, "seq")},
        **{name: None if row[name] is None else str(row[name]) for name in _TEXTS},
        **{name: None if row[name] is None else json.dumps(row[name]) for name in _DOCUMENTS},
    }
