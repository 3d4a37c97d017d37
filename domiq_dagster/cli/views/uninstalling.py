"""What uninstalling would take away, and what it took."""

from __future__ import annotations

from datetime import datetime

from domiq_dagster.cli.views.screen import say
from domiq_dagster.sync.uninstall import UninstallPlan

_STAYS = (
    "status_sync_log, status_workflow_rules and status_notification_preferences stay with all their rows; "
    "status_sync_success_rate has the design's own query."
)


def what_goes(plan: UninstallPlan) -> str:
    """What is lost or left alone, with its counts, in a sentence or two."""
    counts = plan.counts
    found = [
        *_some(
            counts.properties,
            "connected property with its settings",
            "connected properties with their settings",
        ),
        *_some(counts.links, "link to a lead", "links to leads"),
        *_some(counts.decisions, "decision on record", "decisions on record"),
        *_some(counts.conflicts, "open conflict", "open conflicts"),
        *_some(counts.notices, "notice that was still to go out", "notices that were still to go out"),
        *_some(
            counts.archived_gone,
            "archived row of a conversation that DomIQ has deleted",
            "archived rows of conversations that DomIQ has deleted",
        ),
    ]
    told = "No connected property and no decision goes with the sync."
    if found:
        told = f"With the sync go {', '.join(found)}."
    if counts.pending:
        doubt = f" ({counts.unknown} may have arrived at ResMan)" if counts.unknown else ""
        (stay,) = _some(counts.pending, "change stays", "changes stay")
        told += f" {stay} pending in the log, and nobody sends what is pending{doubt}."
    if counts.archived:
        (go,) = _some(counts.archived, "archived row goes", "archived rows go")
        told += f" {go} back to status_sync_log."
    return told


def print_uninstall_plan(plan: UninstallPlan) -> None:
    """What would be dropped, and who is in the way."""
    print("Would be dropped:")
    _print_what(plan)
    say(what_goes(plan))
    print(_STAYS)
    if plan.alive:
        say(f"In the way, since at work: {', '.join(plan.alive)}.")
    print("Nothing was changed.")


def print_uninstalled(done: UninstallPlan, *, by: str, why: str | None, at: datetime) -> None:
    """What was dropped, and by whom: nothing in the database tells of it."""
    print("Dropped:")
    _print_what(done)
    say(what_goes(done))
    print(_STAYS)
    because = f", since: {why}" if why else ""
    say(f"Uninstalled by {by} at {at:%Y-%m-%d %H:%M:%S} UTC{because}. The database keeps no record of it.")
    if done.installed.has_role:
        print(
            "The role domiq_sync_runtime stays, since it is the whole server's: drop it where no other "
            "database needs it."
        )


def _print_what(plan: UninstallPlan) -> None:
    own = plan.installed.own_schema
    if own is not None:
        print(f"  schema domiq_sync: {own.tables} tables, {own.views} views, {own.functions} functions")
    for what in plan.installed.in_public:
        say(f"  {what}")


def _some(number: int, one: str, several: str) -> list[str]:
    return [f"{number} {one if number == 1 else several}"] if number else []
