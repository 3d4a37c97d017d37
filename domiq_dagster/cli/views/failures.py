"""Failed changes: grouped by what they failed of, with advice, then one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import in_the_last, when
from domiq_dagster.resman.redact import describe
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.repair.advice import advice
from domiq_dagster.sync.repair.retry import FailedChange


def failures_result(
    found: Sequence[FailedChange], names: PropertyNames, *, since: datetime, most: int
) -> dict[str, Any]:
    """The groups with their counts and what to do, those of most changes first; and the newest changes, the
    newest first. What a later change has overtaken needs nothing, and is counted apart."""
    open_ones = [f for f in found if not f.overtaken]
    counts = Counter(f.reason for f in open_ones)
    newest = sorted(found, key=lambda f: f.failed_at, reverse=True)[:most]
    return {
        "ok": not open_ones,
        "since": since,
        "failed": len(open_ones),
        "overtaken": len(found) - len(open_ones),
        "reasons": [
            {"reason": reason, "changes": count, "advice": advice(reason)}
            for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ],
        "changes": [_row(f, names) for f in newest],
        "not_listed": len(found) - len(newest),
    }


def _row(f: FailedChange, names: PropertyNames) -> dict[str, Any]:
    return {
        "change": f.change_id,
        "property": names.name(f.property_id),
        "conversation": f.conversation_id,
        "lead": f.prospect_id,
        "old_status": f.old_status,
        "new_status": f.new_status,
        "reason": f.reason,
        # Without what looks like an address or a number: the application may have written it.
        "words": describe(f.words),
        "when": f.failed_at,
        "overtaken": f.overtaken,
        "then": None if f.overtaken else f"domiq-sync retry {f.change_id}",
    }


def print_failures(result: Mapping[str, Any]) -> None:
    """Groups first, then two lines a change: a table would break the ids."""
    console = make_console()
    for line in _lines(result):
        console.print(line)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    since = in_the_last(result["since"])
    if not result["failed"] and not result["overtaken"]:
        yield f"No change that was logged {since} has failed."
        return
    yield f"Failed, of the changes logged {since}: {result['failed']}"
    for group in result["reasons"]:
        yield f"  [bold]{escape(group['reason'])}: {group['changes']}[/]: {escape(group['advice'])}"
    if result["overtaken"]:
        yield f"  {result['overtaken']} more need nothing: a later change of their conversation succeeded"
    for row in result["changes"]:
        moved = f"{row['old_status'] or 'no status'} -> {row['new_status'] or 'no status'}"
        lead = f"lead {row['lead']}" if row["lead"] else "no lead"
        yield escape(f"{when(row['when'])} {row['property']}: {moved}, {lead}")
        yield escape(f"  {row['reason']}: {row['words'] or 'no reason on record'}")
        yield "  needs nothing: overtaken" if row["overtaken"] else f"  domiq-sync retry {row['change']}"
    if result["not_listed"]:
        yield f"and {result['not_listed']} older ones: --most lists more"
    if result["failed"]:
        yield "After mending: domiq-sync retry CHANGE, --reason REASON or --property KEY"
