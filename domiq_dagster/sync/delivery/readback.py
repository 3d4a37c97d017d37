"""Read-back: what a change and the lead as ResMan shows it say together. Has our post arrived, is DomIQ's
news newer? Pure."""

from __future__ import annotations

from domiq_dagster.resman.errors import Refused
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.sync.delivery.pending_change import PendingChange
from domiq_dagster.sync.delivery.planning import MARKER_START, TOLD_BY_CREATION, marker
from domiq_dagster.sync.status_map import LeadStatus


def misses_name(refused: Refused) -> bool:
    """Whether ResMan refused an update for want of a name, which no source says it needs."""
    return "name" in (refused.description or "").lower()


def has_arrived(change: PendingChange, target: LeadStatus, record: LeadRecord) -> bool:
    """Whether the lead shows all that this change has to say."""
    return shows(record, marker(change.change_id)) or (
        target in TOLD_BY_CREATION and half_arrived(change, record)
    )


def half_arrived(change: PendingChange, record: LeadRecord) -> bool:
    """Whether the lead shows the first of this change's two posts."""
    return shows(record, marker(change.change_id, "c")) or shows(record, marker(change.change_id, "r"))


def shows(record: LeadRecord, mark: str) -> bool:
    return any(mark in (event.comments or "") for event in record.events)


def is_newer(change: PendingChange, record: LeadRecord | None) -> bool:
    """Whether the conversation began after the last thing that ResMan itself tells of the lead. An
    appointment's date is not when it was made, and what we posted is no news."""
    if record is not None and record.events:
        theirs = [
            e.event_date
            for e in record.events
            if MARKER_START not in (e.comments or "") and e.event_type.lower() != "appointment"
        ]
        return not theirs or bool(change.began_at > max(theirs))
    return change.last_modified is not None and bool(change.began_at > change.last_modified)


def main_person_id(record: LeadRecord) -> str | None:
    return record.people[0].person_id if record.people else None
