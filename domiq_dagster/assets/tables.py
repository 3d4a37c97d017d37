"""Tables as metadata: rows of ours, frames of pandas with the types of their columns, and how many rows a
table of the database has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import dagster as dg
from sqlalchemy import Connection

from domiq_dagster.runtime.dagster_home import LOCATION
from domiq_dagster.sync.monitoring import row_counts

if TYPE_CHECKING:
    import pandas as pd


def table_unless_empty(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, dg.TableMetadataValue]:
    """The rows as one entry of an event's metadata; none where there are none."""
    return {name: dg.MetadataValue.table([dg.TableRecord(row) for row in rows])} if rows else {}


def mended_by(job_name: str, *, passed: bool) -> dict[str, dg.DagsterJobMetadataValue]:
    """A link to the job that mends what a check found, for its metadata; none where it found nothing."""
    return {} if passed else {"mended_by": dg.MetadataValue.job(job_name, LOCATION)}


def rows_of(connection: Connection, name: str) -> dict[str, int]:
    """How many rows a table or view has, for the metadata of the asset that it stands behind.

    Args:
        name: with its schema.
    """
    return row_count_metadata(row_counts.row_count(connection, name))


def rows_of_property(connection: Connection, name: str, property_id: UUID) -> dict[str, int]:
    """How many rows one property has in a table, for the metadata of its partition; nothing where they are
    too many to count by the way."""
    counted = row_counts.rows_of_property(connection, name, property_id)
    return {} if counted is None else {"dagster/partition_row_count": counted}


def row_count_metadata(found: row_counts.RowCount | None) -> dict[str, int]:
    """`dagster/row_count` of what was counted; an estimate is called one. Nothing where nobody can tell."""
    if found is None:
        return {}
    return {"dagster/row_count" if found.is_exact else "rows_estimated": found.rows}


def frame_table(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """The frame as the UI shows it: numbers stay numbers, all else becomes text, missing is empty."""
    columns = [dg.TableColumn(str(name), type=_type(frame[name])) for name in frame.columns]
    records = [
        dg.TableRecord({str(k): _cell(v) for k, v in row.items()}) for row in frame.to_dict(orient="records")
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _type(column: pd.Series) -> str:
    import pandas as pd  # half a second, which every load of the definitions would wait for

    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"


def _cell(value: object) -> str | int | float | None:
    import pandas as pd

    if value is None or (not isinstance(value, (list, dict)) and pd.isna(value)):  # type: ignore[call-overload]
        return None
    return value if isinstance(value, (int, float)) else str(value)
