"""First stop inward: what changed at ResMan, stored per property with its watermark."""

from datetime import UTC, datetime

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    BackfillPolicy,
    Config,
    Failure,
    MetadataValue,
    asset,
)
from pydantic import Field

from domiq_dagster.assets.sources import domiq_property, resman_prospects
from domiq_dagster.partitions import properties
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.integrations import Integration, complete_settings, load_integrations
from domiq_dagster.sync.passes import pull_all
from domiq_dagster.sync.pull import Pulled


class PullConfig(Config):
    """How much to ask for."""

    full: bool = Field(default=False, description="Read everything again rather than what changed.")
    believe_short: bool = Field(
        default=False,
        description="Believe a full read though it lacks many prospects that are known: they are gone.",
    )
    since: str | None = Field(
        default=None, description="Read from this ISO date on instead of from the watermark."
    )


@asset(
    partitions_def=properties,
    backfill_policy=BackfillPolicy.single_run(),
    deps=[domiq_property, resman_prospects],
    group_name="inbound",
    kinds={"python", "postgres"},
)
def resman_leads(context: AssetExecutionContext, config: PullConfig, sync: SyncResource) -> None:
    """The newest copy of every prospect of the connected properties, without contact data
    (domiq_sync.resman_lead), and the links from conversations to them."""
    keys = list(context.partition_keys)
    since = _parse_since(config.since)
    with sync.open() as ends:
        with ends.engine.connect() as connection:
            chosen = [i for i in load_integrations(connection) if i.partition_key in set(keys)]
        for problem in complete_settings(ends.engine, ends.client, chosen):
            context.log.warning(problem)
        results: dict[str, Pulled] = {}

        def on_property(integration: Integration, result: Pulled | ResManError) -> None:
            if isinstance(result, Pulled):
                if result.distrust is not None:
                    context.log.warning(
                        f"{result.partition_key}: this full read is not believed, since {result.distrust}. "
                        "If that is right, materialise the partition with full: true and believe_short: true."
                    )
                results[integration.partition_key] = result
                if len(keys) > 1:
                    # Marked at once, so that a later failure leaves the finished ones done.
                    context.log_event(
                        AssetMaterialization(
                            "resman_leads", partition=integration.partition_key, metadata=_metadata(result)
                        )
                    )

        _, errors = pull_all(
            ends.engine,
            ends.client,
            chosen,
            full=config.full,
            since=since,
            believe_short=config.believe_short,
            max_accounts=sync.max_accounts,
            on_property=on_property,
        )
    for key in set(keys) - {i.partition_key for i in chosen}:
        context.log.info(f"{key} is not connected, or its sync is switched off: nothing was pulled")
    for key, result in results.items():
        context.add_asset_metadata(_metadata(result), asset_key="resman_leads", partition_key=key)
    if errors:
        raise Failure(
            f"{len(errors)} of {len(chosen)} properties could not be pulled; what else there is was stored. "
            "Materialise the failed partitions again, or wait: the next pull goes on from their watermark.",
            metadata={key: str(error) for key, error in sorted(errors.items())},
        )


def _metadata(result: Pulled) -> dict[str, MetadataValue]:
    found = {
        "fetched": MetadataValue.int(result.fetched),
        "stored": MetadataValue.int(result.stored),
        "linked": MetadataValue.int(result.linked),
        "unchanged": MetadataValue.int(result.unchanged),
        "silent_changes": MetadataValue.int(result.silent),
        "overlap_hours": MetadataValue.float(round(result.overlap.total_seconds() / 3600, 2)),
        "late_hours": MetadataValue.float(round(result.late.total_seconds() / 3600, 2)),
        "requests": MetadataValue.int(result.requests),
        "missing": MetadataValue.int(result.missing),
        "vanished": MetadataValue.int(result.vanished),
        "modified_since": MetadataValue.timestamp(result.modified_since),
    }
    if result.distrust is not None:
        found["not_believed"] = MetadataValue.text(result.distrust)  # type: ignore[assignment]
    if result.watermark is not None:
        found["watermark"] = MetadataValue.timestamp(result.watermark)
    return found  # type: ignore[return-value]


def _parse_since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"'{text}' is no ISO date: write it like 2026-03-01.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
