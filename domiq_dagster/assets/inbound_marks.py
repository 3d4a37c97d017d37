"""Marking the partitions of both stops inward, each as soon as its property is done.

The marks are logged rather than yielded. A MaterializeResult names no partition, and a step may yield one an
asset: after the first, a run over three properties has all three marked, and the second is an error. An
AssetMaterialization of one partition may be yielded, and stays when the step fails later; but the marks come
from the threads that pull, and a generator that Dagster leaves at a yield would keep those, and ResMan's
client with them, for as long as somebody keeps the generator.

Dagster keeps each mark for good, so a run of a schedule marks only what is news (`sync.pull.marks`): the
partitions whose pull brought something, whose state changed, or of which nothing was said for a day. A run
that somebody asked for marks all of its partitions, or a backfill would take the others for missing.

A partition shows as failed where it was planned in a run that failed, and not marked since. Runs plan a
range as a whole (`dagster_storage`), so a partition that fails is planned by itself. On a storage that plans
each partition of a range, one that is not marked would show as failed whenever another fails: there all are
marked.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domiq_dagster.assets.inbound_status_changes import applied_metadata, inbound_status_changes
from domiq_dagster.assets.resman_leads import pulled_metadata, resman_leads
from domiq_dagster.assets.tables import rows_of_property
from domiq_dagster.ranges import SCHEDULE_NAME
from domiq_dagster.sync.decisions.apply import Applied
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.monitoring.divergence import Coverage, coverage, verdicts
from domiq_dagster.sync.monitoring.pauses import Pause, open_pauses
from domiq_dagster.sync.pull.marks import Mark, State, is_due, load_marks, note_marks
from domiq_dagster.sync.pull.pull import Pulled
from domiq_dagster.sync.trouble import is_lost_database, sentence

_MOST_WARNINGS = 20
"""Of one property's unreadable prospects; the metadata and `domiq_sync.trouble` have more."""


