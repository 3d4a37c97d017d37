"""`domiq-sync alerts`: what is wrong, when people are told of it, and when they would have been."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from domiq_dagster.cli import views as views
from domiq_dagster.cli.base import (
    By,
    Json,
    PropertyOption,
    Utc,
    Why,
    database,
    decider,
    find_property,
    finish,
    reason,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.sync.alerts.backtest import backtest
from domiq_dagster.sync.alerts.dispatch import send_alerts
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.listing import in_alert, list_alerts
from domiq_dagster.sync.alerts.thresholds import (
    Threshold,
    changed,
    load_thresholds,
    parse_settings,
    set_threshold,
)
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.wiring import (
    notice_channels,
)

alerts_app = typer.Typer(
    help="What is wrong, when people are told of it, and when they would have been.",
    epilog="Example: domiq-sync alerts list",
    no_args_is_help=True,
)
SettingOptions = Annotated[
    list[str] | None,
    typer.Option("--set", help="name=value, as often as needed; name= takes the value away."),
]


@alerts_app.command("list", epilog="Example: domiq-sync alerts list --days 1")
def alerts_list(
    property_name: PropertyOption = None,
    days: Annotated[
        float, typer.Option(help="How far back those that are over are shown.", min=0, max=3660)
    ] = 7,
    history: Annotated[
        bool, typer.Option("--history", help="With everything that people were told.")
    ] = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """What people were told that is wrong: what still is, then what is over."""
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            since = datetime.now(UTC) - timedelta(days=days)
            found = list_alerts(connection, since=since, property_id=chosen.property_id if chosen else None)
    views.print_alerts(found, history=history)
    finish(json_output, {"alerts": found}, bad=any(a["open"] for a in found))


@alerts_app.command("look", epilog="Example: domiq-sync alerts look")
def alerts_look(json_output: Json = False) -> None:
    """Look once, and tell people of what turned: what Dagster's sensor `alerts` does every minute."""
    with database() as engine:
        evaluation = evaluate(engine)
        send_alerts(engine, notice_channels(os.environ))
        with engine.connect() as connection:
            troubled = in_alert(connection)
    result = views.evaluation_result(evaluation, troubled)
    views.print_evaluation(result)
    finish(json_output, result, bad=not result["ok"])


@alerts_app.command(
    "thresholds", epilog="Example: domiq-sync alerts thresholds --set most_failures=5 --why 'quiet week'"
)
def alerts_thresholds(
    property_name: PropertyOption = None,
    settings: SettingOptions = None,
    by: By = None,
    why: Why = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be; change nothing.")] = False,
    json_output: Json = False,
) -> None:
    """When people are told: the values in force and where they come from; with --set, change those of a
    property or, without --property, the default."""
    changes = parse_settings(settings or [])
    with database() as engine:
        chosen = find_property(engine, property_name)
        property_id = chosen.property_id if chosen else None
        with engine.connect() as connection:
            before = load_thresholds(connection)
            if changes:
                set_threshold(connection, property_id, changes, decider(by), reason(why))
            after = load_thresholds(connection)
            if not dry_run:
                connection.commit()
    result = views.thresholds_result(before, after, chosen, dry_run=dry_run)
    views.print_thresholds(result)
    finish(json_output, result)


@alerts_app.command("backtest", epilog="Example: domiq-sync alerts backtest --days 30 --set most_failures=5")
def alerts_backtest(
    property_name: PropertyOption = None,
    days: Annotated[float, typer.Option(help="How far back.", min=0.01, max=3660)] = 90,
    follow_hours: Annotated[
        float,
        typer.Option(
            help="For how long after an alert more failures count as following it.", min=0, max=8784
        ),
    ] = 24,
    settings: SettingOptions = None,
    json_output: Json = False,
) -> None:
    """Replay the thresholds over the past, and beside them those with --set: when people would have been
    told, for how long it went on, and how often more failed after it. Changes nothing."""
    changes = parse_settings(settings or [])
    with database() as engine, engine.connect() as connection:
        chosen = find_property(engine, property_name)
        properties = [chosen] if chosen else load_integrations(connection)
        thresholds = load_thresholds(connection)
        in_force = {p.property_id: thresholds.of(p.property_id) for p in properties}
        tried = {"in_force": in_force}
        if changes:
            tried["proposed"] = {p: changed(t, changes, Threshold()) for p, t in in_force.items()}
        follow = timedelta(hours=follow_hours)
        with at_work("Replaying the past"):
            done = {
                name: backtest(connection, properties, settings_of, days=days, follow=follow)
                for name, settings_of in tried.items()
            }
    result = views.backtest_result(done, days, changes)
    views.print_backtest(result)
    finish(json_output, result)
