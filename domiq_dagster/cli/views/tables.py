"""Results of commands as tables and sentences for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from domiq_dagster.sync.decisions.conflict_store import OpenConflict
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.linking.reviews import OpenReview
from domiq_dagster.sync.monitoring.divergence import WHY_NOT_COMPARED
from domiq_dagster.sync.monitoring.figures import FIGURES

_TABLE_WIDTH = 110
_MOST_RECORDS = 10
"""So many records in trouble are named for each property."""


def make_console() -> Console:
    """Where the width is not known (a pipe, a log), tables are given room."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=_TABLE_WIDTH)


def print_figures(rows: Sequence[dict[str, Any]], sums: dict[str, Any], title: str) -> None:
    """The table per property, with its sums."""
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)  # twelve demo rows fit 80 columns
    table.add_column("property", no_wrap=True)
    for name in (*FIGURES, "conflicts", "rate"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in [*rows, {**sums, "property": "all"}]:
        if row["property"] == "all":
            table.add_section()
        rate = row["success_rate"]
        cells = [str(row[n]) for n in (*FIGURES, "conflicts")]
        table.add_row(row["property"], *cells, "-" if rate is None else f"{rate:.1f}%")
    make_console().print(table)


def print_pass(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "After this pass")
    console = make_console()
    for key, why in result["pull_errors"].items():
        console.print(f"[red]not pulled[/] {key}: {escape(why)}")
    for row in result["properties"]:
        for prospect, why in list(row["this_pass"]["unreadable"].items())[:_MOST_RECORDS]:
            console.print(f"[yellow]not read[/] {row['property']}: prospect {escape(prospect)} {escape(why)}")
        for conversation, why in list(row["this_pass"]["refused"].items())[:_MOST_RECORDS]:
            console.print(
                f"[yellow]not decided[/] {row['property']}: conversation {conversation}: {escape(why)}"
            )
    for problem in result["problems"]:
        console.print(f"[yellow]setting[/] {escape(problem)}")
    for account, why in result["outages"].items():
        console.print(f"[yellow]left[/] account {account} ({why}): its changes stay pending")
    for found in result["reconciled_by_property"]:
        console.print("reconciled {property}: {kind}: {count}, {then}".format(**found))
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


def print_status(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Status sync")
    print_queues(result["accounts"])
    console = make_console()
    sentences = [*_in_alert(result), *_compared(result), *_not_pulled(result), *_in_trouble(result)]
    for sentence in sentences:
        console.print(sentence)
    alone: dict[str, int] = {}
    for row in result["properties"]:
        for word, count in row["statuses_left_alone"].items():
            alone[word] = alone.get(word, 0) + count
    missed: dict[str, int] = {}
    for row in result["properties"]:
        for reason, count in row["not_compared"].items():
            missed[reason] = missed.get(reason, 0) + count
    if missed:
        told = "; ".join(f"{count}: {WHY_NOT_COMPARED[reason]}" for reason, count in sorted(missed.items()))
        console.print(f"Not compared with a lead: {told}")
    if alone:
        words = ", ".join(f"{word} {count}" for word, count in sorted(alone.items()))
        console.print(f"Left alone, since no lead status: {escape(words)}")


def print_queues(accounts: Sequence[dict[str, Any]]) -> None:
    """What waits at each account, and how fast it goes; nothing where all is sent and none is paused."""
    if not any(a["pending"] or a["paused_until"] for a in accounts):
        return
    table = Table(title="Waiting for ResMan", box=SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("account", "pending", "due", "held", "unknown", "oldest", "rate", "caught up in"):
        table.add_column(name, justify="left" if name == "account" else "right", no_wrap=True)
    for a in accounts:
        table.add_row(
            a["account"],
            *(str(a[n]) for n in ("pending", "due", "held", "unknown_outcomes")),
            _span(a["oldest_pending_seconds"]),
            "-" if a["per_minute"] is None else f"{a['per_minute']:.0f}/min",
            "cannot tell" if a["catch_up_seconds"] is None else _span(a["catch_up_seconds"]),
        )
    make_console().print(table)
    for a in accounts:
        if a["paused_until"]:
            until = f"{a['paused_until']:%Y-%m-%d %H:%M:%S %Z}"
            make_console().print(f"[yellow]account {a['account']}[/] paused until {until} ({a['reason']})")
        elif a["ramp_seconds"]:
            pace = f"one request in {a['ramp_seconds']:.1f} s, and faster with each success"
            make_console().print(f"account {a['account']}: after an outage, {pace}")


_WAITS_FOR = {
    "conflicts": "a person's decision (domiq-sync conflicts)",
    "settings": "the property's settings (domiq-sync doctor)",
    "contact": "an e-mail address or phone of the lead",
}


def _compared(result: dict[str, Any]) -> Iterator[str]:
    """What waits, and will not move by itself."""
    for row in result["properties"]:
        key = row["property"]
        if row["switched_off"]:
            if row["held"]:
                yield f"{key}: waiting, since sync to ResMan is switched off: {row['held']}"
            continue
        for name, whom in _WAITS_FOR.items():
            if row["waiting_for"][name]:
                yield f"{key}: waiting for {whom}: {row['waiting_for'][name]}"
        if row["oldest_pending_seconds"]:
            yield f"{key}: the oldest pending change has waited for {_span(row['oldest_pending_seconds'])}"
        if row["unknown_outcomes"]:
            oldest = _span(row["oldest_unknown_seconds"])
            yield (
                f"[yellow]{key}[/]: may or may not have reached ResMan: {row['unknown_outcomes']}, "
                f"the oldest pending for {oldest}; the next push asks"
            )
    if result["queue"]["not_connected"]:
        yield f"waiting at properties that are not connected: {result['queue']['not_connected']}"


def _in_alert(result: dict[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        if row["in_alert"]:
            kinds = escape(", ".join(row["in_alert"]))
            yield f"[red]{row['property']}[/] in alert: {kinds} (domiq-sync alerts list)"


def _not_pulled(result: dict[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        if row["failing_since"]:
            why = escape(str(row["last_error"]))
            yield f"[red]{row['property']}[/] not pulled since {row['failing_since']}: {why}"
        if row["distrust"]:
            why = escape(row["distrust"])
            yield f"[yellow]{row['property']}[/] its last full read is not believed: {why}"


def _in_trouble(result: dict[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        records = row["records_in_trouble"]
        for record in records[:_MOST_RECORDS]:
            why = escape(f"{record['kind']} {record['id']} {record['why']}")
            yield f"[yellow]{row['property']}[/] {why} (since {record['since']:%Y-%m-%d %H:%M %Z})"
        if len(records) > _MOST_RECORDS:
            yield f"[yellow]{row['property']}[/] and {len(records) - _MOST_RECORDS} more records in trouble"


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else in_words(seconds)


def print_demo(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Demo: after two cycles")
    for conflict in result["conflicts"]:
        make_console().print(
            f"conflict for a person: {conflict['partition_key']} {conflict['conversation_id']}: "
            f"DomIQ {conflict['domiq_status']}, ResMan {conflict['resman_status']}"
        )
    make_console().print(
        f"{result['seconds']:.0f} s. " + ("All in step." if result["ok"] else "Not in step.")
    )


def print_findings(findings: Sequence[dict[str, Any]]) -> None:
    table = Table("", "question", "answer")
    for f in findings:
        table.add_row("[green]ok[/]" if f["ok"] else "[red]no[/]", escape(f["question"]), escape(f["answer"]))
    make_console().print(table)


def print_conflicts(conflicts: Sequence[OpenConflict]) -> None:
    if not conflicts:
        make_console().print("No conflict waits for a person.")
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name in ("conversation", "DomIQ", "ResMan", "since", "property", "lead"):
        table.add_column(name, no_wrap=True)
    for c in conflicts:
        table.add_row(
            str(c.conversation_id),
            escape(str(c.domiq_status)),
            escape(c.resman_status),
            f"{c.opened_at:%Y-%m-%d %H:%M}",
            escape(str(c.partition_key)),
            escape(c.prospect_id),
        )
    _print_whole(table)


def _print_whole(table: Table) -> None:
    """However narrow the screen: an id that is cut or broken cannot be copied into --resolve or --to."""
    console = make_console()
    wanted = console.measure(table, options=console.options.update_width(1000)).maximum
    console.width = max(console.width, wanted)
    console.print(table)


def print_link_reviews(reviews: Sequence[OpenReview]) -> None:
    """Nothing where no link waits for a person."""
    if not reviews:
        return
    table = Table("property", "question", "conversations", "leads", "since", title="Links to decide")
    for q in reviews:
        table.add_row(
            str(q.partition_key),
            escape(q.reason),
            "\n".join(map(str, q.conversation_ids)),
            escape("\n".join(q.prospect_ids or [q.prospect_id])),
            f"{q.asked_at:%Y-%m-%d %H:%M}",
        )
    _print_whole(table)
    make_console().print("domiq-sync conflicts --link CONVERSATION --to LEAD, or --never LEAD")


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
