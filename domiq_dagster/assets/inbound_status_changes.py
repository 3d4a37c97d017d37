"""Second stop inward: what ResMan's news means for each linked conversation, decided and applied."""

from collections import Counter

from dagster import AssetExecutionContext, AssetMaterialization, BackfillPolicy, MetadataValue, asset

from domiq_dagster.assets.resman_leads import resman_leads
from domiq_dagster.assets.sources import domiq_conversation
from domiq_dagster.partitions import properties
from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.inbound import apply_property
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.measure import comparison, left_alone


@asset(
    partitions_def=properties,
    backfill_policy=BackfillPolicy.single_run(),
    deps=[resman_leads, domiq_conversation],
    group_name="inbound",
    kinds={"python", "postgres"},
)
def inbound_status_changes(context: AssetExecutionContext, sync: SyncResource) -> None:
    """Statuses that moved at ResMan, written to conversation and to status_sync_log (from_resman), by the
    property's conflict policy. Materialising a partition again repairs what policy allows."""
    keys = list(context.partition_keys)
    with sync.database() as engine:
        with engine.connect() as connection:
            chosen = [i for i in load_integrations(connection) if i.partition_key in set(keys)]
        for integration in chosen:
            applied = apply_property(engine, integration)
            with engine.connect() as connection:
                verdicts = Counter(c.verdict for c in comparison(connection, integration.property_id))
                alone = left_alone(connection, integration.property_id)
            metadata = {
                "applied": MetadataValue.int(applied.applied),
                "conflicts": MetadataValue.int(verdicts["conflict"]),
                "diverged": MetadataValue.int(verdicts["diverged"]),
                "linked_leads": MetadataValue.int(sum(verdicts.values())),
                "decisions": MetadataValue.json(dict(applied.by_reason)),
                "verdicts": MetadataValue.json(dict(verdicts)),
                "statuses_left_alone": MetadataValue.json(alone),
            }
            if len(keys) > 1:
                context.log_event(
                    AssetMaterialization(
                        "inbound_status_changes", partition=integration.partition_key, metadata=metadata
                    )
                )
            context.add_asset_metadata(
                metadata, asset_key="inbound_status_changes", partition_key=integration.partition_key
            )
