"""Pauses of properties, as values and as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domiq_dagster.cli.views.screen import say
from domiq_dagster.cli.views.times import when
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.monitoring.pauses import Pause


def pause_told(pause: Mapping[str, Any]) -> str:
    """Who paused a property, when and why; of a pause as values."""
    return f"paused by {pause['by']} {when(pause['since'])}: {pause['because']}"


def paused_result(
    done: Sequence[Integration], pauses: Mapping[str, Pause], pending: Mapping[str, int], *, under_way: int
) -> dict[str, Any]:
    """The properties that were paused, each with its record and how many changes wait for it. `under_way`:
    how many were being sent in that moment."""
    return {
        "paused": [
            {
                "property": i.partition_key,
                "by": pauses[i.partition_key].paused_by,
                "since": pauses[i.partition_key].paused_at,
                "because": pauses[i.partition_key].because,
                "pending": pending.get(i.partition_key, 0),
            }
            for i in done
        ],
        "under_way": under_way,
    }


def print_paused(result: Mapping[str, Any]) -> None:
    """One line a property, and what is on its way all the same."""
    would = "would be" if result["dry_run"] else "is"
    if not result["paused"]:
        say("Nothing is to be paused: no property is switched on.")
    for row in result["paused"]:
        say(f"{row['property']} {would} paused by {row['by']}: {row['because']}. Pending: {row['pending']}.")
    if result["paused"] and not result["dry_run"]:
        say(
            "Nothing is sent to ResMan, read or taken from it there until domiq-sync resume; nothing is lost."
        )
    if result["under_way"]:
        say(f"Being sent at this moment, which may still arrive: {result['under_way']}.")


def resumed_result(
    done: Sequence[Integration], pauses: Mapping[str, Pause], pending: Mapping[str, int]
) -> dict[str, Any]:
    """The properties that were resumed, each with its pause, if one was on record, and how many changes of it
    go out now."""
    return {
        "resumed": [
            {
                "property": i.partition_key,
                "paused_by": pause.paused_by if (pause := pauses.get(i.partition_key)) else None,
                "paused_since": pause.paused_at if pause else None,
                "because": pause.because if pause else None,
                "pending": pending.get(i.partition_key, 0),
            }
            for i in done
        ]
    }


def print_resumed(result: Mapping[str, Any]) -> None:
    """One line a property."""
    if not result["resumed"]:
        say("No property is paused.")
    for row in result["resumed"]:
        was = "it was switched off"
        if row["paused_by"]:
            was = f"it was paused by {row['paused_by']} {when(row['paused_since'])}"
        would = "would be" if result["dry_run"] else "is"
        say(f"{row['property']} {would} resumed; {was}. Changes that go out now: {row['pending']}.")
