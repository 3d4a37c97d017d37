"""domiq-sync status: how things stand, once or for as long as somebody watches."""

from __future__ import annotations

import signal
import sys
import time
from typing import Annotated, Any

import typer
from rich.live import Live
from sqlalchemy import Engine

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    Json,
    PropertyOption,
    Usage,
    Utc,
    database,
    find_property,
    finish,
    wants_json,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import make_console
from domiq_dagster.sync.alerts.listing import in_alert
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.divergence import coverage, unknown_words
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.trouble import records_in_trouble

_EVERY_SECONDS = 5.0


def status(
    property_name: PropertyOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and show it anew every few seconds, until Ctrl-C.")
    ] = False,
    every: Annotated[
        float, typer.Option(help="With --watch: seconds from one look to the next.", min=1.0, max=3600.0)
    ] = _EVERY_SECONDS,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """How things stand, per property and per ResMan account: what waits, how fast it goes, until when. On a
    terminal it is one screen, what is worst first; in a pipe it is all there is."""
    if watch and (wants_json() or not sys.stdout.isatty()):
        raise Usage("--watch is for a terminal: without it, status tells once how things stand.")
    with database() as engine:
        chosen = find_property(engine, property_name)
        if watch:
            _watch(engine, chosen, every)
        with at_work("Looking how things stand"):
            result = _look(engine, chosen)
    views.print_status(result)
    finish(json_output, result, bad=not result["ok"])


def _look(engine: Engine, chosen: Integration | None) -> dict[str, Any]:
    ids = [chosen.property_id] if chosen else None
    with engine.connect() as connection:
        figures = property_figures(connection, chosen.property_id if chosen else None)
        queues = load_backlog(connection)
        covered = coverage(connection, ids)
        troubled = in_alert(connection)
        records = records_in_trouble(connection, ids)
        strangers = unknown_words(connection, ids)
    accounts = [a for a in queues.accounts if chosen is None or a.account_id == chosen.account_id]
    return views.status_result(figures, queues, accounts, covered, troubled, records, strangers)


def _watch(engine: Engine, chosen: Integration | None, every: float) -> None:
    """Shows it on a screen of its own, which is gone at the end; ends with Ctrl-C only."""
    console = make_console()
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                result = _look(engine, chosen)
                live.update(views.status_screen(result, console), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
