"""Passes over all stops: pull and apply together, and the whole without Dagster: settings, pull, apply,
reconcile, rules, push, notify."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from domiq_dagster.db.privileges import SCRIPT
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync import grants, trouble
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.decisions.apply import Applied, apply_property
from domiq_dagster.sync.delivery.push import PushOptions, PushReport, push
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.notify import Notified, notify_changes
from domiq_dagster.sync.notifications.sender import SendReport, deliver_due
from domiq_dagster.sync.pull.pull import Pulled, PullOptions
from domiq_dagster.sync.pull.pulls import pull_all
from domiq_dagster.sync.queue.restores import OutsideMark
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
    missing_grants: list[str] = field(default_factory=list)
    """A sentence for each endpoint that ResMan has not granted, after the pass."""


def sync_pass(
    engine: Engine,
    client: ResManClient,
    *,
    property_ids: Sequence[UUID] | None = None,
    budget: Budget | None = None,
    pull_options: PullOptions | None = None,
    channels: Channels | None = None,
    mark: OutsideMark | None = None,
) -> PassReport:
    """Pull, apply, reconcile, run the rules, push, notify, once. What ResMan refuses to answer for one
    property is in the report; the others go on. Without `channels` notices wait in the outbox.

    Args:
        property_ids: those that are pulled, applied, swept, ruled and pushed; all of them, if not given.
            Notices are written and sent for every property in any case: what is due is due.
        mark: how far the database had come, outside of it.
    """
    report = PassReport()
    parts = trouble.Faults("{} failed")
    with parts.of("filling in settings"):
        report.problems += complete_settings(engine, client, _integrations(engine, property_ids))
    integrations = _integrations(engine, property_ids)
    with parts.of("the pull"):
        report.pulled, errors = pull_all(engine, client, integrations, pull_options)
        report.pull_errors = {key: trouble.sentence(e) for key, e in errors.items()}
    deciding = trouble.PropertyFaults(engine, "decisions")
    for integration in integrations:
        key = integration.partition_key
        with deciding.of(integration.property_id, key):
            report.applied[key] = apply_property(engine, integration)
    report.problems += deciding.sentences
    options = PushOptions(property_ids=property_ids, budget=budget or Budget(), mark=mark)
    _afterwards(engine, client, report, options, channels, parts)
    with parts.of("looking for missing grants"), engine.connect() as connection:
        report.missing_grants = grants.sentences(grants.missing_grants(connection, property_ids))
    report.problems += [f"{part} failed: {said}" for part, said in parts.sentences.items()]
    return report


def _afterwards(
    engine: Engine,
    client: ResManClient,
    report: PassReport,
    options: PushOptions,
    channels: Channels | None,
    parts: trouble.Faults,
) -> None:
    """What follows the decisions, each by itself: where one part fails as a whole, the next begins all the
    same. `parts` takes why."""
    templates = channels.templates if channels else None
    with parts.of("reconciliation"):
        report.reconciled = reconcile(engine, property_ids=options.property_ids)
        report.problems += report.reconciled.problems
    with parts.of("the rules"):
        # Before the push, so that what a rule moves goes out with this pass.
        report.ruled = run_rules(engine, property_ids=options.property_ids, templates=templates)
        report.problems += report.ruled.problems
    with parts.of("the push"):
        report.pushed = push(engine, client, options)
        report.problems += [*report.pushed.problems, *_lacking_grants(report.pushed)]
    with parts.of("writing notices"):
        report.notified = notify_changes(engine, templates)
        report.problems += report.notified.problems
    with parts.of("sending notices"):
        if channels is not None:
            report.sent = deliver_due(engine, channels)
            report.problems += report.sent.problems
    with parts.of("keeping the totals of the log"):
        log_totals.keep(engine)


def _lacking_grants(pushed: PushReport) -> Iterator[str]:
    lacking = pushed.by_outcome[trouble.MISSING_GRANT]
    if lacking:
        yield (
            f"{lacking} changes could not be delivered, since the database role lacks a grant: have {SCRIPT} "
            "run; domiq-sync doctor lists what is missing"
        )


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
        deciding = trouble.PropertyFaults(engine, "decisions")
        for integration in integrations:
            key = integration.partition_key
            if (done := applied.get(key)) is None:
                continue
            with deciding.of(integration.property_id, key):
                done.result()
            error = done.exception()
            if isinstance(error, Exception):
                errors[key] = error.with_traceback(None)
    return errors


def _integrations(engine: Engine, property_ids: Sequence[UUID] | None) -> list[Integration]:
    with engine.connect() as connection:
        return load_integrations(connection, property_ids=property_ids)
