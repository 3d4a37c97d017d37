"""domiq-sync: the command line. Each command opens what it needs, calls `sync`, and shows the result.

Exit codes: 0 done and nothing failed; 1 done, but some rows failed or diverge; 2 could not run.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.exc import DBAPIError

from domiq_dagster.cli import views as views
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
from domiq_dagster.cli.notifications import notifications
from domiq_dagster.cli.rules import rules_app
from domiq_dagster.db.embedded_programs import EmbeddedServerError
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.migrate import known_revision, migration_plan, migration_sql
from domiq_dagster.db.migrate import migrate as migrate_database
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.runtime.dagster_home import PortTaken
from domiq_dagster.runtime.supervise import interruptible
from domiq_dagster.sync.alerts.dispatch import AlertNotSent
from domiq_dagster.sync.alerts.listing import in_alert
from domiq_dagster.sync.alerts.thresholds import (
    BadThreshold,
)
from domiq_dagster.sync.dry_run import forecast_all
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.divergence import coverage
from domiq_dagster.sync.monitoring.explain import explain as explain_id
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.notifications.channels.send_test import CannotSend
from domiq_dagster.sync.passes import sync_pass
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.sync.repair.conflicts import NoSuchConflict
from domiq_dagster.sync.repair.link_review import CannotLink
from domiq_dagster.sync.repair.retry import CannotRetry, Choice, put_back
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
    resman_config,
)

app = typer.Typer(
    name="domiq-sync",
    help="Keeps the status of every lead in step between DomIQ and ResMan.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_DOCTOR_WAITS_SECONDS = 30.0
"""How long it waits for a slot of an account: a person waits for the answer, and that the account stays
busy for so long is an answer too."""
_USER_ERRORS = (
    CannotLink,
    AlertNotSent,
    BadThreshold,
    CannotRetry,
    CannotSend,
    ConfigurationError,
    DatabaseError,
    EmbeddedServerError,
    NoSuchConflict,
    PortTaken,
    ResManError,
    RuleFileError,
    Usage,
    connecting.CannotConnect,
)


def main() -> None:
    """The console script: errors that a user can cause become one sentence on stderr and exit code 2."""
    logging.basicConfig(
        # What a command did, and what went wrong, is its output; the log is for those who ask for it.
        level=os.environ.get("DOMIQ_LOG_LEVEL", "ERROR").upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        with interruptible():
            app()
    except _USER_ERRORS as error:
        fail(str(error))
    except DBAPIError as error:
        first_line = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        fail(f"The database refused a statement: {first_line}")
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer makes SystemExit(130) of a KeyboardInterrupt, without a word.
        if isinstance(end, SystemExit) and end.code != 128 + signal.SIGINT:
            raise
        fail("Interrupted; what was done is stored, and the next run goes on from there.")


@app.command()
def demo(
    json_output: Json = False, seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7
) -> None:
    """Everything from nothing: a made-up world, two sync cycles through Dagster, a summary."""
    from domiq_dagster.demo.run import run_demo  # Dagster takes a second to import; only here is it needed.

    result = run_demo(seed=seed, console=errors)
    views.print_demo(result)
    finish(json_output, result, bad=not result["ok"])


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Of the Dagster UI, on 127.0.0.1.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    conversations: Annotated[int, typer.Option(help="How many conversations are made up.", min=0)] = 2000,
    prospects: Annotated[int, typer.Option(help="How many prospects are made up.", min=0)] = 1500,
) -> None:
    """The demo's world kept running, with Dagster's UI, daemon, sensors and schedules."""
    from domiq_dagster.demo.dev import run_dev

    code = run_dev(port=port, seed=seed, conversations=conversations, prospects=prospects, console=errors)
    raise typer.Exit(code)


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
    dry_run: DryRun = False,
) -> None:
    """Bring DomIQ's database to this version's schema. Safe to repeat."""
    capture = not no_capture_trigger
    if sql and not database_url:
        print(migration_sql(capture_trigger=capture), end="")
        return
    env = {**os.environ, "DOMIQ_DATABASE_URL": database_url} if database_url else os.environ
    with domiq_database(env) as url, open_engine(url, check=False) as engine:
        if sql:
            with engine.connect() as connection:
                revision = known_revision(connection)
            print(migration_sql(revision, capture_trigger=capture), end="")
            return
        if dry_run:
            views.print_migration(migration_plan(engine), capture=capture)
            return
        done = migrate_database(engine, capture_trigger=capture)
    if done.created_domiq_tables:
        print("The database was empty: created DomIQ's own tables for a try-out.")
    print(f"Schema at revision {done.now}" + (f" (was {done.before})." if done.before != done.now else "."))
    print("Changes of conversation.status are captured by a trigger." if capture else "No capture trigger.")


@app.command()
def connect(
    property_id: Annotated[UUID, typer.Option("--property", help="The id in DomIQ's table property.")],
    account: Annotated[str, typer.Option(help="The ResMan account id.")],
    resman_property: Annotated[str, typer.Option(help="The ResMan property's GUID.")],
    agent: Annotated[str | None, typer.Option(help="agentId that posts (v1 GetEmployees).")] = None,
    source: Annotated[str | None, typer.Option(help="transactionSourceId (v1 GetProspectSources).")] = None,
    lost_reason: Annotated[str | None, typer.Option(help="Id of GetLostProspectReasons.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA name, such as America/Chicago.")] = None,
    direction: Annotated[str | None, typer.Option(help="both, to_resman or from_resman.")] = None,
    policy: Annotated[
        str | None, typer.Option(help="resman_wins, domiq_wins, furthest_progress or manual_review.")
    ] = None,
    partition_key: Annotated[str | None, typer.Option(help="The name of its partition in Dagster.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what is proposed, without asking.")] = False,
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
        "sync_direction": direction,
        "conflict_policy": policy,
        "partition_key": partition_key,
        "sync_enabled": enabled,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    wanted = Wanted(property_id, account, resman_property, given)
    result = connect_command(wanted, yes=yes, dry_run=dry_run)
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
    config = resman_config(os.environ)
    with domiq_database(os.environ) as url, open_engine(url) as engine, open_client(config, url) as client:
        chosen = find_property(engine, property_name)
        ids = [chosen.property_id] if chosen else None
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
        report = sync_pass(
            engine,
            client,
            property_ids=ids,
            pull_options=PullOptions(full=full, believe_short=believe_short),
            channels=notice_channels(os.environ),
        )
        with engine.connect() as connection:
            figures = property_figures(connection, chosen.property_id if chosen else None)
    result = views.pass_result(report, figures)
    views.print_pass(result)
    if report.pull_errors and not report.pulled:
        why = next(iter(report.pull_errors.values()))
        fail(f"No property could be pulled (`domiq-sync doctor` asks each account): {why}")
    finish(json_output, result, bad=not result["ok"])


@app.command()
def standin(
    port: Annotated[int, typer.Option(help="0 takes a free one.")],
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    state: Annotated[Path | None, typer.Option(help="A file to keep its state in.")] = None,
) -> None:
    """A local server that speaks ResMan's wire, with faults on demand. Prints its address as JSON."""
    from domiq_dagster.resman.standin.app import StandinError, serve

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
    accounts = [a for a in queues.accounts if chosen is None or a.account_id == chosen.account_id]
    result = views.status_result(figures, queues, accounts, covered, troubled, records)
    views.print_status(result)
    finish(json_output, result, bad=not result["ok"])


@app.command()
def doctor(json_output: Json = False) -> None:
    """Check the database, the schema, the credentials and what they may do, one line each."""
    config = resman_config(os.environ)
    with (
        domiq_database(os.environ) as url,
        open_engine(url) as engine,
        open_client(config, url, longest_wait=_DOCTOR_WAITS_SECONDS) as client,
    ):
        findings = examine(engine, client)
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
def retry(
    property_name: PropertyOption = None,
    since: Annotated[str | None, typer.Option(help="Only changes logged since this ISO time.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only those that failed so, such as unknown_source.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who goes on record; your login, if not given.")] = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Put failed changes back into the queue, which goes on record in each of them."""
    with database() as engine:
        chosen = find_property(engine, property_name)
        choice = Choice(chosen.property_id if chosen else None, parse_time(since), reason)
        done = put_back(engine, choice, by=by or login(), dry_run=dry_run)
    result = views.retry_result(done, dry_run=dry_run)
    views.print_retried(result)
    finish(json_output, result)


app.command()(conflicts)
app.command()(notifications)
app.add_typer(rules_app, name="rules")
app.add_typer(alerts_app, name="alerts")
