"""The figures of one worker for Prometheus: what it delivered, how long that waited, and whether it is well.
Nothing in them names a lead or a property."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from domiq_dagster.sync.delivery.outcomes import DeliveryResult
from domiq_dagster.tracing import spans

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600)
_LAG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
_MOST_OUTCOMES = 100
_OUTCOME = re.compile(r"[a-z][a-z0-9_]{0,39}")
OTHER = "other"
"""Stands for every outcome that is no word of ours, or one too many: whatever comes, the series are few."""


class _Spans(Collector):
    """What became of the spans of this process."""

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "domiq_sync_spans", "Spans of traces by what became of them.", labels=["result"]
        )
        for result, spans_so_far in spans.counts().items():
            family.add_metric([result], spans_so_far)
        yield family


class Metrics:
    """Counted in a registry of its own, so that several workers of one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._deliveries = Counter(
            "domiq_sync_deliveries", "Deliveries by how they ended.", ["result"], registry=self._registry
        )
        self._outcomes = Counter(
            "domiq_sync_outcomes",
            "Deliveries by how they ended and why, in the word that `domiq-sync explain` has.",
            ["result", "outcome"],
            registry=self._registry,
        )
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._settled_lag = Histogram(
            "domiq_sync_settled_lag_seconds",
            "From when a change was logged until it was settled, of those settled here.",
            buckets=_LAG_BUCKETS,
            registry=self._registry,
        )
        self._seconds = Histogram(
            "domiq_sync_delivery_seconds",
            "From the claim of a change until it was settled or postponed.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._due = Gauge(
            "domiq_sync_due_properties",
            "Properties with a change due when last looked.",
            registry=self._registry,
        )
        self._lag = Gauge(
            "domiq_sync_lag_seconds", "How long the longest-due change waits.", registry=self._registry
        )
        self._serving = Gauge(
            "domiq_sync_accounts_served", "Accounts that are worked on just now.", registry=self._registry
        )
        self._left = Gauge(
            "domiq_sync_accounts_left", "Accounts that are left alone for an outage.", registry=self._registry
        )

        self._pulls = Counter(
            "domiq_sync_pulls", "Pulls of properties by how they ended.", ["result"], registry=self._registry
        )
        self._pull_seconds = Histogram(
            "domiq_sync_pull_seconds",
            "From the beginning of a pull until what it brought was stored.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._oldest_pull = Gauge(
            "domiq_sync_oldest_pull_seconds",
            "Since the last pull of the property that has waited for longest, of accounts that answer.",
            registry=self._registry,
        )
        self._registry.register(_Spans())

    def delivered(self, result: DeliveryResult, seconds: float, logged_at: datetime) -> None:
        """One delivery ended.

        Args:
            logged_at: when its change was, by the database's clock; where that is ahead of ours the lag is 0.
        """
        self._deliveries.labels(result.result).inc()
        self._outcomes.labels(result.result, self._bounded(result.outcome)).inc()
        self._seconds.observe(seconds)
        if result.result in ("success", "failed"):
            lag = (datetime.now(UTC) - logged_at).total_seconds()
            self._settled_lag.observe(max(lag, 0.0))

    def _bounded(self, outcome: str) -> str:
        with self._lock:
            if outcome in self._known:
                return outcome
            if len(self._known) >= _MOST_OUTCOMES or not _OUTCOME.fullmatch(outcome):
                return OTHER
            self._known.add(outcome)
            return outcome

    def looked(self, *, due: int, lag: float, serving: int, left: int) -> None:
        self._due.set(due)
        self._lag.set(lag)
        self._serving.set(serving)
        self._left.set(left)

    def pulled(self, result: str, seconds: float | None) -> None:
        """One pull ended. `result`: news, nothing new, failed."""
        self._pulls.labels(result).inc()
        if seconds is not None:
            self._pull_seconds.observe(seconds)

    def pulls_looked(self, oldest: float) -> None:
        self._oldest_pull.set(oldest)

    def tell_readiness(self, is_ready: Callable[[], bool]) -> None:
        """Has it told whether the worker is fit for its work, which is asked at each scrape."""
        gauge = Gauge(
            "domiq_sync_ready",
            "1 while the worker is fit for its work. /readyz looks at the database's schema, too.",
            registry=self._registry,
        )
        gauge.set_function(lambda: float(is_ready()))

    def add(self, figures: Collector) -> None:
        """Has figures told that are kept elsewhere."""
        self._registry.register(figures)

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)
