"""The resources: what assets, checks, jobs and sensors are given rather than reach for. One class a thing
that is reached (DomIQ's database, ResMan, the notifier) or that a user sets (limits, thresholds).

A new outside system, or a new figure that somebody may want to set, belongs here. How it is opened belongs in
`wiring`, what is done with it in `sync`. Where the systems are, and the credentials, come from the
environment (docs/deployment.md) and are never part of a run's config: what can be configured is figures.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, Self

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.account_gate import BreakerRules
from domiq_dagster.sync.alerts.thresholds import NAMES, Threshold
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.dry_run import OpenDryRun
from domiq_dagster.sync.housekeeping.retention import Retention
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.workers import Presence
from domiq_dagster.tracing.setting_up import open_traces
from domiq_dagster.wiring import (
    STATEMENT_SECONDS,
    archive_after_days,
    domiq_database,
    dry_run_sessions,
    kept_engine,
    notice_channels,
    open_client,
    open_engine,
    resman_config,
)

logger = logging.getLogger(__name__)


class DomiqResource(dg.ConfigurableResource["DomiqResource"]):
    """DomIQ's database, opened per use; and told, for as long as a run goes on, that its process lives.

    Every step of ours takes it, so each run of ours is seen at work (`run_liveness` says what for), and what
    it delivers is traced.
    """

    statement_seconds: float = Field(
        default=STATEMENT_SECONDS, gt=0, description="The longest that one statement may take."
    )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """The resource of a run or of a tick. Of a run the database is told that it is alive."""
        with ExitStack() as stack:
            if context.run is not None:
                stack.enter_context(open_traces(os.environ))
                self._say_alive(context.run, stack)
            yield self

    def _say_alive(self, run: dg.DagsterRun, stack: ExitStack) -> None:
        try:
            engine = stack.enter_context(self.engine(pool_size=1))
            stack.enter_context(Presence(engine, worker_name(), run.job_name, run_id=run.run_id))
        except (DatabaseError, DBAPIError) as error:
            # The run's own step says what is wrong with the database, and ends at once.
            logger.warning("nobody can be told that this run is alive: %s", type(error).__name__)

    @contextmanager
    def engine(self, *, pool_size: int = 10) -> Iterator[Engine]:
        """An engine on the database, which is looked at first.

        Args:
            pool_size: connections that are kept; a few more may be open at once.

        Raises:
            DatabaseError: what is wrong with the database, in one sentence.
        """
        with (
            self.url() as url,
            open_engine(url, pool_size=pool_size, statement_seconds=self.statement_seconds) as engine,
        ):
            yield engine

    @contextmanager
    def kept_engine(self) -> Iterator[Engine]:
        """The same for a tick, which asks little and often: its sessions stay open for the next one."""
        with kept_engine(os.environ, statement_seconds=self.statement_seconds) as engine:
            yield engine

    @contextmanager
    def url(self) -> Iterator[str]:
        """Where the database is. The embedded one runs for as long as this is entered."""
        with domiq_database(os.environ) as url:
            yield url

    @contextmanager
    def dry_runs(self) -> Iterator[OpenDryRun]:
        """Opens sessions that are undone at their end."""
        with self.url() as url:
            yield dry_run_sessions(url, statement_seconds=self.statement_seconds)


class ResmanResource(dg.ConfigurableResource["ResmanResource"]):
    """ResMan's API, behind the gate that lets one request at a time to each account."""

    slot_seconds: float = Field(
        default=BreakerRules().longest_wait,
        gt=0,
        description="The longest that a request waits for its account's slot.",
    )

    @contextmanager
    def client(self, domiq: DomiqResource) -> Iterator[ResManClient]:
        """A client, whose gate is kept in DomIQ's database.

        The database is an argument and no nested resource: Dagster would set up a second one of its own for
        it, without the run's config, and two would say of one run that it lives.

        Raises:
            ConfigurationError: which variable is missing or wrong.
        """
        config = resman_config(os.environ)
        with domiq.url() as url, open_client(config, url, longest_wait=self.slot_seconds) as client:
            yield client


class NotifierResource(dg.ConfigurableResource["NotifierResource"]):
    """The channels by which people are told: e-mail, SMS, Slack, DomIQ itself, and the operator's own."""

    notice_seconds: float = Field(
        default=300.0, gt=0, description="The longest that one run goes on sending notices."
    )

    @property
    def channels(self) -> Channels:
        """The channels as the environment names them; `problems` says which are closed, and why.

        Raises:
            ConfigurationError: the directory of the own templates is none.
        """
        return notice_channels(os.environ)

    @property
    def budget(self) -> Budget:
        return Budget(self.notice_seconds)


