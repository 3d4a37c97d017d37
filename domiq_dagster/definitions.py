"""Gathers everything into one Definitions; nothing else."""

from collections.abc import Mapping
from typing import Any

from dagster import Definitions, in_process_executor

from domiq_dagster.assets import all_assets
from domiq_dagster.checks import all_checks
from domiq_dagster.jobs import all_jobs
from domiq_dagster.resources import SyncResource, ThresholdResource
from domiq_dagster.schedules import all_schedules
from domiq_dagster.sensors import all_sensors


def build_definitions(**overrides: Any) -> Definitions:
    """Everything; `overrides` replaces resources by name."""
    resources: Mapping[str, Any] = {"sync": SyncResource(), "thresholds": ThresholdResource(), **overrides}
    return Definitions(
        assets=all_assets,
        asset_checks=all_checks,
        jobs=all_jobs,
        schedules=all_schedules,
        sensors=all_sensors,
        resources=resources,
        # A run is one process: its steps are few and share nothing that would gain from more.
        executor=in_process_executor,
    )


defs = build_definitions()
