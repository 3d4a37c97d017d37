"""Passes over all stops: pull and apply together, and the whole without Dagster: settings, pull, apply,
reconcile, rules, push, notify."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync import trouble
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.decisions.apply import Applied, apply_property
from domiq_dagster.sync.delivery.push import PushOptions, PushReport, push
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.notify import Notified, notify_changes
from domiq_dagster.sync.notifications.sender import SendReport, deliver_due
from domiq_dagster.sync.pull.pull import Pulled, PullOptions, pull_all
from domiq_dagster.sync.repair.reconcile import Reconciled, reconcile
from domiq_dagster.sync.rules import RulesRun, run_rules
from domiq_dagster.sync.setup.fill_settings import complete_settings

logger = logging.getLogger(__name__)


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
    sent: SendReport | None = None


def sync_pass(
    engine: Engine,
    client: ResManClient,
    *,
    property_ids: Sequence[UUID] | None = None,
    budget: Budget | None = None,
    pull_options: PullOptions | None = None,
    channels: Channels | None = None,
) -> PassReport:
    """Pull, apply, reconcile, run the rules, push, notify, once. What ResMan refuses to answer for one
    property is in the report; the others go on. Without `channels` notices wait in the outbox.

    Args:
        property_ids: those that are pulled, applied, swept, ruled and pushed; all of them, if not given.
            Notices are written and sent for every property in any case: what is due is due.
    """
    report = PassReport()
    integrations = _integrations(engine, property_ids)
    try:
        report.problems = complete_settings(engine, client, integrations)
    except ResManError as error:
        report.problems = [f"the settings could not be completed from ResMan: {error}"]
    integrations = _integrations(engine, property_ids)
    report.pulled, errors = pull_all(engine, client, integrations, pull_options)
    report.pull_errors = {key: trouble.sentence(e) for key, e in errors.items()}
    for integration in integrations:
        key = integration.partition_key
        try:
            report.applied[key] = apply_property(engine, integration)
        except Exception as error:
            if trouble.is_lost_database(error):
                raise
            trouble.log_fault(f"deciding about {key} failed", error)
            report.problems.append(f"{key}: {trouble.sentence(error)}")
    report.reconciled = reconcile(engine, property_ids=property_ids)
    # Before the push, so that what a rule moves goes out with this pass.
    report.ruled = run_rules(
        engine, property_ids=property_ids, templates=channels.templates if channels else None
    )
    report.pushed = push(engine, client, PushOptions(property_ids=property_ids, budget=budget or Budget()))
    report.notified = notify_changes(engine, channels.templates if channels else None)
    if channels is not None:
        report.sent = deliver_due(engine, channels)
    return report


def pull_and_apply(
    engine: Engine,
    client: ResManClient,
    integrations: Sequence[Integration],
    options: PullOptions | None = None,
    *,
    on_pulled: Callable[[Integration, Pulled], None],
    on_applied: Callable[[Integration, Applied], None] | None,
) -> dict[str, Exception]:
    """Pulls properties and applies what each brought. Applied beside the pulls: the next property's request
    need not wait for this one's decisions.

    Args:
        on_pulled: called as each property was pulled, from several threads.
        on_applied: called as what it brought was applied, from one thread; None: nothing is applied.

    Returns:
        What could not be pulled, or not be decided about, by partition key.

    Raises:
        Exception: the database is gone.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="apply") as pool:
        applied: dict[str, Future[None]] = {}

        def apply(integration: Integration, tell: Callable[[Integration, Applied], None]) -> None:
            tell(integration, apply_property(engine, integration))

        def on_property(integration: Integration, result: Pulled | Exception) -> None:
            if isinstance(result, Pulled):
                on_pulled(integration, result)
                if on_applied is not None:
                    applied[integration.partition_key] = pool.submit(apply, integration, on_applied)

        try:
            _, errors = pull_all(engine, client, integrations, options, on_property=on_property)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        for key, done in applied.items():
            error = done.exception()
            if error is None:
                continue
            if not isinstance(error, Exception) or trouble.is_lost_database(error):
                raise error
            trouble.log_fault(f"deciding about {key} failed", error)
            errors[key] = error
    return errors


def _integrations(engine: Engine, property_ids: Sequence[UUID] | None) -> list[Integration]:
    with engine.connect() as connection:
        return load_integrations(connection, property_ids=property_ids)
