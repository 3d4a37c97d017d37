"""Results of commands as tables and sentences for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when
from domiq_dagster.sync.accounts import Account
from domiq_dagster.sync.monitoring.figures import FIGURES
from domiq_dagster.sync.request_counts import DayCount

_MOST_RECORDS = 10
"""So many records in trouble are named for each property."""
_WIDEST_KEY = 24
"""Characters of a partition key beside its figures: the table fits 80 columns."""
_MOST_PROPERTIES = 20
"""Of so many properties the requests are shown."""


def figures_table(
    rows: Sequence[dict[str, Any]], sums: dict[str, Any], title: str, *, not_shown: int = 0
) -> Table:
    """The table per property, with its sums. `not_shown`: so many more properties are in the sums alone."""
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)  # twelve demo rows fit 80 columns
    table.add_column("property", no_wrap=True, max_width=_WIDEST_KEY, overflow="ellipsis")
    for name in (*FIGURES, "conflicts", "rate"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        _add_figures(table, row)
    if not_shown:
        table.add_row(f"[dim]and {not_shown} more[/]")
    table.add_section()
    _add_figures(table, {**sums, "property": "all"})
    table.caption = "pulled, applied, pushed and failed count since the property was connected"
    return table


def _add_figures(table: Table, row: dict[str, Any]) -> None:
    rate = row["success_rate"]
    cells = [str(row[n]) for n in (*FIGURES, "conflicts")]
    table.add_row(escape(row["property"]), *cells, "-" if rate is None else f"{rate:.1f}%")


def print_figures(rows: Sequence[dict[str, Any]], sums: dict[str, Any], title: str) -> None:
    """The same, on the screen."""
    make_console().print(figures_table(rows, sums, title))


def print_pass(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "After this pass")
    console = make_console()
    for key, why in result["pull_errors"].items():
        console.print(f"[red]not pulled[/] {escape(key)}: {escape(why)}")
    for row in result["properties"]:
        for prospect, why in list(row["this_pass"]["unreadable"].items())[:_MOST_RECORDS]:
            console.print(
                f"[yellow]not read[/] {escape(row['property'])}: prospect {escape(prospect)} {escape(why)}"
            )
        if row["this_pass"]["failed"]:
            key = escape(row["property"])
            console.print(
                f"[red]failed[/] {key}: {row['this_pass']['failed']}; ResMan's words: "
                f"domiq-sync failures --property {key}"
            )
        for conversation, why in list(row["this_pass"]["refused"].items())[:_MOST_RECORDS]:
            told = escape(f"{row['property']}: conversation {conversation}: {why}")
            console.print(f"[yellow]not decided[/] {told}")
    for problem in result["problems"]:
        console.print(f"[yellow]setting[/] {escape(problem)}")
    for sentence in result["missing_grants"]:
        console.print(f"[red]not granted[/] {escape(sentence)}")
    for account, why in result["outages"].items():
        console.print(f"[yellow]left[/] account {escape(account)} ({escape(why)}): its changes stay pending")
    for found in result["reconciled_by_property"]:
        console.print(escape("reconciled {property}: {kind}: {count}, {then}".format(**found)))
    print_rules_run(result)


def print_rules_run(result: dict[str, Any]) -> None:
    """What the workflow rules did in a pass, where they did anything."""
    console = make_console()
    for sentence in result["rules_wait"]:
        console.print(f"[yellow]rules wait[/] {escape(sentence)}")
    ran, failed = result["rules"].get("ran", 0), result["rules"].get("failed", 0)
    if ran or failed:
        names = ("moves", "notifications", "follow_ups", "tasks", "score_changes")
        done = ", ".join(f"{result['rules'][n]} {n.replace('_', ' ')}" for n in names)
        console.print(f"rules: {ran} ran ({done})" + (f", [red]{failed} failed[/]" if failed else ""))


def print_accounts(accounts: Sequence[Account]) -> None:
    """How each account stands, and what opens one that is paused."""
    if not accounts:
        make_console().print("No property is connected, so no account either.")
        return
    table = Table(title="ResMan accounts", box=SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("account", "properties", "state", "failures", "pace", "at once", "pulls"):
        table.add_column(name, justify="left" if name in ("account", "state") else "right", no_wrap=True)
    for a in accounts:
        pace = f"1 in {a.pace_seconds:g} s" if a.pace_seconds else "-"
        pulls = f"{a.pull_budget:g}/s" if a.pull_budget else "-"
        table.add_row(a.account_id, str(a.properties), a.state, str(a.failures), pace, str(a.at_once), pulls)
    make_console().print(table)
    for a in accounts:
        if a.paused_until is not None:
            make_console().print(
                f"[yellow]account {escape(a.account_id)}[/] paused ({a.reason}), tried again "
                f"{when(a.paused_until)}; to try it now: domiq-sync accounts --open {escape(a.account_id)}",
                soft_wrap=True,
            )


def print_requests(counts: Sequence[DayCount]) -> None:
    """What was asked of ResMan on the newest day, by property, the busiest first."""
    if not counts:
        return
    newest = [c for c in counts if c.day == counts[0].day]
    table = Table(title=f"Requests of {newest[0].day} (UTC)", box=SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("account", "property", "v1", "v2"):
        table.add_column(name, justify="right" if name in ("v1", "v2") else "left", no_wrap=True)
    for c in newest[:_MOST_PROPERTIES]:
        name = "(the account itself)" if c.partition_key is None else c.partition_key
        table.add_row(escape(c.account_id), escape(name), str(c.v1), str(c.v2))
    console = make_console()
    console.print(table)
    if len(newest) > _MOST_PROPERTIES:
        console.print(f"and {len(newest) - _MOST_PROPERTIES} more: see --json")


def print_demo(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Demo: after two cycles")
    waiting = Counter(conflict["partition_key"] for conflict in result["conflicts"])
    for key, count in sorted(waiting.items()):
        make_console().print(
            f"{escape(key)}: conflicts for a person: {count}; domiq-sync conflicts lists them"
        )
    make_console().print(f"A report for a leasing manager: {escape(result['report'])}")
    make_console().print(
        f"{result['seconds']:.0f} s. " + ("All in step." if result["ok"] else "Not in step.")
    )


def print_findings(findings: Sequence[dict[str, Any]]) -> None:
    table = Table("", "question", "answer")
    for f in findings:
        table.add_row("[green]ok[/]" if f["ok"] else "[red]no[/]", escape(f["question"]), escape(f["answer"]))
    make_console().print(table)


def print_retried(result: dict[str, Any]) -> None:
    """What was put back, or would be, by property and reason."""
    console = make_console()
    if result["dry_run"]:
        console.print(f"{result['retried']} failed changes would be pending again. Nothing was changed.")
    else:
        console.print(f"{result['retried']} failed changes are pending again.")
    for row in result["changes"]:
        console.print(escape(f"  {row['property']}: {row['changes']} that failed of {row['reason']}"))
    if result["overtaken"]:
        console.print(
            f"  {result['overtaken']} more stay as they are: a later change of their conversation succeeded"
        )
    for row in result["records"]:
        console.print(escape(f"  {row['property']}: {_taken_up(row, dry_run=result['dry_run'])}"))


def _taken_up(row: dict[str, Any], *, dry_run: bool) -> str:
    """What became of the records in trouble of one kind, in words."""
    what = f"{row['records']} in trouble ({row['kind']})"
    if dry_run:
        return f"{what} would be dealt with again"
    if row["problem"]:
        return f"{what} could not be dealt with: {row['problem']}"
    if row["waits"]:
        return f"{what} come first at the next pass: {row['then']}"
    return f"{what} dealt with again, {row['left']} in vain" + (f": {row['then']}" if row["left"] else "")
