"""domiq-sync: the command line. Each command opens what it needs, calls `sync`, and shows the result.

Exit codes: 0 done and nothing failed; 1 done, but some rows failed or diverge; 2 could not run. The others
are told in `endings`. A command belongs to a group of the help, and ends its own help with an example.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from domiq_dagster.cli import endings
from domiq_dagster.cli.accounts import accounts
from domiq_dagster.cli.alerts import alerts_app
from domiq_dagster.cli.base import Usage
from domiq_dagster.cli.conflicts import conflicts
from domiq_dagster.cli.daemon import daemon
from domiq_dagster.cli.dev import dev
from domiq_dagster.cli.failures import failures, retry
from domiq_dagster.cli.history import history
from domiq_dagster.cli.housekeeping import archive_app, erase, housekeeping
from domiq_dagster.cli.leads import duplicates, explain, lead
from domiq_dagster.cli.notifications import notifications
from domiq_dagster.cli.pausing import pause, resume
from domiq_dagster.cli.properties import properties
from domiq_dagster.cli.report import report
from domiq_dagster.cli.rules import rules_app
from domiq_dagster.cli.setting_up import connect, doctor, migrate, restored
from domiq_dagster.cli.standing import status
from domiq_dagster.cli.status_plan import plan_map
from domiq_dagster.cli.syncing import sync
from domiq_dagster.cli.trial import demo, standin
from domiq_dagster.cli.uninstall import uninstall
from domiq_dagster.cli.worker import worker
from domiq_dagster.db.embedded_programs import EmbeddedServerError
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.runtime.dagster_home import PortTaken
from domiq_dagster.runtime.dev_home import CannotBreak, NotRunning
from domiq_dagster.runtime.home_lock import HomeInUse
from domiq_dagster.sync.alerts.dispatch import AlertNotSent
from domiq_dagster.sync.alerts.thresholds import BadThreshold
from domiq_dagster.sync.notifications.channels.send_test import CannotSend
from domiq_dagster.sync.repair.conflicts import NoSuchConflict
from domiq_dagster.sync.repair.link_review import CannotLink
from domiq_dagster.sync.repair.retry import CannotRetry
from domiq_dagster.sync.rules.rule_file import RuleFileError
from domiq_dagster.sync.setup.connect import CannotConnect
from domiq_dagster.wiring import ConfigurationError

app = typer.Typer(
    name="domiq-sync",
    help="Keeps the status of every lead in step between DomIQ and ResMan.",
    epilog="Example: domiq-sync status",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
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
    CannotConnect,
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


LOOK = "See how things stand"
DECIDE = "Decide, on record"
RUN = "Run the sync"
SET_UP = "Set up and keep in order"
TRY = "Try it out"
_ID = "6f1c0a52-7f0e-4f0e-9d6b-0c1d2e3f4a5b"

_COMMANDS: tuple[tuple[str, Callable[..., Any], str, str], ...] = (
    (LOOK, status, "How things stand, on one screen.", "status --watch"),
    (LOOK, properties, "Both sides' properties, and what is connected.", "properties"),
    (LOOK, failures, "The changes that failed, of what, and what to do.", "failures --since 12h"),
    (LOOK, lead, "One lead seen whole, over time; also as a page.", f"lead {_ID} --html lead.html"),
    (LOOK, explain, "The story of one change: what was sent, what came back.", f"explain {_ID}"),
    (
        LOOK,
        accounts,
        "ResMan's accounts, their pauses and requests.",
        "accounts --open 400 --why 'ResMan is back'",
    ),
    (
        LOOK,
        notifications,
        "The notices that wait or did not arrive; test a channel.",
        "notifications --test email --to you@example.com",
    ),
    (
        LOOK,
        duplicates,
        "Prospects in ResMan that look like one person.",
        "duplicates --property juniper-flats",
    ),
    (LOOK, report, "One HTML page for a leasing manager.", "report --since 7d --out report.html"),
    (LOOK, history, "What people decided: who, when and why.", "history --since 7d --who grace"),
    (
        DECIDE,
        conflicts,
        "What waits for a person, and deciding it.",
        f"conflicts --resolve {_ID} --keep resman --why 'she signed'",
    ),
    (DECIDE, retry, "Put failed changes back into the queue.", "retry --reason unknown_source --dry-run"),
    (
        DECIDE,
        pause,
        "Pause properties, on record with why.",
        "pause juniper-flats --because 'ResMan moves the account'",
    ),
    (DECIDE, resume, "Resume properties.", "resume juniper-flats"),
    (DECIDE, restored, "Say that the database was put back.", "restored --since 2026-03-01T12:00:00Z"),
    (DECIDE, erase, "Erase what the sync holds of a person.", "erase --person ada@example.com --dry-run"),
    (
        RUN,
        sync,
        "One pass: pull, apply, reconcile, rules, push, notify.",
        "sync --property juniper-flats --dry-run",
    ),
    (RUN, worker, "Push and pull for as long as it runs.", "worker --http 0.0.0.0:9273"),
    (RUN, daemon, "Dagster's daemon; several stand ready, one runs.", "daemon --standby"),
    (SET_UP, migrate, "Bring DomIQ's database to this version's schema.", "migrate --dry-run"),
    (
        SET_UP,
        connect,
        "Connect a property, or change its settings.",
        f"connect --property {_ID} --account 400 --resman-property {_ID}",
    ),
    (SET_UP, doctor, "Check database, credentials and what they may do.", "doctor"),
    (SET_UP, plan_map, "What a changed status map or policy would do.", "plan-map --file map.json"),
    (SET_UP, housekeeping, "Delete what is older than its retention.", "housekeeping --dry-run"),
    (SET_UP, uninstall, "Take the sync out of DomIQ's database.", "uninstall --dry-run"),
    (TRY, demo, "A made-up world, two cycles through Dagster, a summary.", "demo"),
    (TRY, dev, "The demo's world kept running, with Dagster's UI.", "dev --break refuse"),
    (TRY, standin, "A local server that speaks ResMan's wire.", "standin --port 8080"),
)
"""Each command with its group, what it is in one line of the help, and an example."""
for _group, _command, _short, _example in _COMMANDS:
    app.command(rich_help_panel=_group, short_help=_short, epilog=f"Example: domiq-sync {_example}")(_command)
app.add_typer(alerts_app, name="alerts", rich_help_panel=LOOK)
app.add_typer(rules_app, name="rules", rich_help_panel=SET_UP)
app.add_typer(archive_app, name="archive", rich_help_panel=SET_UP)
