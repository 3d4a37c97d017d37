"""The jobs: pull, push, notify, reconcile, full re-read, the daily count. Each is one run a batch.

A job over assets selects them here; work that is no asset's is an op here, thin over a function of `sync`.
When a job runs is said in `schedules` and `sensors`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.inbound import STEP
from domiq_dagster.assets.inbound_checks import inbound_evaluations
from domiq_dagster.assets.pull_config import PullConfig
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.resources import DomiqResource, LimitsResource
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
    "daily", selection=dg.AssetSelection.assets("status_sync_daily"), description="Count one day of the log."
)


@dg.op(description="Find and mend what the ordinary way missed.", out={})
def reconcile_sweep(
    context: dg.OpExecutionContext, config: DryRunConfig, domiq: DomiqResource, limits: LimitsResource
) -> Iterator[dg.AssetObservation | dg.AssetCheckEvaluation]:
    """One sweep; what it found goes on record as an observation of status_sync_log."""
    with domiq.engine() as engine:
        found = reconcile(engine, dry_run=config.dry_run)
        # What is left once everything was mended that policy allows.
        evaluations = [] if config.dry_run else list(inbound_evaluations(engine, limits))
    for finding in found.by_property:
        context.log.info("{property}: {kind}: {count}, {then}".format(**finding))
    yield dg.AssetObservation(
        "status_sync_log",
        metadata={
            **{kind.replace(" ", "_"): count for kind, count in found.findings.items()},
            **table_unless_empty("by_property", found.by_property),
            **(DRY if config.dry_run else {}),
        },
    )
    yield from evaluations


@dg.job(description="Find and mend pending rows and whatever else the ordinary way missed.")
def reconcile_pending() -> None:
    reconcile_sweep()


# Any: the class of an asset job is not among the names that Dagster exports.
all_jobs: list[Any] = [pull, push, notify, full_reread, daily, reconcile_pending]