class LimitsResource(dg.ConfigurableResource["LimitsResource"]):
    """How far one run may go, and how far behind a property may be before it is pulled out of turn."""

    max_accounts: int = Field(default=4, ge=1, description="ResMan accounts worked on side by side.")
    push_seconds: float = Field(default=600.0, gt=0, description="The longest that one push run goes on.")
    push_rows: int = Field(default=100_000, ge=1, description="The most changes that one push run takes.")
    rules_seconds: float = Field(
        default=120.0, gt=0, description="The longest that one run of rules goes on."
    )
    pull_gap_minutes: float = Field(
        default=30.0, gt=0, description="A property whose last good pull is older than this has a gap."
    )
    full_gap_hours: float = Field(
        default=36.0, gt=0, description="A property whose last full re-read is older than this has a gap."
    )

    event_log_megabytes: float = Field(
        default=500.0, gt=0, description="By how much Dagster's own event log may grow in a day."
    )

    @property
    def connections(self) -> int:
        """How many connections to the database so many accounts take: each two threads, each of which may
        lock a person as well, and two for the rest."""
        return 2 + 4 * self.max_accounts

    @property
    def push_budget(self) -> Budget:
        return Budget(self.push_seconds, self.push_rows)

    @property
    def pull_gap(self) -> timedelta:
        return timedelta(minutes=self.pull_gap_minutes)

    @property
    def full_gap(self) -> timedelta:
        return timedelta(hours=self.full_gap_hours)


class ThresholdResource(dg.ConfigurableResource["ThresholdResource"]):
    """When a property is in trouble, where the table domiq_sync.threshold (`domiq-sync alerts thresholds`)
    says nothing: the table's values win, field by field."""

    lowest_success_rate: float = Field(
        default=99.0, ge=0, le=100, description="Percent of the recent window."
    )
    most_failures: int = Field(default=20, ge=0, description="In the recent window.")
    least_volume: int = Field(default=10, ge=1, description="Fewer settled changes than this say nothing.")
    least_failures: int = Field(default=1, ge=1, description="Fewer failures than this say nothing.")
    window_hours: float = Field(default=24.0, gt=0, description="How far back the recent window goes.")
    oldest_pending_minutes: float = Field(
        default=30.0, gt=0, description="A change pending for longer than this fails its check."
    )
    most_diverged: int = Field(default=5, ge=0, description="Linked leads that disagree unexplained.")
    diverged_minutes: float = Field(default=30.0, ge=0, description="How long they have disagreed to count.")
    no_pull_minutes: float = Field(default=60.0, gt=0, description="How old the last good pull may be.")
    no_push_minutes: float = Field(
        default=15.0, gt=0, description="How long changes may be due with nothing being sent."
    )
    recover_minutes: float = Field(
        default=10.0, ge=0, description="How long all must look good before an alert is over."
    )
    reopen_minutes: float = Field(
        default=60.0, ge=0, description="How soon after its end an alert goes on rather than begins anew."
    )
    reminder_hours: float = Field(default=12.0, gt=0, description="How often people are reminded.")

    @property
    def threshold(self) -> Threshold:
        return Threshold(**{name: getattr(self, name) for name in NAMES})


class RetentionResource(dg.ConfigurableResource["RetentionResource"]):
    """For how many days records are kept, and how long one housekeeping may go on."""

    attempts_days: float = Field(
        default=Retention().attempts_days, gt=0, description="Each step of getting a change to ResMan."
    )
    pulls_days: float = Field(default=Retention().pulls_days, gt=0, description="Each pull by itself.")
    notices_days: float = Field(
        default=Retention().notices_days, gt=0, description="Notices that ended, once they are read."
    )
    unread_notices_days: float = Field(
        default=Retention().unread_notices_days, gt=0, description="Notices in DomIQ that nobody has read."
    )
    archive_after_days: float = Field(
        default=0.0,
        ge=0,
        description="Settled rows of status_sync_log, before they move to its archive; 0: as "
        "DOMIQ_ARCHIVE_AFTER_DAYS says, and without that none move.",
    )
    runs_days: float = Field(default=30.0, ge=1, description="Dagster's runs, with their events.")
    failed_runs_days: float = Field(default=90.0, ge=1, description="The same of runs that failed.")
    seconds: float = Field(
        default=600.0, gt=0, description="When no further step begins, of the sync's tables and of the runs."
    )

    @property
    def retention(self) -> Retention:
        """Of the sync's own tables.

        Raises:
            ConfigurationError: DOMIQ_ARCHIVE_AFTER_DAYS is no number.
        """
        return Retention(
            attempts_days=self.attempts_days,
            pulls_days=self.pulls_days,
            notices_days=self.notices_days,
            unread_notices_days=self.unread_notices_days,
            archive_after_days=self.archive_after_days or archive_after_days(os.environ),
        )


def all_resources() -> dict[str, Any]:
    """Each by the name under which a function asks for it, and a run's config sets it."""
    return {
        "domiq": DomiqResource(),
        "resman": ResmanResource(),
        "notifier": NotifierResource(),
        "limits": LimitsResource(),
        "thresholds": ThresholdResource(),
        "retention": RetentionResource(),
    }
