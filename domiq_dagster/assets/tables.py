"""A pandas frame as Dagster's table metadata, with its column types."""

import pandas as pd
from dagster import MetadataValue, TableColumn, TableMetadataValue, TableRecord, TableSchema


def table(frame: pd.DataFrame) -> TableMetadataValue:
    """The frame as the UI shows it: numbers stay numbers, all else becomes text, missing is empty."""
    columns = [TableColumn(str(name), type=_type(frame[name])) for name in frame.columns]
    records = [
        TableRecord({str(k): _cell(v) for k, v in row.items()}) for row in frame.to_dict(orient="records")
    ]
    return MetadataValue.table(records, schema=TableSchema(columns=columns))


def _type(column: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"


def _cell(value: object) -> str | int | float | None:
    if value is None or (not isinstance(value, (list, dict)) and pd.isna(value)):  # type: ignore[call-overload]
        return None
    return value if isinstance(value, (int, float)) else str(value)
