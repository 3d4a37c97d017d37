"""Acting on changes: each logged change, of either side, runs its property's workflow rules once."""

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, TableRecord, asset

from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.rules import run_rules
from domiq_dagster.sync.rules.run import COUNTS, OUTCOMES


@asset(deps=[status_sync_log], group_name="record", kinds={"python", "postgres"})
def status_workflow_actions(context: AssetExecutionContext, sync: SyncResource) -> MaterializeResult:  # type: ignore[type-arg]
    """What status_workflow_rules asked for: moves (pending changes of the next push), tasks and follow-ups
    (domiq_sync.task), lead scores, notifications; and what each rule decided (domiq_sync.rule_decision)."""
    with sync.database() as engine:
        run = run_rules(engine, seconds=sync.rules_seconds)
    for sentence in run.waiting:
        context.log.warning(sentence)
    names = (*COUNTS, *OUTCOMES)
    rows = [
        TableRecord({"property": key, **{name: counts[name] for name in names}})
        for key, counts in sorted(run.by_property.items())
        if counts
    ]
    return MaterializeResult(
        metadata={
            **{name: MetadataValue.int(run.total(name)) for name in names},
            "left_for_the_next_run": MetadataValue.int(run.left),
            **({"by_property": MetadataValue.table(rows)} if rows else {}),
        }
    )
