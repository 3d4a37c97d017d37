"""Telling people about changes: each logged change looks at its property's preferences once.

In-app notices are rows that DomIQ can show. The other channels have no sender in this version: a
preference that names one gets a row that says so, rather than silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from domiq_dagster.db.sqlfile import load_queries

_QUERIES = load_queries(__package__, "notices.sql")
_ANY_STATUS = frozenset({None, "", "*", "any", "all"})
_BATCH = 500


@dataclass(slots=True)
class Notified:
    """What was done: changes looked at, notices delivered and undeliverable, by channel."""

    changes: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    undeliverable: Counter[str] = field(default_factory=Counter)


def notify_changes(engine: Engine) -> Notified:
    """Looks at every change not yet looked at. A crash between two batches repeats nothing: a batch's
    notices and its marks are one transaction."""
    total = Notified()
    while True:
        with engine.begin() as connection:
            changes = connection.execute(text(_QUERIES["unnotified_changes"]), {"most": _BATCH}).all()
            if not changes:
                return total
            preferences = connection.execute(
                text(_QUERIES["preferences"]), {"property_ids": list({c.property_id for c in changes})}
            ).all()
            for change in changes:
                for preference in preferences:
                    if _wanted(change, preference):
                        _notify(connection, change, preference, total)
            connection.execute(text(_QUERIES["mark_notified"]), [{"change_id": c.change_id} for c in changes])
            total.changes += len(changes)


def _wanted(change: Row[Any], preference: Row[Any]) -> bool:
    return preference.property_id == change.property_id and (
        preference.status_type in _ANY_STATUS or preference.status_type == change.new_status
    )


def _notify(connection: Connection, change: Row[Any], preference: Row[Any], total: Notified) -> None:
    in_app = preference.notification_method == "in_app"
    channel = preference.notification_method or "in_app"
    for recipient in recipients(preference.recipients):
        written = connection.execute(
            text(_QUERIES["notify"]),
            {
                "property_id": change.property_id,
                "change_id": change.change_id,
                "preference_id": preference.id,
                "channel": channel,
                "recipient": recipient,
                "subject": f"{change.property_name}: a lead is now {change.new_status}",
                "body": _body(change),
                "state": "delivered" if in_app else "undeliverable",
                "state_reason": None if in_app else f"no sender for {channel} is set up",
            },
        ).rowcount
        (total.delivered if in_app else total.undeliverable)[channel] += written


def _body(change: Row[Any]) -> str:
    side = "ResMan" if change.sync_direction == "from_resman" else "DomIQ"
    moved = f"{change.old_status or 'no status'} -> {change.new_status}, changed in {side}."
    return f"{moved} {change.status_reason}" if change.status_reason else moved


def recipients(value: Any) -> list[str]:
    """The recipients that a preference names: a list of texts, a single text, or a list of objects with
    an `address`, `email` or `role`. Anything else names nobody."""
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    named = []
    for item in items:
        if isinstance(item, dict):
            item = item.get("address") or item.get("email") or item.get("role")
        if isinstance(item, str) and item.strip():
            named.append(item.strip())
    return list(dict.fromkeys(named))
