"""domiq-sync pause and resume: switching properties off for a time, on record, and on again."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection, Engine

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    LONGEST_REASON,
    By,
    DryRun,
    Json,
    Usage,
    Utc,
    Why,
    database,
    decider,
    find_property,
    finish,
    reason,
)
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.pauses import open_pauses
from domiq_dagster.sync.setup import pausing

Keys = Annotated[
    list[str] | None, typer.Argument(metavar="KEY...", help="Properties, by partition key or id.")
]


def pause(
    keys: Keys = None,
    everything: Annotated[bool, typer.Option("--all", help="Every property that is switched on.")] = False,
    because: Annotated[
        str | None, typer.Option("--because", "--why", help="Why, for whoever wonders later.")
    ] = None,
    by: By = None,
    dry_run: DryRun = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """Pause properties: nothing is sent to ResMan, read or taken from it there until `domiq-sync resume`.
    Changes are logged and stay pending; workflow rules and notices go on. Who, since when and why is shown by
    `status` and `explain`, and in Dagster."""
    _check_choice(keys, everything)
    why = reason(because, "--because")
    if why is None:
        raise Usage(f"Say why with --because, in {LONGEST_REASON} characters at most.")
    who = decider(by)
    with database() as engine, engine.connect() as connection:
        chosen = _chosen(engine, keys)
        before = open_pauses(connection)
        if chosen is None:
            chosen = load_integrations(connection)
        for integration in chosen:
            if (known := before.get(integration.partition_key)) is not None:
                raise Usage(
                    f"{integration.partition_key} is {known.sentence}. "
                    f"To put another reason on record: domiq-sync resume {integration.partition_key} first."
                )
        ids = [i.property_id for i in chosen]
        begun = pausing.pause(connection, ids, by=who, because=why)
        result = views.paused_result(
            [i for i in chosen if i.property_id in begun],
            open_pauses(connection),
            _pending(connection),
            under_way=pausing.under_way(connection, ids),
        )
        _end(connection, dry_run)
    result |= {"ok": True, "dry_run": dry_run}
    views.print_paused(result)
    finish(json_output, result)


def resume(
    keys: Keys = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every property that is paused; not one that was --disabled.")
    ] = False,
    by: By = None,
    why: Why = None,
    dry_run: DryRun = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """Resume properties that are paused or switched off: each is pulled, and what is pending goes out."""
    _check_choice(keys, everything)
    who, told = decider(by), reason(why)
    with database() as engine, engine.connect() as connection:
        chosen = _chosen(engine, keys)
        pauses = open_pauses(connection)
        if chosen is None:
            every = load_integrations(connection, enabled_only=False)
            chosen = [i for i in every if i.partition_key in pauses]
        for integration in chosen:
            if integration.enabled:
                raise Usage(f"{integration.partition_key} is not paused.")
        pausing.resume(connection, [i.property_id for i in chosen], by=who, why=told)
        result = views.resumed_result(chosen, pauses, _pending(connection))
        _end(connection, dry_run)
    result |= {"ok": True, "dry_run": dry_run}
    views.print_resumed(result)
    finish(json_output, result)


def refuse_switched_off(engine: Engine, chosen: Integration | None) -> None:
    """Raises Usage where the one property that a command is to work at is paused or switched off."""
    if chosen is None or chosen.enabled:
        return
    with engine.connect() as connection:
        known = open_pauses(connection).get(chosen.partition_key)
    how = "switched off" if known is None else known.sentence
    raise Usage(f"{chosen.partition_key} is {how}. To go on there: domiq-sync resume {chosen.partition_key}.")


def _check_choice(keys: list[str] | None, everything: bool) -> None:
    if bool(keys) == everything:
        raise Usage("Name properties, or give --all: `domiq-sync status` lists them.")


def _chosen(engine: Engine, keys: list[str] | None) -> list[Integration] | None:
    """The properties of these names, each once; None for --all. Raises Usage."""
    if not keys:
        return None
    found = [i for key in keys if (i := find_property(engine, key)) is not None]
    return list({i.property_id: i for i in found}.values())


def _pending(connection: Connection) -> dict[str, int]:
    return {q.partition_key: q.pending for q in load_backlog(connection).properties}


def _end(connection: Connection, dry_run: bool) -> None:
    if dry_run:
        connection.rollback()
    else:
        connection.commit()
