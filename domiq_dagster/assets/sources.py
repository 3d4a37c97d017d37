"""The tables and endpoints that belong to others: never materialised by us, but observed now and then
(`source_observations`). Another thing that the sync reads and somebody else keeps belongs here."""

import dagster as dg

from domiq_dagster.assets.catalogue import explained_in, stored_in, written_in

domiq_property = dg.AssetSpec(
    ["domiq", "property"],
    description="""DomIQ's properties. Those with a row in `domiq_sync.integration` are connected.

**From** DomIQ; the sync only reads them.

**Red**: nothing turns red here.

**Then** `domiq-sync connect` connects one; `domiq-sync status` lists those that are.""",
    group_name="sources",
    owners=["team:domiq"],
    kinds={"postgres", "table"},
    tags={"system": "domiq"},
    metadata={**stored_in("public.property"), **written_in(__file__), **explained_in("sources")},
)
domiq_conversation = dg.AssetSpec(
    ["domiq", "conversation"],
    description="""DomIQ's conversations; their status is one of the two that are kept in step.

**From** DomIQ and its chatbot. A trigger logs each move of a status; the sync writes ResMan's moves back.

**Red**: nothing turns red here; what could not be logged is told by the check `capture_misses`.

**Then** `domiq-sync explain ID` tells the story of one conversation.""",
    group_name="sources",
    owners=["team:domiq"],
    kinds={"postgres", "table"},
    tags={"system": "domiq"},
    metadata={**stored_in("public.conversation"), **written_in(__file__), **explained_in("sources")},
)
resman_prospects = dg.AssetSpec(
    ["resman", "prospects"],
    description="""ResMan's prospects, behind its HTTP API; their status is the other one.

**From** ResMan and its staff. What is observed here is what the last answers told.

**Red**: nothing turns red here; a property that cannot be pulled is told by the check `pull_gaps`.

**Then** `domiq-sync doctor` asks each account; `domiq-sync accounts` says which are paused.""",
    group_name="sources",
    owners=["team:resman"],
    kinds={"api"},
    tags={"system": "resman"},
    metadata={**written_in(__file__), **explained_in("sources")},
)

all_sources = [domiq_property, domiq_conversation, resman_prospects]
