"""What a worker counts for Prometheus: the series stay few, whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.sync.service.metrics import OTHER, Metrics

JUST_NOW = timedelta(0)


def delivered(metrics: Metrics, result: str, outcome: str, ago: timedelta = JUST_NOW) -> None:
    metrics.delivered(DeliveryResult(result, outcome), 0.01, datetime.now(UTC) - ago)


def value(metrics: Metrics, series: str) -> float | None:
    """The value of one series as Prometheus reads it; None: there is none."""
    for line in metrics.text().decode().splitlines():
        name, _, number = line.rpartition(" ")
        if name == series:
            return float(number)
    return None


def test_the_lag_is_of_those_that_are_settled() -> None:
    metrics = Metrics()
    delivered(metrics, "success", "sent", timedelta(seconds=20))
    delivered(metrics, "failed", "rejected", timedelta(hours=2))
    delivered(metrics, "postponed", "outage", timedelta(hours=9))
    assert value(metrics, "domiq_sync_settled_lag_seconds_count") == 2
    assert value(metrics, 'domiq_sync_settled_lag_seconds_bucket{le="10.0"}') == 0
    assert value(metrics, 'domiq_sync_settled_lag_seconds_bucket{le="30.0"}') == 1


def test_a_change_logged_by_a_clock_ahead_of_ours_has_no_lag() -> None:
    metrics = Metrics()
    delivered(metrics, "success", "sent", timedelta(seconds=-30))
    assert value(metrics, "domiq_sync_settled_lag_seconds_sum") == 0


def test_outcomes_are_counted_by_their_words() -> None:
    metrics = Metrics()
    for _ in range(3):
        delivered(metrics, "failed", "rejected")
    assert value(metrics, 'domiq_sync_outcomes_total{outcome="rejected",result="failed"}') == 3


def test_what_is_no_word_of_ours_or_one_too_many_is_other() -> None:
    metrics = Metrics()
    delivered(metrics, "failed", "Bo Anders <bo@example.com>")
    for number in range(150):
        delivered(metrics, "failed", f"word_{number}")
    text = metrics.text().decode()
    assert "example.com" not in text
    assert text.count("domiq_sync_outcomes_total{") == 101
    assert value(metrics, f'domiq_sync_outcomes_total{{outcome="{OTHER}",result="failed"}}') == 51
