"""Second stop inward: what ResMan's news means for each linked conversation, decided and applied."""

from collections import Counter
from collections.abc import Mapping

from dagster import AssetSpec, MetadataValue

from domiq_dagster.assets.resman_leads import resman_leads
from domiq_dagster.assets.sources import domiq_conversation
from domiq_dagster.partitions import properties
from domiq_dagster.sync.decisions.apply import Applied

inbound_status_changes = AssetSpec(
    "inbound_status_changes",
    description="Statuses that moved at ResMan, written to conversation and to status_sync_log "
    "(from_resman), by the property's conflict policy. Materialising a partition again repairs what policy "
    "allows.",
    partitions_def=properties,
    deps=[resman_leads, domiq_conversation],
    group_name="inbound",
    kinds={"python", "postgres"},
    skippable=True,
)


def applied_metadata(
    applied: Applied, verdicts: Counter[str], left_alone: Mapping[str, int]
) -> Mapping[str, MetadataValue]:
    """What deciding about one property's leads did, and how they stand after it."""
    return {
        "applied": MetadataValue.int(applied.applied),
        "conflicts": MetadataValue.int(verdicts["conflict"]),
        "diverged": MetadataValue.int(verdicts["diverged"]),
        "linked_leads": MetadataValue.int(sum(verdicts.values())),
        "decisions": MetadataValue.json(dict(applied.by_reason)),
        "verdicts": MetadataValue.json(dict(verdicts)),
        "statuses_left_alone": MetadataValue.json(dict(left_alone)),
    }
