"""domiq-sync plan-map: what a changed status map or policy would do to today's leads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn
from uuid import UUID

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    Json,
    PropertyOption,
    database,
    errors,
    fail,
    find_property,
    finish,
    read_file,
    wants_json,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import escape
from domiq_dagster.sync.decisions.map_file import MapFileError, read_map_file
from domiq_dagster.sync.decisions.map_plan import plan_map as plan_of
from domiq_dagster.sync.integrations import load_integrations


def plan_map(
    file: Annotated[
        Path,
        typer.Option(
            help='JSON such as {"property": "juniper-flats", "policy": "domiq_wins", "domiq": {"hot_lead": '
            '{"lead_status": "qualified", "event_type": "Other"}}, "resman": {"Applicant/Denied": {"covers": '
            '["lost"], "sets": "lost"}}}: any of them, or a list of such. Without "property" it is the '
            "default of all; null instead of a row takes it away."
        ),
    ],
    property_name: PropertyOption = None,
    json_output: Json = False,
) -> None:
    """Say what a changed status map or conflict policy would do to today's leads, before it does: how many
    would move from what to what, by property, with a few of their conversations. Nothing is written."""
    content = read_file(file)
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            every = load_integrations(connection, enabled_only=False)
            known: dict[str, UUID] = {}
            for integration in every:
                known[integration.partition_key] = known[str(integration.property_id)] = (
                    integration.property_id
                )
            try:
                proposed = read_map_file(content, known.get)
            except MapFileError as error:
                _refuse(error, file)
            properties = [chosen] if chosen else [i for i in every if i.enabled]
            with at_work("Deciding about each lead, as it is and as it would be"):
                plans = [plan_of(connection, integration, proposed) for integration in properties]
    result = views.map_plan_result(plans)
    views.print_map_plan(result)
    finish(json_output, result)


def _refuse(error: MapFileError, file: Path) -> NoReturn:
    """A line for each fault of the file."""
    if len(error.faults) == 1 or wants_json():
        fail(str(error))
    for fault in error.faults:
        errors.print(escape(f"  {fault}"), soft_wrap=True)
    fail(f"{file} has {len(error.faults)} faults, so nothing was planned: correct them and run it again.")
