"""How notices stand, for `domiq-sync notifications`."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from domiq_dagster.cli.views.tables import make_console
from domiq_dagster.sync.notifications.status import Standing
from domiq_dagster.sync.property_names import PropertyNames


def notices_result(
    found: Standing, places: PropertyNames, *, retried: int = 0, with_recipients: bool = False
) -> dict[str, Any]:
    """As plain values. A recipient is shown only where asked for: it is somebody's address."""
    troubles = [
        {
            "id": str(t.notification_id),
            "property": places.name(t.property_id),
            "channel": t.channel,
            "state": t.state,
            "reason": t.reason,
            "change_id": str(t.change_id) if t.change_id else None,
            "created_at": t.created_at,
            **({"recipient": t.recipient} if with_recipients else {}),
        }
        for t in found.troubles
    ]
    paused = [{"channel": c, "until": until, "reason": reason} for c, until, reason in found.paused]
    return {
        "ok": not troubles,
        "retried": retried,
        "counts": found.counts,
        "not_delivered": troubles,
        "paused": paused,
    }


def print_notices(result: dict[str, Any]) -> None:
    console = make_console()
    if result["retried"]:
        console.print(f"{result['retried']} notices were put back.")
    for channel, states in result["counts"].items():
        console.print(f"{channel}: " + ", ".join(f"{n} {state}" for state, n in states.items()))
    for p in result["paused"]:
        until = f"{p['until']:%Y-%m-%d %H:%M:%S %Z}"
        console.print(f"[yellow]{p['channel']}[/] paused until {until} ({escape(str(p['reason']))})")
    if not result["not_delivered"]:
        console.print("No notice failed to arrive.")
        return
    shown = [n for n in ("recipient",) if n in result["not_delivered"][0]]
    names = ("id", "property", "channel", *shown, "state", "reason")
    table = Table(*names, box=SIMPLE_HEAD, show_edge=False, padding=0)
    for row in result["not_delivered"]:
        table.add_row(*(escape(str(row[n] or "")) for n in names))
    console.print(table)
    console.print(
        "Once the reason is mended: domiq-sync notifications --retry-undeliverable. "
        "One that is unknown may have arrived: --retry ID sends it again."
    )
