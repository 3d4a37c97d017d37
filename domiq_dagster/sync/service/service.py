"""The service: looks for what is due, has it pushed, and sleeps until something is queued.

Its threads: the loop, which asks the database what is due and never ResMan; those of `pushing`, two an
account; those of `pulling`, beside them; one for the rules and the notices; one for the upkeep; one that
tells of what was done; and what listens and says that it is alive. Whatever one of them meets, the others go
on: while the database is away each tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import Engine

from domiq_dagster.db.checks import require_migrated
from domiq_dagster.db.errors import NotMigrated
from domiq_dagster.db.revision import HEAD
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync import patience, request_counts
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.delivery.change_faults import forget_settled
from domiq_dagster.sync.delivery.draining import Drain, PropertySettings
from domiq_dagster.sync.delivery.outcomes import DeliveryResult, DeliveryRules
from domiq_dagster.sync.delivery.stopping import StopSignal
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.queue import lanes, queue, restores, sequences
from domiq_dagster.sync.queue.heartbeat import Heartbeat
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.queue.restores import OutsideMark
from domiq_dagster.sync.service.aftermath import take_along
from domiq_dagster.sync.service.metrics import Metrics
from domiq_dagster.sync.service.pull_claims import PullClaims
from domiq_dagster.sync.service.pull_order import OrderRules
from domiq_dagster.sync.service.pulling import Pulling
from domiq_dagster.sync.service.pushing import Pushing
from domiq_dagster.sync.service.settings import SettingsCache
from domiq_dagster.sync.service.tally import Reports, Tally
from domiq_dagster.sync.service.waking import Bell, Listener, Sleeping
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.sync.trouble import log_fault, sentence
from domiq_dagster.sync.workers import SERVICE, Condition, Presence

logger = logging.getLogger(__name__)
_FOLD_SECONDS = 5.0
"""How often what was written to the log is added up: what waits for it costs whoever reads the totals."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How a service works. Times in seconds.

    Attributes:
        max_accounts: how many accounts are served side by side.
        hears_notify: whether it asks to be woken; else it looks every `poll`.
        grace: after a stop, how long what is in hand may take.
        poll: how often it looks where nothing wakes it.
        busy_poll: how often it looks while it works, since nobody is woken then.
        quiet_poll: how often rules and notices are looked for where nothing was done.
        upkeep: how often restores, open settings and what was left behind are looked for.
        pulls: whether it pulls, too.
        max_pulls: how many properties are pulled side by side, each of another account.
        order: in which order, and how often.
        mark: how far the database had come, outside of it.
    """

    rules: DeliveryRules = field(default_factory=DeliveryRules)
    max_accounts: int = 8
    hears_notify: bool = True
    grace: float = patience.SERVICE_GRACE
    poll: float = patience.POLL
    busy_poll: float = 0.1
    quiet_poll: float = patience.LOOK_FOR_WORK
    upkeep: float = 60.0
    pulls: bool = True
    max_pulls: int = 4
    order: OrderRules = field(default_factory=OrderRules)
    mark: OutsideMark | None = None


class Service:
    """A worker that goes on until it is told to stop.

    Args:
        engine: DomIQ's database. Each account takes up to four connections, each pull three, and the service
            seven.
        channels: how notices are sent; None: they wait in the outbox.
        reports: told what was done; None: nobody is.
    """

    def __init__(
        self,
        engine: Engine,
        client: ResManClient,
        options: ServiceOptions | None = None,
        *,
        channels: Channels | None = None,
        reports: Reports | None = None,
        clock: Callable[[], float] = time.monotonic,
        name: str | None = None,
    ) -> None:
        self.name = name or worker_name()
        self.metrics = Metrics()
        self.metrics.tell_readiness(lambda: not self.unready())
        self._engine, self._client, self._channels, self._reports = engine, client, channels, reports
        self._options = options or ServiceOptions()
        self._clock = clock
        self._bell, self._news, self._telling = Bell(), Bell(), Bell()
        self._stopping = threading.Event()
        self._stop = StopSignal(Budget(float("inf"), 2**62), lambda: False, clock)
        self._tally = Tally(self.name, clock)
        self._ends_at, self._is_hurried = 0.0, False
        self._has_written = False
        self._is_outdated = False
        self._looked_at = clock()
        self._lag: float | None = None
        self._database_fault: str | None = None
        self._report_fault: str | None = None
        self._settings = SettingsCache(engine, clock)
        self._drain = self._draining()
        self._pushing = Pushing(
            self._drain,
            self._tally,
            max_accounts=self._options.max_accounts,
            clock=clock,
            on_done=self._bell.ring,
        )
        self._pulling = Pulling(
            engine,
            client,
            PullClaims(engine, self.name, self._options.order),
            self._tally,
            self.metrics,
            self._options.max_pulls,
            self._pushing.quiet_for,
            self._stopping,
            on_news=self._pulled_news,
            clock=clock,
        )

    def _draining(self) -> Drain:
        rules = self._options.rules
        return Drain(
            engine=self._engine,
            worker=DeliveryWorker(self._engine, self._client, rules, stopping=self._stop.at_once),
            heartbeat=Heartbeat(
                self._engine, lease=rules.lease, interval=rules.heartbeat, longest=rules.longest_hold
            ),
            stop=self._stop,
            settings_of=self._settings,
            name=self.name,
            lease=rules.lease,
            note=self._delivered,
            mark=self._options.mark,
        )

    # How it is

    @property
    def is_well(self) -> bool:
        """Whether its loop goes round: it is, too, while the database is away."""
        return self._clock() - self._looked_at < patience.WORKER

    def unready(self) -> list[str]:
        """Why it is not fit for its work, in sentences; none where it is."""
        said = [] if self.is_well else ["The loop of this worker stands still: restart it."]
        if self._database_fault:
            said.append(f"The database cannot be used: {self._database_fault}")
        if self._report_fault:
            said.append(f"What is done cannot be reported to Dagster: {self._report_fault}")
        return said

    # Going on

    def stop(self) -> None:
        """Claims nothing more, and finishes what is in hand; called again, gives that back as it is. May be
        called from a signal handler."""
        if self._stopping.is_set():
            self._is_hurried = True
        else:
            self._ends_at = self._clock() + self._options.grace
        self._stopping.set()
        self._bell.ring()
        self._news.ring()
        self._telling.ring()
        self._pulling.wake()

    def run(self) -> None:
        """Works until it is told to stop, and ends within its grace.

        Raises:
            DatabaseError, DBAPIError: the database could not be used at the start.
        """
        restores.look(self._engine, self._options.mark)
        self._keep_up()
        with ExitStack() as stack:
            presence = Presence(
                self._engine,
                self.name,
                SERVICE,
                condition=lambda: Condition(self.is_well, self._lag),
                leaves=True,
            )
            stack.enter_context(presence)
            listener = None
            if self._options.hears_notify:
                listener = stack.enter_context(Listener(self._engine, self._bell))
            threads = [
                threading.Thread(target=work, name=name, daemon=True)
                for name, work in (
                    ("aftermath", self._take_along),
                    ("upkeep", self._upkeep),
                    ("reports", self._report),
                    *([("pulls", self._pulling.run)] if self._options.pulls else []),
                )
            ]
            stack.callback(self._end, threads)
            for thread in threads:
                thread.start()
            with self._pushing:
                self._loop(listener)
                self._wind_down()

    def _loop(self, listener: Listener | None) -> None:
        sleeping = Sleeping(self._engine, self.name, self._clock)
        try:
            while not self._stopping.is_set():
                try:
                    self._look(sleeping, listener)
                    self._database_fault = None
                except Exception as fault:
                    if self._database_fault is None:
                        log_fault("the worker waits for the database", fault)
                    self._database_fault = sentence(fault)
                    self._looked_at = self._clock()
                    self._stopping.wait(self._options.poll)
        finally:
            sleeping.forget()

    def _look(self, sleeping: Sleeping, listener: Listener | None) -> None:
        """Looks once, begins what is due, and waits for the next look."""
        if self._begin_due() or self._pushing.is_busy:
            self._bell.wait(self._options.busy_poll)
            if self._pushing.is_busy:
                sleeping.end()  # what one change takes is too short to say so
            return
        if listener is not None and listener.hears and sleeping.begin() and self._begin_due():
            return  # it was queued before anybody knew that we sleep
        if self._bell.wait(self._options.poll):
            self._news.ring()

    def _begin_due(self) -> int:
        with self._engine.connect() as connection:
            due = queue.due_properties(connection)
        self._looked_at = self._clock()
        self._lag = max((d.waited for d in due), default=0.0)
        begun = self._pushing.serve(due)
        outages = self._pushing.outages()
        self._tally.outages(outages)
        self.metrics.looked(due=len(due), lag=self._lag, serving=self._pushing.serving, left=len(outages))
        if begun or outages:
            self._telling.ring()
        return begun

    def _delivered(
        self, claim: Claim, settings: PropertySettings, result: DeliveryResult, seconds: float
    ) -> None:
        self._has_written = True
        self._tally.delivered(settings.integration.partition_key, result)
        self.metrics.delivered(result, seconds, claim.enqueued_at)
        self._news.ring()

    # Beside the loop

    def _take_along(self) -> None:
        while not self._stopping.is_set():
            self._news.wait(self._options.quiet_poll)
            if not self._stopping.is_set():
                self._try(
                    "the rules and notices",
                    lambda: take_along(self._engine, self._channels, self._tally, self._stopping.is_set),
                )

    def _pulled_news(self) -> None:
        """What pulls brought is followed by rules and notices, and mostly by a push."""
        self._news.ring()
        self._bell.ring()
        self._telling.ring()

    def _upkeep(self) -> None:
        kept_at = self._clock()
        while not self._stopping.wait(_FOLD_SECONDS):
            if self._has_written:
                self._has_written = False
                self._try("adding up the totals of the log", lambda: log_totals.fold(self._engine))
            if self._clock() - kept_at >= self._options.upkeep:
                kept_at = self._clock()
                self._try("looking at the revision", self._look_at_revision)
                self._try("looking for a restore", lambda: restores.look(self._engine, self._options.mark))
                self._try("keeping the totals of the log", lambda: log_totals.keep(self._engine))
                self._try("the upkeep", self._keep_up)

    def _look_at_revision(self) -> None:
        """Says, once, that a newer version has migrated the database meanwhile. What can be done goes on,
        until somebody puts that version in the place of this worker."""
        try:
            with self._engine.connect() as connection:
                require_migrated(connection, HEAD)
            self._is_outdated = False
        except NotMigrated as refusal:
            if not self._is_outdated:
                logger.warning("this worker goes on until it is replaced: %s", refusal)
            self._is_outdated = True

    def _keep_up(self) -> None:
        """Sets right what crashes left behind, and fills in the settings of new properties."""
        with self._engine.begin() as connection:
            sequences.set_right(connection)
            lanes.heal_heads(connection)
            forget_settled(connection)
            request_counts.forget_old(connection)
            open_settings = [i for i in load_integrations(connection) if i.outbound and i.missing_settings]
        if open_settings:
            for problem in complete_settings(self._engine, self._client, open_settings):
                logger.warning(problem)

    def _report(self) -> None:
        while not self._stopping.is_set():
            self._telling.wait(1.0)
            self._tell()

    def _tell(self, *, at_last: bool = False) -> None:
        summary = self._tally.take(is_busy=self._pushing.is_busy and not at_last, at_last=at_last)
        if summary is None or self._reports is None:
            return
        summary.pushed.problems += self._drain.faults.sentences(self._settings.names())
        try:
            self._reports.tell(summary)
            if self._report_fault:
                logger.warning("what is done is reported to Dagster again")
            self._report_fault = None
        except Exception as fault:
            if self._report_fault is None:
                log_fault("what is done cannot be reported to Dagster; the work goes on", fault)
            self._report_fault = sentence(fault)
            self._tally.give_back(summary)

    def _try(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as fault:
            log_fault(f"{what} failed", fault)
            self._tally.problem(f"{what} failed: {sentence(fault)}")
            self._stopping.wait(self._options.poll)

    # The end

    def _wind_down(self) -> None:
        """What is in hand is finished; near the end of the grace it is given back as it is."""
        self._stop.wind_down("asked to stop")
        until = self._ends_at - patience.STOP_GRACE - patience.HEAR - 1.0
        while self._pushing.is_busy and self._clock() < until and not self._is_hurried:
            self._bell.wait(0.05)
        self._stop.end("asked to stop")

    def _end(self, threads: list[threading.Thread]) -> None:
        """Ends the threads beside the loop, as far as the grace goes: what one of them has in hand by then is
        taken up by others, as after a crash."""
        if not self._stopping.is_set():
            self.stop()
        for thread in threads:
            thread.join(max(self._ends_at - self._clock(), 0.1))
        self._tell(at_last=True)
