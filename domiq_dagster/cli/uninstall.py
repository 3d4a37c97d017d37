"""domiq-sync uninstall: the sync goes out of DomIQ's database."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    By,
    DryRun,
    Json,
    Usage,
    Why,
    decider,
    finish,
    reason,
    wants_json,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.sync.uninstall import refuse_alive, refuse_doubts, uninstall_plan
from domiq_dagster.sync.uninstall import uninstall as take_out
from domiq_dagster.wiring import domiq_database, open_engine


def uninstall(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it without asking.")] = False,
    leave_doubts: Annotated[
        bool,
        typer.Option(
            "--leave-doubts",
            help="Also where changes may have arrived at ResMan: whoever takes up what is pending sends them "
            "again.",
        ),
    ] = False,
    by: By = None,
    why: Why = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Take the sync out of DomIQ's database: schema domiq_sync, and what it has in schema public beyond the
    design. The design's tables stay with all their rows, its view has the design's own query again, and rows
    of the archive go back to status_sync_log. DomIQ's own tables and ResMan are not touched.

    All in one transaction; refused while workers, runs or commands of the sync are at work, and while a
    change may have arrived at ResMan."""
    who, because = decider(by), reason(why)
    with domiq_database(os.environ) as url, open_engine(url, check=False, pool_size=1) as engine:
        plan = uninstall_plan(engine)
        if dry_run:
            views.print_uninstall_plan(plan)
            finish(json_output, {"ok": True, "dry_run": True, **plan.as_json()}, bad=bool(plan.alive))
        refuse_alive(plan.alive)
        if not leave_doubts:
            refuse_doubts(plan.counts)
        if not yes:
            if wants_json() or not sys.stdin.isatty():
                raise Usage(f"Nobody can be asked here: give --yes. {views.what_goes(plan)}")
            typer.confirm(f"{views.what_goes(plan)} There is no way back. Uninstall the sync?", abort=True)
        with at_work("Uninstalling"):
            done = take_out(engine, leave_doubts=leave_doubts)
    at = datetime.now(UTC)
    views.print_uninstalled(done, by=who, why=because, at=at)
    result = {"ok": True, "dry_run": False, **done.as_json(), "by": who, "why": because, "at": at.isoformat()}
    finish(json_output, result)
