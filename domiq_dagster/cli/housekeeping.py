"""domiq-sync housekeeping, erase and archive: what is old goes, a person is erased, the archive is written to
files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import (
    By,
    DryRun,
    Json,
    Usage,
    Utc,
    database,
    decider,
    fail,
    finish,
    wants_json,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.sync.housekeeping.erase import erase as erase_subject
from domiq_dagster.sync.housekeeping.erase import find_conversation, find_person
from domiq_dagster.sync.housekeeping.export import export_archive
from domiq_dagster.sync.housekeeping.housekeeping import SECONDS, keep_house
from domiq_dagster.sync.housekeeping.retention import Retention
from domiq_dagster.wiring import archive_after_days, erasure_key

_DAYS = Retention()
archive_app = typer.Typer(
    help="The archive of status_sync_log.",
    epilog="Example: domiq-sync archive export --out archive",
    no_args_is_help=True,
)


def housekeeping(
    attempts: Annotated[
        float, typer.Option("--attempts", metavar="DAYS", help="For how long attempts are kept.")
    ] = _DAYS.attempts_days,
    pulls: Annotated[
        float, typer.Option("--pulls", metavar="DAYS", help="For how long each pull is kept by itself.")
    ] = _DAYS.pulls_days,
    notices: Annotated[
        float, typer.Option("--notices", metavar="DAYS", help="For how long notices are kept that ended.")
    ] = _DAYS.notices_days,
    unread: Annotated[
        float, typer.Option("--unread", metavar="DAYS", help="The same of those in DomIQ that nobody read.")
    ] = _DAYS.unread_notices_days,
    archive: Annotated[
        float | None,
        typer.Option(
            "--archive-after",
            metavar="DAYS",
            help="Move settled rows of status_sync_log that are older to its archive "
            "[default: DOMIQ_ARCHIVE_AFTER_DAYS; none move without it].",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="When no further step begins.", min=0.0)] = SECONDS,
    by: By = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Delete what is older than its retention, and move old rows of the log to the archive, in small steps.
    In Dagster the job `housekeeping` does it every night, for Dagster's own records as well."""
    retention = Retention(
        attempts_days=attempts,
        pulls_days=pulls,
        notices_days=notices,
        unread_notices_days=unread,
        archive_after_days=archive_after_days(os.environ) if archive is None else archive,
    )
    who = decider(by)
    with database() as engine, at_work("Keeping house"):
        done = keep_house(engine, retention, seconds=seconds, dry_run=dry_run, by=who)
    views.print_housekept(done)
    finish(json_output, {"ok": not done.problems, **done.as_json()}, bad=bool(done.problems))


def erase(
    conversation: Annotated[
        UUID | None, typer.Option(help="The id of a conversation, also of one that DomIQ has deleted.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            metavar="EMAIL|PHONE|USER", help="An e-mail address, a phone number or the id of DomIQ's user."
        ),
    ] = None,
    settle: Annotated[
        bool, typer.Option("--settle", help="What is pending fails, rather than being in the way.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    by: By = None,
    request: Annotated[
        str | None,
        typer.Option(metavar="WORD", help="What their request is filed under, such as DSR-2041; it stays."),
    ] = None,
    utc: Utc = False,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Erase what the sync holds of a person, or of one conversation, in the log and in its archive. DomIQ's
    own tables and ResMan are not touched: erase there first. Counts, and the fact, stay on record."""
    if (conversation is None) == (person is None):
        raise Usage("Give either --conversation or --person.")
    key, who = erasure_key(os.environ), decider(by)
    with database() as engine:
        with engine.connect() as connection:
            if conversation is not None:
                subject = find_conversation(connection, conversation)
            else:
                subject = find_person(connection, person or "")
        if not (yes or dry_run):
            if wants_json():
                raise Usage("Nobody can be asked with --json: give --yes, or --dry-run.")
            typer.confirm(
                f"Erase what the sync holds of {len(subject.conversations)} conversation(s)? There is no way "
                "back.",
                abort=True,
            )
        with at_work("Erasing"):
            erased = erase_subject(
                engine, subject, key=key, by=who, request=request, settle=settle, dry_run=dry_run
            )
    views.print_erased(erased)
    finish(json_output, {"ok": True, "dry_run": dry_run, **erased.as_json()})


@archive_app.command("export", epilog="Example: domiq-sync archive export --out archive")
def export(
    out: Annotated[Path, typer.Option(help="The directory; made where it is missing.")],
    json_output: Json = False,
) -> None:
    """Write the archive to Parquet files, one for each month. It needs the extra: domiq-dagster[parquet]."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with database() as engine, engine.connect() as connection, at_work("Writing the archive"):
            written = export_archive(connection, out)
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        fail("Parquet needs pyarrow, which is not installed: pip install 'domiq-dagster[parquet]'.")
    result: dict[str, Any] = {"ok": True, "files": [w.as_json() for w in written]}
    views.print_exported(written)
    finish(json_output, result)
