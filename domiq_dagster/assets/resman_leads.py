"""First stop inward: what changed at ResMan, stored per property with its watermark."""

from collections.abc import Mapping

from dagster import AssetSpec, MetadataValue, TableRecord

from domiq_dagster.assets.sources import domiq_property, resman_prospects
from domiq_dagster.partitions import properties
from domiq_dagster.sync.pull.pull import Pulled

_SAMPLE = 20

resman_leads = AssetSpec(
    "resman_leads",
    description="The newest copy of every prospect of the connected properties, without contact data "
    "(domiq_sync.resman_lead), and the links from conversations to them.",
    partitions_def=properties,
    deps=[domiq_property, resman_prospects],
    group_name="inbound",
    kinds={"python", "postgres"},
    skippable=True,
)


def pulled_metadata(result: Pulled) -> Mapping[str, MetadataValue]:
    """What one property's pull brought."""
    found: dict[str, MetadataValue] = {
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
    if result.unreadable:
        found["unreadable"] = MetadataValue.int(len(result.unreadable))
        found["unreadable_prospects"] = MetadataValue.table(
            [TableRecord({"prospect": k, "why": why}) for k, why in result.unreadable.items()][:_SAMPLE]
        )
    if result.rejected_reason is not None:
        found["not_believed"] = MetadataValue.text(result.rejected_reason)
    if result.watermark is not None:
        found["watermark"] = MetadataValue.timestamp(result.watermark)
    return found
