"""What `domiq-sync rules` shows: the examination of the rules, and the plan of what they would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from domiq_dagster.cli.views.tables import make_console
from domiq_dagster.sync.rules.check import RulesCheck, describe_loop
from domiq_dagster.sync.rules.plan import CAVEAT, PropertyPlan

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
                "problem": plan.problem,
                "loops": [describe_loop(loop) for loop in plan.loops],
                "rules": [
                    {
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
                    for planned in plan.rules
                ],
            }
            for plan in plans
        ],
    }


def print_rules_plan(result: Mapping[str, Any]) -> None:
    """A table per property."""
    console = make_console()
    for plan in result["properties"]:
        title = escape(f"{plan['property']}: {plan['changes']} changes in {result['days']:g} days")
        table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)
        for name in ("rule", "asked", "ran", "moved", "notices", "follow-ups", "tasks", "scores", "else"):
            table.add_column(name, no_wrap=name != "else")
        for r in plan["rules"]:
            way = (r["trigger_status"] or "no status") + (
                f" -> {r['target_status']}" if r["target_status"] else ""
            )
            moves = sum(r["moves"].values())
            ends = [f"{r[name]} {name.replace('_', ' ')}" for name in _ENDS if r[name]]
            ends += [f"{r['without_value']} without a value"] if r["without_value"] else []
            table.add_row(
                escape(f"{way}{' (new)' if r['from_file'] else ''}"),
                *(str(v) for v in (r["asked"], r["ran"], moves, *(r[name] for name in _DONE))),
                escape(", ".join(ends)),
            )
        if plan["problem"]:
            console.print(escape(f"{plan['property']} cannot be planned: {plan['problem']}"))
        elif plan["rules"]:
            console.print(table)
        else:
            console.print(escape(f"{plan['property']}: no active rule"))
        for loop in plan["loops"]:
            console.print(f"[red]{escape(loop)}[/]; it is stopped where it runs")
        for r in plan["rules"]:
            for problem in r["problems"]:
                console.print(escape(f"rule {r['rule']} cannot be understood: {problem}"))
            if r["sample"]:
                way = (
                    f"{r['trigger_status']} -> {r['target_status']}"
                    if r["target_status"]
                    else r["trigger_status"]
                )
                console.print(
                    escape(f"{way} (rule {r['rule']}), for example change {', '.join(r['sample'][:2])}")
                )
    console.print(result["caveat"])
