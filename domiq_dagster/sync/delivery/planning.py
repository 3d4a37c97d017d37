"""What to post for one outbound change. Pure: from what is known of the change and the lead, the posts.

A change may need two posts (create, then tell; reactivate, then tell). Each carries a marker in its
comments, so that reading the lead back tells which of them arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from domiq_dagster.resman.models import LeadEvent
from domiq_dagster.sync.status_map import (
    RESMAN_APPLICANT,
    RESMAN_LOST,
    RESMAN_PROSPECT,
    RESMAN_RESIDENT,
    DomiqMeaning,
    LeadStatus,
    treated_as,
)

TOLD_BY_CREATION = frozenset({LeadStatus.NEW, LeadStatus.CONTACTED})
"""Statuses about which a first contact, or a reactivation, says all there is to say."""
MARKER_START = "[DQ-"
POST_NAMES = frozenset({"create", "reactivate", "tell"})
"""The names of the posts that there are, as attempts record them."""


@dataclass(frozen=True, slots=True)
class OutboundChange:
    """The part of a change that decides what is posted."""

    change_id: UUID
    old_status: str | None
    new_status: str
    reason: str | None = field(repr=False)
    summary: str | None = field(repr=False)
    happened_at: datetime
    tour_datetime: datetime | None
    """DomIQ's naive local time."""


@dataclass(frozen=True, slots=True)
class PostSettings:
    """The property's settings that a post needs."""

    agent_id: str
    source_id: str
    lost_reason_id: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Post:
    """One post. `resman_status` is what ResMan shows once it took effect."""

    name: str
    marker: str
    customer_type: str
    event: LeadEvent
    resman_status: str
    creates: bool = False


@dataclass(frozen=True, slots=True)
class NothingToSend:
    """The change needs no post, and why."""

    outcome: str
    reason: str


def marker(change_id: UUID, post: str = "") -> str:
    """The short text by which a post of a change is recognised at ResMan."""
    return f"{MARKER_START}{change_id.hex[:12]}{post}]"


def plan(
    change: OutboundChange, meaning: DomiqMeaning, settings: PostSettings, resman_status: str | None
) -> list[Post] | NothingToSend:
    """The posts that bring a lead at `resman_status` (None: there is no lead yet) to the change's status."""
    target = meaning.lead_status
    shown, resman_status = resman_status, treated_as(resman_status) if resman_status is not None else None
    if resman_status == RESMAN_LOST and target is LeadStatus.LOST:
        return NothingToSend("already_there", "ResMan already shows the lead as lost")
    if resman_status == RESMAN_RESIDENT and target is LeadStatus.LOST:
        return NothingToSend("not_possible", f"ResMan shows {shown}, whom nobody outside makes lost")
    if resman_status in (RESMAN_APPLICANT, RESMAN_RESIDENT) and target is not LeadStatus.LOST:
        return NothingToSend(
            "already_there", f"ResMan shows {shown}; an activity post could disturb such a record"
        )
    posts: list[Post] = []
    if resman_status is None:
        posts.append(_create(change, settings))
    elif resman_status == RESMAN_LOST:
        posts.append(_reactivate(change, settings))
    if not (posts and target in TOLD_BY_CREATION):
        posts.append(_tell(change, meaning, settings))
    return posts


def _create(change: OutboundChange, settings: PostSettings) -> Post:
    mark = marker(change.change_id, "c")
    event = LeadEvent(
        "Contact",
        change.happened_at,
        agent_id=settings.agent_id,
        first_contact=True,
        transaction_source=settings.source_id,
        comments=_comments(change, mark),
        reasons="First contact through DomIQ chat",
    )
    return Post("create", mark, "prospect", event, RESMAN_PROSPECT, creates=True)


def _reactivate(change: OutboundChange, settings: PostSettings) -> Post:
    mark = marker(change.change_id, "r")
    event = LeadEvent(
        "ReActivate",
        change.happened_at,
        agent_id=settings.agent_id,
        comments=_comments(change, mark),
        reasons="Active again in DomIQ",
    )
    return Post("reactivate", mark, "prospect", event, RESMAN_PROSPECT)


def _tell(change: OutboundChange, meaning: DomiqMeaning, settings: PostSettings) -> Post:
    mark = marker(change.change_id)
    event_type, event_date = meaning.event_type, change.happened_at
    source: str | None = settings.source_id
    customer, after = "prospect", RESMAN_PROSPECT
    if meaning.lead_status is LeadStatus.LOST:
        event_type, source, customer, after = "Cancel", settings.lost_reason_id, "lost", RESMAN_LOST
    elif event_type == "Appointment":
        if change.tour_datetime is None:
            event_type = "Other"
        else:
            event_date = local_to_utc(change.tour_datetime, settings.time_zone)
    event = LeadEvent(
        event_type,
        event_date,
        agent_id=settings.agent_id,
        transaction_source=source,
        comments=_comments(change, mark),
        reasons=f"DomIQ status: {meaning.lead_status.value.replace('_', ' ')}",
    )
    return Post("tell", mark, customer, event, after)


def local_to_utc(local: datetime, time_zone: str) -> datetime:
    """A naive local time as UTC. Of a time that a clock change repeats, the first; one that it skips
    counts as if the clock had not been changed yet."""
    return local.replace(tzinfo=ZoneInfo(time_zone), fold=0).astimezone(UTC)


def _comments(change: OutboundChange, mark: str) -> str:
    before = "" if change.old_status == change.new_status else f"{change.old_status or 'none'} -> "
    moved = f"DomIQ status: {before}{change.new_status}."
    if change.new_status in ("tour_scheduled", "tour_booked") and change.tour_datetime is None:
        moved += " No tour time was given."
    parts = [moved, change.reason, change.summary, mark]
    return " ".join(part.strip() for part in parts if part and part.strip())


def summary_of(context_data: Any, fallback: str | None) -> str | None:
    """The conversation summary that a change carries, else the conversation's own."""
    if isinstance(context_data, dict):
        summary = context_data.get("conversation_summary")
        if isinstance(summary, str) and summary.strip():
            return summary
    return fallback
