"""Putting notices in words: what there is to say about a change, and a digest of many. A lead's name, e-mail
and phone are read here, for the message itself, and stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.redact import describe
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.channels.message import Message
from domiq_dagster.sync.notifications.recipients import OPERATOR, zone
from domiq_dagster.sync.notifications.templates import Templates, as_html

QUERIES = load_queries(__package__, "outbox.sql")
PRIORITIES: Mapping[str, str] = {
    **dict.fromkeys(("new", "contacted"), "medium"),
    **dict.fromkeys(("qualified", "tour_scheduled", "leased"), "high"),
    "application": "urgent",
    "lost": "low",
}
"""As DomIQ's people rank the statuses."""
_NAMELESS = {"anonymous", "anonymous user", "user", "unknown", "guest"}
_LISTED = 20
"""How many notices a digest lists; the others are counted."""
_BURST_IN_APP = 5
"""A list one scrolls through bears more than a phone does: so many times `most_single`."""


class NothingToTell(Exception):
    """What the notice was about is gone."""


def in_words(connection: Connection, notice: Row[Any], channels: Channels) -> Message:
    """The message as it is sent. Raises NothingToTell or TemplateProblem."""
    templates = channels.templates
    kind = "email" if notice.channel == OPERATOR else notice.channel
    if notice.is_digest:
        template, values = "digest", digest(connection, notice.id, private=kind != "in_app")
    elif notice.body:
        return Message(notice.id, notice.subject, notice.body, as_html(notice.body))
    elif notice.change_id is None:
        raise NothingToTell("there is no text, and no change to tell of")
    else:
        wanted = facts(connection, [notice.change_id], link=channels.link, private=kind != "in_app")
        if notice.change_id not in wanted:
            raise NothingToTell("the change is gone, with its conversation")
        template, values = notice.template_id, wanted[notice.change_id]
    subject, body = templates.render(template, kind, values)
    subject = notice.subject or subject  # a rule's own
    html = templates.render(template, "email_html", values)[1] if kind == "email" else None
    return Message(notice.id, subject, body, html if html != body else as_html(body))


def facts(
    connection: Connection, change_ids: Iterable[UUID], *, link: str | None = None, private: bool = True
) -> dict[UUID, dict[str, Any]]:
    """What templates may say about changes, by change; those that are gone are left out.

    Without `private`, for what is stored: no name, e-mail or phone, nothing that was written freely but the
    reason, and that without the person.
    """
    rows = connection.execute(QUERIES.facts, {"change_ids": list(change_ids)})
    return {row.change_id: _facts(row, link, private) for row in rows}


def _facts(row: Row[Any], link: str | None, private: bool) -> dict[str, Any]:
    context = row.context_data if isinstance(row.context_data, dict) else {}
    person, conversation, place = row.person or {}, row.conversation or {}, row.place or {}
    local = zone(row.time_zone)
    email, phone = person.get("email"), person.get("phone")
    shown = private and bool(person)
    address = (
        link.replace("{conversation_id}", str(row.conversation_id)) if link and row.conversation_id else None
    )
    own = [person.get("first_name"), person.get("last_name"), email, phone]
    return {
        "lead": {
            "name": _name(person) if shown else None,
            "first_name": person.get("first_name") if shown and _name(person) else None,
            "last_name": person.get("last_name") if shown and _name(person) else None,
            "email": email if shown else None,
            "phone": phone if shown else None,
        },
        "property": {"name": row.property_name or "A property", "city": place.get("city")},
        "old_status": row.old_status,
        "new_status": row.new_status,
        "status": row.lead_status,
        "reason": row.status_reason if private else describe(row.status_reason, own),
        "summary": _text(context.get("conversation_summary")) if private else None,
        "key_insights": _list(context.get("key_insights")) if private else [],
        "next_steps": _text(context.get("next_steps")) if private else None,
        "urgency": urgency(context),
        "priority": PRIORITIES.get(row.lead_status or ""),
        "changed": _changed(row),
        "at": spoken(row.logged_at.astimezone(local)),
        "tour": _moment(conversation.get("tour_datetime")) if row.lead_status == "tour_scheduled" else None,
        "move_in": _moment(conversation.get("move_in_date")),
        "link": address,
        "change_id": str(row.change_id),
        "conversation_id": str(row.conversation_id) if row.conversation_id else None,
    }


