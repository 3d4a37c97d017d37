"""When a property is in trouble: the settings, where they come from, and changing them.

The table `domiq_sync.threshold` decides, field by field: a property's own row, else the default row
(property_id NULL). Only where both say nothing does a value count that is not in the database: for what
Dagster runs the one of its resource, which is the shipped one unless somebody configures it, and for commands
the shipped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.operator_actions import Deciding, record

QUERIES = load_queries(__package__, "thresholds.sql")
_YEAR_HOURS = 8760.0
_YEAR_MINUTES = 525_600.0


class BadThreshold(Exception):
    """A setting that does not exist, or a value that it cannot have; the text says what is possible."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a property may look like before people are notified. Names carry their units.

    A property is past it

    - where, of the changes logged in the last `window_hours` and settled, fewer than `lowest_success_rate`
      percent succeeded or more than `most_failures` failed, if those are at least `least_volume` changes of
      which `least_failures` failed;
    - where a change that waits for nobody's decision is pending for longer than `oldest_pending_minutes`;
    - where more than `most_diverged` linked leads have disagreed for `diverged_minutes`;
    - where the last good pull is older than `no_pull_minutes`;
    - where a change is due and no request was made for `no_push_minutes`.

    An incident is over when all has looked good for `recover_minutes`; one that begins again within
    `reopen_minutes` of its end is the same incident; people are reminded after `reminder_hours`.
    """

    lowest_success_rate: float = 99.0
    most_failures: int = 20
    least_volume: int = 10
    least_failures: int = 1
    window_hours: float = 24.0
    oldest_pending_minutes: float = 30.0
    most_diverged: int = 5
    diverged_minutes: float = 30.0
    no_pull_minutes: float = 60.0
    no_push_minutes: float = 15.0
    recover_minutes: float = 10.0
    reopen_minutes: float = 60.0
    reminder_hours: float = 12.0

    @property
    def window(self) -> timedelta:
        return timedelta(hours=self.window_hours)

    def is_past(self, success: int, failed: int) -> bool:
        """Whether these counts of settled changes in one window are past it."""
        settled = success + failed
        if settled < self.least_volume or failed < self.least_failures:
            return False
        return 100.0 * success / settled < self.lowest_success_rate or failed > self.most_failures

    def is_far_past(self, success: int, failed: int) -> bool:
        """Whether more than twice as much failed as is allowed, by the rate or by the count."""
        if not self.is_past(success, failed):
            return False
        share, allowed = 100.0 * failed / (success + failed), 100.0 - self.lowest_success_rate
        return share > 2 * allowed or failed > 2 * self.most_failures


NAMES = tuple(f.name for f in fields(Threshold))
_WHOLE = frozenset({"most_failures", "least_volume", "least_failures", "most_diverged"})
_LIMITS: Mapping[str, tuple[float, float]] = {
    # smallest and largest value; the table's constraints say the same
    "lowest_success_rate": (0, 100),
    "most_failures": (0, 2**31 - 1),
    "least_volume": (1, 2**31 - 1),
    "least_failures": (1, 2**31 - 1),
    "window_hours": (1 / 60, _YEAR_HOURS),
    "oldest_pending_minutes": (0.1, _YEAR_MINUTES),
    "most_diverged": (0, 2**31 - 1),
    "diverged_minutes": (0, _YEAR_MINUTES),
    "no_pull_minutes": (0.1, _YEAR_MINUTES),
    "no_push_minutes": (0.1, _YEAR_MINUTES),
    "recover_minutes": (0, _YEAR_MINUTES),
    "reopen_minutes": (0, _YEAR_MINUTES),
    "reminder_hours": (1 / 60, _YEAR_HOURS),
}
Changes = Mapping[str, float | int | None]
"""New values by name; None takes a property's (or the default's) own value away."""


def longest_window(connection: Connection) -> timedelta:
    """The longest time over which any property's changes are counted."""
    hours = connection.scalar(QUERIES.longest_window) or 0.0
    return timedelta(hours=max(hours, Threshold().window_hours))


def parse_settings(assignments: list[str]) -> dict[str, float | int | None]:
    """Reads `name=value` texts; `name=` takes the value away.

    Returns:
        The new values by name, None for one that is taken away.

    Raises:
        BadThreshold: there is no such setting, or it cannot have that value.
    """
    return dict(_parse(a) for a in assignments)


def _parse(assignment: str) -> tuple[str, float | int | None]:
    name, equals, value = (part.strip() for part in assignment.partition("="))
    if name not in NAMES:
        raise BadThreshold(f"There is no threshold '{name}'. There are: {', '.join(NAMES)}.")
    if not equals:
        raise BadThreshold(f"Write {name}=VALUE, or {name}= to take its value away.")
    if not value:
        return name, None
    low, high = _LIMITS[name]
    try:
        number = int(value) if name in _WHOLE else float(value)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        kind = "a whole number" if name in _WHOLE else "a number"
        raise BadThreshold(f"{name} must be {kind} from {low:.4g} to {high:.10g}, not '{value}'.")
    return name, number


def changed(threshold: Threshold, changes: Changes, fall_back: Threshold) -> Threshold:
    """Applies changes to a threshold; a value that is taken away becomes that of `fall_back`."""
    values: dict[str, Any] = {n: getattr(fall_back, n) if v is None else v for n, v in changes.items()}
    return replace(threshold, **values)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The settings in force.

    Attributes:
        base: what counts where the table says nothing.
        own: what the table says, by property (None: the default row).
    """

    base: Threshold
    own: Mapping[UUID | None, Mapping[str, float | int]]

    def of(self, property_id: UUID | None) -> Threshold:
        """Of one property; of None, the default."""
        values: dict[str, Any] = {**self.own.get(None, {}), **self.own.get(property_id, {})}
        return replace(self.base, **values) if values else self.base

    def source(self, property_id: UUID | None, name: str) -> str:
        """Where a value comes from: `property`, `default` (the table's default row) or `shipped`."""
        if property_id is not None and name in self.own.get(property_id, {}):
            return "property"
        return "default" if name in self.own.get(None, {}) else "shipped"


def load_thresholds(connection: Connection, base: Threshold | None = None) -> Thresholds:
    """Reads the settings in force.

    Args:
        base: what counts where the table says nothing; as shipped, if not given.
    """
    own = {
        row.property_id: {n: v for n in NAMES if (v := row._mapping[n]) is not None}
        for row in connection.execute(QUERIES.thresholds)
    }
    return Thresholds(base or Threshold(), own)


def set_threshold(
    connection: Connection, property_id: UUID | None, changes: Changes, by: str, why: str | None = None
) -> None:
    """Changes the settings of a property, or the default for None. The caller commits.

    Args:
        changes: new values by name; None takes the row's own value away.
        by: who changes them, for the record; and why.
    """
    connection.execute(QUERIES.add_row, {"property_id": property_id})
    connection.execute(QUERIES.lock_row, {"property_id": property_id})
    # Only names of the list: they stand in the statement itself.
    sets = "".join(f"{name} = :{name}, " for name in NAMES if name in changes)
    values: dict[str, Any] = {**changes, "property_id": property_id, "by": by}
    connection.execute(
        text(
            f"UPDATE domiq_sync.threshold SET {sets}set_by = :by, set_at = clock_timestamp() "
            "WHERE property_id IS NOT DISTINCT FROM CAST(:property_id AS uuid)"
        ),
        values,
    )
    told = {name: "as the default" if value is None else value for name, value in changes.items()}
    record(connection, Deciding.THRESHOLDS, by, why, property_id=property_id, details=told)
