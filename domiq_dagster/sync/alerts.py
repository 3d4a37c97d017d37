"""The failed-sync threshold: which properties are past it, and one notice when that begins or ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.measure import RecentFailures, recent_failures

logger = logging.getLogger(__name__)
_QUERIES = load_queries(__package__, "notices.sql")
FAILED_SYNC = "failed_sync"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Past it: the success rate of the window is below `lowest_success_rate` percent, or there are more
    than `most_failures`; only where at least `least_volume` changes were settled."""

    lowest_success_rate: float = 99.0
    most_failures: int = 20
    least_volume: int = 10
    window: timedelta = timedelta(hours=24)

    def is_past(self, figures: RecentFailures) -> bool:
        rate = figures.success_rate
        if rate is None or figures.settled < self.least_volume:
            return False
        return rate < self.lowest_success_rate or figures.failed > self.most_failures


@dataclass(frozen=True, slots=True)
class ThresholdState:
    """The figures of every connected property, and which of them are past the threshold."""

    all: Sequence[RecentFailures]
    past: Sequence[RecentFailures]


def threshold_state(engine: Engine, threshold: Threshold, *, now: datetime | None = None) -> ThresholdState:
    """Reads the recent window ending at `now` (aware; default: the present)."""
    with engine.connect() as connection:
        figures = recent_failures(connection, (now or datetime.now(UTC)) - threshold.window)
    return ThresholdState(figures, [f for f in figures if threshold.is_past(f)])


def raise_alerts(engine: Engine, state: ThresholdState) -> tuple[list[str], list[str]]:
    """Opens an alert for each property that is newly past the threshold, closes those that recovered;
    each with a log line and an in-app notice, once. Returns the partition keys (opened, closed)."""
    opened, closed = [], []
    by_id = {f.property_id: f for f in state.all}
    fine = [f.property_id for f in state.all if f not in state.past]
    with engine.begin() as connection:
        for figures in state.past:
            detail = {
                "failed": figures.failed,
                "settled": figures.settled,
                "success_rate": figures.success_rate,
                "main_reason": figures.main_reason,
            }
            alert_id = connection.scalar(
                text(_QUERIES["open_alert"]),
                {"property_id": figures.property_id, "kind": FAILED_SYNC, "figures": json.dumps(detail)},
            )
            if alert_id is not None:
                opened.append(figures.partition_key)
                _tell(connection, alert_id, figures, describe(figures))
        for row in connection.execute(
            text(_QUERIES["close_alerts"]), {"kind": FAILED_SYNC, "property_ids": fine}
        ).all():
            figures = by_id[row.property_id]
            closed.append(figures.partition_key)
            _tell(connection, row.id, figures, f"{figures.property_name}: status syncs succeed again.")
    return opened, closed


def describe(figures: RecentFailures) -> str:
    """One sentence about a property past the threshold, with the command that helps."""
    reason = f", mostly {figures.main_reason}" if figures.main_reason else ""
    return (
        f"{figures.property_name}: {figures.failed} of {figures.settled} status syncs failed{reason}. "
        f"See `domiq-sync status`; after mending: `domiq-sync retry --property {figures.partition_key}`."
    )


def _tell(connection: Connection, alert_id: object, figures: RecentFailures, body: str) -> None:
    logger.warning("alert: %s", body)
    connection.execute(
        text(_QUERIES["notify_alert"]),
        {
            "property_id": figures.property_id,
            "alert_id": alert_id,
            "subject": f"{figures.property_name}: status sync",
            "body": body,
        },
    )
