"""How things stand, on one screen: figures of each property, the queue of each account, and a sentence for
whatever somebody should know. What is worst comes first, and what does not fit is counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from domiq_dagster.cli.views.pauses import pause_told
from domiq_dagster.cli.views.screen import Screen, escape, make_console
from domiq_dagster.cli.views.tables import figures_table
from domiq_dagster.cli.views.times import since, when
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.monitoring.divergence import WHY_NOT_COMPARED

_MOST_RECORDS = 10
"""So many records in trouble are named for each property."""
_TABLE_FRAME = 7
"""Lines of the table of figures beside its properties: title, head, sums, caption."""
_FEWEST_ROWS = 3
_MOST_ACCOUNTS = 5
"""Accounts whose queues a screen shows, those that wait for longest first."""


def print_status(result: dict[str, Any]) -> None:
    """On a terminal what fits it; elsewhere (a pipe, a log) all of it."""
    console = make_console()
    height = console.height - 1 if console.is_terminal else None
    for part in _parts(result, console, height):
        console.print(part)


def status_screen(result: dict[str, Any], console: Screen) -> RenderableType:
    """The same as one picture of the console's size, for whoever watches."""
    return Group(*_parts(result, console, console.height - 1))


def _parts(result: dict[str, Any], console: Screen, height: int | None) -> Iterator[RenderableType]:
    """The parts from top to bottom, at most `height` lines; None: however many."""
    rows, sentences = result["properties"], [console.render_str(s) for s in _sentences(result)]
    queues = list(_queues(result["accounts"], console, None if height is None else _MOST_ACCOUNTS))
    if height is None:
        yield figures_table(rows, result["totals"], "Status sync")
        yield from queues
        yield from sentences
        return
    room = height - _TABLE_FRAME - sum(_lines(part, console) for part in queues)
    told = sum(_lines(s, console) for s in sentences)
    # Half of the screen is the sentences', where they need it: they say what to do.
    most_rows = max(_FEWEST_ROWS, room - told, room // 2)
    shown = rows if len(rows) <= most_rows else sorted(rows, key=_worst_first)[: most_rows - 1]
    yield figures_table(shown, result["totals"], "Status sync", not_shown=len(rows) - len(shown))
    yield from queues
    room -= len(shown) + (len(shown) < len(rows))
    for number, sentence in enumerate(sentences):
        rest = len(sentences) - number
        lines = _lines(sentence, console)
        if lines + (rest > 1) > room:
            yield console.render_str(f"[dim]and {rest} more: domiq-sync status | less, or --property KEY[/]")
            return
        room -= lines
        yield sentence


def _lines(part: RenderableType, console: Screen) -> int:
    """How many lines of the screen it takes."""
    if isinstance(part, Text):
        return max(1, math.ceil(cell_len(part.plain) / console.width))
    return len(console.render_lines(part, pad=False))


def _worst_first(row: dict[str, Any]) -> tuple[Any, ...]:
    """Who needs somebody comes first, then who waits for longest."""
    needs = ("failed", "diverged", "in_alert", "failing_since", "records_in_trouble", "conflicts")
    return (*(not row[name] for name in needs), -(row["oldest_pending_seconds"] or 0.0), row["property"])


def _sentences(result: dict[str, Any]) -> Iterator[str]:
    """What to know beside the figures, what is worst first."""
    yield from _in_alert(result)
    yield from _not_pulled(result)
    yield from _conflicts(result)
    yield from _compared(result)
    yield from _strangers(result)
    yield from _in_trouble(result)
    yield from _pulled(result)
    missed = _summed(result, "not_compared")
    if missed:
        told = "; ".join(f"{count}: {WHY_NOT_COMPARED[reason]}" for reason, count in sorted(missed.items()))
        yield f"Not compared with a lead: {told}"
    alone = _summed(result, "statuses_left_alone")
    if alone:
        words = ", ".join(f"{word} {count}" for word, count in sorted(alone.items()))
        yield f"Left alone, since no lead status: {escape(words)}"


def _conflicts(result: dict[str, Any]) -> Iterator[str]:
    waiting = {row["property"]: row["conflicts"] for row in result["properties"] if row["conflicts"]}
    if waiting:
        at = ", ".join(f"{escape(key)} {count}" for key, count in waiting.items())
        yield f"[yellow]conflicts that wait for a person[/] (domiq-sync conflicts): {at}"


def _pulled(result: dict[str, Any]) -> Iterator[str]:
    """Where ResMan was read least lately, of the properties that are switched on."""
    read = [row for row in result["properties"] if not row["switched_off"] and row["last_pull_at"]]
    if read:
        last = min(read, key=lambda row: row["last_pull_at"])
        yield f"read least lately: {escape(last['property'])}, {when(last['last_pull_at'])}"


def _summed(result: dict[str, Any], name: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in result["properties"]:
        for key, count in row[name].items():
            sums[key] = sums.get(key, 0) + count
    return sums


def _queues(
    accounts: Sequence[dict[str, Any]], console: Screen, most: int | None
) -> Iterator[RenderableType]:
    """What waits at each account, and how fast it goes; nothing where all is sent and none is paused."""
    if not any(a["pending"] or a["paused_until"] for a in accounts):
        return
    shown = list(accounts)
    if most is not None and len(shown) > most:
        shown.sort(key=lambda a: (a["paused_until"] is None, -(a["oldest_pending_seconds"] or 0.0)))
        shown = shown[:most]
    table = Table(title="Waiting for ResMan", box=SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("account", "pending", "due", "on hold", "unknown", "oldest", "rate", "caught up in"):
        table.add_column(name, justify="left" if name == "account" else "right", no_wrap=True)
    for a in shown:
        table.add_row(
            escape(a["account"]),
            *(str(a[n]) for n in ("pending", "due", "held", "unknown_outcomes")),
            _span(a["oldest_pending_seconds"]),
            "-" if a["per_minute"] is None else f"{a['per_minute']:.0f}/min",
            "cannot tell" if a["catch_up_seconds"] is None else _span(a["catch_up_seconds"]),
        )
    if len(shown) < len(accounts):
        table.add_row(f"[dim]and {len(accounts) - len(shown)} more[/]")
    yield table
    for a in shown:
        if a["paused_until"]:
            until = when(a["paused_until"])
            yield console.render_str(
                f"[yellow]account {escape(a['account'])}[/] paused ({escape(a['reason'])}), tried again "
                f"{until}"
            )
        elif a["ramp_seconds"]:
            pace = f"one request in {a['ramp_seconds']:.1f} s, and faster with each success"
            yield console.render_str(f"account {escape(a['account'])}: after an outage, {pace}")


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
            told = f"{pause_told(row['paused'])}; changes that wait for it: {row['held']}"
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
            failing = f"its pulls have failed {since(row['failing_since'])}"
            last = when(row["last_pull_at"])
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
            yield f"[yellow]{escape(row['property'])}[/] {why} ({since(record['since'])})"
        for kind in sorted({record["kind"] for record in records}):
            then = next(record["then"] for record in records if record["kind"] == kind)
            yield escape(f"{row['property']}: {kind}: {then}")
        if len(records) > _MOST_RECORDS:
            more = len(records) - _MOST_RECORDS
            yield f"[yellow]{escape(row['property'])}[/] and {more} more records in trouble"


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else in_words(seconds)
