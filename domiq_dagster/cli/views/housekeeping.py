"""What housekeeping did, what was erased, and what was written to files."""

from __future__ import annotations

from collections.abc import Sequence

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when
from domiq_dagster.sync.housekeeping.erase import Erased
from domiq_dagster.sync.housekeeping.export import Written
from domiq_dagster.sync.housekeeping.housekeeping import Housekept


def print_housekept(done: Housekept) -> None:
    """One line for each kind of record."""
    console = make_console()
    would = "would go" if done.dry_run else "gone"
    for name, kind in done.kinds.items():
        what = would if name != "log" else ("would move" if done.dry_run else "moved") + " to the archive"
        left = "" if kind.whole or kind.problem else "; the time was over, the next one goes on"
        console.print(escape(f"{name}: {kind.rows} {what}{left}"))
        if kind.problem:
            console.print(f"  [red]{escape(kind.problem)}[/]")
    if done.dry_run:
        console.print("Nothing was changed.")


def print_erased(erased: Erased) -> None:
    """How much of what, and what is not the sync's to erase."""
    console = make_console()
    for at, by in erased.earlier:
        console.print(escape(f"Erased before: {when(at)}, by {by}."))
    would = "would be erased" if erased.erased_at is None else "erased"
    console.print(f"Of {erased.conversations} conversation(s) {would}:")
    for name, rows in erased.counts.items():
        if rows:
            console.print(f"  {name.replace('_', ' ')}: {rows}")
    if erased.erased_at is None:
        console.print("Nothing was changed.")
    else:
        console.print(f"On record without the data, reference {erased.reference}.")
    console.print(
        "DomIQ's own tables (user, conversation, message) and ResMan are not touched: while both have the "
        "lead, the next pull links it again."
    )


def print_exported(written: Sequence[Written]) -> None:
    """One line a file."""
    console = make_console()
    for file in written:
        console.print(escape(f"{file.path}: {file.rows} rows"))
    if not written:
        console.print("The archive is empty.")