class InboundMarks:
    """Marks what one run did at these properties. `applies`: whether the run is to apply anything.

    Args:
        keys: the run's partitions.
        chosen: the properties among them that are pulled.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        engine: Engine,
        keys: Collection[str],
        chosen: Collection[Integration],
    ) -> None:
        self.applies = inbound_status_changes.key in context.selected_asset_keys
        self._context, self._engine, self._chosen = context, engine, chosen
        self._now = datetime.now(UTC)
        self._before: dict[dg.AssetKey, dict[str, Mark]] = {}
        if _is_scheduled(context):
            with self._for_marks("all partitions are marked") as connection:
                self._before = {
                    asset: load_marks(connection, asset.to_user_string(), keys)
                    for asset in context.selected_asset_keys
                }
        self._said: defaultdict[dg.AssetKey, dict[str, State]] = defaultdict(dict)
        self._pulled: set[str] = set()
        self._news: set[str] = set()
        for key in sorted(set(keys) - {i.partition_key for i in chosen}):
            self._switched_off(key)

    def pulled(self, integration: Integration, pulled: Pulled) -> None:
        """One property was pulled. Called from several threads."""
        key = integration.partition_key
        self._pulled.add(key)
        if pulled.stored or pulled.linked or pulled.silent or pulled.vanished:
            self._news.add(key)
        state = State.OK
        if pulled.rejected_reason is not None:
            state = State.NOT_BELIEVED
        elif pulled.unreadable:
            state = State.UNREADABLE
        if self._mark(resman_leads.key, key, state, lambda: self._metadata_of_pull(integration, pulled)):
            self._warn(key, pulled)

    def applied(self, integration: Integration, applied: Applied) -> None:
        """What one property brought was applied; the mark says how the property stands after it."""
        key = integration.partition_key
        if applied.applied or applied.pushed or applied.agreed:
            self._news.add(key)
        state = State.REFUSED if applied.refused else State.OK
        self._mark(inbound_status_changes.key, key, state, lambda: self._metadata_after(integration, applied))

    def failed(self, keys: Collection[str]) -> None:
        """Of these properties what the run was to do failed, the pull or what follows it."""
        for key in sorted(keys):
            for asset in sorted(self._context.selected_asset_keys):
                was_done = asset == resman_leads.key and key in self._pulled
                if not was_done and self._is_due(asset, key, State.FAILED):
                    self._plan(asset, key)
                    self._said[asset][key] = State.FAILED

    def note(self) -> None:
        """Notes what was marked. If the run ends before, it is marked once more by the next one."""
        with self._for_marks("they are marked again by the next run") as connection:
            for asset, said in self._said.items():
                note_marks(connection, asset.to_user_string(), said, self._now)

    @contextmanager
    def _for_marks(self, otherwise: str) -> Iterator[Connection]:
        """A transaction for what was last marked. A pull does not fail for want of it: `otherwise` says what
        follows instead."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            if is_lost_database(error):
                raise
            self._context.log.warning(f"The marks of partitions: {sentence(error)}; {otherwise}.")

    def _switched_off(self, key: str) -> None:
        """There was nothing to do at one property: it counts as done."""
        marked = [
            self._mark(asset, key, State.OFF, lambda: self._why_off(key))
            for asset in self._context.selected_asset_keys
        ]
        if any(marked):
            self._context.log.info(f"{key} is not connected, or its sync is switched off: nothing was pulled")

    def _why_off(self, key: str) -> dict[str, Any]:
        pause = self._pauses.get(key)
        return {"switched_off": True} if pause is None else {"switched_off": True, "paused": pause.redacted}

    @cached_property
    def _pauses(self) -> dict[str, Pause]:
        with self._engine.connect() as connection:
            return open_pauses(connection)

    def _mark(
        self, asset: dg.AssetKey, key: str, state: State, metadata: Callable[[], dict[str, Any]]
    ) -> bool:
        """Marks a partition, if that is due. Returns whether it was."""
        if not self._is_due(asset, key, state):
            return False
        self._context.log_event(dg.AssetMaterialization(asset, partition=key, metadata=metadata()))
        self._said[asset][key] = state
        return True

    def _is_due(self, asset: dg.AssetKey, key: str, state: State) -> bool:
        if asset not in self._before:
            return True
        return is_due(self._before[asset].get(key), state, self._now, brought=key in self._news)

    def _plan(self, asset: dg.AssetKey, key: str) -> None:
        planned = DagsterEvent.build_asset_materialization_planned_event(
            self._context.job_name,
            self._context.get_step_execution_context().step.key,
            AssetMaterializationPlannedData(asset, partition=key),
        )
        self._context.instance.report_dagster_event(planned, self._context.run.run_id)

    def _warn(self, key: str, pulled: Pulled) -> None:
        log = self._context.log
        if pulled.rejected_reason is not None:
            log.warning(
                f"{key}: this full read is not believed, since {pulled.rejected_reason}. "
                "If that is right, materialise the partition with full: true and believe_short: true."
            )
        for prospect, why in list(pulled.unreadable.items())[:_MOST_WARNINGS]:
            log.warning(f"{key}: prospect {prospect} {why}: it is asked for again")

    def _metadata_of_pull(self, integration: Integration, pulled: Pulled) -> dict[str, Any]:
        with self._engine.connect() as connection:
            rows = rows_of_property(connection, "domiq_sync.resman_lead", integration.property_id)
        return {**pulled_metadata(pulled), **rows}

    def _metadata_after(self, integration: Integration, applied: Applied) -> dict[str, Any]:
        property_id = integration.property_id
        with self._engine.connect() as connection:
            found = verdicts(connection, [property_id]).get(property_id, Counter())
            rows = rows_of_property(connection, "domiq_sync.change", property_id)
        left_alone = self._coverage.get(property_id, Coverage()).left_alone
        return {**applied_metadata(applied, found, left_alone), **rows}

    @cached_property
    def _coverage(self) -> dict[Any, Coverage]:
        """Once for all of them, since it reads every conversation; a pull changes nothing of it."""
        with self._engine.connect() as connection:
            return coverage(connection, [i.property_id for i in self._chosen])


def _is_scheduled(context: dg.AssetExecutionContext) -> bool:
    """Whether nobody asked for this run, and its storage plans a range as a whole."""
    run, storage = context.run, context.instance.event_log_storage
    nobody_asked = SCHEDULE_NAME in run.tags and run.parent_run_id is None
    return nobody_asked and storage.supports_partition_subset_in_asset_materialization_planned_events