def urgency(context: Any) -> str | None:
    """context_data's urgency_level, as one of DomIQ's three words; None for anything else."""
    level = context.get("urgency_level") if isinstance(context, dict) else None
    word = level.strip().lower() if isinstance(level, str) else None
    return word if word in ("low", "medium", "high") else None


def digest(connection: Connection, digest_id: UUID, *, private: bool) -> dict[str, Any]:
    """What the digest template may say: counts per property, and the first notices of each."""
    groups: dict[UUID | None, dict[str, Any]] = {}
    total = urgent = 0
    for row in connection.execute(QUERIES.digest_counts, {"id": digest_id}):
        name = row.property_name or "Other"
        group = groups.setdefault(row.property_id, {"property": name, "parts": [], "lines": [], "notices": 0})
        group["parts"].append(f"{row.notices} {(row.new_status or 'other').replace('_', ' ')}")
        group["notices"] += row.notices
        total, urgent = total + row.notices, urgent + row.urgent
    if not total:
        raise NothingToTell("all that the digest would tell of is gone")
    if private:
        first = connection.execute(QUERIES.digest_first, {"id": digest_id, "most": _LISTED}).all()
        known = facts(connection, {r.change_id for r in first if r.change_id})
        for row in first:
            told = known.get(row.change_id)
            line = row.subject or (_line(told) if told else None)
            if line:
                groups[row.property_id]["lines"].append(line)
    for group in groups.values():
        group["counts"] = ", ".join(group.pop("parts"))
        group["more"] = max(0, group["notices"] - len(group["lines"])) if group["lines"] else 0
    return {"total": total, "urgent": urgent, "groups": list(groups.values())}


def gather_in_app(connection: Connection, templates: Templates) -> int:
    """Makes one in-app notice of many that came in a burst and that nobody has read. Returns how many went
    into such a one; each stays on record as `digested`."""
    gathered = 0
    connection.execute(QUERIES.claims_in_turn, {"channel": "in_app"})
    for crowd in connection.execute(QUERIES.crowded_in_app, {"times": _BURST_IN_APP}).all():
        address = {"property_id": crowd.property_id, "recipient": crowd.recipient}
        made = connection.execute(QUERIES.gather_in_app, address).one()
        subject, body = templates.render("digest", "in_app", digest(connection, made.id, private=False))
        connection.execute(QUERIES.put_words, {"id": made.id, "subject": subject, "body": body})
        gathered += made.notices
    return gathered


def spoken(moment: datetime) -> str:
    """A moment as it is said where it happens: Tue, Mar 3 2026, 2:05 PM CST."""
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
        return spoken(datetime.fromisoformat(value))
    except ValueError:  # infinity, or a year of five digits
        return None


def _line(told: Mapping[str, Any]) -> str:
    before, after = ((told[n] or "no status").replace("_", " ") for n in ("old_status", "new_status"))
    mark = " (urgent)" if told["priority"] == "urgent" or told["urgency"] == "high" else ""
    return f"{told['lead']['name'] or 'A lead'}: {before} \u2192 {after}{mark}"


def _name(person: Mapping[str, Any]) -> str | None:
    parts = [person.get(n) for n in ("first_name", "last_name")]
    name = " ".join(" ".join(p.split()) for p in parts if isinstance(p, str) and p.strip())
    return None if not name or name.lower() in _NAMELESS else name


def _changed(row: Row[Any]) -> str:
    if row.sync_direction == "from_resman":
        return "in ResMan"
    return {"chatbot": "by the chatbot", "system": "by the system", "resman_user": "in ResMan"}.get(
        row.updated_by or "", "in DomIQ"
    )


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return "; ".join(_list(value)) or None
    return value.strip() or None if isinstance(value, str) else None


def _list(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [str(item).strip() for item in items if isinstance(item, (str, int, float)) and str(item).strip()]
