"""domiq-sync migrate, connect, doctor and restored: what is done once, and whether all is in place."""

from __future__ import annotations

import os
import time
from typing import Annotated
from uuid import UUID

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    By,
    DryRun,
    Json,
    Usage,
    Why,
    database,
    decider,
    errors,
    finish,
    parse_time,
    reason,
)
from domiq_dagster.cli.connect import Wanted
from domiq_dagster.cli.connect import connect as connect_command
from domiq_dagster.cli.notifications import told_of_alerts
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import escape
from domiq_dagster.db.migrate import Migrated, has_rls, known_revision, migration_plan, migration_sql
from domiq_dagster.db.migrate import migrate as migrate_database
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.queue.restores import declare
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.wiring import domiq_database, notice_channels, open_client, open_engine, resman_config

_DOCTOR_WAITS_SECONDS = 30.0
"""How long it waits for a slot of an account: a person waits for the answer, and that the account stays
busy for so long is an answer too."""


def migrate(
    database_url: Annotated[str | None, typer.Option(help="Instead of DOMIQ_DATABASE_URL.")] = None,
    sql: Annotated[
        bool,
        typer.Option(
            "--sql",
            help="Print the SQL for a DBA; change nothing. For a database in which the sync was never set "
            "up, or, with --database-url, for that one as it is.",
        ),
    ] = False,
    no_capture_trigger: Annotated[
        bool,
        typer.Option(
            "--no-capture-trigger",
            help="Leave the conversation table alone; changes are found by reconciliation.",
        ),
    ] = False,
    no_log_index: Annotated[
        bool,
        typer.Option(
            "--no-log-index",
            help="Make no index on conversation_id of status_sync_log; deleting conversations then reads "
            "the whole log for each.",
        ),
    ] = False,
    rls: Annotated[
        bool | None,
        typer.Option(
            "--rls/--no-rls",
            help="Put row-level security on the contract's tables, by company as on DomIQ's own, or take "
            "it off; as it is, if not given.",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Bring DomIQ's database to this version's schema. Safe to repeat."""
    capture, log_index = not no_capture_trigger, not no_log_index
    if sql and not database_url:
        print(migration_sql(capture_trigger=capture, log_index=log_index, rls=rls), end="")
        return
    env = {**os.environ, "DOMIQ_DATABASE_URL": database_url} if database_url else os.environ
    with domiq_database(env, make=True) as url, open_engine(url, check=False) as engine:
        if sql:
            with engine.connect() as connection:
                revision = known_revision(connection)
                rls = (has_rls(connection) or None) if rls is None else rls
            print(migration_sql(revision, capture_trigger=capture, log_index=log_index, rls=rls), end="")
            return
        if dry_run:
            views.print_migration(migration_plan(engine), capture=capture)
            return
        with at_work("Migrating the database"):
            done = migrate_database(engine, capture_trigger=capture, log_index=log_index, rls=rls)
            counted = log_totals.keep(engine)
    _say_migrated(done, wanted_capture=capture)
    if counted is not None:
        print(_told_of_count(counted))
    raise typer.Exit(1 if done.log_index else 0)


def _told_of_count(counted: log_totals.Recount) -> str:
    if counted.ended is log_totals.Ended.COUNTED:
        return f"Counted the {counted.changes} changes of the log: figures are read from totals now."
    return f"The log was not counted ({counted.ended}): the next sync does, and until then each figure."


def _say_migrated(done: Migrated, *, wanted_capture: bool) -> None:
    if done.created_domiq_tables:
        print("The database was empty: created DomIQ's own tables for a try-out.")
    print(f"Schema at revision {done.now}" + (f" (was {done.before})." if done.before != done.now else "."))
    if done.capture_trigger:
        print("Changes of conversation.status are captured by a trigger.")
    elif wanted_capture:
        print("No change of conversation.status can be captured: the table has no column status.")
    else:
        print("No capture trigger.")
    if done.enabled:
        print(
            f"Enabled again: {', '.join(done.enabled)}. What changed meanwhile is found by reconciliation: "
            "run domiq-sync sync."
        )
    if done.sequences:
        print(f"Had been set back, and were set right: {', '.join(done.sequences)}.")
    if done.log_index:
        errors.print(
            "[bold red]domiq-sync:[/] The index on conversation_id of status_sync_log was not made "
            f"({escape(done.log_index)}): run domiq-sync migrate again, or with --no-log-index.",
            soft_wrap=True,
            highlight=False,
        )


def connect(
    property_id: Annotated[UUID, typer.Option("--property", help="The id in DomIQ's table property.")],
    account: Annotated[str, typer.Option(help="The ResMan account id.")],
    resman_property: Annotated[str, typer.Option(help="The ResMan property's GUID.")],
    agent: Annotated[str | None, typer.Option(help="agentId that posts (v1 GetEmployees).")] = None,
    source: Annotated[str | None, typer.Option(help="transactionSourceId (v1 GetProspectSources).")] = None,
    lost_reason: Annotated[str | None, typer.Option(help="Id of GetLostProspectReasons.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA name, such as America/Chicago.")] = None,
    tour_times: Annotated[
        str | None,
        typer.Option(help="local or utc: how tour_datetime is meant where its column has no zone."),
    ] = None,
    direction: Annotated[str | None, typer.Option(help="both, to_resman or from_resman.")] = None,
    policy: Annotated[
        str | None, typer.Option(help="resman_wins, domiq_wins, furthest_progress or manual_review.")
    ] = None,
    partition_key: Annotated[str | None, typer.Option(help="The name of its partition in Dagster.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable")] = None,
    by: By = None,
    why: Why = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what is proposed, without asking.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Connect it also where ResMan does not have what is given.")
    ] = False,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Connect a property, or change its settings: check what ResMan grants, propose what is open, show what
    the first sync would do, and ask. Without a terminal to ask at it checks and connects."""
    settings = {
        "agent_id": agent,
        "source_id": source,
        "lost_reason_id": lost_reason,
        "time_zone": time_zone,
        "tour_times": tour_times,
        "sync_direction": direction,
        "conflict_policy": policy,
        "partition_key": partition_key,
        "sync_enabled": enabled,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    wanted = Wanted(property_id, account, resman_property, given, decider(by), reason(why))
    result = connect_command(wanted, yes=yes, dry_run=dry_run, force=force)
    finish(json_output, result, bad=dry_run and not result["ok"])


def doctor(json_output: Json = False) -> None:
    """Check the database, the schema, the credentials and what they may do, one line each."""
    config = resman_config(os.environ)
    with (
        domiq_database(os.environ) as url,
        open_engine(url) as engine,
        open_client(config, url, longest_wait=_DOCTOR_WAITS_SECONDS, asks_refused=True) as client,
        at_work("Asking the database and ResMan"),
    ):
        findings = [*examine(engine, client), told_of_alerts(notice_channels(os.environ))]
    views.print_findings(findings)
    finish(json_output, {"findings": findings}, bad=any(not f["ok"] for f in findings))


def restored(
    since: Annotated[
        str | None, typer.Option(help="The ISO time that the database was put back to, if it is known.")
    ] = None,
    by: By = None,
    why: Why = None,
    json_output: Json = False,
) -> None:
    """Say that the database was put back (a copy, a failover to a standby that lagged): each lead is then
    read before it is told anything. The runbook, docs/runbook.md, has the whole of it."""
    moment = parse_time(since)
    if moment is not None and moment.timestamp() > time.time():
        raise Usage(f"{since} is yet to come: give the time that the database was put back to.")
    with database() as engine, engine.begin() as connection:
        restore = declare(connection, decider(by), moment, why=reason(why))
    print(
        f"On record at {restore.noticed_at:%Y-%m-%d %H:%M:%S %Z}: for a day, and for all that is pending "
        "now, each lead is read before it is told anything."
    )
    finish(
        json_output, {"noticed_at": restore.noticed_at, "since": restore.since, "evidence": restore.evidence}
    )
