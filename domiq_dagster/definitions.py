"""The code location: gathers what the other modules define into one Definitions.

Nothing is defined here. An asset belongs in `assets/`, a check in `checks`, a job in `jobs`, what runs by the
clock in `schedules`, what runs when something happens in `sensors`, what they are given in `resources`.
"""

from typing import Any

import dagster as dg

from domiq_dagster.assets import all_assets
from domiq_dagster.checks import all_checks
from domiq_dagster.jobs import all_jobs
from domiq_dagster.resources import all_resources
from domiq_dagster.runtime import secret_files
from domiq_dagster.schedules import all_schedules
from domiq_dagster.sensors import all_sensors


def build_definitions(**overrides: Any) -> dg.Definitions:
    """Everything. `overrides` replaces resources by name: limits of one's own, or what a test needs."""
    return dg.Definitions(
        assets=all_assets,
        asset_checks=all_checks,
        jobs=all_jobs,
        schedules=all_schedules,
        sensors=all_sensors,
        resources={**all_resources(), **overrides},
        # A run is one process: its steps are few and share nothing that would gain from more.
        executor=dg.in_process_executor,
    )


secret_files.take_up()  # in each process that runs what is defined here
defs = build_definitions()
