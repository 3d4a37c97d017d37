"""Marking the partitions of both stops inward, each as soon as its property is done.

The marks are logged rather than yielded. A MaterializeResult names no partition, and a step may yield one an
asset: after the first, a run over three properties has all three marked, and the second is an error. An
AssetMaterialization of one partition may be yielded, and stays when the step fails later; but the marks come
from the threads that pull, and a generator that Dagster leaves at a yield would keep those, and ResMan's
client with them, for as long as somebody keeps the generator.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.inbound_status_changes import applied_metadata, inbound_status_changes
from domiq_dagster.assets.resman_leads import pulled_metadata, resman_leads
from domiq_dagster.sync.decisions.apply import Applied
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.monitoring.divergence import Coverage, coverage, verdicts
from domiq_dagster.sync.pull.pull import Pulled


class InboundMarks:
    """Marks what one run did at these properties. `applies`: whether the run is to apply anything."""

    def __init__(
        self, context: dg.AssetExecutionContext, engine: Engine, chosen: Collection[Integration]
    ) -> None:
        self.applies = inbound_status_changes.key in context.selected_asset_keys
        self._context, self._engine = context, engine
        self._coverage: dict[Any, Coverage] = {}
        if self.applies:
            # Once for all of them, since it reads every conversation; a pull changes nothing of it.
            with engine.connect() as connection:
                self._coverage = coverage(connection, [i.property_id for i in chosen])

    def pulled(self, integration: Integration, pulled: Pulled) -> None:
        """One property was pulled. Called from several threads."""
        key, log = integration.partition_key, self._context.log
        if pulled.rejected_reason is not None:
            log.warning(
                f"{key}: this full read is not believed, since {pulled.rejected_reason}. "
                "If that is right, materialise the partition with full: true and believe_short: true."
            )
        for prospect, why in pulled.unreadable.items():
            log.warning(f"{key}: prospect {prospect} {why}: it is asked for again")
        self._mark(resman_leads.key, key, pulled_metadata(pulled))

    def applied(self, integration: Integration, applied: Applied) -> None:
        """What one property brought was applied; the mark says how the property stands after it."""
        property_id = integration.property_id
        with self._engine.connect() as connection:
            found = verdicts(connection, [property_id]).get(property_id, Counter())
        left_alone = self._coverage.get(property_id, Coverage()).left_alone
        metadata = applied_metadata(applied, found, left_alone)
        self._mark(inbound_status_changes.key, integration.partition_key, metadata)

    def switched_off(self, key: str) -> None:
        """There was nothing to do at one property: it counts as done."""
        self._context.log.info(f"{key} is not connected, or its sync is switched off: nothing was pulled")
        for asset in self._context.selected_asset_keys:
            self._mark(asset, key, {"switched_off": True})

    def _mark(self, asset: dg.AssetKey, partition: str, metadata: dict[str, Any]) -> None:
        self._context.log_event(dg.AssetMaterialization(asset, partition=partition, metadata=metadata))
