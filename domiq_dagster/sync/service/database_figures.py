"""The database's figures for Prometheus, read when a scrape asks for them, and at most every some seconds.

A scrape never waits long for the database: what cannot be read at once is what was read before, and its age
says so. A fault there is logged once and stops nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, text

from domiq_dagster.sync.monitoring.scraped import Scraped, ScrapedProperty, load_scraped
from domiq_dagster.sync.trouble import log_fault

logger = logging.getLogger(__name__)
READ_SECONDS = 15.0
"""How old what was read may be before it is read again."""
KEPT_SECONDS = 300.0
"""How old it may be before nothing of it is told any more: an old figure looks as if all stood still."""
_WAIT_SECONDS = 2.0
"""How long a scrape waits for a reading."""
_STATEMENT_SECONDS = 10
_AGE = "domiq_sync_figures_age_seconds"
_AGE_HELP = "Since the figures of the database were read, or were first asked for."


class Figure(NamedTuple):
    """One figure of the database: its name in Prometheus (a counter's without `_total`), its meaning, its
    labels, and its values in what was read, each with its labels'."""

    name: str
    help_text: str
    labels: Sequence[str]
    values: Callable[[Scraped], Iterable[tuple[Sequence[str], float]]]
    is_counter: bool = False


def _of_accounts(
    value: Callable[[list[ScrapedProperty]], float | None],
) -> Callable[[Scraped], Iterator[tuple[Sequence[str], float]]]:
    """One value an account that has a property; none where `value` is None."""

    def values(scraped: Scraped) -> Iterator[tuple[Sequence[str], float]]:
        by_account: dict[str, list[ScrapedProperty]] = {}
        for one in scraped.properties:
            by_account.setdefault(one.account_id, []).append(one)
        for account, properties in by_account.items():
            found = value(properties)
            if found is not None:
                yield (account,), float(found)

    return values


def _of_properties(
    value: Callable[[ScrapedProperty], float | None],
) -> Callable[[Scraped], Iterator[tuple[Sequence[str], float]]]:
    """One value a property; none where `value` is None."""

    def values(scraped: Scraped) -> Iterator[tuple[Sequence[str], float]]:
        for one in scraped.properties:
            found = value(one)
            if found is not None:
                yield (one.partition_key,), float(found)

    return values


def _oldest_pull(properties: list[ScrapedProperty]) -> float | None:
    return max((p.pull_seconds for p in properties if p.is_on and p.pull_seconds is not None), default=None)


FIGURES: Sequence[Figure] = (
    Figure(
        "domiq_sync_pending_changes",
        "Changes that wait to be sent, at properties whose sync to ResMan is switched on.",
        ("account",),
        _of_accounts(lambda found: sum(p.pending for p in found)),
    ),
    Figure(
        "domiq_sync_oldest_pending_seconds",
        "How long the oldest of the pending changes waits; 0 where none does.",
        ("account",),
        _of_accounts(lambda found: max((p.oldest_seconds or 0.0) for p in found)),
    ),
    Figure(
        "domiq_sync_unknown_changes",
        "Pending changes that may or may not have reached ResMan.",
        ("account",),
        _of_accounts(lambda found: sum(p.unknown for p in found)),
    ),
    Figure(
        "domiq_sync_account_paused",
        "1 while the account's breaker is open: ResMan is not asked.",
        ("account",),
        lambda scraped: (((account,), float(paused)) for account, paused in scraped.paused.items()),
    ),
    Figure(
        "domiq_sync_diverged_leads",
        "Linked leads that disagree with nothing to explain it, when that was last noted.",
        ("account",),
        _of_accounts(lambda found: sum(p.diverged for p in found)),
    ),
    Figure(
        "domiq_sync_account_oldest_pull_seconds",
        "Since the last pull of the property that has waited for longest, of those switched on.",
        ("account",),
        _of_accounts(_oldest_pull),
    ),
    Figure(
        "domiq_sync_never_pulled_properties",
        "Properties that are switched on and were never pulled.",
        ("account",),
        _of_accounts(lambda found: sum(p.is_on and p.pull_seconds is None for p in found)),
    ),
    Figure(
        "domiq_sync_account_requests",
        "Requests of all processes at the account; begins anew at midnight UTC.",
        ("account", "api"),
        lambda scraped: ((key, float(made)) for key, made in scraped.requests.items()),
        is_counter=True,
    ),
    Figure(
        "domiq_sync_records_in_trouble",
        "Single records that could not be dealt with, by kind.",
        ("kind",),
        lambda scraped: (((kind,), float(records)) for kind, records in scraped.troubles.items()),
    ),
)
OF_PROPERTIES: Sequence[Figure] = (
    Figure(
        "domiq_sync_property_pending_changes",
        "As domiq_sync_pending_changes, of one property.",
        ("property",),
        _of_properties(lambda p: p.pending),
    ),
    Figure(
        "domiq_sync_property_oldest_pending_seconds",
        "As domiq_sync_oldest_pending_seconds, of one property.",
        ("property",),
        _of_properties(lambda p: p.oldest_seconds or 0.0),
    ),
    Figure(
        "domiq_sync_property_diverged_leads",
        "As domiq_sync_diverged_leads, of one property.",
        ("property",),
        _of_properties(lambda p: p.diverged),
    ),
    Figure(
        "domiq_sync_property_pull_seconds",
        "Since the last pull of one property that is switched on.",
        ("property",),
        _of_properties(lambda p: p.pull_seconds if p.is_on else None),
    ),
)
"""Only where they are asked for: their labels name properties."""


class DatabaseFigures(Collector):
    """What a registry asks for the database's figures, for any number of scrapes side by side.

    Args:
        by_property: whether each property's are told, too, by its partition key.
        clock: in seconds.
    """

    def __init__(
        self, engine: Engine, *, by_property: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._clock = engine, clock
        self._figures = (*FIGURES, *(OF_PROPERTIES if by_property else ()))
        self._lock = threading.Lock()
        self._scraped: Scraped | None = None
        self._read_at = clock()
        self._reading: threading.Thread | None = None
        self._has_failed = False

    def describe(self) -> Iterator[Metric]:
        """The figures without values, so that nothing is read where they are registered."""
        yield GaugeMetricFamily(_AGE, _AGE_HELP)
        yield from (_family(figure) for figure in self._figures)

    def collect(self) -> Iterator[Metric]:
        """The figures as they were last read, which is now, if that is due."""
        self._read_if_due()
        with self._lock:
            scraped, age = self._scraped, self._clock() - self._read_at
        yield GaugeMetricFamily(_AGE, _AGE_HELP, value=age)
        if scraped is None or age > KEPT_SECONDS:
            return
        for figure in self._figures:
            family = _family(figure)
            for labels, value in figure.values(scraped):
                family.add_metric(labels, value)
            yield family

    def _read_if_due(self) -> None:
        with self._lock:
            if self._scraped is not None and self._clock() - self._read_at < READ_SECONDS:
                return
            if self._reading is None or not self._reading.is_alive():
                # A thread that ends: a database that does not answer keeps no scrape, nor the worker's end.
                self._reading = threading.Thread(target=self._read, name="figures", daemon=True)
                self._reading.start()
            reading = self._reading
        reading.join(_WAIT_SECONDS)

    def _read(self) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'"))
                scraped = load_scraped(connection)
        except Exception as fault:
            if not self._has_failed:
                log_fault("the figures for Prometheus could not be read; those of before are told", fault)
            self._has_failed = True
            return
        if self._has_failed:
            logger.warning("the figures for Prometheus can be read again")
        self._has_failed = False
        with self._lock:
            self._scraped, self._read_at = scraped, self._clock()


def _family(figure: Figure) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if figure.is_counter else GaugeMetricFamily
    return kind(figure.name, figure.help_text, labels=figure.labels)
