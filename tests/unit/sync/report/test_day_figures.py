"""The figures of a day, from frames as the database gives them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from domiq_dagster.sync.report import day_figures

COLUMNS = [
    *("property", "sync_direction", "sync_status", "conversation_id", "was", "became", "reason", "seconds"),
    *("stayed", "throttled"),
]
NO_REQUESTS = pd.DataFrame({"property": [], "sync_direction": [], "requests": []})


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """Changes of one property to ResMan that succeeded, but for what each says."""
    given = {
        **dict.fromkeys(COLUMNS),
        **{"property": "flats", "sync_direction": "to_resman", "sync_status": "success", "throttled": 0},
    }
    return pd.DataFrame([{**given, **row} for row in rows], columns=COLUMNS)


def figures(*rows: dict[str, Any], requests: pd.DataFrame = NO_REQUESTS) -> dict[tuple[str, str], Any]:
    found = day_figures.figures(frame(*rows), requests)
    return {(r["property"], r["sync_direction"]): r for r in day_figures.as_records(found)}


def test_a_day_without_changes_has_no_rows() -> None:
    assert figures() == {}
    assert day_figures.totals(frame()).empty


def test_changes_are_counted_by_how_they_ended_and_the_rate_is_of_those_that_ended() -> None:
    found = figures({}, {}, {"sync_status": "failed", "reason": "refused"}, {"sync_status": "pending"})
    row = found["flats", "to_resman"]
    assert [row[n] for n in ("changes", "success", "failed", "pending")] == [4, 2, 1, 1]
    assert row["success_rate"] == pytest.approx(200 / 3)
    assert row["reasons"] == {"refused": 1}
    assert figures({"sync_status": "pending"})["flats", "to_resman"]["success_rate"] is None


def test_latency_is_of_those_of_which_it_is_on_record_when_they_arrived() -> None:
    taken = [1.0, 10.0, 10.1, 60.0, 61.0]
    row = figures(*({"seconds": s} for s in taken), {"seconds": None})["flats", "to_resman"]
    assert (row["timed"], row["within_10s"], row["within_1min"]) == (5, 2, 4)
    assert row["latency_p50"] == 10.1
    assert row["latency_p95"] == pytest.approx(60.8)
    nothing = figures({})["flats", "to_resman"]
    assert (nothing["timed"], nothing["latency_p50"], nothing["latency_p95"]) == (0, None, None)


def test_moves_lead_from_status_to_status_and_a_lead_comes_to_one_once() -> None:
    row = figures(
        {"conversation_id": "a", "was": "new", "became": "contacted", "stayed": 60.0},
        {"conversation_id": "a", "was": "contacted", "became": "new", "stayed": 10.0},
        {"conversation_id": "a", "was": "new", "became": "contacted", "stayed": 100.0},
        {"conversation_id": "b", "was": None, "became": "new"},
        {"conversation_id": "b", "was": "new", "became": "new"},  # no move
        {"conversation_id": "c", "was": None, "became": None},  # a tour that moved
    )["flats", "to_resman"]
    assert row["funnel"] == {"contacted": 1, "new": 2}
    assert row["moves"] == {"new": {"contacted": 2}, "contacted": {"new": 1}, "none": {"new": 1}}
    assert row["time_in_status"] == {
        "contacted": {"leads": 1, "median_seconds": 10.0},
        "new": {"leads": 2, "median_seconds": 80.0},
    }
    assert row["changes"] == 6


def test_directions_and_properties_stand_apart_and_requests_make_a_row_of_their_own() -> None:
    requests = pd.DataFrame(
        {"property": ["flats", "lofts"], "sync_direction": ["to_resman", "from_resman"], "requests": [7, 3]}
    )
    found = figures({}, {"sync_direction": "from_resman"}, {"sync_direction": None}, requests=requests)
    assert {key: (row["changes"], row["requests"]) for key, row in found.items()} == {
        ("flats", ""): (1, None),
        ("flats", "from_resman"): (1, None),
        ("flats", "to_resman"): (1, 7),
        ("lofts", "from_resman"): (0, 3),
    }


def test_only_the_ten_most_frequent_reasons_are_kept() -> None:
    rows = [{"sync_status": "failed", "reason": f"r{n}"} for n in range(12) for _ in range(n + 1)]
    reasons = figures(*rows)["flats", "to_resman"]["reasons"]
    assert list(reasons) == [f"r{n}" for n in range(11, 1, -1)]
