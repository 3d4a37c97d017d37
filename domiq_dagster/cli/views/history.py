"""What people decided, one line a decision, and beneath it what it is about and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import in_the_last, when
from domiq_dagster.sync.operator_actions import Deciding, OperatorAction

_MOST_PROPERTIES = 3
"""So many properties are named of decisions that are told as one."""
_SENTENCES: Mapping[str, str] = {
    Deciding.RETRY: "retried",
    Deciding.RETRY_NOTICES: "had notices sent again",
    Deciding.RESOLVE: "decided a conflict",
    Deciding.LINK: "linked a conversation with a lead",
    Deciding.NEVER_LINK: "ruled a lead out for a conversation",
    Deciding.ARRIVED: "said that a change in doubt had arrived",
    Deciding.SEND_AGAIN: "had a change in doubt sent again",
    Deciding.CONNECT: "connected it, or changed its settings",
    Deciding.PAUSE: "paused it",
    Deciding.RESUME: "resumed it",
    Deciding.THRESHOLDS: "set alert thresholds",
    Deciding.OPEN_ACCOUNT: "opened a paused account",
    Deciding.RESTORED: "said that the database was put back",
    Deciding.BELIEVE_SHORT: "had a short full read believed",
    Deciding.HOUSEKEEPING: "ran housekeeping",
    Deciding.ERASE: "erased a person",
    Deciding.RULE: "edited a workflow rule",
    Deciding.PREFERENCE: "edited whom a status is told to",
    Deciding.STATUS_MAP: "edited the status map",
}


def history_result(found: Sequence[OperatorAction], *, since: datetime, more: bool) -> dict[str, Any]:
    """As plain values, the newest first. `more`: there are older ones that are not listed."""
    return {"since": since, "more": more, "actions": [action_row(a) for a in found]}


def action_row(a: OperatorAction) -> dict[str, Any]:
    """One decision."""
    return {
        "when": a.taken_at,
        "action": a.action,
        "who": a.actor,
        "why": a.why,
        "property": a.partition_key,
        "subject": list(a.subject),
        "details": a.details,
    }


def print_history(result: Mapping[str, Any]) -> None:
    """A few lines a decision: ids are to be copied, and none is broken at 80 columns."""
    console = make_console()
    if not result["actions"]:
        console.print(f"Nobody decided anything {in_the_last(result['since'])}.")
    for _, same in groupby(result["actions"], key=_alike):
        rows = list(same)
        for line in _lines(rows[0]) if len(rows) == 1 else _folded(rows):
            console.print(line)
    if result["more"]:
        console.print("There are older ones: --most lists more.")


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    where = f", {escape(row['property'])}" if row["property"] else ""
    yield f"[bold]{when(row['when'])}[/] {escape(row['who'])}{where}"
    yield escape(f"  {action_sentence(row)}")
    for one in row["subject"]:
        yield escape(f"  {one}")
    if row["why"]:
        yield escape(f"  why: {row['why']}")


def _alike(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What is the same for decisions that are told as one: of one person, one after the other."""
    return (
        row["who"],
        row["action"],
        row["why"] or "",
        json.dumps(row["details"], sort_keys=True, default=str),
    )


def _folded(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Decisions that are the same but for their property and ids; --json has each."""
    newest = rows[0]
    yield f"[bold]{when(newest['when'])}[/] {escape(newest['who'])}, {len(rows)} times"
    yield escape(f"  {action_sentence(newest)}")
    if properties := sorted({row["property"] for row in rows if row["property"]}):
        more = f" and {len(properties) - _MOST_PROPERTIES} more" if len(properties) > _MOST_PROPERTIES else ""
        yield escape(f"  at {', '.join(properties[:_MOST_PROPERTIES])}{more}")
    if newest["why"]:
        yield escape(f"  why: {newest['why']}")


def action_sentence(row: Mapping[str, Any]) -> str:
    """What was decided, with its details."""
    done = _SENTENCES.get(row["action"], row["action"])
    details = [f"{name.replace('_', ' ')} {_value(value)}" for name, value in row["details"].items()]
    return f"{done}: {', '.join(details)}" if details else done


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
