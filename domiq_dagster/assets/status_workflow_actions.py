"""Acting on changes: each logged change, of either side, runs its property's workflow rules once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.catalogue import OWNERS, explained_in, stored_in
from domiq_dagster.assets.dry_run import DRY, DryRunConfig
from domiq_dagster.assets.status_sync_log import status_sync_log
from domiq_dagster.assets.tables import rows_of, table_unless_empty
from domiq_dagster.faults import told_without_values
from domiq_dagster.resources import DomiqResource, LimitsResource, NotifierResource
from domiq_dagster.sync.rules import RulesRun, run_rules
from domiq_dagster.sync.rules.plan import plan_rules
from domiq_dagster.sync.rules.run import COUNTS, OUTCOMES

_FIGURES = (*COUNTS, *OUTCOMES)


@dg.asset(
    deps=[status_sync_log],
    group_name="record",
    owners=OWNERS,
    kinds={"python", "postgres"},
    tags={"direction": "both", "writes_to": "domiq"},
    metadata={**stored_in("domiq_sync.rule_decision"), **explained_in("status_workflow_actions")},
    output_required=False,  # a dry run materialises nothing
)
@told_without_values
def status_workflow_actions(
    context: dg.AssetExecutionContext,
    config: DryRunConfig,
    domiq: DomiqResource,
    notifier: NotifierResource,
    limits: LimitsResource,
) -> Iterator[dg.AssetObservation | dg.MaterializeResult[None]]:
    """What workflow rules did about each status change: moves (pending changes of the next push), tasks and
    follow-ups (`domiq_sync.task`), lead scores, notices; and what each rule decided.

    **From** the table status_workflow_rules and each change of either side, once.

    **Red**: a rule cannot be understood, goes in a circle, or ended in an error; all others run.

    **Then** correct the row that the check names; `domiq-sync rules check` says the same at once."""
    if config.dry_run:
        with domiq.engine() as engine:
            foreseen = _foreseen(engine)
        yield dg.AssetObservation(context.asset_key, metadata={**foreseen, **DRY})
        return
    templates = notifier.channels.templates
    with domiq.engine() as engine:
        run = run_rules(engine, templates=templates, seconds=limits.rules_seconds)
        with engine.connect() as connection:
            rows = rows_of(connection, "domiq_sync.rule_decision")
    for sentence in (*run.waiting, *run.problems):
        context.log.warning(sentence)
    yield dg.MaterializeResult(metadata={**rules_metadata(run), **rows})


def rules_metadata(run: RulesRun) -> dict[str, Any]:
    """What the rules did."""
    rows = [
        {"property": key, **{name: counts[name] for name in _FIGURES}}
        for key, counts in sorted(run.by_property.items())
        if counts
    ]
    return {
        **{name: run.total(name) for name in _FIGURES},
        "left_for_the_next_run": run.left,
        "problems": len(run.problems),
        **table_unless_empty("by_property", rows),
    }


def _foreseen(engine: Engine) -> dict[str, int]:
    """What the rules would do about the changes that wait for them."""
    sums: Counter[str] = Counter()
    for plan in plan_rules(engine, open_only=True):
        sums["changes"] += plan.changes
        for planned in plan.rules:
            sums += planned.done + planned.outcomes
            sums["moves"] += planned.moves.total()
    return {name: sums[name] for name in _FIGURES}
