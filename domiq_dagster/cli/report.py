"""domiq-sync report: one HTML page for a leasing manager."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import Json, PropertyOption, Usage, database, find_property, finish, parse_since
from domiq_dagster.sync.report.collect import LONGEST_DAYS, collect
from domiq_dagster.sync.report.page import page
from domiq_dagster.wiring import report_links


def report(
    property_name: PropertyOption = None,
    since: Annotated[
        str, typer.Option(help="From when on: 7d, or a day such as 2026-03-01.", metavar="SPAN|DAY")
    ] = "7d",
    out: Annotated[
        Path, typer.Option(help="The file to write; one that is there is replaced.", dir_okay=False)
    ] = Path("report.html"),
    json_output: Json = False,
) -> None:
    """Write one HTML page for a leasing manager: are DomIQ and ResMan in step, which leads wait for me, how
    fast it goes, how the days were. It needs no network, names nobody, and prints to two pages."""
    days = _days(since)
    links = report_links(os.environ)
    if not out.absolute().parent.is_dir():
        raise Usage(f"{out.parent} is no directory: make it, or give --out a file elsewhere.")
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            found = collect(connection, days=days, property_ids=[chosen.property_id] if chosen else None)
    out.write_text(page(found, links), encoding="utf-8")
    result = views.report_result(found, out)
    views.print_report(result)
    finish(json_output, result)


def _days(since: str) -> int:
    """How many days that is, today among them. Raises Usage."""
    now = datetime.now(UTC)
    days = (now.date() - parse_since(since, now).astimezone(UTC).date()).days
    if since.strip()[:-1].isdigit():
        days -= 1  # seven days are today and the six before
    if since.strip()[-1:] in ("h", "m") or not 0 <= days < LONGEST_DAYS:
        raise Usage(
            f"A report is of 1 to {LONGEST_DAYS} days until today: give --since 7d, or a day among them."
        )
    return days + 1
