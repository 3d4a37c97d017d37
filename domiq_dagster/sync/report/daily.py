"""The daily figures: counting a day, and reading what was counted of a range of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.divergence import verdicts
from domiq_dagster.sync.report import day_figures

if TYPE_CHECKING:
    import pandas as pd

QUERIES = load_queries(__package__, "daily.sql")
_NOT_COMPARED = ("not_a_lead", "unknown_word")


@dataclass(frozen=True, slots=True)
class DayCount:
    """What was counted of one day (UTC).

    Attributes:
        totals: changes by property, sync_direction and sync_status.
        figures: a row for each property and direction, as `domiq_sync.daily_figure` has them.
        properties: a row for each connected property, as `domiq_sync.daily_property` has them.
        latency: of all changes to ResMan together, by the names of the figures.
    """

    day: date
    totals: pd.DataFrame
    figures: pd.DataFrame
    properties: pd.DataFrame
    latency: Mapping[str, Any] = field(default_factory=dict)

    def sum(self, name: str, direction: str | None = None) -> int:
        """A figure summed over the properties, and over both directions if none is given."""
        rows = self.figures
        if direction is not None:
            rows = rows[rows["sync_direction"] == direction]
        return int(rows[name].fillna(0).sum())

    @property
    def diverged(self) -> int | None:
        """How many linked leads diverged when the day was counted; None where that was too late to tell."""
        known = self.properties["diverged"].dropna()
        return int(known.sum()) if len(known) else None


def look_at_day(connection: Connection, day: date) -> DayCount:
    """Counts one day, and writes nothing."""
    changes = _frame(connection, "changes_of_day", day=day)
    requests = _frame(connection, "requests_of_day", day=day)
    return DayCount(
        day,
        totals=day_figures.totals(changes),
        figures=day_figures.figures(changes, requests),
        properties=_properties(connection, day),
        latency=day_figures.latencies(changes["seconds"]),
    )


def count_day(connection: Connection, day: date) -> DayCount:
    """Counts one day into daily_total, daily_figure and daily_property, anew each time; the caller commits.

    Figures of what is no longer on record (attempts, requests, how leads compared then) stay as they were
    counted.
    """
    connection.execute(QUERIES.lock_day, {"day": day})
    counted = look_at_day(connection, day)
    connection.execute(QUERIES.forget_totals, {"day": day})
    for query, frame in (
        (QUERIES.store_totals, counted.totals),
        (QUERIES.forget_figures, counted.figures),
        (QUERIES.store_figures, counted.figures),
        (QUERIES.store_properties, counted.properties),
    ):
        rows = json.dumps(list(day_figures.as_records(frame)), default=_number)
        connection.execute(query, {"day": day, "rows": rows})
    connection.execute(QUERIES.note_counted, {"day": day})
    return counted


def _number(value: Any) -> Any:
    """A number of numpy's as Python's own."""
    return value.item()


def _properties(connection: Connection, day: date) -> pd.DataFrame:
    """Each connected property's conflicts of the day; and how its leads compare, where that is still of the
    day."""
    frame = _frame(connection, "conflicts_of_day", day=day)
    today = connection.execute(QUERIES.today).scalar_one()
    found = verdicts(connection) if today - day <= timedelta(days=1) else None
    columns: dict[str, list[int | None]] = {n: [] for n in ("compared", "in_step", "awaiting", "diverged")}
    ids = {i.partition_key: i.property_id for i in load_integrations(connection, enabled_only=False)}
    for key in frame["property"]:
        counts = None if found is None or key not in ids else found.get(ids[key], Counter())
        compared = None if counts is None else sum(n for v, n in counts.items() if v not in _NOT_COMPARED)
        columns["compared"].append(compared)
        for name, verdict in (("in_step", "agrees"), ("awaiting", "awaiting"), ("diverged", "diverged")):
            columns[name].append(None if counts is None else counts.get(verdict, 0))
    import pandas as pd

    return frame.assign(**{n: pd.array(values, dtype="Int64") for n, values in columns.items()})


def days_to_count(connection: Connection, not_before: date) -> list[date]:
    """Days since the first change on record that nobody has counted after their end, and today if it was not
    counted at all; in their order, none from before the day given."""
    return list(connection.scalars(QUERIES.days_to_count, {"not_before": not_before}))


@dataclass(frozen=True, slots=True)
class Days:
    """The figures of a range of days.

    Attributes:
        first, last: the range, both of it.
        figures: as `domiq_sync.daily_figure` has them.
        properties: as `domiq_sync.daily_property` has them.
    """

    first: date
    last: date
    figures: pd.DataFrame
    properties: pd.DataFrame


def days_between(first: date, last: date) -> list[date]:
    """Each day of a range, the first and the last too."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def figures_of_days(connection: Connection, first: date, last: date) -> Days:
    """What was counted of a range of days. Those that were not counted after their end are counted now, and
    not stored: so today is as it is."""
    import pandas as pd

    values = {"first": first, "last": last}
    counted = set(connection.scalars(QUERIES.whole_days, values))
    looked = [look_at_day(connection, day) for day in days_between(first, last) if day not in counted]
    found = {}
    for name in ("figures", "properties"):
        stored = _frame(connection, name, **values)
        parts = [stored[stored["day"].isin(counted)]]
        parts += [getattr(one, name).assign(day=one.day) for one in looked]
        filled = [part for part in parts if len(part)]
        found[name] = pd.concat(filled, ignore_index=True) if filled else stored.iloc[:0]
    return Days(first, last, **found)


def time_now(connection: Connection) -> datetime:
    """The time now, by the database's clock."""
    now: datetime = connection.execute(QUERIES.now).scalar_one()
    return now


def _frame(connection: Connection, query: str, **values: date) -> pd.DataFrame:
    import pandas as pd  # half a second, which every command would wait for

    return pd.read_sql(QUERIES[query], connection, params=values)
