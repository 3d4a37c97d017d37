"""domiq-sync history: what people decided, by whom, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import Json, PropertyOption, Utc, database, find_property, finish, parse_since
from domiq_dagster.sync.operator_actions import history as decisions


def history(
    property_name: PropertyOption = None,
    since: Annotated[
        str, typer.Option(help="From when on: 7d, 12h, 30m, or an ISO time.", metavar="SPAN|TIME")
    ] = "30d",
    who: Annotated[str | None, typer.Option(help="Only of whoever has this in their name.")] = None,
    most: Annotated[int, typer.Option(help="So many are listed, the newest.", min=1, max=100_000)] = 50,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """List what people decided: retries, conflicts, links, pauses, connections, thresholds, rules and the
    rest, each with who, when and why. Who is DOMIQ_ACTOR, else login and machine, or what --by said; of what
    was done by SQL or in DomIQ it is the database role."""
    moment = parse_since(since, datetime.now(UTC))
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            found = decisions(
                connection,
                since=moment,
                property_id=chosen.property_id if chosen else None,
                actor=who,
                most=most + 1,
            )
    result = views.history_result(found[:most], since=moment, more=len(found) > most)
    views.print_history(result)
    finish(json_output, result)
