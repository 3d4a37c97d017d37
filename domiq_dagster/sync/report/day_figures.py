"""Figures of one day from its changes: pandas alone, no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["property", "sync_direction"]
WITHIN_SECONDS = {"within_10s": 10.0, "within_1min": 60.0}
"""What is promised of a change to ResMan, by the name of its figure."""
NO_STATUS = "none"
_MOST_REASONS = 10


def totals(changes: pd.DataFrame) -> pd.DataFrame:
    """How many changes there were: property, sync_direction, sync_status, changes.

    Args:
        changes: as the query `changes_of_day` has them.
    """
    columns = [*KEYS, "sync_status"]
    counted = changes.groupby(columns, dropna=False, sort=True).size()
    return counted.rename("changes").reset_index()


def figures(changes: pd.DataFrame, requests: pd.DataFrame) -> pd.DataFrame:
    """The figures of each property and direction, in the columns of `domiq_sync.daily_figure` but the day.

    Args:
        changes: as the query `changes_of_day` has them.
        requests: property, sync_direction, requests.

    Returns:
        One row for each property and direction with a change or a request.
    """
    import pandas as pd  # half a second, which every command would wait for

    known = changes.assign(sync_direction=changes["sync_direction"].fillna(""))
    asked = {(row.property, row.sync_direction): row.requests for row in requests.itertuples()}
    groups: dict[Any, pd.DataFrame] = dict(iter(known.groupby(KEYS, sort=True)))
    none = known.iloc[:0]
    rows = [
        {
            "property": key[0],
            "sync_direction": key[1],
            **_of(groups.get(key, none)),
            "requests": asked.get(key),
        }
        for key in sorted({*groups, *asked})
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS = (
    *KEYS,
    *("changes", "success", "failed", "pending", "success_rate"),
    *("timed", "latency_p50", "latency_p95", *WITHIN_SECONDS),
    *("funnel", "moves", "time_in_status", "reasons", "requests", "throttled"),
)


def _of(group: pd.DataFrame) -> dict[str, Any]:
    ended = group["sync_status"].value_counts()
    success, failed = int(ended.get("success", 0)), int(ended.get("failed", 0))
    moved = group[group["became"].notna() & (group["was"].fillna("") != group["became"])]
    return {
        "changes": len(group),
        "success": success,
        "failed": failed,
        "pending": int(ended.get("pending", 0)),
        "success_rate": success_rate(success, failed),
        **latencies(group["seconds"]),
        "funnel": _counts(moved.groupby("became")["conversation_id"].nunique()),
        "moves": _moves(moved),
        "time_in_status": _time_in_status(moved),
        "reasons": _counts(group["reason"].dropna().value_counts().head(_MOST_REASONS)),
        "throttled": int(group["throttled"].sum()),
    }


def success_rate(success: int, failed: int) -> float | None:
    """Percent of what was settled; None where nothing was."""
    return 100.0 * success / (success + failed) if success + failed else None


def latencies(seconds: pd.Series[float]) -> dict[str, Any]:
    """How many changes to ResMan were timed, the percentiles of what they took, and how many took no longer
    than is promised."""
    timed = seconds.dropna().astype(float)
    return {
        "timed": len(timed),
        "latency_p50": float(timed.quantile(0.50)) if len(timed) else None,
        "latency_p95": float(timed.quantile(0.95)) if len(timed) else None,
        **{name: int((timed <= most).sum()) for name, most in WITHIN_SECONDS.items()},
    }


def _moves(moved: pd.DataFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    counted = moved.assign(was=moved["was"].fillna(NO_STATUS)).groupby(["was", "became"]).size()
    for was, became, changes in counted.rename("changes").reset_index().itertuples(index=False):
        found.setdefault(str(was), {})[str(became)] = int(changes)
    return found


def _time_in_status(moved: pd.DataFrame) -> dict[str, dict[str, float]]:
    left = moved[moved["stayed"].notna() & moved["was"].notna()]
    return {
        str(status): {"leads": len(stayed), "median_seconds": round(float(stayed.median()), 1)}
        for status, stayed in left.groupby("was")["stayed"]
    }


def _counts(counted: pd.Series[int]) -> dict[str, int]:
    return {str(name): int(count) for name, count in counted.items()}


def as_records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as plain values; what is missing is None."""
    for row in frame.astype(object).where(frame.notna(), None).to_dict(orient="records"):
        yield {str(name): value for name, value in row.items()}
