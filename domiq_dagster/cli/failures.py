"""domiq-sync failures and retry: which changes failed, of what, what to do, and putting them back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    By,
    DryRun,
    Json,
    PropertyOption,
    Usage,
    Utc,
    Why,
    database,
    decider,
    find_property,
    finish,
    parse_since,
    parse_time,
)
from domiq_dagster.cli.base import reason as reason_given
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.repair.retry import Choice, failed_changes, put_back
from domiq_dagster.sync.take_up import take_up
from domiq_dagster.wiring import notice_channels


def failures(
    property_name: PropertyOption = None,
    since: Annotated[
        str, typer.Option(help="Those logged since: 7d, 12h, 30m, or an ISO time.", metavar="SPAN|TIME")
    ] = "7d",
    most: Annotated[int, typer.Option(help="So many are listed, the newest.", min=1, max=100_000)] = 50,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """List the changes that failed to reach ResMan: by reason, with what to do; then each with its lead,
    ResMan's own words and when. Once the reason is mended: `domiq-sync retry`."""
    moment = parse_since(since, datetime.now(UTC))
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            found = failed_changes(connection, Choice(chosen.property_id if chosen else None, moment))
            names = PropertyNames(connection)
    result = views.failures_result(found, names, since=moment, most=most)
    views.print_failures(result)
    finish(json_output, result, bad=not result["ok"])


def retry(
    changes: Annotated[
        list[UUID] | None, typer.Argument(metavar="[CHANGE]...", help="Just these, by their ids.")
    ] = None,
    property_name: PropertyOption = None,
    since: Annotated[str | None, typer.Option(help="Only changes logged since this ISO time.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only those that failed so, such as unknown_source.")
    ] = None,
    by: By = None,
    why: Why = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Put failed changes back into the queue, which goes on record in each of them; and, where neither
    changes nor a time nor a reason is given, deal again with the records in trouble."""
    narrowed = since is not None or reason is not None
    if changes and (narrowed or property_name is not None):
        raise Usage("Give the ids of changes, or --property, --since and --reason: not both.")
    templates = notice_channels(os.environ).templates
    who, told = decider(by), reason_given(why)
    with database() as engine:
        chosen = find_property(engine, property_name)
        choice = Choice(chosen.property_id if chosen else None, parse_time(since), reason, changes or None)
        with at_work("Putting failed changes back"):
            done = put_back(engine, choice, by=who, why=told, dry_run=dry_run)
        taken_up = []
        if not changes and not narrowed:
            ids = [chosen.property_id] if chosen else None
            with at_work("Dealing again with the records in trouble"):
                taken_up = take_up(engine, ids, templates=templates, by=who, why=told, dry_run=dry_run)
    result = views.retry_result(done, taken_up, dry_run=dry_run)
    views.print_retried(result)
    finish(json_output, result, bad=not result["ok"])
