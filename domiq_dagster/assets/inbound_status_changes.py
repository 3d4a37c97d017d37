"""Second stop inward: what ResMan's news means for each linked conversation, decided and applied. What the
asset is, and what it says of one property; `inbound` has the step that materialises it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg

from domiq_dagster.assets.catalogue import EACH_DAY, OWNERS, explained_in, stored_in
from domiq_dagster.assets.resman_leads import resman_leads
from domiq_dagster.assets.sources import domiq_conversation
from domiq_dagster.assets.tables import table_unless_empty
from domiq_dagster.partitions import properties
from domiq_dagster.sync.decisions.apply import Applied

_SAMPLE = 20

inbound_status_changes = dg.AssetSpec(
    "inbound_status_changes",
    description="""Statuses that moved at ResMan, written to conversation and to status_sync_log.

**From** the stored copies of ResMan's prospects, by the property's conflict policy. One partition a property.

**Red**: linked leads disagree and nothing explains it, or single records cannot be dealt with.

**Then** materialise the partition that the check names: it repairs what policy allows. `domiq-sync conflicts`
has what a person must decide.""",
    partitions_def=properties,
    deps=[resman_leads, domiq_conversation],
    group_name="inbound",
    owners=OWNERS,
    freshness_policy=EACH_DAY,
    kinds={"python", "postgres"},
    tags={"direction": "inbound", "writes_to": "domiq"},
    metadata={**stored_in("public.status_sync_log"), **explained_in("inbound_status_changes")},
    skippable=True,
)


def applied_metadata(
    applied: Applied, verdicts: Counter[str], left_alone: Mapping[str, int]
) -> dict[str, Any]:
    """What deciding about one property's leads did, and how they stand after it."""
    refused = [{"why": why, "conversation": str(key)} for key, why in applied.refused.items()]
    return {
        "applied": applied.applied,
        "failed": len(refused),
        **({"refused": len(refused)} if refused else {}),
        **table_unless_empty("refused_by_the_database", refused[:_SAMPLE]),
        "conflicts": verdicts["conflict"],
        "diverged": verdicts["diverged"],
        "linked_leads": verdicts.total(),
        "decisions": dict(applied.by_reason),
        "verdicts": dict(verdicts),
        "statuses_left_alone": dict(left_alone),
    }
