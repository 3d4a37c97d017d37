"""The step that materialises both stops inward, property by property.

One step for both, so that what one property brought is applied although another could not be pulled:
Dagster skips whatever stands behind a failed step. A partition is marked as soon as it is done; in the end
the step fails if any could not be, and those alone show as failed.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    BackfillPolicy,
    Config,
    Failure,
    MetadataValue,
    multi_asset,
)
from pydantic import Field
from sqlalchemy import Engine

from domiq_dagster.assets.dry_run import DRY, forecast_metadata
from domiq_dagster.assets.inbound_status_changes import applied_metadata, inbound_status_changes
from domiq_dagster.assets.resman_leads import pulled_metadata, resman_leads
from domiq_dagster.assets.verdicts import inbound_evaluations
from domiq_dagster.partitions import properties
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resources import Sync, SyncResource
from domiq_dagster.sync.decisions.apply import Applied, apply_property
from domiq_dagster.sync.dry_run import Forecast, forecast_all, forecast_push
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.monitoring.divergence import Coverage, coverage, verdicts
from domiq_dagster.sync.passes import pull_and_apply
from domiq_dagster.sync.pull.pull import Pulled, PullOptions
from domiq_dagster.sync.setup.fill_settings import complete_settings
from domiq_dagster.sync.trouble import sentence

STEP = "resman_leads"
"""The step's name, which a run's config names: that of the first of its two assets."""


class PullConfig(Config):
    """How much to ask for."""

    full: bool = Field(default=False, description="Read everything again rather than what changed.")
    since: str | None = Field(
        default=None,
        description="Read from this ISO date on instead of from the watermark, which a later date leaves.",
    )
    believe_short: bool = Field(
        default=False,
        description="Believe a full read though it lacks many prospects that are known: they are gone.",
    )
    dry_run: bool = Field(
        default=False,
        description="Say what would be stored, linked, applied and sent, as observations; write nothing.",
    )


@multi_asset(
    name=STEP,
    specs=[resman_leads, inbound_status_changes],
    can_subset=True,
    partitions_def=properties,
    backfill_policy=BackfillPolicy.single_run(),
    description="Reads what changed at ResMan, property by property, and applies it to DomIQ.",
)
def inbound(context: AssetExecutionContext, config: PullConfig, sync: SyncResource) -> Iterator[Any]:
    """Pulls, applies, or both, as the run selected. Yields no output: what is done was marked."""
    options = PullOptions(
        full=config.full,
        since=_parse_since(config.since),
        believe_short=config.believe_short,
        max_accounts=sync.max_accounts,
    )
    keys = list(context.partition_keys)
    if config.dry_run:
        _observe(context, sync, keys, options)
    elif resman_leads.key in context.selected_asset_keys:
        with sync.open() as ends:
            _pull(context, sync, ends, keys, options)
    else:
        with sync.database() as engine:
            chosen = _chosen(context, engine, keys, inbound_status_changes.key)
            marker = _Marker(context, engine, chosen)
            for integration in chosen:
                marker.mark_applied(integration, apply_property(engine, integration))
            _evaluate(context, engine, sync)
    yield from ()


def _pull(
    context: AssetExecutionContext,
    sync: SyncResource,
    ends: Sync,
    keys: Collection[str],
    options: PullOptions,
) -> None:
    chosen = _chosen(context, ends.engine, keys, *context.selected_asset_keys)
    _complete_settings(context, ends, chosen)
    applies = inbound_status_changes.key in context.selected_asset_keys
    marker = _Marker(context, ends.engine, chosen) if applies else None
    errors = pull_and_apply(
        ends.engine,
        ends.client,
        chosen,
        options,
        on_pulled=lambda integration, pulled: _mark_pulled(context, integration, pulled),
        on_applied=marker.mark_applied if marker is not None else None,
    )
    _evaluate(context, ends.engine, sync)
    if errors:
        raise Failure(
            f"{len(errors)} of {len(chosen)} properties could not be pulled; what the others brought was "
            "stored and applied. Materialise the failed partitions again, or wait: the next pull goes on "
            "from their watermark.",
            metadata={key: sentence(error) for key, error in sorted(errors.items())},
        )


def _mark_pulled(context: AssetExecutionContext, integration: Integration, pulled: Pulled) -> None:
    key = integration.partition_key
    if pulled.rejected_reason is not None:
        context.log.warning(
            f"{key}: this full read is not believed, since {pulled.rejected_reason}. "
            "If that is right, materialise the partition with full: true and believe_short: true."
        )
    for prospect, why in pulled.unreadable.items():
        context.log.warning(f"{key}: prospect {prospect} {why}: it is asked for again")
    _mark(context, resman_leads.key, key, pulled_metadata(pulled))


@dataclass
class _Marker:
    """Marks the partitions of what was applied, each with how its property stands."""

    context: AssetExecutionContext
    engine: Engine
    chosen: Collection[Integration]
    left_alone: dict[Any, Coverage] = field(init=False)

    def __post_init__(self) -> None:
        # Once for all of them, since it reads every conversation; a pull changes nothing of it.
        with self.engine.connect() as connection:
            self.left_alone = coverage(connection, [i.property_id for i in self.chosen])

    def mark_applied(self, integration: Integration, applied: Applied) -> None:
        with self.engine.connect() as connection:
            found = verdicts(connection, [integration.property_id])
        of_property = found.get(integration.property_id, Counter())
        alone = self.left_alone.get(integration.property_id, Coverage()).left_alone
        metadata = applied_metadata(applied, of_property, alone)
        _mark(self.context, inbound_status_changes.key, integration.partition_key, metadata)


def _chosen(
    context: AssetExecutionContext, engine: Engine, keys: Collection[str], *assets: AssetKey
) -> list[Integration]:
    """The enabled ones of these properties. The others count as done: there is nothing to do."""
    chosen = _enabled(engine, keys)
    for key in sorted(set(keys) - {i.partition_key for i in chosen}):
        context.log.info(f"{key} is not connected, or its sync is switched off: nothing was pulled")
        for asset in assets:
            _mark(context, asset, key, {"switched_off": MetadataValue.bool(True)})
    return chosen


def _enabled(engine: Engine, keys: Collection[str]) -> list[Integration]:
    with engine.connect() as connection:
        return [i for i in load_integrations(connection) if i.partition_key in set(keys)]


def _complete_settings(context: AssetExecutionContext, ends: Sync, chosen: list[Integration]) -> None:
    """Where ResMan does not answer at all, the pulls will say so, each for its property."""
    try:
        problems = complete_settings(ends.engine, ends.client, chosen)
    except ResManError as error:
        problems = [f"the settings could not be completed from ResMan: {error}"]
    for problem in problems:
        context.log.warning(problem)


def _evaluate(context: AssetExecutionContext, engine: Engine, sync: SyncResource) -> None:
    for evaluation in inbound_evaluations(engine, sync):
        context.log_event(evaluation)


def _mark(context: AssetExecutionContext, asset: AssetKey, partition: str, metadata: Any) -> None:
    context.log_event(AssetMaterialization(asset, partition=partition, metadata=metadata))


def _observe(
    context: AssetExecutionContext, sync: SyncResource, keys: Collection[str], options: PullOptions
) -> None:
    """A dry run. An observation leaves the partitions, and their plots, as they are."""
    if resman_leads.key not in context.selected_asset_keys:
        with sync.database() as engine:
            for integration in _enabled(engine, keys):
                _observe_decisions(context, forecast_push(engine, integration))
        return
    with sync.open() as ends:
        chosen = _enabled(ends.engine, keys)
        found = forecast_all(ends.open_dry_run, ends.client, chosen, options)
    for integration, forecast, pulled in found:
        if pulled is None:
            context.log.error(f"{integration.partition_key} could not be read: {forecast.error}")
            continue
        metadata = {**pulled_metadata(pulled), "ambiguous": MetadataValue.int(forecast.ambiguous), **DRY}
        context.log_event(
            AssetObservation(resman_leads.key, partition=integration.partition_key, metadata=metadata)
        )
        if inbound_status_changes.key in context.selected_asset_keys:
            _observe_decisions(context, forecast)


def _observe_decisions(context: AssetExecutionContext, forecast: Forecast) -> None:
    context.log_event(
        AssetObservation(
            inbound_status_changes.key,
            partition=forecast.partition_key,
            metadata=forecast_metadata([forecast]),
        )
    )


def _parse_since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"'{text}' is no ISO date: write it like 2026-03-01.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
