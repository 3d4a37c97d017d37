"""domiq-sync: the command line. Each command opens what it needs, calls `sync`, and shows the result.

Exit codes: 0 done and nothing failed; 1 done, but some rows failed or diverge; 2 could not run. The others
are told in `endings`.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from domiq_dagster.cli import endings
from domiq_dagster.cli import views as views
from domiq_dagster.cli.accounts import accounts
from domiq_dagster.cli.alerts import alerts_app
from domiq_dagster.cli.base import (
    DryRun,
    Json,
    PropertyOption,
    Usage,
    database,
    errors,
    fail,
    find_property,
    finish,
    login,
    parse_time,
)
from domiq_dagster.cli.conflicts import conflicts
from domiq_dagster.cli.connect import Wanted
from domiq_dagster.cli.connect import connect as connect_command
from domiq_dagster.cli.dev import dev
from domiq_dagster.cli.failures import failures, retry
from domiq_dagster.cli.housekeeping import archive_app, erase, housekeeping
from domiq_dagster.cli.notifications import notifications, told_of_alerts
from domiq_dagster.cli.pausing import pause, refuse_switched_off, resume
from domiq_dagster.cli.report import report
from domiq_dagster.cli.rules import rules_app
from domiq_dagster.cli.views.screen import escape
from domiq_dagster.cli.worker import worker
from domiq_dagster.db.embedded_programs import EmbeddedServerError
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.migrate import Migrated, has_rls, known_revision, migration_plan, migration_sql
from domiq_dagster.db.migrate import migrate as migrate_database
from domiq_dagster.resman.errors import NotEntitled, ResManError
from domiq_dagster.runtime.dagster_home import PortTaken
from domiq_dagster.runtime.dev_home import CannotBreak, NotRunning
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.home_lock import HomeInUse, alone
from domiq_dagster.sync.alerts.dispatch import AlertNotSent
from domiq_dagster.sync.alerts.listing import in_alert
from domiq_dagster.sync.alerts.thresholds import (
    BadThreshold,
)
from domiq_dagster.sync.dry_run import forecast_all
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.divergence import coverage, unknown_words
from domiq_dagster.sync.monitoring.explain import explain as explain_id
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.notifications.channels.send_test import CannotSend
from domiq_dagster.sync.passes import sync_pass
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.sync.queue.restores import declare
from domiq_dagster.sync.repair.conflicts import NoSuchConflict
from domiq_dagster.sync.repair.link_review import CannotLink
from domiq_dagster.sync.repair.retry import CannotRetry
from domiq_dagster.sync.rules.rule_file import RuleFileError
from domiq_dagster.sync.setup import connect as connecting
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.sync.trouble import records_in_trouble
from domiq_dagster.wiring import (
    ConfigurationError,
    domiq_database,
    dry_run_sessions,
    notice_channels,
    open_client,
    open_engine,
    outside_mark,
    resman_config,
)

app = typer.Typer(
    name="domiq-sync",
    help="Keeps the status of every lead in step between DomIQ and ResMan.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
_DOCTOR_WAITS_SECONDS = 30.0
"""How long it waits for a slot of an account: a person waits for the answer, and that the account stays
busy for so long is an answer too."""
_USER_ERRORS = (
    CannotBreak,
    CannotLink,
    NotRunning,
    AlertNotSent,
    BadThreshold,
    CannotRetry,
    CannotSend,
    ConfigurationError,
    DatabaseError,
    EmbeddedServerError,
    HomeInUse,
    NoSuchConflict,
    PortTaken,
    ResManError,
    RuleFileError,
    Usage,
    connecting.CannotConnect,
)


def _tell(wanted: bool) -> None:
    if wanted:
        print(f"domiq-sync {endings.version_of_ours()}")
        raise typer.Exit()


def main() -> None:
    """The console script: errors that a user can cause become one sentence on stderr and exit code 2."""
    endings.run(app, _USER_ERRORS)


_Version = Annotated[
    bool, typer.Option("--version", help="Say which version this is.", callback=_tell, is_eager=True)
]


@app.callback()
def _options(version: _Version = False) -> None:
    """What goes before a command."""


@app.command()
def demo(
    json_output: Json = False, seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7
) -> None:
    """Everything from nothing: a made-up world, two sync cycles through Dagster, a summary."""
    from domiq_dagster.demo.run import run_demo  # Dagster takes a second to import; only here is it needed.

    with alone(home(), "demo"):
        result = run_demo(seed=seed, console=errors)
    views.print_demo(result)
    finish(json_output, result, bad=not result["ok"])


@app.command()
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


@app.command()
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
    wanted = Wanted(property_id, account, resman_property, given)
    result = connect_command(wanted, yes=yes, dry_run=dry_run, force=force)
    finish(json_output, result, bad=dry_run and not result["ok"])


@app.command()
def sync(
    property_name: PropertyOption = None,
    full: Annotated[bool, typer.Option("--full", help="Read every prospect again.")] = False,
    believe_short: Annotated[
        bool, typer.Option("--believe-short", help="With --full: known prospects that it lacks are gone.")
    ] = False,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """One pass without Dagster: pull, apply, reconcile, run the rules, push, notify."""
    if believe_short and not full:
        raise Usage("--believe-short is about what a full read lacks: give --full as well.")
    config = resman_config(os.environ)
    with domiq_database(os.environ) as url, open_engine(url) as engine, open_client(config, url) as client:
        chosen = find_property(engine, property_name)
        ids = [chosen.property_id] if chosen else None
        refuse_switched_off(engine, chosen)
        if dry_run:
            with engine.connect() as connection:
                integrations = load_integrations(connection, property_ids=ids)
            rows = [
                f.as_json()
                for _, f, _ in forecast_all(
                    dry_run_sessions(url), client, integrations, PullOptions(full=full)
                )
            ]
            views.print_forecasts(rows)
            print("Nothing was written.")
            finish(json_output, {"dry_run": True, "properties": rows}, bad=any(r["error"] for r in rows))
        with _at_work():
            report = sync_pass(
                engine,
                client,
                property_ids=ids,
                pull_options=PullOptions(full=full, believe_short=believe_short),
                channels=notice_channels(os.environ),
                mark=outside_mark(os.environ),
            )
        with engine.connect() as connection:
            figures = property_figures(connection, chosen.property_id if chosen else None)
    result = views.pass_result(report, figures)
    views.print_pass(result)
    refused = all(why.startswith(NotEntitled.kind) for why in report.pull_errors.values())
    if report.pull_errors and not report.pulled and not refused:
        why = next(iter(report.pull_errors.values()))
        fail(f"No property could be pulled (`domiq-sync doctor` asks each account): {why}")
    finish(json_output, result, bad=not result["ok"])


def _at_work() -> AbstractContextManager[object]:
    """A pass takes a minute, in which whoever sits at a terminal wonders; a log needs none of it."""
    if not errors.is_terminal:
        return nullcontext()
    return errors.status("One pass: pull, apply, reconcile, run the rules, push, notify ...")


@app.command()
def standin(
    port: Annotated[int, typer.Option(help="0 takes a free one.")],
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    state: Annotated[Path | None, typer.Option(help="A file to keep its state in.")] = None,
) -> None:
    """A local server that speaks ResMan's wire, with faults on demand. Prints its address as JSON."""
    from domiq_dagster.resman.standin.app import StandinError, serve

    if state is not None and not state.absolute().parent.is_dir():
        raise Usage(f"{state.parent} is no directory: make it, or give --state a file elsewhere.")
    try:
        serve(port, seed, state)
    except StandinError as error:
        fail(str(error))


