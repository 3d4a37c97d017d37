"""What `domiq-sync rules` shows: the examination of the rules, and the plan of what they would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from domiq_dagster.cli.views.screen import Screen, escape, make_console
from domiq_dagster.sync.rules.check import RulesCheck, describe_loop
from domiq_dagster.sync.rules.plan import CAVEAT, PlannedRule, PropertyPlan

_DONE = ("notifications", "follow_ups", "tasks", "score_changes")
_ENDS = ("not_held", "skipped", "stopped", "invalid", "failed")


def rules_check_result(found: RulesCheck) -> dict[str, Any]:
    """What an examination found, as plain values."""
    kinds = ("problems", "loops", "troubles", "waiting", "warnings")
    return {
        "ok": found.ok,
        "rules": found.rules,
        **{kind: [f.row() for f in getattr(found, kind)] for kind in kinds},
    }


def print_rules_check(result: Mapping[str, Any]) -> None:
    """Each finding in a line, the worst first."""
    console = make_console()
    titles = {
        "problems": "[red]cannot be understood, so it does not run[/]",
        "loops": "[red]a loop[/]",
        "troubles": "[red]ended in an error[/]",
        "waiting": "[yellow]waits[/]",
        "warnings": "[yellow]may be meant so[/]",
    }
    for kind, title in titles.items():
        for row in result[kind]:
            rule = f"rule {row['rule']}, " if row["rule"] else ""
            console.print(f"{title}: {escape(rule)}{escape(row['property'])}: {escape(row['problem'])}")
    console.print(f"{result['rules']} active rules" + (", nothing wrong with them." if result["ok"] else "."))


def rules_plan_result(plans: Sequence[PropertyPlan], days: float) -> dict[str, Any]:
    """What rules would have done, as plain values."""
    return {
        "days": days,
        "caveat": CAVEAT,
        "properties": [
            {
                "property": plan.partition_key,
                "changes": plan.changes,
                "unreadable": plan.unreadable,
                "problem": plan.problem,
                "loops": [describe_loop(loop) for loop in plan.loops],
                "rules": [_planned(planned) for planned in plan.rules],
            }
            for plan in plans
        ],
    }


def _planned(planned: PlannedRule) -> dict[str, Any]:
    return {
        "rule": str(planned.rule.id),
        "from_file": planned.from_file,
        "trigger_status": planned.rule.trigger,
        "target_status": planned.rule.target,
        "problems": list(planned.rule.problems),
        "asked": planned.asked,
        "ran": planned.outcomes["ran"],
        **{name: planned.outcomes[name] for name in _ENDS},
        "without_value": planned.without_value,
        "moves": dict(planned.moves),
        **{name: planned.done[name] for name in _DONE},
        "sample": [str(change) for change in planned.sample],
    }


def print_rules_plan(result: Mapping[str, Any]) -> None:
    """A table per property."""
    console = make_console()
    for plan in result["properties"]:
        _print_plan(console, plan, result["days"])
    console.print(escape(result["caveat"]))


def _print_plan(console: Screen, plan: Mapping[str, Any], days: float) -> None:
    if plan["problem"]:
        console.print(escape(f"{plan['property']} cannot be planned: {plan['problem']}"))
    elif plan["rules"]:
        console.print(_table(plan, days))
    else:
        console.print(escape(f"{plan['property']}: no active rule"))
    if plan["unreadable"]:
        console.print(f"[yellow]{plan['unreadable']} changes cannot be read[/], and are left out")
    for loop in plan["loops"]:
        console.print(f"[red]{escape(loop)}[/]; it is stopped where it runs")
    for rule in plan["rules"]:
        for problem in rule["problems"]:
            console.print(escape(f"rule {rule['rule']} cannot be understood: {problem}"))
        if rule["sample"]:
            way = rule["trigger_status"]
            if rule["target_status"]:
                way = f"{way} -> {rule['target_status']}"
            console.print(escape(f"{way}, rule {rule['rule']}"))
            for change in rule["sample"][:2]:
                console.print(f"  for example change {change}")


def _table(plan: Mapping[str, Any], days: float) -> Table:
    title = escape(f"{plan['property']}: {plan['changes']} changes in {days:g} days")
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("rule", "asked", "ran", "moved", "notices", "follow-ups", "tasks", "scores", "else"):
        table.add_column(name, no_wrap=name != "else")
    for rule in plan["rules"]:
        way = rule["trigger_status"] or "no status"
        if rule["target_status"]:
            way = f"{way} -> {rule['target_status']}"
        counts = (rule["asked"], rule["ran"], sum(rule["moves"].values()), *(rule[name] for name in _DONE))
        ends = [f"{rule[name]} {name.replace('_', ' ')}" for name in _ENDS if rule[name]]
        ends += [f"{rule['without_value']} without a value"] if rule["without_value"] else []
        table.add_row(
            escape(f"{way}{' (new)' if rule['from_file'] else ''}"),
            *map(str, counts),
            escape(", ".join(ends)),
        )
    return table
