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

from domiq_dagster.assets.resman_leads import PullConfig
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.reconcile import reconcile

_INBOUND = AssetSelection.assets("resman_leads", "inbound_status_changes")
_OUTBOUND = AssetSelection.assets(
    "conversation_status_pushes", "status_sync_log", "status_sync_success_rate", "status_notifications"
)
FULL = RunConfig(ops={"resman_leads": PullConfig(full=True)})
"""The run config of a full re-read. Whoever asks for a range of partitions must give it: Dagster takes a
job's own config for single partitions only."""

pull = define_asset_job(
    "pull",
    selection=_INBOUND | AssetSelection.checks_for_assets("resman_leads", "inbound_status_changes"),
    description="Pull the leads of a range of properties and apply what moved at ResMan.",
)
push = define_asset_job(
    "push",
    selection=_OUTBOUND,
    description="Send what is pending to ResMan, then refresh the log, the success rate and the notices.",
)
notify = define_asset_job(
    "notify",
    selection=AssetSelection.assets("status_notifications"),
    description="Look at new changes for notices, and send what is due.",
)
full_reread = define_asset_job(
    "full_reread",
    selection=_INBOUND,
    config=FULL,
    description="Read every prospect again: not every change at ResMan moves lastModified.",
)
daily = define_asset_job(
    "daily", selection=AssetSelection.assets("status_sync_daily"), description="Count one day of the log."
)


@op(description="Find and mend what the ordinary way missed.")
def reconcile_sweep(context: OpExecutionContext, sync: SyncResource) -> None:
    """One sweep; what it found goes on record as an observation of status_sync_log."""
    with sync.database() as engine:
        found = reconcile(engine)
    rows = [TableRecord(finding) for finding in found.by_property]
    for finding in found.by_property:
        context.log.info("{property}: {kind}: {count}, {then}".format(**finding))
    by_kind = {kind.replace(" ", "_"): MetadataValue.int(n) for kind, n in found.findings.items()}
    table = {"by_property": MetadataValue.table(rows)} if rows else {}
    context.log_event(AssetObservation(AssetKey("status_sync_log"), metadata={**by_kind, **table}))


@job(description="Find and mend pending rows and whatever else the ordinary way missed.")
def reconcile_pending() -> None:
    reconcile_sweep()


# Any: the class of an asset job is not among the names that Dagster exports.
all_jobs: list[Any] = [pull, push, notify, full_reread, daily, reconcile_pending]
