"""Alerts, thresholds and replays: as plain values and for a person to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when as when_it_was
from domiq_dagster.sync.alerts.backtest import NOT_REPLAYED, Backtest, KindReplay
from domiq_dagster.sync.alerts.evaluate import Evaluation
from domiq_dagster.sync.alerts.thresholds import NAMES, Thresholds
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.integrations import Integration

_SHOWN = 30


def print_alerts(alerts: Sequence[Mapping[str, Any]], *, history: bool) -> None:
    """Each alert with how it stands and the last notice about it; or with every notice."""
    console = make_console()
    if not alerts:
        console.print("No alert.")
    for a in alerts:
        where = a["property_name"] or a["property"] or f"{len(a['properties'])} properties"
        console.print(f"{_state(a)} {escape(where)}: {escape(a['cause'] or a['kind'])}, {_times(a)}")
        if a["unsent_messages"]:
            console.print(f"  [yellow]messages that did not go out: {a['unsent_messages']}[/]")
        for notice in a["history"] if history else a["history"][-1:]:
            when = f"{when_it_was(notice['at'])} " if history else ""
            console.print(f"  {when}{notice['turn']}: {escape(notice['body'])}")


def _state(alert: Mapping[str, Any]) -> str:
    if not alert["open"]:
        return "[green]over[/]"
    return "[yellow]open, but looks good[/]" if alert["looks_good_since"] else "[red]open[/]"


def _times(alert: Mapping[str, Any]) -> str:
    until = f", over {when_it_was(alert['closed_at'])}" if alert["closed_at"] else ""
    again = f", came back {alert['reopened']} times" if alert["reopened"] else ""
    return f"opened {when_it_was(alert['opened_at'])}{until}{again}"


def evaluation_result(evaluation: Evaluation, troubled: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What one evaluation told people, and which properties are in alert."""
    return {
        "ok": not (troubled or evaluation.problems),
        "problems": evaluation.problems,
        "told": [
            {
                "turn": notice.transition.value,
                "kind": str(notice.subject.kind),
                "properties": list(notice.properties),
                "subject": notice.text.subject,
                "body": notice.text.body,
            }
            for notice in evaluation.notices
        ],
        "in_alert": {key: list(kinds) for key, kinds in troubled.items()},
    }


def print_evaluation(result: Mapping[str, Any]) -> None:
    console = make_console()
    for notice in result["told"]:
        console.print(f"{notice['turn']}: {escape(notice['body'])}")
    for key, kinds in result["in_alert"].items():
        console.print(f"[red]{escape(key)}[/] in alert: {escape(', '.join(kinds))}")
    for problem in result["problems"]:
        console.print(f"[red]not evaluated[/] {escape(problem)}")
    if result["ok"]:
        console.print("No property is in alert.")


def thresholds_result(
    before: Thresholds, after: Thresholds, chosen: Integration | None, *, dry_run: bool
) -> dict[str, Any]:
    """The values of a property, or the default, with where each comes from; and how many properties have
    values of their own."""
    property_id = chosen.property_id if chosen else None
    was, now = before.of(property_id), after.of(property_id)
    return {
        "property": chosen.partition_key if chosen else None,
        "dry_run": dry_run,
        "changed": before.own != after.own,
        "thresholds": [
            {
                "name": name,
                "value": getattr(now, name),
                "source": after.source(property_id, name),
                "was": getattr(was, name) if getattr(was, name) != getattr(now, name) else None,
            }
            for name in NAMES
        ],
        "properties_with_their_own": sum(p is not None and bool(v) for p, v in after.own.items()),
    }


