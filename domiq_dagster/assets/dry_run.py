"""What a dry run of an asset says: the forecast as metadata of an observation, never of a materialisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import Config, MetadataValue, TableRecord
from pydantic import Field

from domiq_dagster.sync.dry_run import Forecast

DRY: Mapping[str, MetadataValue] = {"dry_run": MetadataValue.bool(True)}
_COUNTS = ("would_create", "would_push", "conflicts", "agree", "left_alone", "held", "beaten")
_PARTS = ("would_apply", "would_post", "nothing_to_send", "waits")


class DryRunConfig(Config):
    """Whether to write at all."""

    dry_run: bool = Field(
        default=False, description="Say what would be done, as an observation; write nothing."
    )


def forecast_metadata(forecasts: Sequence[Forecast]) -> dict[str, MetadataValue]:
    """The sums of some forecasts, and a table by property where there are several."""
    metadata: dict[str, MetadataValue] = dict(DRY)
    for name in _COUNTS:
        metadata[name] = MetadataValue.int(sum(getattr(f, name) for f in forecasts))
    for name in _PARTS:
        parts: Counter[str] = Counter()
        for forecast in forecasts:
            parts += getattr(forecast, name)
        metadata[name] = MetadataValue.json(dict(parts))
    if len(forecasts) > 1:
        metadata["by_property"] = MetadataValue.table([_row(forecast) for forecast in forecasts])
    return metadata


def _row(forecast: Forecast) -> TableRecord:
    values: dict[str, Any] = {"property": forecast.partition_key}
    values |= {name: getattr(forecast, name) for name in _COUNTS}
    values |= {name: getattr(forecast, name).total() for name in _PARTS}
    return TableRecord(values)
