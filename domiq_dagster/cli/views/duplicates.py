"""Prospects that look like one person, as ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.sync.pull.duplicates import Duplicates

_RULES = {"email": "e-mail", "phone": "phone", "name": "name"}


def duplicates_result(found: Sequence[Duplicates], failed: Mapping[str, str]) -> dict[str, Any]:
    """As plain values. Not ok: a property could not be read."""
    return {
        "ok": not failed,
        "properties": [
            {
                "property": d.partition_key,
                "prospects": d.prospects,
                "not_readable": d.unreadable,
                "groups": [
                    {
                        "share": list(g.rules),
                        "names_fit": g.names_fit,
                        "prospects": [
                            {
                                "id": i,
                                "status": d.statuses[i],
                                "conversations": d.conversations.get(i, 0),
                            }
                            for i in g.prospect_ids
                        ],
                    }
                    for g in d.groups
                ],
            }
            for d in found
        ],
        "not_read": dict(failed),
    }


def print_duplicates(result: Mapping[str, Any]) -> None:
    """A line a prospect, in groups."""
    console = make_console()
    for line in _lines(result):
        console.print(line)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    for row in result["properties"]:
        count = len(row["groups"])
        told = f"{count} groups that look like one person each" if count else "no two look like one person"
        yield f"[bold]{escape(row['property'])}[/]: {row['prospects']} prospects, {told}"
        for group in row["groups"]:
            shared = " and ".join(_RULES[r] for r in group["share"])
            names = "" if group["names_fit"] else "; their names differ: a household, perhaps"
            yield f"  same {shared}{names}"
            for one in group["prospects"]:
                linked = f", linked with {one['conversations']}" if one["conversations"] else ""
                yield escape(f"    {one['id']}  {one['status']}{linked}")
        if row["not_readable"]:
            yield f"  {row['not_readable']} could not be read, and were not looked at"
    for key, why in result["not_read"].items():
        yield f"[red]{escape(key)} could not be read[/]: {escape(why)}"
    if any(row["groups"] for row in result["properties"]):
        yield "Merge them in ResMan: the link of the card that goes moves to the one that is left."
