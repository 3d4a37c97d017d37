"""domiq-sync sync: one pass without Dagster, or what it would do."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    By,
    DryRun,
    Json,
    PropertyOption,
    Usage,
    Why,
    decider,
    fail,
    find_property,
    finish,
    reason,
)
from domiq_dagster.cli.pausing import refuse_switched_off
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.resman.errors import NotEntitled
from domiq_dagster.sync.dry_run import forecast_all
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.operator_actions import Deciding, record
from domiq_dagster.sync.passes import sync_pass
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.tracing.setting_up import open_traces
from domiq_dagster.wiring import (
    domiq_database,
    dry_run_sessions,
    notice_channels,
    open_client,
    open_engine,
    outside_mark,
    resman_config,
)


def sync(
    property_name: PropertyOption = None,
    full: Annotated[bool, typer.Option("--full", help="Read every prospect again.")] = False,
    believe_short: Annotated[
        bool, typer.Option("--believe-short", help="With --full: known prospects that it lacks are gone.")
    ] = False,
    by: By = None,
    why: Why = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """One pass without Dagster: pull, apply, reconcile, run the rules, push, notify."""
    if believe_short and not full:
        raise Usage("--believe-short is about what a full read lacks: give --full as well.")
    config = resman_config(os.environ)
    with (
        open_traces(os.environ),
        domiq_database(os.environ) as url,
        open_engine(url) as engine,
        open_client(config, url) as client,
    ):
        chosen = find_property(engine, property_name)
        ids = [chosen.property_id] if chosen else None
        refuse_switched_off(engine, chosen)
        if dry_run:
            with engine.connect() as connection:
                integrations = load_integrations(connection, property_ids=ids)
            with at_work("Reading ResMan to see what a pass would do"):
                found = forecast_all(dry_run_sessions(url), client, integrations, PullOptions(full=full))
                rows = [forecast.as_json() for _, forecast, _ in found]
            views.print_forecasts(rows)
            print("Nothing was written.")
            finish(json_output, {"dry_run": True, "properties": rows}, bad=any(r["error"] for r in rows))
        if believe_short:
            with engine.begin() as connection:
                record(
                    connection,
                    Deciding.BELIEVE_SHORT,
                    decider(by),
                    reason(why),
                    property_id=ids[0] if ids else None,
                )
        with at_work("One pass: pull, apply, reconcile, run the rules, push, notify"):
            report = sync_pass(
                engine,
                client,
                property_ids=ids,
                pull_options=PullOptions(full=full, believe_short=believe_short),
                channels=notice_channels(os.environ),
                mark=outside_mark(os.environ),
            )
        with engine.connect() as connection:
            figures = property_figures(connection, chosen.property_id if chosen else None)
    result = views.pass_result(report, figures)
    views.print_pass(result)
    refused = all(why.startswith(NotEntitled.kind) for why in report.pull_errors.values())
    if report.pull_errors and not report.pulled and not refused:
        why = next(iter(report.pull_errors.values()))
        fail(f"No property could be pulled (`domiq-sync doctor` asks each account): {why}")
    finish(json_output, result, bad=not result["ok"])
