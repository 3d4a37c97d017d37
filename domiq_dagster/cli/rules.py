"""`domiq-sync rules`: examining the workflow rules, and planning what they would do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from domiq_dagster.cli import views as views
from domiq_dagster.cli.base import (
    Json,
    PropertyOption,
    database,
    find_property,
    finish,
    read_file,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.sync.rules.check import check_rules
from domiq_dagster.sync.rules.plan import plan_rules, read_rule_file

rules_app = typer.Typer(
    help="Examine the workflow rules, or plan what they would do.",
    epilog="Example: domiq-sync rules check",
    no_args_is_help=True,
)


@rules_app.command("check", epilog="Example: domiq-sync rules check")
def rules_check(property_name: PropertyOption = None, json_output: Json = False) -> None:
    """Name every active rule that cannot be understood, loops, and rules that ended in an error of late."""
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            found = check_rules(connection, property_id=chosen.property_id if chosen else None)
    result = views.rules_check_result(found)
    views.print_rules_check(result)
    finish(json_output, result, bad=not found.ok)


@rules_app.command("plan", epilog="Example: domiq-sync rules plan --rule-file rule.json")
def rules_plan(
    property_name: PropertyOption = None,
    days: Annotated[float, typer.Option(help="How far back the log is replayed.", min=0.01, max=3660)] = 14,
    rule_file: Annotated[
        Path | None, typer.Option(help="New or edited rules as JSON; without it those of the table.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Replay the log and show what the rules would have done. Nothing is sent or written."""
    with database() as engine:
        chosen = find_property(engine, property_name)
        tried = []
        if rule_file is not None:
            content = read_file(rule_file)
            with engine.connect() as connection:
                tried = read_rule_file(content, connection)
        since = datetime.now(UTC) - timedelta(days=days)
        with at_work("Replaying the log"):
            plans = plan_rules(
                engine, since=since, property_id=chosen.property_id if chosen else None, tried=tried
            )
    result = views.rules_plan_result(plans, days)
    views.print_rules_plan(result)
    spoiled = any(p["problem"] or p["unreadable"] for p in result["properties"])
    invalid = any(r["problems"] for p in result["properties"] for r in p["rules"])
    finish(json_output, result, bad=invalid or spoiled)
