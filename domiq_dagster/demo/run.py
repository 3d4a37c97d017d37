"""`domiq-sync demo`: two whole sync cycles through Dagster over the made-up world, and what they did."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import dagster as dg
from rich.console import Console

from domiq_dagster.definitions import defs
from domiq_dagster.demo import past
from domiq_dagster.demo.edits import stir
from domiq_dagster.demo.stage import Stage, stage, standin_environment
from domiq_dagster.partitions import properties
from domiq_dagster.ranges import all_properties, ranges
from domiq_dagster.runtime.dagster_home import environment, prepare
from domiq_dagster.sync.decisions.conflict_store import open_conflicts
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.figures import figures_row, property_figures, totals
from domiq_dagster.wiring import open_engine, report_file

_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def run_demo(*, seed: int, console: Console) -> dict[str, Any]:
    """Runs the demo from nothing. The result is what --json prints; `ok` is true where nothing failed, is
    pending or diverges (conflicts that wait for a person are listed, not counted)."""
    began = time.monotonic()
    console.print("Starting PostgreSQL ...")
    with (
        stage(os.environ, seed=seed, console=console, keep=False) as world,
        surroundings(stage_environment(world)),
        dg.DagsterInstance.get() as instance,
        open_engine(world.urls.domiq) as engine,
    ):
        console.print("First cycle through Dagster: pull, apply, reconcile, push ...")
        run_cycle(instance, world)
        past.date_back(engine, past.WEEK_BEFORE)
        console.print("Staff and chatbot change things ...")
        stirred = stir(engine, world.standin_url, seed=seed)
        console.print("Second cycle ...")
        run_cycle(instance, world)
        past.date_back(engine, past.THIS_WEEK)
        console.print("Counting the days, making the report ...")
        count_days(instance)
        report = make_report(instance)
        with engine.connect() as connection:
            rows = [figures_row(f) for f in property_figures(connection)]
            conflicts = open_conflicts(connection)
    sums = totals(rows)
    return {
        "ok": not (sums["failed"] or sums["pending"] or sums["diverged"]),
        "properties": rows,
        "totals": sums,
        "conflicts": [asdict(conflict) for conflict in conflicts],
        "stirred": asdict(stirred),
        "report": report,
        "seconds": round(time.monotonic() - began, 1),
    }


def stage_environment(world: Stage) -> dict[str, str]:
    """The environment in which Dagster's processes find the stage; makes the home that it names."""
    prepare(world.home)
    return environment(
        os.environ,
        home=world.home,
        database_url=world.urls.domiq,
        dagster_pg_url=world.urls.dagster,
        resman=standin_environment(world.standin_url),
    )


def run_cycle(instance: dg.DagsterInstance, world: Stage) -> None:
    """Pull and apply every property in one run, reconcile, push. Raises where a run fails."""
    with open_engine(world.urls.domiq) as engine, engine.connect() as connection:
        keys = [i.partition_key for i in load_integrations(connection)]
    instance.add_dynamic_partitions(str(properties.name), keys)
    known = instance.get_dynamic_partitions(str(properties.name))
    for name, tags in (("pull", all_properties(known)), ("reconcile_pending", {}), ("push", {})):
        job = defs.resolve_job_def(name)
        job.execute_in_process(instance=instance, tags=tags, run_config=_QUIET, raise_on_error=True)


def count_days(instance: dg.DagsterInstance) -> None:
    """The last days, in one run over the range of them. Raises where it fails."""
    keys = [day.isoformat() for day in past.days()]
    (tags,) = ranges(keys, keys, most=1)
    job = defs.resolve_job_def("daily")
    job.execute_in_process(instance=instance, tags=tags, run_config=_QUIET, raise_on_error=True)


def make_report(instance: dg.DagsterInstance) -> str:
    """Where the report is. Raises where it cannot be made."""
    job = defs.resolve_job_def("report")
    job.execute_in_process(instance=instance, run_config=_QUIET, raise_on_error=True)
    return str(report_file(os.environ))


@contextmanager
def surroundings(wanted: Mapping[str, str]) -> Iterator[None]:
    """os.environ as wanted, and as it was afterwards: Dagster and the resources read it."""
    before = dict(os.environ)
    os.environ.update(wanted)
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
