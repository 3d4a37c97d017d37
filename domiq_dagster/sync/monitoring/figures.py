"""Figures: how each property stands, conservation, recent failures.

How the two sides compare is in `divergence`, what waits in `backlog`, who is behind ResMan in `gaps`, what
each day was in the room `report`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.monitoring.divergence import verdicts

if TYPE_CHECKING:
    import pandas as pd

QUERIES = load_queries(__package__, "figures.sql")
_RECENT_HOURS = 48
"""How old a change without a place in the order may be, to be looked for by a check."""


@dataclass(frozen=True, slots=True)
class PropertyFigures:
    """One connected property's state. Ages in seconds; rates in percent."""

    partition_key: str
    property_id: UUID
    property_name: str
    logged: int
    success: int
    failed: int
    pending: int
    applied: int
    pushed: int
    leads: int
    pulled: int
    """New or changed prospects over all pulls."""
    deliveries: int
    oldest_pending_seconds: float | None
    watermark: datetime | None
    last_pull_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    rejected_reason: str | None
    """Why the last full read was not believed."""
    overlap_seconds: float | None
    """How far behind its watermark the last pull asked."""
    missing: int
    """Prospects that full reads no longer bring, not yet confirmed to be gone."""
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def diverged(self) -> int:
        return self.verdicts["diverged"]

    @property
    def conflicts(self) -> int:
        return self.verdicts["conflict"]

    @property
    def compared(self) -> int:
        """How many linked leads could be compared."""
        return sum(n for verdict, n in self.verdicts.items() if verdict not in ("not_a_lead", "unknown_word"))

    @property
    def success_rate(self) -> float | None:
        """Of all logged changes, as the view has it; None where nothing is logged."""
        return 100.0 * self.success / self.logged if self.logged else None


@dataclass(frozen=True, slots=True)
class RecentFailures:
    """A property's settled changes in a recent window, and the reason that most of its failures share, with
    how many do."""

    partition_key: str
    property_id: UUID
    property_name: str
    success: int
    failed: int
    main_reason: str | None
    of_main_reason: int = 0

    @property
    def settled(self) -> int:
        return self.success + self.failed

    @property
    def success_rate(self) -> float | None:
        """In percent; None where nothing was settled."""
        return 100.0 * self.success / self.settled if self.settled else None


FIGURES = ("pulled", "applied", "pushed", "failed", "pending", "diverged")


def figures_row(figures: PropertyFigures) -> dict[str, Any]:
    """One property's figures as plain values."""
    return {
        "property": figures.partition_key,
        "name": figures.property_name,
        "pulled": figures.pulled,
        "applied": figures.applied,
        "pushed": figures.pushed,
        "failed": figures.failed,
        "pending": figures.pending,
        "diverged": figures.diverged,
        "conflicts": figures.conflicts,
        "awaiting_resman": figures.verdicts["awaiting"],
        "success_rate": None if figures.success_rate is None else round(figures.success_rate, 2),
    }


def totals(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sums over properties, and the success rate over all of them."""
    sums = {name: sum(r[name] for r in rows) for name in (*FIGURES, "conflicts", "awaiting_resman")}
    success = sums["applied"] + sums["pushed"]
    logged = success + sums["failed"] + sums["pending"]
    return {**sums, "success_rate": round(100.0 * success / logged, 2) if logged else None}


def property_figures(connection: Connection, property_id: UUID | None = None) -> list[PropertyFigures]:
    """The state of every connected property, or of one."""
    rows = connection.execute(QUERIES.property_figures, {"property_id": property_id}).mappings().all()
    found = verdicts(connection, None if property_id is None else [property_id])
    return [PropertyFigures(**row, verdicts=found.get(row["property_id"], Counter())) for row in rows]


def conservation_problems(connection: Connection) -> list[dict[str, Any]]:
    """Where pending changes and deliveries are not the same set: empty when all is well. At most 1,000, each
    with the number of all of them in `of_all`."""
    rows = connection.execute(QUERIES.conservation, {"recent_hours": _RECENT_HOURS})
    return [dict(row) for row in rows.mappings()]


def recent_failures(connection: Connection, windows: Mapping[UUID, datetime]) -> list[RecentFailures]:
    """Of each of these connected properties, the settled changes logged since the given time (aware)."""
    given = [{"property_id": str(p), "since": since.isoformat()} for p, since in windows.items()]
    return rows_as(
        RecentFailures, connection.execute(QUERIES.recent_failures, {"windows": json.dumps(given)})
    )


def success_rate_frame(connection: Connection) -> pd.DataFrame:
    """The view status_sync_success_rate: property_name, sync_success_rate (percent),
    failed_status_updates, property_id."""
    return _frame(connection, "success_rate")


def log_totals_frame(connection: Connection) -> pd.DataFrame:
    """How many changes the whole log holds, by direction and status."""
    return _frame(connection, "log_totals")


def _frame(connection: Connection, query: str) -> pd.DataFrame:
    import pandas as pd  # half a second, which every command would wait for

    return pd.read_sql(QUERIES[query], connection)


def unnotified(engine: Engine) -> tuple[int, int]:
    """How many changes the next notices would look at, and for how many somebody asked to be told."""
    with engine.connect() as connection:
        row = connection.execute(QUERIES.unnotified).one()
    return row.changes, row.wanted
