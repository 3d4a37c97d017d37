"""The tables and endpoints that belong to others: here for the lineage only, never materialised by us.
Another thing that the sync reads and somebody else keeps belongs here."""

import dagster as dg

from domiq_dagster.assets.catalogue import stored_in, written_in

domiq_property = dg.AssetSpec(
    ["domiq", "property"],
    description="DomIQ's properties. Those with a row in domiq_sync.integration are connected.",
    group_name="sources",
    owners=["team:domiq"],
    kinds={"postgres", "table"},
    tags={"system": "domiq"},
    metadata={**stored_in("public.property"), **written_in(__file__)},
)
domiq_conversation = dg.AssetSpec(
    ["domiq", "conversation"],
    description="DomIQ's conversations; their status is one of the two that are kept in step.",
    group_name="sources",
    owners=["team:domiq"],
    kinds={"postgres", "table"},
    tags={"system": "domiq"},
    metadata={**stored_in("public.conversation"), **written_in(__file__)},
)
resman_prospects = dg.AssetSpec(
    ["resman", "prospects"],
    description="ResMan's prospects, behind its HTTP API; their status is the other one.",
    group_name="sources",
    owners=["team:resman"],
    kinds={"api"},
    tags={"system": "resman"},
    metadata=written_in(__file__),
)

all_sources = [domiq_property, domiq_conversation, resman_prospects]
