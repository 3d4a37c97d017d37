"""What to post for one outbound change. Pure: from what is known of the change and the lead, the posts.

A change may need two posts (create, then tell; reactivate, then tell). Each carries a marker in its
comments, so that reading the lead back tells which of them arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
from domiq_dagster.sync.tour_times import LOCAL, sent_as

TOLD_BY_CREATION = frozenset({LeadStatus.NEW, LeadStatus.CONTACTED})
"""Statuses about which a first contact, or a reactivation, says all there is to say."""
MARKER_START = "[DQ-"
POST_NAMES = frozenset({"create", "reactivate", "tell"})
"""The names of the posts that there are, as attempts record them."""


@dataclass(frozen=True, slots=True)
class TourMove:
    """What is known of a tour whose time changed while the status stayed.

    Attributes:
        was: the time that ResMan was told last, else the one that DomIQ had before; None: there was none.
        is_told: ResMan was told of the present time already.
        event_id: ResMan's, of the appointment that stands there, which a post may edit; None where it gave
            none, or edits none.
    """

    was: datetime | None
    is_told: bool = False
    event_id: str | None = None


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
    """As DomIQ has it: see `tour_times`."""
    tour_move: TourMove | None = None
    """Where the change is that of the tour alone."""


@dataclass(frozen=True, slots=True)
class PostSettings:
    """The property's settings that a post needs."""

    agent_id: str
    source_id: str
    lost_reason_id: str
    time_zone: str
    tour_times: str = LOCAL


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
    if change.tour_move is not None and (nothing := _not_told(change.tour_move, meaning, resman_status)):
        return nothing
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
        posts.append(_create(change, meaning, settings))
    elif resman_status == RESMAN_LOST:
        posts.append(_reactivate(change, meaning, settings))
    if not (posts and target in TOLD_BY_CREATION):
        posts.append(_tell(change, meaning, settings))
    return posts


def _not_told(move: TourMove, meaning: DomiqMeaning, resman_status: str | None) -> NothingToSend | None:
    """Why nothing is posted for a tour that moved, where nothing is. Least of all is a lead reactivated for
    it."""
    if resman_status not in (None, RESMAN_PROSPECT):
        return NothingToSend(
            "moved_on", f"ResMan shows {resman_status}; of a tour's time a prospect alone is told"
        )
    if meaning.event_type != "Appointment":
        return NothingToSend("no_appointments", "the property tells ResMan of no appointments")
    if move.is_told:
        return NothingToSend("already_told", "ResMan was told of this time already")
    return None


def _create(change: OutboundChange, meaning: DomiqMeaning, settings: PostSettings) -> Post:
    mark = marker(change.change_id, "c")
    event = LeadEvent(
        "Contact",
        change.happened_at,
        agent_id=settings.agent_id,
        first_contact=True,
        transaction_source=settings.source_id,
        comments=_comments(change, meaning, mark),
        reasons="First contact through DomIQ chat",
    )
    return Post("create", mark, "prospect", event, RESMAN_PROSPECT, creates=True)


def _reactivate(change: OutboundChange, meaning: DomiqMeaning, settings: PostSettings) -> Post:
    mark = marker(change.change_id, "r")
    event = LeadEvent(
        "ReActivate",
        change.happened_at,
        agent_id=settings.agent_id,
        comments=_comments(change, meaning, mark),
        reasons="Active again in DomIQ",
    )
    return Post("reactivate", mark, "prospect", event, RESMAN_PROSPECT)


def _tell(change: OutboundChange, meaning: DomiqMeaning, settings: PostSettings) -> Post:
    mark = marker(change.change_id)
    event_type, event_date = meaning.event_type, change.happened_at
    source: str | None = settings.source_id
    customer, after = "prospect", RESMAN_PROSPECT
    event_id: str | None = None
    if meaning.lead_status is LeadStatus.LOST:
        event_type, source, customer, after = "Cancel", settings.lost_reason_id, "lost", RESMAN_LOST
    elif event_type == "Appointment":
        if change.tour_datetime is None:
            event_type = "Other"
        else:
            event_date = sent_as(change.tour_datetime, settings.tour_times, settings.time_zone)
            event_id = change.tour_move.event_id if change.tour_move is not None else None
    event = LeadEvent(
        event_type,
        event_date,
        agent_id=settings.agent_id,
        transaction_source=source,
        comments=_comments(change, meaning, mark, _moved(change, settings)),
        reasons=f"DomIQ status: {meaning.lead_status.value.replace('_', ' ')}",
        event_id=event_id,
    )
    return Post("tell", mark, customer, event, after)


def _comments(change: OutboundChange, meaning: DomiqMeaning, mark: str, moved_tour: str = "") -> str:
    before = "" if change.old_status == change.new_status else f"{change.old_status or 'none'} -> "
    moved = f"DomIQ status: {before}{change.new_status}."
    if moved_tour:
        moved += f" {moved_tour}"
    elif meaning.lead_status is LeadStatus.TOUR_SCHEDULED and change.tour_datetime is None:
        moved += " No tour time was given."
    parts = [moved, change.reason, change.summary, mark]
    return " ".join(part.strip() for part in parts if part and part.strip())


def _moved(change: OutboundChange, settings: PostSettings) -> str:
    """What a post says of a tour that moved, in the property's own time. It says so whether or not it edits
    the appointment that stood there: nobody knows before whether ResMan edits one."""
    if change.tour_move is None:
        return ""
    was, now = (_in_words(t, settings) for t in (change.tour_move.was, change.tour_datetime))
    if now is None:
        return f"The tour of {was} was called off, and no new time was given: no appointment stands."
    if was is None:
        return f"The tour is on {now}."
    return f"The tour moved from {was} to {now}: the appointment at the earlier time no longer stands."


def _in_words(tour: datetime | None, settings: PostSettings) -> str | None:
    """A tour's time as the clock at the property shows it; where nobody knows that clock, or it does not
    reach so far, as DomIQ has it."""
    if tour is None:
        return None
    try:
        here = ZoneInfo(settings.time_zone)
        there = sent_as(tour, settings.tour_times, settings.time_zone).astimezone(here)
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return f"{tour:%Y-%m-%d %H:%M}"
    return f"{there:%Y-%m-%d %H:%M} ({settings.time_zone})"


def summary_of(context_data: Any, fallback: str | None) -> str | None:
    """The conversation summary that a change carries, else the conversation's own."""
    if isinstance(context_data, dict):
        summary = context_data.get("conversation_summary")
        if isinstance(summary, str) and summary.strip():
            return summary
    return fallback
