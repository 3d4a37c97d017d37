"""Tables as metadata: rows of ours, and frames of pandas with the types of their columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd


def table_unless_empty(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, dg.TableMetadataValue]:
    """The rows as one entry of an event's metadata; none where there are none."""
    return {name: dg.MetadataValue.table([dg.TableRecord(row) for row in rows])} if rows else {}


def frame_table(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """The frame as the UI shows it: numbers stay numbers, all else becomes text, missing is empty."""
    columns = [dg.TableColumn(str(name), type=_type(frame[name])) for name in frame.columns]
    records = [
        dg.TableRecord({str(k): _cell(v) for k, v in row.items()}) for row in frame.to_dict(orient="records")
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _type(column: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"


def _cell(value: object) -> str | int | float | None:
    if value is None or (not isinstance(value, (list, dict)) and pd.isna(value)):  # type: ignore[call-overload]
        return None
    return value if isinstance(value, (int, float)) else str(value)