def print_thresholds(result: Mapping[str, Any]) -> None:
    of = result["property"] or "every property without a value of its own"
    table = Table(title=f"Thresholds of {escape(of)}", box=SIMPLE_HEAD, show_edge=False)
    for name in ("threshold", "value", "from", "was"):
        table.add_column(name, justify="right" if name in ("value", "was") else "left", no_wrap=True)
    for row in result["thresholds"]:
        was = "" if row["was"] is None else f"{row['was']:g}"
        table.add_row(row["name"], f"{row['value']:g}", row["source"], was)
    console = make_console()
    console.print(table)
    if result["property"] is None and result["properties_with_their_own"]:
        console.print(f"Properties with values of their own: {result['properties_with_their_own']}")
    if result["dry_run"]:
        console.print("Nothing was changed.")


def backtest_result(
    done: Mapping[str, Backtest], days: float, changes: Mapping[str, float | int | None]
) -> dict[str, Any]:
    """Each replay by kind, with every alert; and what a replay cannot know."""
    first = next(iter(done.values()))
    return {
        "days": days,
        "since": first.since,
        "until": first.until,
        "follow_hours": first.follow.total_seconds() / 3600,
        "proposed_settings": dict(changes),
        **{name: [_replayed(k, replay) for k in replay.kinds] for name, replay in done.items()},
        "not_replayed": list(NOT_REPLAYED),
    }


def _replayed(kind: KindReplay, replay: Backtest) -> dict[str, Any]:
    lasted = [f.firing.seconds(replay.until) for f in kind.firings]
    return {
        "kind": kind.kind.value,
        "alerts": len(kind.firings),
        "properties": len({f.partition_key for f in kind.firings}),
        "hours_in_alert": round(sum(lasted) / 3600, 2),
        "longest_seconds": max(lasted, default=0.0),
        "followed_by_failures": kind.followed,
        "precision": None if kind.precision is None else round(kind.precision, 4),
        "failures": kind.failures,
        "failures_in_alert": kind.in_alert,
        "look_every_seconds": replay.step_seconds,
        "fired": [
            {
                "property": f.partition_key,
                "at": f.firing.at,
                "until": f.firing.until,
                "again": f.firing.again,
                "more_failures": f.more_failures,
            }
            for f in kind.firings
        ],
    }


def print_backtest(result: Mapping[str, Any]) -> None:
    console = make_console()
    console.print(
        f"From {result['since']:%Y-%m-%d %H:%M} to {result['until']:%Y-%m-%d %H:%M} UTC. An alert counts as "
        f"followed where a change of its property failed that was logged in the {result['follow_hours']:g} h "
        "after it; precision is the share of those."
    )
    for name, title in (("in_force", "As it is"), ("proposed", "With these settings")):
        if name in result:
            settings = ", ".join(
                f"{n}={'' if v is None else v}" for n, v in result["proposed_settings"].items()
            )
            console.print(_table(result[name], f"{title} ({settings})" if name == "proposed" else title))
    shown = result.get("proposed", result["in_force"])
    fired = sorted((f["at"], f["property"], k["kind"], f) for k in shown for f in k["fired"])
    for at, key, kind, f in fired[-_SHOWN:]:
        more = f"more failed: {f['more_failures']}"
        console.print(f"  {at:%Y-%m-%d %H:%M} {escape(key)} {kind} {_end(at, f['until'])}; {more}")
    if len(fired) > _SHOWN:
        console.print(f"  These are the last {_SHOWN} of {len(fired)}; --json has all.")
    for sentence in result["not_replayed"]:
        console.print(f"[dim]{sentence}[/]")


def _end(at: datetime, until: datetime | None) -> str:
    return f"for {in_words((until - at).total_seconds())}" if until else "and goes on"


def _table(kinds: Sequence[Mapping[str, Any]], title: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)
    names = ("kind", "alerts", "properties", "in alert", "longest", "followed", "precision", "failures")
    for name in names:
        table.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    for k in kinds:
        table.add_row(
            k["kind"],
            str(k["alerts"]),
            str(k["properties"]),
            in_words(3600 * k["hours_in_alert"]),
            in_words(k["longest_seconds"]),
            str(k["followed_by_failures"]),
            "-" if k["precision"] is None else f"{100 * k['precision']:.0f}%",
            f"{k['failures_in_alert']}/{k['failures']}",
        )
    return table
