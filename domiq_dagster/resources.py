"""What a user configures: how far a run may go, and when a property is in trouble. Where the systems are,
and the credentials, come from the environment (see the README) and are never part of a run's config."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from dagster import ConfigurableResource, DagsterRun, InitResourceContext
from pydantic import Field
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.alerts.thresholds import NAMES, Threshold
from domiq_dagster.sync.budget import Budget, worker_name
from domiq_dagster.sync.dry_run import OpenDryRun
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.workers import Presence
from domiq_dagster.wiring import (
    domiq_database,
    dry_run_sessions,
    notice_channels,
    open_client,
    open_engine,
    resman_config,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sync:
    """The two ends, as the engine takes them."""

    engine: Engine
    client: ResManClient
    open_dry_run: OpenDryRun
    """Opens a session that is undone at its end, for dry runs."""


class SyncResource(ConfigurableResource):  # type: ignore[type-arg]
    """DomIQ's database and ResMan's API, opened per use."""

    max_accounts: int = Field(default=4, ge=1, description="ResMan accounts worked on side by side.")
    push_seconds: float = Field(default=600.0, gt=0, description="The longest that one push run goes on.")
    push_rows: int = Field(default=100_000, ge=1, description="The most changes that one push run takes.")
    notice_seconds: float = Field(
        default=300.0, gt=0, description="The longest that one run goes on sending notices."
    )
    pull_gap_minutes: float = Field(
        default=30.0, gt=0, description="A property whose last good pull is older than this has a gap."
    )
    full_gap_hours: float = Field(
        default=36.0, gt=0, description="A property whose last full re-read is older than this has a gap."
    )
    rules_seconds: float = Field(
        default=120.0, gt=0, description="The longest that one run of rules goes on."
    )

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Self]:
        """For as long as a run goes on, the database is told that its process lives."""
        with ExitStack() as stack:
            if context.run is not None:
                self._say_alive(context.run, stack)
            yield self

    def _say_alive(self, run: DagsterRun, stack: ExitStack) -> None:
        try:
            engine = stack.enter_context(self.database(pool_size=1))
            stack.enter_context(Presence(engine, worker_name(), run.job_name, run_id=run.run_id))
        except (DatabaseError, DBAPIError) as error:
            # The run's own step says what is wrong with the database, and ends at once.
            logger.warning("nobody can be told that this run is alive: %s", type(error).__name__)

    @contextmanager
    def database(self, *, pool_size: int = 10) -> Iterator[Engine]:
        """DomIQ's database alone. Raises a DatabaseError that says what is wrong."""
        with domiq_database(os.environ) as url, open_engine(url, pool_size=pool_size) as engine:
            yield engine

    @contextmanager
    def open(self) -> Iterator[Sync]:
        """Both ends. Raises a DatabaseError or ConfigurationError that says what is wrong."""
        config = resman_config(os.environ)
        with (
            domiq_database(os.environ) as url,
            open_engine(url, pool_size=2 + 2 * self.max_accounts) as engine,
            open_client(config, url) as client,
        ):
            yield Sync(engine, client, dry_run_sessions(url))

    @property
    def budget(self) -> Budget:
        return Budget(self.push_seconds, self.push_rows)

    @property
    def channels(self) -> Channels:
        """The channels of notices, as the environment names them."""
        return notice_channels(os.environ)

    @property
    def notice_budget(self) -> Budget:
        return Budget(self.notice_seconds)

    @property
    def pull_gap(self) -> timedelta:
        return timedelta(minutes=self.pull_gap_minutes)

    @property
    def full_gap(self) -> timedelta:
        return timedelta(hours=self.full_gap_hours)


class ThresholdResource(ConfigurableResource):  # type: ignore[type-arg]
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
