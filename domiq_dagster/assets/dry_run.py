"""What a dry run says: the forecast as metadata of an observation, never of a materialisation, so that the
partitions and their plots stay as they are. A figure of the forecast that is to be seen belongs here; how it
is found out belongs in `sync.dry_run`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.sync.dry_run import Forecast

DRY: Mapping[str, bool] = {"dry_run": True}
"""The mark of what a dry run observed."""
_COUNTS = ("would_create", "would_push", "conflicts", "agree", "left_alone", "held", "beaten")
_PARTS = ("would_apply", "would_post", "nothing_to_send", "waits")


class DryRunConfig(dg.Config):
    """Whether to write at all."""

    dry_run: bool = Field(
        default=False, description="Say what would be done, as an observation; write nothing."
    )


def forecast_metadata(forecasts: Sequence[Forecast]) -> dict[str, Any]:
    """The sums of some forecasts, and a table by property where there are several."""
    metadata: dict[str, Any] = dict(DRY)
    for name in _COUNTS:
        metadata[name] = sum(getattr(f, name) for f in forecasts)
    for name in _PARTS:
        parts: Counter[str] = Counter()
        for forecast in forecasts:
            parts += getattr(forecast, name)
        metadata[name] = dict(parts)
    if len(forecasts) > 1:
        metadata |= table_unless_empty("by_property", [_row(forecast) for forecast in forecasts])
    return metadata


def _row(forecast: Forecast) -> dict[str, Any]:
    row: dict[str, Any] = {"property": forecast.partition_key}
    row |= {name: getattr(forecast, name) for name in _COUNTS}
    row |= {name: getattr(forecast, name).total() for name in _PARTS}
    return row
