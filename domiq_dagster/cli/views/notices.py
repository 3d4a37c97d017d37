"""How notices stand, for `domiq-sync notifications`."""

from __future__ import annotations

from typing import Any

from domiq_dagster.cli.views.screen import escape, make_console
from domiq_dagster.cli.views.times import when
from domiq_dagster.sync.notifications.status import OutboxStatus
from domiq_dagster.sync.property_names import PropertyNames


def notices_result(
    found: OutboxStatus, names: PropertyNames, *, retried: int = 0, with_recipients: bool = False
) -> dict[str, Any]:
    """As plain values. A recipient is shown only where asked for: it is somebody's address."""
    undelivered = [
        {
            "id": str(notice.notification_id),
            "property": names.name(notice.property_id),
            "channel": notice.channel,
            "state": notice.state,
            "reason": notice.reason,
            "change_id": str(notice.change_id) if notice.change_id else None,
            "created_at": notice.created_at,
            **({"recipient": notice.recipient} if with_recipients else {}),
        }
        for notice in found.undelivered
    ]
    paused = [{"channel": p.channel, "until": p.until, "reason": p.reason} for p in found.paused]
    return {
        "ok": not undelivered,
        "retried": retried,
        "counts": found.counts,
        "not_delivered": undelivered,
        "paused": paused,
    }


def print_notices(result: dict[str, Any]) -> None:
    """Counts first, then three lines for each that did not arrive: a table would break the ids."""
    console = make_console()
    if result["retried"]:
        console.print(f"{result['retried']} notices were put back.")
    for channel, states in result["counts"].items():
        console.print(f"{escape(channel)}: " + ", ".join(f"{n} {state}" for state, n in states.items()))
    for p in result["paused"]:
        told = f"paused ({escape(str(p['reason']))}), tried again {when(p['until'])}"
        console.print(f"[yellow]{escape(p['channel'])}[/] {told}")
    if not result["not_delivered"]:
        console.print("No notice failed to arrive.")
        return
    for row in result["not_delivered"]:
        whom = f", for {row['recipient']}" if "recipient" in row else ""
        console.print(
            escape(f"{when(row['created_at'])} {row['property']}: {row['channel']} {row['state']}{whom}")
        )
        console.print(escape(f"  {row['reason'] or 'no reason on record'}"))
        console.print(f"  domiq-sync notifications --retry {row['id']}")
    console.print(
        "Once the reason is mended: domiq-sync notifications --retry-undeliverable. "
        "One that is unknown may have arrived: --retry ID sends it again."
    )
