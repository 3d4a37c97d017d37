"""First stop inward: what changed at ResMan, stored per property with its watermark. What the asset is, and
what it says of one property's pull; `inbound` has the step that materialises it."""

from typing import Any

import dagster as dg

from domiq_dagster.assets.catalogue import EACH_DAY, OWNERS, explained_in, stored_in
from domiq_dagster.assets.sources import domiq_property, resman_prospects
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.partitions import properties
from domiq_dagster.sync.pull.pull import Pulled

_SAMPLE = 20

resman_leads = dg.AssetSpec(
    "resman_leads",
    description="""The newest copy of every ResMan prospect of the connected properties, without contact data,
and the links from conversations to them. One partition a property.

**From** ResMan's HTTP API: what changed since the property's watermark, every 10 minutes or by a worker.

**Red**: the property could not be pulled; the others were stored and applied.

**Then** nothing: it is pulled again alone, from its watermark. `domiq-sync doctor` asks ResMan and says what
is wrong.""",
    partitions_def=properties,
    deps=[domiq_property, resman_prospects],
    group_name="inbound",
    owners=OWNERS,
    freshness_policy=EACH_DAY,
    kinds={"python", "postgres"},
    tags={"direction": "inbound", "writes_to": "domiq_sync"},
    metadata={**stored_in("domiq_sync.resman_lead"), **explained_in("resman_leads")},
    skippable=True,
)


def pulled_metadata(result: Pulled) -> dict[str, Any]:
    """What one property's pull brought."""
    found: dict[str, Any] = {
        "pulled": result.fetched,
        "changed": result.stored,
        "fetched": result.fetched,
        "stored": result.stored,
        "linked": result.linked,
        "unchanged": result.unchanged,
        "silent_changes": result.silent,
        "overlap_hours": round(result.overlap.total_seconds() / 3600, 2),
        "late_hours": round(result.late.total_seconds() / 3600, 2),
        "requests": result.requests,
        "requests_today": result.requests_today,
        "missing": result.missing,
        "vanished": result.vanished,
        "modified_since": dg.MetadataValue.timestamp(result.modified_since),
    }
    if result.unreadable:
        sample = [{"why": why, "prospect": key} for key, why in result.unreadable.items()][:_SAMPLE]
        found["unreadable"] = len(result.unreadable)
        found |= table_unless_empty("unreadable_prospects", sample)
    if result.rejected_reason is not None:
        found["not_believed"] = result.rejected_reason
    if result.watermark is not None:
        found["watermark"] = dg.MetadataValue.timestamp(result.watermark)
    return found
