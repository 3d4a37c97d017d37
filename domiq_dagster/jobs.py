"""The jobs: pull, push, notify, reconcile, full re-read, daily count, report, recount,
housekeeping. Each is one run
a batch.

A job over assets selects them here; work that is no asset's is an op here, thin over a function of `sync`.
When a job runs is said in `schedules` and `sensors`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.inbound import STEP
from domiq_dagster.assets.inbound_checks import evaluation, inbound_evaluations
from domiq_dagster.assets.pull_config import PullConfig
from domiq_dagster.assets.source_observations import source_observations
from domiq_dagster.assets.status_sync_report import ReportConfig
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.checks import capture_misses, capture_misses_result, success_rate_totals, totals_result
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource, LimitsResource, RetentionResource
from domiq_dagster.run_retention import forget_old_runs
from domiq_dagster.sync.housekeeping import housekeeping
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.repair.reconcile import reconcile

_INBOUND = dg.AssetSelection.assets("resman_leads", "inbound_status_changes")
_OUTBOUND = dg.AssetSelection.assets(
    "conversation_status_pushes",
    "status_sync_log",
    "status_sync_success_rate",
    "status_workflow_actions",
    "status_notifications",
)
FULL = dg.RunConfig(ops={STEP: PullConfig(full=True)})
"""The run config of a full re-read. Whoever asks for a range of partitions must give it: Dagster takes a
job's own config for single partitions only."""

pull = dg.define_asset_job(
    "pull",
    selection=_INBOUND,
    description="Pull the leads of a range of properties and apply what moved at ResMan.",
)
push = dg.define_asset_job(
    "push",
    selection=_OUTBOUND,
    description="Send what is pending to ResMan, refresh the log and the success rate, run the workflow "
    "rules, and write the notices.",
)
notify = dg.define_asset_job(
    "notify",
    selection=dg.AssetSelection.assets("status_notifications"),
    description="Look at new changes for notices, and send what is due.",
)
full_reread = dg.define_asset_job(
    "full_reread",
    selection=_INBOUND,
    config=FULL,
    description="Read every prospect again: not every change at ResMan moves lastModified.",
)
daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.assets("status_sync_daily"),
    description="Count days of the log, one or a range.",
)
report = dg.define_asset_job(
    "report",
    selection=dg.AssetSelection.assets("status_sync_report"),
    description="Make the page for a leasing manager; send it, where the config says so.",
)
SENT = dg.RunConfig(ops={"status_sync_report": ReportConfig(send=True)})
"""The run config of a report that goes to those who asked."""


@dg.op(description="Find and mend what the ordinary way missed.", out={})
@told_without_values
def reconcile_sweep(
    context: dg.OpExecutionContext, config: DryRunConfig, domiq: DomiqResource, limits: LimitsResource
) -> Iterator[dg.AssetObservation | dg.AssetCheckEvaluation]:
    """One sweep; what it found goes on record as an observation of status_sync_log, and how the sources stand
    as observations of theirs."""
    sources: list[dg.AssetObservation] = []
    with domiq.engine() as engine:
        found = reconcile(engine, dry_run=config.dry_run)
        if not config.dry_run:
            log_totals.keep(engine)
        # What is left once everything was mended that policy allows.
        evaluations = [] if config.dry_run else list(inbound_evaluations(engine, limits))
        if not config.dry_run:
            evaluations.append(evaluation(capture_misses.check_key, capture_misses_result(engine)))
            with engine.connect() as connection:
                sources = list(source_observations(connection, context.instance, datetime.now(UTC)))
    for finding in found.by_property:
        context.log.info("{property}: {kind}: {count}, {then}".format(**finding))
    for problem in found.problems:
        context.log.warning(problem)
    yield dg.AssetObservation(
        "status_sync_log",
        metadata={
            "problems": len(found.problems),
            **{kind.replace(" ", "_"): count for kind, count in found.findings.items()},
            **table_unless_empty("by_property", found.by_property),
            **(DRY if config.dry_run else {}),
        },
    )
    yield from sources
    yield from evaluations


@dg.job(description="Find and mend pending rows and whatever else the ordinary way missed.")
def reconcile_pending() -> None:
    reconcile_sweep()


@dg.op(description="Count the log, and set right the totals that differ.", out={})
@told_without_values
def count_log(
    context: dg.OpExecutionContext, domiq: DomiqResource
) -> Iterator[dg.AssetObservation | dg.AssetCheckEvaluation]:
    """One count; what it found goes on record as an observation of status_sync_success_rate."""
    with domiq.engine() as engine:
        log_totals.fold(engine)
        found = log_totals.recount(engine)
        result = totals_result(engine)
    if found.ended is not log_totals.Ended.COUNTED:
        context.log.warning(f"the log was not counted: {found.ended}")
    yield dg.AssetObservation(
        "status_sync_success_rate",
        metadata={"ended": found.ended.value, "changes": found.changes, "differed": found.differed},
    )
    yield evaluation(success_rate_totals.check_key, result)


@dg.job(description="Count the log, and set right the totals that the success rate is read from.")
def recount_log() -> None:
    count_log()


@dg.op(description="Delete what is older than its retention, and move old rows of the log.", out={})
@told_without_values
def keep_house(
    context: dg.OpExecutionContext, domiq: DomiqResource, retention: RetentionResource
) -> Iterator[dg.AssetObservation]:
    """One housekeeping of the sync's tables, then of Dagster's runs; what went is on record as an observation
    of status_sync_log. Fails once all is done that could be, if something could not."""
    with domiq.engine() as engine:
        done = housekeeping.keep_house(engine, retention.retention, seconds=retention.seconds)
    runs = forget_old_runs(
        context.instance,
        [job.name for job in all_jobs],
        days=retention.runs_days,
        failed_days=retention.failed_runs_days,
        seconds=retention.seconds,
    )
    for name, kind in done.kinds.items():
        context.log.info(f"{name}: {kind.rows} gone" + ("" if kind.whole else ", and more is left"))
    context.log.info(f"runs: {runs.deleted} gone, {runs.kept} kept, since they hold what the UI shows")
    yield dg.AssetObservation(
        "status_sync_log",
        metadata={
            **{f"gone_{name.replace(' ', '_')}": kind.rows for name, kind in done.kinds.items()},
            "gone_runs": runs.deleted,
        },
    )
    if done.problems:
        raise dg.Failure("; ".join(done.problems), allow_retries=False)


@dg.job(name="housekeeping", description="Delete what is older than its retention, in small steps.")
def housekeeping_job() -> None:
    keep_house()


# Any: the class of an asset job is not among the names that Dagster exports.
all_jobs: list[Any] = [
    pull,
    push,
    notify,
    full_reread,
    daily,
    report,
    reconcile_pending,
    recount_log,
    housekeeping_job,
]
