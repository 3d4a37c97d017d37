"""Acting on changes: each logged change, of either side, runs its property's workflow rules once."""

from collections import Counter
from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
)
from sqlalchemy import Engine

from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.rules import run_rules
from domiq_dagster.sync.rules.plan import plan_rules
from domiq_dagster.sync.rules.run import COUNTS, OUTCOMES


@asset(
    deps=[status_sync_log],
    group_name="record",
    kinds={"python", "postgres"},
    output_required=False,  # a dry run materialises nothing
)
def status_workflow_actions(
    context: AssetExecutionContext, config: DryRunConfig, sync: SyncResource
) -> Iterator[MaterializeResult]:  # type: ignore[type-arg]
    """What status_workflow_rules asked for: moves (pending changes of the next push), tasks and follow-ups
    (domiq_sync.task), lead scores, notifications; and what each rule decided (domiq_sync.rule_decision)."""
    with sync.database() as engine:
        if config.dry_run:
            context.log_event(AssetObservation(context.asset_key, metadata={**_foreseen(engine), **DRY}))
            return
        run = run_rules(engine, templates=sync.channels.templates, seconds=sync.rules_seconds)
    for sentence in run.waiting:
        context.log.warning(sentence)
    names = (*COUNTS, *OUTCOMES)
    rows = [
        TableRecord({"property": key, **{name: counts[name] for name in names}})
        for key, counts in sorted(run.by_property.items())
        if counts
    ]
    yield MaterializeResult(
        metadata={
            **{name: MetadataValue.int(run.total(name)) for name in names},
            "left_for_the_next_run": MetadataValue.int(run.left),
            **({"by_property": MetadataValue.table(rows)} if rows else {}),
        }
    )


def _foreseen(engine: Engine) -> dict[str, MetadataValue]:
    """What the rules would do about the changes that wait for them."""
    sums: Counter[str] = Counter()
    for plan in plan_rules(engine, open_only=True):
        sums["changes"] += plan.changes
        for planned in plan.rules:
            sums += planned.done + planned.outcomes
            sums["moves"] += planned.moves.total()
    return {name: MetadataValue.int(sums[name]) for name in (*COUNTS, *OUTCOMES)}
