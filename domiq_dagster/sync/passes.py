"""One whole pass without Dagster: settings, pull, apply, reconcile, rules, push, notify."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync import trouble
from domiq_dagster.sync.accounts import last_word
from domiq_dagster.sync.channels import Channels
from domiq_dagster.sync.inbound import Applied, apply_property
from domiq_dagster.sync.integrations import Integration, complete_settings, load_integrations
from domiq_dagster.sync.notify import Notified, notify_changes
from domiq_dagster.sync.outbox import Delivered, deliver_due
from domiq_dagster.sync.pull import Pulled, PullRules, pull_property
from domiq_dagster.sync.push import Budget, PushReport, push
from domiq_dagster.sync.reconcile import Reconciled, reconcile
from domiq_dagster.sync.rules import RulesRun, run_rules

logger = logging.getLogger(__name__)


class _Interrupted(Exception):
    """A pull was told to stop while it waited for its account."""


@dataclass(slots=True)
class PassReport:
    """What one pass did."""

    problems: list[str] = field(default_factory=list)
    pulled: dict[str, Pulled] = field(default_factory=dict)
    pull_errors: dict[str, str] = field(default_factory=dict)
    applied: dict[str, Applied] = field(default_factory=dict)
    reconciled: Reconciled | None = None
    ruled: RulesRun | None = None
    pushed: PushReport | None = None
    notified: Notified | None = None
    told: Delivered | None = None


def pull_all(
    engine: Engine,
    client: ResManClient,
    integrations: Sequence[Integration],
    *,
    full: bool = False,
    since: datetime | None = None,
    believe_short: bool = False,
    rules: PullRules | None = None,
    max_accounts: int = 4,
    on_property: Callable[[Integration, Pulled | Exception], None] = lambda i, r: None,
) -> tuple[dict[str, Pulled], dict[str, Exception]]:
    """Pulls several properties: up to `max_accounts` accounts side by side, the properties of each one after
    the other. One property's failure, whatever it is, touches no other: only a database that is gone ends
    all. Returns what came and what failed, by partition key. `on_property` is called as each ends."""
    pulled: dict[str, Pulled] = {}
    errors: dict[str, Exception] = {}

    interrupted = threading.Event()

    accounts: dict[str, list[Integration]] = {}
    for integration in integrations:
        accounts.setdefault(integration.account_id, []).append(integration)

    def still_wanted(_connection: Connection) -> None:
        if interrupted.is_set():
            raise _Interrupted

    def run_account(mine: list[Integration]) -> None:
        last_word.set(still_wanted)  # of this thread, which does nothing else
        for integration in mine:
            if interrupted.is_set():
                return
            try:
                result = pull_property(
                    engine,
                    client,
                    integration,
                    full=full,
                    since=since,
                    believe_short=believe_short,
                    rules=rules,
                )
            except _Interrupted:
                return
            except Exception as error:
                if trouble.is_lost_database(error):
                    raise
                trouble.log_fault(f"pull of {integration.partition_key} failed", error)
                # Without its traceback, which would keep all that the pull held.
                errors[integration.partition_key] = error.with_traceback(None)
                on_property(integration, error)
            else:
                pulled[integration.partition_key] = result
                on_property(integration, result)

    with ThreadPoolExecutor(max_workers=max_accounts, thread_name_prefix="pull") as pool:
        under_way = [pool.submit(run_account, mine) for mine in accounts.values()]
        try:
            for done in as_completed(under_way):
                done.result()
        except BaseException:
            interrupted.set()
            raise
    return pulled, errors


def sync_pass(
    engine: Engine,
    client: ResManClient,
    *,
    property_ids: Sequence[UUID] | None = None,
    budget: Budget | None = None,
    full: bool = False,
    believe_short: bool = False,
    channels: Channels | None = None,
) -> PassReport:
    """Pull, apply, reconcile, run the rules, push, notify, once. What ResMan refuses to answer for one
    property is in the report; the others go on. Without `channels` notices wait in the outbox."""
    report = PassReport()
    integrations = _integrations(engine, property_ids)
    try:
        report.problems = complete_settings(engine, client, integrations)
    except ResManError as error:
        report.problems = [f"the settings could not be completed from ResMan: {error}"]
    integrations = _integrations(engine, property_ids)
    report.pulled, errors = pull_all(engine, client, integrations, full=full, believe_short=believe_short)
    report.pull_errors = {key: trouble.sentence(e) for key, e in errors.items()}
    for integration in integrations:
        report.applied[integration.partition_key] = apply_property(engine, integration)
    report.reconciled = reconcile(engine, property_ids=property_ids)
    # Before the push, so that what a rule moves goes out with this pass.
    report.ruled = run_rules(
        engine, property_ids=property_ids, templates=channels.templates if channels else None
    )
    report.pushed = push(engine, client, property_ids=property_ids, budget=budget)
    report.notified = notify_changes(engine, channels.templates if channels else None)
    if channels is not None:
        report.told = deliver_due(engine, channels)
    return report


def _integrations(engine: Engine, property_ids: Sequence[UUID] | None) -> list[Integration]:
    with engine.connect() as connection:
        return load_integrations(connection, property_ids=property_ids)