@app.command()
def status(property_name: PropertyOption = None, json_output: Json = False) -> None:
    """How things stand, per property and per ResMan account: what waits, how fast it goes, until when."""
    with database() as engine:
        chosen = find_property(engine, property_name)
        with engine.connect() as connection:
            figures = property_figures(connection, chosen.property_id if chosen else None)
            queues = load_backlog(connection)
            covered = coverage(connection, [chosen.property_id] if chosen else None)
            troubled = in_alert(connection)
            records = records_in_trouble(connection, [chosen.property_id] if chosen else None)
            strangers = unknown_words(connection, [chosen.property_id] if chosen else None)
    accounts = [a for a in queues.accounts if chosen is None or a.account_id == chosen.account_id]
    result = views.status_result(figures, queues, accounts, covered, troubled, records, strangers)
    views.print_status(result)
    finish(json_output, result, bad=not result["ok"])


@app.command()
def doctor(json_output: Json = False) -> None:
    """Check the database, the schema, the credentials and what they may do, one line each."""
    config = resman_config(os.environ)
    with (
        domiq_database(os.environ) as url,
        open_engine(url) as engine,
        open_client(config, url, longest_wait=_DOCTOR_WAITS_SECONDS, asks_refused=True) as client,
    ):
        findings = [*examine(engine, client), told_of_alerts(notice_channels(os.environ))]
    views.print_findings(findings)
    finish(json_output, {"findings": findings}, bad=any(not f["ok"] for f in findings))


@app.command()
def explain(
    identifier: Annotated[str, typer.Argument(help="The id of a change, a conversation or a ResMan lead.")],
    with_contact: Annotated[
        bool, typer.Option("--with-contact", help="Show the person, and what was written freely, as it is.")
    ] = False,
    json_output: Json = False,
) -> None:
    """The story of a change: who changed what, what was sent, what came back, why it ended so."""
    with database() as engine, engine.connect() as connection:
        story = explain_id(connection, identifier, with_contact=with_contact)
    if not story.changes and not story.conversations:
        raise Usage(f"Nothing is known of {identifier}: give the id of a change, a conversation or a lead.")
    result = {"changes": story.changes, "conversations": story.conversations}
    views.print_story(result)
    finish(json_output, result)


@app.command()
def restored(
    since: Annotated[
        str | None, typer.Option(help="The ISO time that the database was put back to, if it is known.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who goes on record; your login, if not given.")] = None,
    json_output: Json = False,
) -> None:
    """Say that the database was put back (a copy, a failover to a standby that lagged): each lead is then
    read before it is told anything. The runbook, docs/runbook.md, has the whole of it."""
    moment = parse_time(since)
    if moment is not None and moment.timestamp() > time.time():
        raise Usage(f"{since} is yet to come: give the time that the database was put back to.")
    with database() as engine, engine.begin() as connection:
        restore = declare(connection, by or login(), moment)
    print(
        f"On record at {restore.noticed_at:%Y-%m-%d %H:%M:%S %Z}: for a day, and for all that is pending "
        "now, each lead is read before it is told anything."
    )
    finish(
        json_output, {"noticed_at": restore.noticed_at, "since": restore.since, "evidence": restore.evidence}
    )


app.command()(dev)
app.command()(failures)
app.command()(retry)
app.command()(pause)
app.command()(resume)
app.command()(accounts)
app.command()(conflicts)
app.command()(notifications)
app.command()(worker)
app.command()(report)
app.command()(housekeeping)
app.command()(erase)
app.add_typer(rules_app, name="rules")
app.add_typer(alerts_app, name="alerts")
app.add_typer(archive_app, name="archive")
