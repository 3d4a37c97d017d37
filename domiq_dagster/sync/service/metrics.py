"""The figures of one worker for Prometheus: what it delivered, how long that waited, and whether it is well.
Nothing in them names a lead or a property."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from domiq_dagster.sync.delivery.outcomes import DeliveryResult

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600)


class Metrics:
    """Counted in a registry of its own, so that several workers of one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._deliveries = Counter(
            "domiq_sync_deliveries", "Deliveries by how they ended.", ["result"], registry=self._registry
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

    def delivered(self, result: DeliveryResult, seconds: float) -> None:
        self._deliveries.labels(result.result).inc()
        self._seconds.observe(seconds)

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

    def flag(self, name: str, help_text: str, value: Callable[[], bool]) -> None:
        """A gauge of 0 or 1 that is asked when it is read."""
        Gauge(name, help_text, registry=self._registry).set_function(lambda: float(value()))

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)
