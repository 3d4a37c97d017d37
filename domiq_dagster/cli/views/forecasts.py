"""What would be done, and what ResMan says of a property, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.tables import print_findings
from domiq_dagster.db.migrate import MigrationPlan
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.setup.survey import SHOWN, Survey

_COLUMNS = {
    "fetched": "read",
    "stored": "new",
    "would_link": "link",
    "would_apply": "apply",
    "would_create": "create",
    "would_push": "tell",
    "conflicts": "asks",
    "agree": "agree",
    "held": "hold",
    "left_alone": "left",
    "ambiguous": "unclear",
}
_LEGEND = "asks: a person decides; left: no lead status; unclear: several fit"
_WIDEST_KEY = 19
"""Characters of a partition key beside its figures: the table fits 80 columns."""


def print_forecasts(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line per property, then what the figures consist of."""
    table = Table(title="What a sync would do", box=SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("property", no_wrap=True, max_width=_WIDEST_KEY, overflow="ellipsis")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(escape(row["property"]), *(str(_total(row[name])) for name in _COLUMNS))
    table.caption = _LEGEND
    console = make_console()
    console.print(table)
    for title, name in (
        ("would be set in DomIQ", "would_apply"),
        ("would be posted to ResMan", "would_post"),
        ("would need no post", "nothing_to_send"),
        ("would go on waiting for", "waits"),
    ):
        if parts := _sum(row[name] for row in rows):
            console.print(escape(f"{title}: " + ", ".join(f"{k} {n}" for k, n in sorted(parts.items()))))
    if sum(row["would_create"] for row in rows):
        console.print(
            "Each lead to be created is searched for at ResMan first, and only told where it is found."
        )
    for row in rows:
        if row["error"]:
            console.print(escape(f"{row['property']} could not be read: {row['error']}"))


def print_survey(
    found: Survey, proposed: Integration, proposals: Mapping[str, str | None], *, with_choices: bool
) -> None:
    """The endpoints, the property as ResMan has it, and what its open settings would become."""
    print_findings(found.findings)
    console = make_console()
    if found.at_resman is not None:
        zone = found.at_resman.time_zone or "no time zone that is known here"
        console.print(escape(f"At ResMan it is {found.at_resman.name}, in {zone}."))
    console.print("Posting is the one thing that cannot be tried without doing it.")
    if not proposals:
        return
    table = Table("setting", "proposed", "of")
    for name, value in proposals.items():
        choices = found.choices().get(name, ())
        chosen = next((f" ({c.name})" for c in choices if c.id == value), "") if with_choices else ""
        table.add_row(
            name, escape(f"{value}{chosen}") if value else "[red]nothing[/]", str(len(choices) or "")
        )
    console.print(table)
    if with_choices:
        for name in proposals:
            _print_choices(found, name)


def print_migration(plan: MigrationPlan, *, capture: bool) -> None:
    """What a migration would do."""
    if plan.would_create_domiq_tables:
        print("The database is empty: DomIQ's own tables would be created for a try-out.")
    if plan.to_come:
        print(f"Would go from revision {plan.now or 'none'} through {', '.join(plan.to_come)}.")
    else:
        print(f"Schema at revision {plan.now}: only what depends on the database's shape would be renewed.")
    print("The capture trigger would be set." if capture else "The capture trigger would be taken away.")
    print(f"Nothing was changed; `--sql{' --database-url URL' if plan.now else ''}` prints what would run.")


def _print_choices(found: Survey, name: str) -> None:
    choices = found.choices().get(name, ())
    if len(choices) < 2:
        return
    console = make_console()
    console.print(f"There are for {name}:")
    for choice in choices[:SHOWN]:
        console.print(escape(f"  {choice.id}  {choice.name}"))
    if len(choices) > SHOWN:
        console.print(f"  and {len(choices) - SHOWN} more")


def _total(value: int | Mapping[str, int]) -> int:
    return value if isinstance(value, int) else sum(value.values())


def _sum(parts: Any) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        for key, count in part.items():
            sums[key] = sums.get(key, 0) + count
    return sums
