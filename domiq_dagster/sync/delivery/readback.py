"""What a change's row and the lead as ResMan shows it say together: has our post arrived, is DomIQ's news
newer? Pure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from domiq_dagster.resman.errors import Refused
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.delivery.planning import (
    MARKER_START,
    TOLD_BY_CREATION,
    OutboundChange,
    marker,
    summary_of,
)
from domiq_dagster.sync.status_map import LeadStatus


def change_of(row: Row[Any]) -> OutboundChange:
    return OutboundChange(
        change_id=row.change_id,
        old_status=row.old_status,
        new_status=row.new_status,
        reason=row.status_reason,
        summary=summary_of(row.context_data, row.ai_intent_summary),
        happened_at=row.created_at,
        tour_datetime=row.tour_datetime,
    )


def misses_name(refused: Refused) -> bool:
    """Whether ResMan refused an update for want of a name, which no source says it needs."""
    return "name" in (refused.description or "").lower()


def has_arrived(row: Row[Any], target: LeadStatus, record: LeadRecord) -> bool:
    """Whether the lead shows all that this change has to say."""
    return shows(record, marker(row.change_id)) or (target in TOLD_BY_CREATION and half_arrived(row, record))


def half_arrived(row: Row[Any], record: LeadRecord) -> bool:
    """Whether the lead shows the first of this change's two posts."""
    return shows(record, marker(row.change_id, "c")) or shows(record, marker(row.change_id, "r"))


def shows(record: LeadRecord, mark: str) -> bool:
    return any(mark in (event.comments or "") for event in record.events)


def is_newer(row: Row[Any], record: LeadRecord | None) -> bool:
    """Whether the conversation began after the last thing that ResMan itself tells of the lead. An
    appointment's date is not when it was made, and what we posted is no news."""
    if record is not None and record.events:
        theirs = [
            e.event_date
            for e in record.events
            if MARKER_START not in (e.comments or "") and e.event_type.lower() != "appointment"
        ]
        return not theirs or bool(row.began_at > max(theirs))
    return row.last_modified is not None and bool(row.began_at > row.last_modified)


def main_person_id(record: LeadRecord) -> str | None:
    return record.people[0].person_id if record.people else None
