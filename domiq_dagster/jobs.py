"""The jobs: pull, push, notify, reconcile, full re-read, the daily count. Each is one run a batch."""

from typing import Any

from dagster import (
    AssetKey,
    AssetObservation,
    AssetSelection,
    MetadataValue,
    OpExecutionContext,
    RunConfig,
    TableRecord,
    define_asset_job,
    job,
    op,
)

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.inbound import STEP, PullConfig
from domiq_dagster.assets.verdicts import inbound_evaluations
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.repair.reconcile import reconcile

# Without their checks: the step evaluates them itself, see assets/verdicts.py.
INBOUND = AssetSelection.assets("resman_leads", "inbound_status_changes").without_checks()
_OUTBOUND = AssetSelection.assets(
    *("conversation_status_pushes", "status_sync_log", "status_sync_success_rate"),
    *("status_workflow_actions", "status_notifications"),
)
FULL = RunConfig(ops={STEP: PullConfig(full=True)})
"""The run config of a full re-read. Whoever asks for a range of partitions must give it: Dagster takes a
job's own config for single partitions only."""

pull = define_asset_job(
    "pull",
    selection=INBOUND,
    description="Pull the leads of a range of properties and apply what moved at ResMan.",
)
push = define_asset_job(
    "push",
    selection=_OUTBOUND,
    description="Send what is pending to ResMan, refresh the log and the success rate, run the workflow "
    "rules, and write the notices.",
)
notify = define_asset_job(
    "notify",
    selection=AssetSelection.assets("status_notifications"),
    description="Look at new changes for notices, and send what is due.",
)
full_reread = define_asset_job(
    "full_reread",
    selection=INBOUND,
    config=FULL,
    description="Read every prospect again: not every change at ResMan moves lastModified.",
)
daily = define_asset_job(
    "daily", selection=AssetSelection.assets("status_sync_daily"), description="Count one day of the log."
)


@op(description="Find and mend what the ordinary way missed.")
def reconcile_sweep(context: OpExecutionContext, config: DryRunConfig, sync: SyncResource) -> None:
    """One sweep; what it found goes on record as an observation of status_sync_log."""
    with sync.database() as engine:
        found = reconcile(engine, dry_run=config.dry_run)
        # What is left once everything was mended that policy allows.
        evaluations = [] if config.dry_run else inbound_evaluations(engine, sync)
    rows = [TableRecord(finding) for finding in found.by_property]
    for finding in found.by_property:
        context.log.info("{property}: {kind}: {count}, {then}".format(**finding))
    by_kind = {kind.replace(" ", "_"): MetadataValue.int(n) for kind, n in found.findings.items()}
    dry = DRY if config.dry_run else {}
    table = {"by_property": MetadataValue.table(rows)} if rows else {}
    context.log_event(AssetObservation(AssetKey("status_sync_log"), metadata={**by_kind, **table, **dry}))
    for evaluation in evaluations:
        context.log_event(evaluation)  # type: ignore[arg-type]  # taken, though its annotation forgot it


@job(description="Find and mend pending rows and whatever else the ordinary way missed.")
def reconcile_pending() -> None:
    reconcile_sweep()


# Any: the class of an asset job is not among the names that Dagster exports.
all_jobs: list[Any] = [pull, push, notify, full_reread, daily, reconcile_pending]
