"""The step that materialises both stops inward, property by property.

One step for both, so that what one property brought is applied although another could not be pulled:
Dagster skips whatever stands behind a failed step. A partition is marked as soon as it is done, if there is
anything to say of it (`inbound_marks`). Then the step evaluates its checks (`inbound_checks`), and in the end
it fails if any property could not be pulled: those alone show as failed.
"""

from collections.abc import Collection, Iterator

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.dry_run import DRY, forecast_metadata
from domiq_dagster.assets.inbound_checks import INBOUND_CHECKS, inbound_results
from domiq_dagster.assets.inbound_marks import InboundMarks
from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.pull_config import PullConfig
from domiq_dagster.assets.resman_leads import pulled_metadata, resman_leads
from domiq_dagster.faults import told_without_values
from domiq_dagster.partitions import one_run, properties
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resources import DomiqResource, LimitsResource, ResmanResource
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.dry_run import Forecast, forecast_all, forecast_push
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.passes import pull_and_apply
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.sync.trouble import PropertyFaults, sentence

STEP = "resman_leads"
"""The step's name, which a run's config names: that of the first of its two assets."""
_MOST_NAMED = 100
"""Properties that a run's failure names: in an outage it is every one, every 10 minutes."""


@dg.multi_asset(
    name=STEP,
    specs=[resman_leads, inbound_status_changes],
    check_specs=INBOUND_CHECKS,
    can_subset=True,
    partitions_def=properties,
    backfill_policy=one_run,
    description="Reads what changed at ResMan, property by property, and applies it to DomIQ.",
)
@told_without_values
def inbound(
    context: dg.AssetExecutionContext,
    config: PullConfig,
    domiq: DomiqResource,
    resman: ResmanResource,
    limits: LimitsResource,
) -> Iterator[dg.AssetObservation | dg.AssetCheckResult]:
    """Pulls, applies and evaluates the checks, or what of it the run selected."""
    selected = context.selected_asset_keys
    keys = context.partition_keys if selected else []  # a check alone is run for no partition
    observed: list[dg.AssetObservation] = []
    failure = None
    if resman_leads.key in selected:
        options = config.options(limits.max_accounts)
        with resman.client(domiq) as client, domiq.engine(pool_size=limits.connections) as engine:
            if config.dry_run:
                observed = _foresee_pull(context, domiq, client, _enabled(engine, keys), options)
            else:
                failure = _pull(context, engine, client, keys, options)
    elif inbound_status_changes.key in selected:
        with domiq.engine() as engine:
            if config.dry_run:
                forecasts = [forecast_push(engine, integration) for integration in _enabled(engine, keys)]
                observed = [_decisions_foreseen(forecast) for forecast in forecasts]
            else:
                failure = _apply(context, engine, keys)
    with domiq.engine() as engine:
        # After a dry run too, though it notes nothing: a planned check without a result shows as skipped.
        verdicts = inbound_results(engine, limits, context.selected_asset_check_keys, note=not config.dry_run)
    yield from observed
    yield from verdicts
    if failure is not None:
        raise failure


def _pull(
    context: dg.AssetExecutionContext,
    engine: Engine,
    client: ResManClient,
    keys: Collection[str],
    options: PullOptions,
) -> dg.Failure | None:
    """Pulls properties, and applies what they bring if the run is to. Returns how the step is to fail, if any
    could not be pulled."""
    chosen = _enabled(engine, keys)
    marks = InboundMarks(context, engine, keys, chosen)
    for problem in complete_settings(engine, client, chosen):
        context.log.warning(problem)
    errors = pull_and_apply(
        engine,
        client,
        chosen,
        options,
        on_pulled=marks.pulled,
        on_applied=marks.applied if marks.applies else None,
    )
    marks.failed(errors)
    marks.note()
    if not errors:
        return None
    return dg.Failure(
        f"{len(errors)} of {len(chosen)} properties could not be pulled or decided about; what the others "
        "brought was stored and applied. Materialise the failed partitions again, or wait: the next pull "
        "goes on from their watermark.",
        metadata={key: sentence(error) for key, error in sorted(errors.items())[:_MOST_NAMED]},
    )


def _apply(context: dg.AssetExecutionContext, engine: Engine, keys: Collection[str]) -> dg.Failure | None:
    """Decides anew about what is stored of properties. Returns how the step is to fail, if any could not be
    decided about."""
    chosen = _enabled(engine, keys)
    marks = InboundMarks(context, engine, keys, chosen)
    faults = PropertyFaults(engine, "decisions")
    for integration in chosen:
        with faults.of(integration.property_id, integration.partition_key):
            marks.applied(integration, apply_property(engine, integration))
    marks.failed(faults.problems)
    marks.note()
    if not faults.problems:
        return None
    return dg.Failure(
        f"{len(faults.problems)} of {len(chosen)} properties could not be decided about; the others were.",
        metadata=dict(sorted(faults.problems.items())[:_MOST_NAMED]),
    )


def _enabled(engine: Engine, keys: Collection[str]) -> list[Integration]:
    with engine.connect() as connection:
        return [i for i in load_integrations(connection) if i.partition_key in set(keys)]


def _foresee_pull(
    context: dg.AssetExecutionContext,
    domiq: DomiqResource,
    client: ResManClient,
    chosen: list[Integration],
    options: PullOptions,
) -> list[dg.AssetObservation]:
    """What a pull would do. What cannot be read is logged, and observed of nothing."""
    with domiq.dry_runs() as open_dry_run:
        found = forecast_all(open_dry_run, client, chosen, options)
    observed = []
    for integration, forecast, pulled in found:
        if pulled is None:
            context.log.error(f"{integration.partition_key} could not be read: {forecast.error}")
            continue
        metadata = {**pulled_metadata(pulled), "ambiguous": forecast.ambiguous, **DRY}
        observed.append(
            dg.AssetObservation(resman_leads.key, partition=integration.partition_key, metadata=metadata)
        )
        if inbound_status_changes.key in context.selected_asset_keys:
            observed.append(_decisions_foreseen(forecast))
    return observed


def _decisions_foreseen(forecast: Forecast) -> dg.AssetObservation:
    return dg.AssetObservation(
        inbound_status_changes.key, partition=forecast.partition_key, metadata=forecast_metadata([forecast])
    )
