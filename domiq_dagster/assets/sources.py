"""The tables and endpoints that belong to others: here for the lineage only, never materialised by us."""

from dagster import AssetSpec

domiq_property = AssetSpec(
    ["domiq", "property"],
    description="DomIQ's properties. Those with a row in domiq_sync.integration are connected.",
    group_name="sources",
    kinds={"postgres"},
)
domiq_conversation = AssetSpec(
    ["domiq", "conversation"],
    description="DomIQ's conversations; their status is one of the two that are kept in step.",
    group_name="sources",
    kinds={"postgres"},
)
resman_prospects = AssetSpec(
    ["resman", "prospects"],
    description="ResMan's prospects, behind its HTTP API; their status is the other one.",
    group_name="sources",
)

all_sources = [domiq_property, domiq_conversation, resman_prospects]
