"""What a service did, told to Dagster: on the same assets and with the same figures as a run, and the checks
whose word has changed. It is a part of the Dagster layer that runs in the service's process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.conversation_status_pushes import push_metadata
from domiq_dagster.assets.inbound_status_changes import applied_metadata
from domiq_dagster.assets.resman_leads import pulled_metadata
from domiq_dagster.assets.status_notifications import notices_metadata
from domiq_dagster.assets.status_sync_log import log_metadata
from domiq_dagster.assets.status_sync_success_rate import rate_metadata
from domiq_dagster.assets.status_workflow_actions import rules_metadata
from domiq_dagster.assets.tables import rows_of, rows_of_property
from domiq_dagster.check_clock import tell_news
from domiq_dagster.checks import check_results
from domiq_dagster.resources import LimitsResource, ThresholdResource
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.divergence import Coverage, coverage, diverged_when_last_noted, verdicts
from domiq_dagster.sync.monitoring.recently_settled import recently_settled
from domiq_dagster.sync.service.tally import Summary


class DagsterReports:
    """`sync.service.tally.Reports`, for Dagster's instance.

    Args:
        engine: DomIQ's database.
        instance: Dagster's; the one that DAGSTER_HOME names, if not given.

    Raises:
        Exception: Dagster's storage cannot be used.
    """

    def __init__(self, engine: Engine, instance: dg.DagsterInstance | None = None) -> None:
        self._instance, self._engine = instance or dg.DagsterInstance.get(), engine

    def tell(self, summary: Summary) -> None:
        """Materialises the assets that the worker has worked on, and evaluates the checks that say something
        else than before.

        Raises:
            Exception: Dagster's storage, or DomIQ's database, cannot be used.
        """
        by = {"worker": summary.worker}
        for name, partition, metadata in self._pulls(summary):
            self._instance.report_runless_asset_event(
                dg.AssetMaterialization(name, partition=partition, metadata={**metadata, **by})
            )
        for name, metadata in self._figures(summary):
            self._instance.report_runless_asset_event(
                dg.AssetMaterialization(name, metadata={**metadata, **by})
            )
        found = check_results(self._engine, self._instance, ThresholdResource(), LimitsResource())
        tell_news(self._instance, found, datetime.now(UTC))

    def _pulls(self, summary: Summary) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """What there is to say of partitions, those whose pulls brought something."""
        if not summary.pulled:
            return
        with self._engine.connect() as connection:
            ids = {i.partition_key: i.property_id for i in load_integrations(connection)}
            known = [ids[key] for key in summary.pulled if key in ids]
            covered, found = coverage(connection, known), verdicts(connection, known)
            leads = {i: rows_of_property(connection, "domiq_sync.resman_lead", i) for i in known}
            changes = {i: rows_of_property(connection, "domiq_sync.change", i) for i in known}
        for key, done in summary.pulled.items():
            rows = leads[ids[key]] if key in ids else {}
            yield "resman_leads", key, {**pulled_metadata(done.pulled), **rows, "pulls": done.pulls}
            if done.applied is not None and key in ids:
                now = found.get(ids[key], Counter())
                left_alone = covered.get(ids[key], Coverage()).left_alone
                metadata = {**applied_metadata(done.applied, now, left_alone), **changes[ids[key]]}
                yield "inbound_status_changes", key, metadata

    def _figures(self, summary: Summary) -> Iterator[tuple[str, dict[str, Any]]]:
        with self._engine.connect() as connection:
            pushed = summary.pushed
            if pushed.by_property or pushed.problems or pushed.outages or not summary.pulled:
                left, recent = load_backlog(connection), recently_settled(connection)
                rows = rows_of(connection, "domiq_sync.attempt")
                diverged = diverged_when_last_noted(connection)
                told = push_metadata(pushed, left, recent, diverged=diverged)
                yield "conversation_status_pushes", {**told, **rows}
            yield "status_sync_log", log_metadata(connection)
            yield "status_sync_success_rate", rate_metadata(connection)
            if summary.ruled is not None:
                rows = rows_of(connection, "domiq_sync.rule_decision")
                yield "status_workflow_actions", {**rules_metadata(summary.ruled), **rows}
            if summary.notified is not None:
                rows = rows_of(connection, "domiq_sync.notification")
                told = notices_metadata(summary.notified, summary.sent)
                yield "status_notifications", {**told, **rows}
