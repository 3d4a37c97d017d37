"""What there is to say about a change: the values of its templates.

A lead's name, e-mail and phone are read here, for the message itself, and stored nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.json_values import as_object
from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.redact import describe
from domiq_dagster.sync.notifications.recipients import zone
from domiq_dagster.sync.tour_times import LOCAL, sent_as
from domiq_dagster.sync.trouble import Faults

QUERIES = load_queries(__package__, "facts.sql")
PRIORITIES: Mapping[str, str] = {
    **dict.fromkeys(("new", "contacted"), "medium"),
    **dict.fromkeys(("qualified", "tour_scheduled", "leased"), "high"),
    "application": "urgent",
    "lost": "low",
}
"""As DomIQ's people rank the statuses."""
_LONGEST = 10_000
_MOST_ITEMS = 50
"""More than so many characters, or points, nobody reads in a message."""
_NAMELESS = {"anonymous", "anonymous user", "user", "unknown", "guest"}


@dataclass(frozen=True, slots=True)
class _Change:
    """A change, with whatever a template may say of it. The last three are rows of DomIQ's own, as JSON."""

    change_id: UUID
    conversation_id: UUID | None
    property_name: str | None
    old_status: str | None
    new_status: str | None
    status_reason: str | None
    updated_by: str | None
    sync_direction: str | None
    context_data: Any
    logged_at: datetime
    lead_status: str | None
    time_zone: str | None
    tour_times: str
    property: Mapping[str, Any] | None
    person: Mapping[str, Any] | None = field(repr=False)
    conversation: Mapping[str, Any] | None = field(repr=False)


def change_facts(
    connection: Connection,
    change_ids: Iterable[UUID],
    *,
    link: str | None = None,
    private: bool = True,
    faults: Faults | None = None,
) -> dict[UUID, dict[str, Any]]:
    """What templates may say about changes: the values that docs/notifications.md lists.

    Args:
        connection: any.
        change_ids: of which.
        link: the URL of a conversation in DomIQ, with {conversation_id} where its id belongs.
        private: False for what is stored: no name, e-mail or phone, nothing that was written freely but the
            reason, and that without the person.
        faults: takes what is wrong with each change of which nothing can be said. If not given, that is
            raised.

    Returns:
        The values by change; those that are gone are left out.
    """
    rows = connection.execute(QUERIES.change_facts, {"change_ids": list(change_ids)})
    changes = rows_as(_Change, rows)
    found = {}
    for change in changes:
        with faults.of(str(change.change_id)) if faults is not None else nullcontext():
            found[change.change_id] = _facts(change, link, private)
    return found


def _facts(change: _Change, link: str | None, private: bool) -> dict[str, Any]:
    conversation, in_property = as_object(change.conversation), as_object(change.property)
    tour = conversation.get("tour_datetime") if change.lead_status == "tour_scheduled" else None
    conversation_id = str(change.conversation_id) if change.conversation_id else None
    return {
        "lead": _lead(as_object(change.person), private),
        "property": {"name": change.property_name or "A property", "city": in_property.get("city")},
        "old_status": change.old_status,
        "new_status": change.new_status,
        "status": change.lead_status,
        **_written(change, private),
        "priority": PRIORITIES.get(change.lead_status or ""),
        "changed": _changed(change),
        "at": in_words(change.logged_at.astimezone(zone(change.time_zone))),
        "tour": _tour(tour, change),
        "move_in": _moment(conversation.get("move_in_date")),
        "link": link.replace("{conversation_id}", conversation_id) if link and conversation_id else None,
        "change_id": str(change.change_id),
        "conversation_id": conversation_id,
    }


def _lead(person: Mapping[str, Any], private: bool) -> dict[str, Any]:
    if not (private and person):
        return dict.fromkeys(("name", "first_name", "last_name", "email", "phone"))
    name = _name(person)
    return {
        "name": name,
        "first_name": person.get("first_name") if name else None,
        "last_name": person.get("last_name") if name else None,
        "email": person.get("email"),
        "phone": person.get("phone"),
    }


def _written(change: _Change, private: bool) -> dict[str, Any]:
    """What somebody wrote about the change, or a model did."""
    context = as_object(change.context_data)
    if private:
        return {
            "reason": _text(change.status_reason),
            "summary": _text(context.get("conversation_summary")),
            "key_insights": _list(context.get("key_insights")),
            "next_steps": _text(context.get("next_steps")),
            "urgency": urgency(context),
        }
    person = as_object(change.person)
    own = [person.get(column) for column in ("first_name", "last_name", "email", "phone")]
    return {
        "reason": describe(change.status_reason, own),
        "summary": None,
        "key_insights": [],
        "next_steps": None,
        "urgency": urgency(context),
    }


def urgency(context: Any) -> str | None:
    """context_data's urgency_level, as one of DomIQ's three words; None for anything else."""
    level = context.get("urgency_level") if isinstance(context, dict) else None
    word = level.strip().lower() if isinstance(level, str) else None
    return word if word in ("low", "medium", "high") else None


def in_words(moment: datetime) -> str:
    """A moment as people say it where it happens: Tue, Mar 3 2026, 2:05 PM CST."""
    zone_name = f" {moment:%Z}" if moment.tzinfo else ""
    return f"{moment:%a, %b} {moment.day} {moment.year}, {moment.hour % 12 or 12}:{moment:%M %p}{zone_name}"


def _moment(value: Any) -> str | None:
    """A date or a local time as the database's JSON has it."""
    if not isinstance(value, str):
        return None
    try:
        if len(value) == 10:
            day = date.fromisoformat(value)
            return f"{day:%a, %b} {day.day} {day.year}"
        return in_words(datetime.fromisoformat(value))
    except ValueError:  # infinity, or a year of five digits
        return None


def _tour(value: Any, change: _Change) -> str | None:
    """A tour as the property's clock shows it: an instant, or a time that is meant in UTC, is put into its
    zone."""
    try:
        tour = datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 10 else None
    except ValueError:  # as in _moment
        tour = None
    if tour is None or (tour.tzinfo is None and change.tour_times == LOCAL):
        return _moment(value)
    return in_words(sent_as(tour, change.tour_times, change.time_zone).astimezone(zone(change.time_zone)))


def _name(person: Mapping[str, Any]) -> str | None:
    parts = [person.get(n) for n in ("first_name", "last_name")]
    name = " ".join(" ".join(p.split()) for p in parts if isinstance(p, str) and p.strip())
    return None if not name or name.lower() in _NAMELESS else name


def _changed(change: _Change) -> str:
    if change.sync_direction == "from_resman":
        return "in ResMan"
    return {"chatbot": "by the chatbot", "system": "by the system", "resman_user": "in ResMan"}.get(
        change.updated_by or "", "in DomIQ"
    )


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return "; ".join(_list(value)) or None
    return value[:_LONGEST].strip() or None if isinstance(value, str) else None


def _list(value: Any) -> list[str]:
    items = value[:_MOST_ITEMS] if isinstance(value, list) else [value]
    told = [str(item)[:_LONGEST].strip() for item in items if isinstance(item, str | int | float)]
    return [item for item in told if item]
