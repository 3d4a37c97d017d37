"""The words for a lead's status on both sides, and how they correspond.

ResMan's four statuses are coarser than DomIQ's seven: a ResMan status that already covers DomIQ's is
no news. The correspondence comes from two tables, so that a user can extend it per property.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, text


class LeadStatus(StrEnum):
    """DomIQ's lead statuses, in order of progress; LOST stands apart."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    TOUR_SCHEDULED = "tour_scheduled"
    APPLICATION = "application"
    LEASED = "leased"
    LOST = "lost"


class ConflictPolicy(StrEnum):
    """Who wins where both sides moved since they last agreed."""

    RESMAN_WINS = "resman_wins"
    DOMIQ_WINS = "domiq_wins"
    FURTHEST_PROGRESS = "furthest_progress"
    MANUAL_REVIEW = "manual_review"


RESMAN_LOST = "Lost"
RESMAN_PROSPECT = "Prospect"
RESMAN_APPLICANT = "Applicant"
RESMAN_RESIDENT = "Resident"

_PROGRESS = {status: rank for rank, status in enumerate(LeadStatus)} | {LeadStatus.LOST: -1}


def progress(status: LeadStatus) -> int:
    """How far a lead has come: 0 (new) to 5 (leased); -1 for lost, which is no progress."""
    return _PROGRESS[status]


def effective_resman_status(status: str, lease_signed: bool, lease_ended: bool) -> str:
    """ResMan's status, refined by the lease: an applicant whose lease is signed, and neither denied
    nor cancelled, counts as Resident."""
    if status == RESMAN_APPLICANT and lease_signed and not lease_ended:
        return RESMAN_RESIDENT
    return status


CUSTOMER_TYPES: Mapping[str, str] = {
    "prospect": RESMAN_PROSPECT,
    "lost": RESMAN_LOST,
    "applicant": RESMAN_APPLICANT,
    "current_resident": RESMAN_RESIDENT,
    "resident": RESMAN_RESIDENT,
}
"""v1's customer types in v2's words."""


@dataclass(frozen=True, slots=True)
class DomiqMeaning:
    """What one of DomIQ's words stands for, and the MITS event type that is posted for it."""

    lead_status: LeadStatus
    event_type: str


@dataclass(frozen=True, slots=True)
class ResmanMeaning:
    """Which lead statuses a ResMan status covers, and which it sets where it covers DomIQ's not."""

    covers: frozenset[LeadStatus]
    sets: LeadStatus


@dataclass(frozen=True, slots=True)
class StatusMap:
    """The correspondence as it holds at one property."""

    domiq: Mapping[str, DomiqMeaning]
    resman: Mapping[str, ResmanMeaning]

    def meaning(self, domiq_status: str | None) -> DomiqMeaning | None:
        """What a DomIQ status stands for; None where it is no lead status."""
        return None if domiq_status is None else self.domiq.get(domiq_status)

    def lead_status(self, domiq_status: str | None) -> LeadStatus | None:
        meaning = self.meaning(domiq_status)
        return meaning.lead_status if meaning else None

    def covers(self, resman_status: str, lead_status: LeadStatus) -> bool:
        """Whether the ResMan status says nothing new about a lead at this status."""
        meaning = self.resman.get(resman_status)
        return meaning is not None and lead_status in meaning.covers


def load_status_map(connection: Connection, property_id: UUID) -> StatusMap:
    """The map for one property: its own rows win over the shipped ones."""
    domiq = connection.execute(
        text(
            "SELECT domiq_status, lead_status, event_type FROM domiq_sync.domiq_status_map "
            "WHERE property_id = :p OR property_id IS NULL ORDER BY property_id NULLS FIRST"
        ),
        {"p": property_id},
    )
    resman = connection.execute(
        text(
            "SELECT resman_status, covers, sets FROM domiq_sync.resman_status_map "
            "WHERE property_id = :p OR property_id IS NULL ORDER BY property_id NULLS FIRST"
        ),
        {"p": property_id},
    )
    return StatusMap(
        {row.domiq_status: DomiqMeaning(LeadStatus(row.lead_status), row.event_type) for row in domiq},
        {
            row.resman_status: ResmanMeaning(frozenset(map(LeadStatus, row.covers)), LeadStatus(row.sets))
            for row in resman
        },
    )
