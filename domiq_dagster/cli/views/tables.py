"""Results of commands as tables and sentences for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.sync.accounts import Account
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.monitoring.divergence import WHY_NOT_COMPARED
from domiq_dagster.sync.monitoring.figures import FIGURES
from domiq_dagster.sync.request_counts import DayCount

_MOST_RECORDS = 10
"""So many records in trouble are named for each property."""
_MOST_PROPERTIES = 20
"""Of so many properties the requests are shown."""


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
        table.add_row(escape(row["property"]), *cells, "-" if rate is None else f"{rate:.1f}%")
    table.caption = "pulled, applied, pushed and failed count since the property was connected"
    make_console().print(table)


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


def print_status(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Status sync")
    print_queues(result["accounts"])
    console = make_console()
    sentences = [
        *_in_alert(result),
        *_compared(result),
        *_not_pulled(result),
        *_strangers(result),
        *_in_trouble(result),
    ]
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
    for name in ("account", "pending", "due", "on hold", "unknown", "oldest", "rate", "caught up in"):
        table.add_column(name, justify="left" if name == "account" else "right", no_wrap=True)
    for a in accounts:
        table.add_row(
            escape(a["account"]),
            *(str(a[n]) for n in ("pending", "due", "held", "unknown_outcomes")),
            _span(a["oldest_pending_seconds"]),
            "-" if a["per_minute"] is None else f"{a['per_minute']:.0f}/min",
            "cannot tell" if a["catch_up_seconds"] is None else _span(a["catch_up_seconds"]),
        )
    make_console().print(table)
    for a in accounts:
        if a["paused_until"]:
            until = f"{a['paused_until']:%Y-%m-%d %H:%M:%S %Z}"
            make_console().print(
                f"[yellow]account {escape(a['account'])}[/] paused until {until} ({escape(a['reason'])})"
            )
        elif a["ramp_seconds"]:
            pace = f"one request in {a['ramp_seconds']:.1f} s, and faster with each success"
            make_console().print(f"account {escape(a['account'])}: after an outage, {pace}")


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
            until = f"{a.paused_until:%Y-%m-%d %H:%M:%S %Z}"
            make_console().print(
                f"[yellow]account {escape(a.account_id)}[/] paused until {until} ({a.reason}); "
                f"to try it now: domiq-sync accounts --open {escape(a.account_id)}",
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


_WAITS_FOR = {
    "conflicts": "a person's decision (domiq-sync conflicts)",
    "settings": "the property's settings (domiq-sync doctor)",
    "contact": "an e-mail address or phone of the lead",
    "grants": "ResMan to grant an endpoint (named below)",
    "in_doubt": "a person's word whether it has arrived (domiq-sync conflicts)",
}


def _compared(result: dict[str, Any]) -> Iterator[str]:
    """What waits, and will not move by itself."""
    for row in result["properties"]:
        key = escape(row["property"])
        if row["paused"]:
            told = f"{row['paused']['sentence']}; changes that wait for it: {row['held']}"
            yield f"[yellow]{key}[/] {escape(told)}"
            continue
        if row["switched_off"]:
            if row["held"]:
                yield f"{key}: waiting, since sync to ResMan is switched off: {row['held']}"
            continue
        for name, whom in _WAITS_FOR.items():
            if row["waiting_for"][name]:
                yield f"{key}: waiting for {whom}: {row['waiting_for'][name]}"
        if row["failed"]:
            yield f"[red]{key}[/] failed: {row['failed']}; why: domiq-sync failures --property {key}"
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
            yield f"[red]{escape(row['property'])}[/] in alert: {kinds} (domiq-sync alerts list)"


def _not_pulled(result: dict[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        if row["failing_since"]:
            why = escape(str(row["last_error"]))
            last = f"{row['last_pull_at']:%Y-%m-%d %H:%M %Z}" if row["last_pull_at"] else "never"
            failing = f"its pulls fail since {row['failing_since']:%Y-%m-%d %H:%M %Z}"
            yield f"[red]{escape(row['property'])}[/] {failing}; last pulled: {last}: {why}"
        if row["distrust"]:
            why = escape(row["distrust"])
            yield f"[yellow]{escape(row['property'])}[/] its last full read is not believed: {why}"


def _strangers(result: dict[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        for word, leads in row["unknown_words"].items():
            yield (
                f"[yellow]{row['property']}[/] ResMan's status {escape(repr(word))} of {leads} leads has no "
                "meaning: add it to domiq_sync.resman_status_map"
            )


def _in_trouble(result: dict[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        records = row["records_in_trouble"]
        for record in records[:_MOST_RECORDS]:
            why = escape(f"{record['kind']} {record['id']} {record['why']}")
            yield f"[yellow]{escape(row['property'])}[/] {why} (since {record['since']:%Y-%m-%d %H:%M %Z})"
        for kind in sorted({record["kind"] for record in records}):
            then = next(record["then"] for record in records if record["kind"] == kind)
            yield escape(f"{row['property']}: {kind}: {then}")
        if len(records) > _MOST_RECORDS:
            more = len(records) - _MOST_RECORDS
            yield f"[yellow]{escape(row['property'])}[/] and {more} more records in trouble"


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else in_words(seconds)


def print_demo(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Demo: after two cycles")
    for conflict in result["conflicts"]:
        make_console().print(
            f"conflict for a person: {escape(conflict['partition_key'])} {conflict['conversation_id']}: "
            f"DomIQ {escape(conflict['domiq_status'])}, ResMan {escape(conflict['resman_status'])}"
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
