"""What the command line shows: results as plain values (for --json) and as tables for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape
from rich.table import Table

from domiq_dagster.sync.accounts import AccountState
from domiq_dagster.sync.measure import PropertyFigures
from domiq_dagster.sync.passes import PassReport

_FIGURES = ("pulled", "applied", "pushed", "failed", "pending", "diverged")


_TABLE_WIDTH = 110


def _console() -> Console:
    """Where the width is not known (a pipe, a log), tables are given room."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=_TABLE_WIDTH)


def figures_row(figures: PropertyFigures) -> dict[str, Any]:
    """One property's figures as plain values."""
    return {
        "property": figures.partition_key,
        "name": figures.property_name,
        "pulled": figures.pulled,
        "applied": figures.applied,
        "pushed": figures.pushed,
        "failed": figures.failed,
        "pending": figures.pending,
        "diverged": figures.diverged,
        "conflicts": figures.conflicts,
        "awaiting_resman": figures.verdicts["awaiting"],
        "success_rate": None if figures.success_rate is None else round(figures.success_rate, 2),
    }


def totals(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sums over properties, and the success rate over all of them."""
    sums = {name: sum(r[name] for r in rows) for name in (*_FIGURES, "conflicts", "awaiting_resman")}
    success = sums["applied"] + sums["pushed"]
    logged = success + sums["failed"] + sums["pending"]
    return {**sums, "success_rate": round(100.0 * success / logged, 2) if logged else None}


def pass_result(report: PassReport, figures: Sequence[PropertyFigures]) -> dict[str, Any]:
    """The result of one pass: what it did, and how things stand after it."""
    rows = [figures_row(f) for f in figures]
    for row in rows:
        key = row["property"]
        pushed: Mapping[str, int] = report.pushed.by_property.get(key, {}) if report.pushed else {}
        row["this_pass"] = {
            "fetched": report.pulled[key].fetched if key in report.pulled else 0,
            "stored": report.pulled[key].stored if key in report.pulled else 0,
            "linked": report.pulled[key].linked if key in report.pulled else 0,
            "applied": report.applied[key].applied if key in report.applied else 0,
            "pushed": pushed.get("success", 0),
            "failed": pushed.get("failed", 0),
            "postponed": pushed.get("postponed", 0),
        }
    sums = totals(rows)
    return {
        "ok": not (sums["failed"] or sums["diverged"] or report.pull_errors or report.problems),
        "properties": rows,
        "totals": sums,
        "pull_errors": report.pull_errors,
        "problems": report.problems,
        "push_ended": report.pushed.ended if report.pushed else None,
        "outages": report.pushed.outages if report.pushed else {},
        "reconciled": report.reconciled.findings if report.reconciled else {},
    }


def status_result(
    figures: Sequence[PropertyFigures], accounts: Sequence[AccountState], alone: dict[str, dict[str, int]]
) -> dict[str, Any]:
    """The state of every property and account."""
    rows = []
    for f in figures:
        rows.append(
            {
                **figures_row(f),
                "oldest_pending_seconds": f.oldest_pending_seconds,
                "last_pull_at": f.last_pull_at,
                "watermark": f.watermark,
                "failing_since": f.failing_since,
                "last_error": f.last_error,
                "linked_leads": sum(f.verdicts.values()),
                "statuses_left_alone": alone.get(f.partition_key, {}),
            }
        )
    sums = totals(rows)
    return {
        "ok": not (sums["failed"] or sums["diverged"]),
        "properties": rows,
        "totals": sums,
        "accounts": [
            {
                "account": a.account_id,
                "paused_until": a.open_until,
                "reason": a.open_reason,
                "consecutive_failures": a.consecutive_failures,
            }
            for a in accounts
        ],
    }


def print_figures(rows: Sequence[dict[str, Any]], sums: dict[str, Any], title: str) -> None:
    """The table per property, with its sums."""
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)  # twelve demo rows fit 80 columns
    table.add_column("property", no_wrap=True)
    for name in (*_FIGURES, "conflicts", "rate"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in [*rows, {**sums, "property": "all"}]:
        if row["property"] == "all":
            table.add_section()
        rate = row["success_rate"]
        cells = [str(row[n]) for n in (*_FIGURES, "conflicts")]
        table.add_row(row["property"], *cells, "-" if rate is None else f"{rate:.1f}%")
    _console().print(table)


def print_pass(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "After this pass")
    for key, why in result["pull_errors"].items():
        _console().print(f"[red]not pulled[/] {key}: {escape(why)}")
    for problem in result["problems"]:
        _console().print(f"[yellow]setting[/] {escape(problem)}")
    for account, why in result["outages"].items():
        _console().print(f"[yellow]left[/] account {account} ({why}): its changes stay pending")


def print_status(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Status sync")
    for row in result["properties"]:
        if row["failing_since"]:
            _console().print(
                f"[red]{row['property']}[/] not pulled since {row['failing_since']}: {row['last_error']}"
            )
        if row["oldest_pending_seconds"]:
            minutes = row["oldest_pending_seconds"] / 60
            _console().print(f"{row['property']}: the oldest pending change waits for {minutes:.0f} minutes")
    for account in result["accounts"]:
        if account["paused_until"]:
            until, why = account["paused_until"], account["reason"]
            _console().print(f"[yellow]account {account['account']}[/] paused until {until} ({why})")
    alone: dict[str, int] = {}
    for row in result["properties"]:
        for word, count in row["statuses_left_alone"].items():
            alone[word] = alone.get(word, 0) + count
    if alone:
        words = ", ".join(f"{word} {count}" for word, count in sorted(alone.items()))
        _console().print(f"Left alone, since no lead status: {escape(words)}")


def print_demo(result: dict[str, Any]) -> None:
    print_figures(result["properties"], result["totals"], "Demo: after two cycles")
    for conflict in result["conflicts"]:
        _console().print(
            f"conflict for a person: {conflict['partition_key']} {conflict['conversation_id']}: "
            f"DomIQ {conflict['domiq_status']}, ResMan {conflict['resman_status']}"
        )
    _console().print(f"{result['seconds']:.0f} s. " + ("All in step." if result["ok"] else "Not in step."))


def print_findings(findings: Sequence[dict[str, Any]]) -> None:
    table = Table("", "question", "answer")
    for f in findings:
        table.add_row("[green]ok[/]" if f["ok"] else "[red]no[/]", escape(f["question"]), escape(f["answer"]))
    _console().print(table)


def print_conflicts(conflicts: Sequence[dict[str, Any]]) -> None:
    if not conflicts:
        _console().print("No conflict waits for a person.")
        return
    table = Table("property", "conversation", "lead", "DomIQ", "ResMan", "since")
    for c in conflicts:
        table.add_row(
            *(
                str(c[k])
                for k in (
                    "partition_key",
                    "conversation_id",
                    "prospect_id",
                    "domiq_status",
                    "resman_status",
                    "opened_at",
                )
            )
        )
    _console().print(table)


def print_stories(stories: Sequence[dict[str, Any]]) -> None:
    console = _console()
    for s in stories:
        arrow = "-> ResMan" if s["sync_direction"] == "to_resman" else "<- ResMan"
        console.print(
            f"[bold]{s['created_at']:%Y-%m-%d %H:%M:%S}[/] {arrow} {s['old_status']} -> {s['new_status']} "
            f"by {s['updated_by']} ({s['partition_key']}): [bold]{s['sync_status']}[/]"
        )
        console.print(
            f"  change {s['change_id']}, conversation {s['conversation_id']}, lead {s['resman_lead_id']}"
        )
        for step in s["steps"]:
            detail = {k: v for k, v in (step["detail"] or {}).items() if v is not None}
            console.print(
                f"  {step['started_at']:%H:%M:%S.%f} {step['action']}: {step['outcome']} "
                f"({step['duration_ms']} ms) {escape(str(detail))}"
            )
        if s["delivery_state"]:
            console.print(
                f"  waits: {s['delivery_state']}, next try {s['next_attempt_at']}, last {s['last_outcome']}"
            )
        if s["settlement"]:
            console.print(f"  because: {escape(str(s['settlement'].get('reason')))}")
