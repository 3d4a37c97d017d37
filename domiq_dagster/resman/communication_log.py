"""A prospect's communication log in a v2 answer: the events of the lead, in v1's terms so far as they have
any."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from domiq_dagster.resman.dates import parse_when
from domiq_dagster.resman.models import LeadEvent
from domiq_dagster.resman.prospect import Source, as_text, lowered

_EVENT_TYPES = frozenset(
    {"emailtoprospect", "emailfromprospect", "emailfromils", "email", "calltoprospect", "callfromprospect"}
    | {"phone", "texttoprospect", "textfromprospect", "show", "walkin", "contact", "other", "cancel"}
    | {"reactivate", "application", "appointment", "approved", "leasesign"}
)
"""v1's words. v2 documents none of its own: one that is none of these tells nothing."""


def log_of(source: Source, prospect_id: str, agent_id: str | None) -> tuple[LeadEvent, ...] | None:
    """The log of the prospect of this id; None where this is another one, or shows no log.

    Args:
        agent_id: by which v1 knows the agent who is looked for. v2 gives two ids of an employee: of this one,
            whichever it is is given.
    """
    try:
        raw = json.loads(bytes(source))
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    values = lowered(raw)
    if _plain_id(as_text(values.get("prospectid"))) != _plain_id(prospect_id):
        return None
    rows = values.get("communicationlog")
    if not isinstance(rows, list):
        return None
    events = (_event(lowered(row), agent_id) for row in rows if isinstance(row, dict))
    return tuple(event for event in events if event is not None)


def _plain_id(text: str | None) -> str:
    return (text or "").strip(" {}").lower()


def _event(row: dict[str, Any], agent_id: str | None) -> LeadEvent | None:
    when = _instant(as_text(row.get("date"))) or _instant(as_text(row.get("timestamp")))
    if when is None:
        return None
    employee = row.get("employee")
    ids = lowered(employee) if isinstance(employee, dict) else {}
    agent, person = as_text(ids.get("agentid")), as_text(ids.get("personid"))
    if agent_id is not None and _plain_id(person) == _plain_id(agent_id):
        agent = agent_id
    word = as_text(row.get("contacttype")) or ""
    return LeadEvent(
        event_type=word if word.lower() in _EVENT_TYPES else "",
        event_date=when,
        agent_id=agent,
        comments=as_text(row.get("note")),
        reasons=as_text(row.get("description")),
        event_id=as_text(row.get("communicationlogid")),
    )


def _instant(text: str | None) -> datetime | None:
    """A time; None for what is none, a bare date among it."""
    try:
        when = parse_when(text or "")
    except ValueError:
        return None
    return when if isinstance(when, datetime) else None
