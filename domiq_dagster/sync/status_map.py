"""The words for a lead's status on both sides, and how they correspond.

ResMan's four statuses are coarser than DomIQ's seven: a ResMan status that already covers DomIQ's is
no news. A lease's milestone refines them. The correspondence comes from two tables, so that a user can
change and extend it per property.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.models import Lease

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "status_map.sql")
V = TypeVar("V")
_WHITE = " \t\n\r\f\v"
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def folded(word: str) -> str:
    """A word as words are compared: without case, and without white space around it. Of letters beyond ASCII
    the case counts, as in domiq_sync.word, whatever the database's collation."""
    return word.strip(_WHITE).translate(_LOWER)


class WordMap(Mapping[str, V]):
    """What is known by a word, in whatever case it is asked for. Of words that are the same but for their
    case the last holds."""

    __slots__ = ("_by_folded", "_by_word")

    def __init__(self, given: Mapping[str, V]) -> None:
        spelled = {folded(word): word for word in given}
        self._by_word = {word: given[word] for word in spelled.values()}
        self._by_folded = {key: given[word] for key, word in spelled.items()}

    def __getitem__(self, word: str) -> V:
        if word in self._by_word:
            return self._by_word[word]
        return self._by_folded[folded(word)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_word)

    def __len__(self) -> int:
        return len(self._by_word)

    def __repr__(self) -> str:
        return f"WordMap({self._by_word!r})"


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


class Milestone(StrEnum):
    """How far the lease of an applicant or a resident has come, where that refines the status."""

    APPROVED = "Approved"
    LEASE_SIGNED = "LeaseSigned"
    MOVED_IN = "MovedIn"
    DENIED = "Denied"
    CANCELLED = "Cancelled"
    FORMER = "Former"
    EVICTED = "Evicted"


_IN_FORCE = frozenset({"current", "notice to vacate", "month to month", "under eviction", "renewed"})
"""Lease statuses of somebody who lives there."""

RESMAN_LOST = "Lost"
RESMAN_PROSPECT = "Prospect"
RESMAN_APPLICANT = "Applicant"
RESMAN_RESIDENT = "Resident"

_OURS = WordMap({w: w for w in (RESMAN_LOST, RESMAN_PROSPECT, RESMAN_APPLICANT, RESMAN_RESIDENT)})


def in_our_spelling(resman_status: str) -> str:
    """A status of ResMan's as we write it: `LOST` is `Lost`. A word that we do not know stays as it came, but
    for white space around it."""
    if resman_status in _OURS:
        return _OURS[resman_status]
    return resman_status.strip(_WHITE)


_PROGRESS = {status: rank for rank, status in enumerate(LeadStatus)} | {LeadStatus.LOST: -1}


def progress(status: LeadStatus) -> int:
    """How far a lead has come: 0 (new) to 5 (leased); -1 for lost, which is no progress."""
    return _PROGRESS[status]


def status_with_milestone(status: str, lease: Lease | None) -> str:
    """A prospect's status as the map knows it: `Applicant/LeaseSigned`, say, or the bare word.

    Only what refines the word is told: that an applicant has applied, or a resident moved in, the word
    says itself, and of a prospect or a lost lead it says that no lease counts any more. Words of the
    lease's status come before dates; an end comes before what it ended, unless the lease is in force.
    """
    status = in_our_spelling(status)
    milestone = _milestone(status, lease) if lease is not None else None
    return status if milestone is None else f"{status}/{milestone}"


def _milestone(status: str, lease: Lease) -> Milestone | None:
    word = (lease.status or "").strip().lower()
    if status == RESMAN_RESIDENT:
        return {"former": Milestone.FORMER, "evicted": Milestone.EVICTED}.get(word)
    if status != RESMAN_APPLICANT:
        return None
    if word in _IN_FORCE:
        return Milestone.MOVED_IN
    if word == "denied" or (lease.denial_date is not None and word != "cancelled"):
        return Milestone.DENIED
    if word == "cancelled" or lease.cancellation_date is not None:
        return Milestone.CANCELLED
    if lease.lease_signed_date is not None:
        return Milestone.MOVED_IN if lease.move_in_date is not None else Milestone.LEASE_SIGNED
    return Milestone.APPROVED if lease.approval_date is not None else None


def treated_as(resman_status: str) -> str:
    """What a lead counts as for whoever posts to it, whatever the map makes of it: the bare status, and
    Resident for an applicant whose lease is signed."""
    bare, _, milestone = resman_status.partition("/")
    bare = in_our_spelling(bare)
    if bare == RESMAN_APPLICANT and milestone in (Milestone.LEASE_SIGNED, Milestone.MOVED_IN):
        return RESMAN_RESIDENT
    return bare


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
    """The correspondence as it holds at one property.

    Words are looked up in whatever case.

    Attributes:
        problems: by ResMan's word, a sentence for each row that makes no sense; such a word has no meaning
            here.
    """

    domiq: Mapping[str, DomiqMeaning]
    resman: Mapping[str, ResmanMeaning]
    problems: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("domiq", "resman", "problems"):
            object.__setattr__(self, name, WordMap(getattr(self, name)))

    def meaning(self, domiq_status: str | None) -> DomiqMeaning | None:
        """What a DomIQ status stands for; None where it is no lead status."""
        return None if domiq_status is None else self.domiq.get(domiq_status)

    def lead_status(self, domiq_status: str | None) -> LeadStatus | None:
        meaning = self.meaning(domiq_status)
        return meaning.lead_status if meaning else None

    def resman_meaning(self, resman_status: str) -> ResmanMeaning | None:
        """What a ResMan status means: with its milestone where that has a row, else without."""
        if resman_status in self.resman or resman_status in self.problems:
            return self.resman.get(resman_status)
        return self.resman.get(resman_status.partition("/")[0])

    def covers(self, resman_status: str, lead_status: LeadStatus) -> bool:
        """Whether the ResMan status says nothing new about a lead at this status."""
        meaning = self.resman_meaning(resman_status)
        return meaning is not None and lead_status in meaning.covers


_EARLY = frozenset({LeadStatus.NEW, LeadStatus.CONTACTED, LeadStatus.QUALIFIED, LeadStatus.TOUR_SCHEDULED})
_NO_LONGER_APPLYING = frozenset({LeadStatus.APPLICATION, LeadStatus.LOST})
SHIPPED = StatusMap(
    {
        "new": DomiqMeaning(LeadStatus.NEW, "Contact"),
        "contacted": DomiqMeaning(LeadStatus.CONTACTED, "Contact"),
        "qualified": DomiqMeaning(LeadStatus.QUALIFIED, "Other"),
        "tour_scheduled": DomiqMeaning(LeadStatus.TOUR_SCHEDULED, "Appointment"),
        "application": DomiqMeaning(LeadStatus.APPLICATION, "Application"),
        "leased": DomiqMeaning(LeadStatus.LEASED, "Other"),
        "lost": DomiqMeaning(LeadStatus.LOST, "Cancel"),
        "initial_contact": DomiqMeaning(LeadStatus.NEW, "Contact"),
        "engaged": DomiqMeaning(LeadStatus.CONTACTED, "Contact"),
        "follow_up_needed": DomiqMeaning(LeadStatus.CONTACTED, "Contact"),
        "tour_booked": DomiqMeaning(LeadStatus.TOUR_SCHEDULED, "Appointment"),
        "application_started": DomiqMeaning(LeadStatus.APPLICATION, "Application"),
    },
    {
        "Prospect": ResmanMeaning(_EARLY, LeadStatus.CONTACTED),
        "Applicant": ResmanMeaning(frozenset({LeadStatus.APPLICATION}), LeadStatus.APPLICATION),
        "Applicant/LeaseSigned": ResmanMeaning(frozenset({LeadStatus.LEASED}), LeadStatus.LEASED),
        "Applicant/MovedIn": ResmanMeaning(frozenset({LeadStatus.LEASED}), LeadStatus.LEASED),
        "Applicant/Denied": ResmanMeaning(_NO_LONGER_APPLYING, LeadStatus.APPLICATION),
        "Applicant/Cancelled": ResmanMeaning(_NO_LONGER_APPLYING, LeadStatus.APPLICATION),
        "Resident": ResmanMeaning(frozenset({LeadStatus.LEASED}), LeadStatus.LEASED),
        "Lost": ResmanMeaning(frozenset({LeadStatus.LOST}), LeadStatus.LOST),
    },
)
"""The map that the migrations ship (a test holds the two equal): for the docs, and for tests."""


@dataclass(frozen=True, slots=True)
class MapChanges:
    """Rows of the two tables as somebody would have them, by property (None: the default) and word; None: the
    row would go."""

    domiq: Mapping[tuple[UUID | None, str], DomiqMeaning | None] = field(default_factory=dict)
    resman: Mapping[tuple[UUID | None, str], ResmanMeaning | None] = field(default_factory=dict)


NO_CHANGES = MapChanges()


@dataclass(frozen=True, slots=True)
class _DomiqRow:
    property_id: UUID | None
    domiq_status: str
    lead_status: str
    event_type: str


@dataclass(frozen=True, slots=True)
class _ResmanRow:
    property_id: UUID | None
    resman_status: str
    covers: Sequence[str]
    sets: str


def load_status_map(connection: Connection, property_id: UUID, changes: MapChanges = NO_CHANGES) -> StatusMap:
    """The map for one property: its own rows win over the shipped ones. A row that makes no sense (the
    tables refuse such, but one may be older) takes its word's meaning away rather than stop the property.

    Args:
        changes: rows that are taken as if the tables had them.
    """
    values = {"property_id": property_id}
    of_domiq = _changed_domiq(
        rows_as(_DomiqRow, connection.execute(QUERIES.domiq_meanings, values)), property_id, changes
    )
    of_resman = _changed_resman(
        rows_as(_ResmanRow, connection.execute(QUERIES.resman_meanings, values)), property_id, changes
    )
    domiq: dict[str, DomiqMeaning] = {}
    resman: dict[str, ResmanMeaning] = {}
    problems: dict[str, str] = {}
    for row in of_domiq:
        if row.lead_status in set(LeadStatus):
            domiq[row.domiq_status] = DomiqMeaning(LeadStatus(row.lead_status), row.event_type)
        else:
            domiq.pop(row.domiq_status, None)
            logger.warning("%s: DomIQ's word %r stands for no lead status", property_id, row.domiq_status)
    for its in of_resman:  # the property's own row comes after the shipped one
        _forget(its.resman_status, resman)
        _forget(its.resman_status, problems)
        problem = _problem(its.resman_status, its.covers, its.sets)
        if problem is None:
            resman[its.resman_status] = ResmanMeaning(
                frozenset(map(LeadStatus, its.covers)), LeadStatus(its.sets)
            )
        else:
            problems[its.resman_status] = problem
    return StatusMap(domiq, resman, problems)


def _changed_domiq(rows: list[_DomiqRow], property_id: UUID, changes: MapChanges) -> list[_DomiqRow]:
    """The rows with what would be changed of them, the default's before the property's."""
    by_word = {(row.property_id, folded(row.domiq_status)): row for row in rows}
    for (scope, word), meaning in changes.domiq.items():
        key = (scope, folded(word))
        if meaning is None:
            by_word.pop(key, None)
        elif scope in (None, property_id):
            by_word[key] = _DomiqRow(scope, word, meaning.lead_status.value, meaning.event_type)
    return sorted(by_word.values(), key=lambda row: row.property_id is not None)


def _changed_resman(rows: list[_ResmanRow], property_id: UUID, changes: MapChanges) -> list[_ResmanRow]:
    """The same of ResMan's words."""
    by_word = {(row.property_id, folded(row.resman_status)): row for row in rows}
    for (scope, word), meaning in changes.resman.items():
        key = (scope, folded(word))
        if meaning is None:
            by_word.pop(key, None)
        elif scope in (None, property_id):
            covers = [status.value for status in meaning.covers]
            by_word[key] = _ResmanRow(scope, word, covers, meaning.sets.value)
    return sorted(by_word.values(), key=lambda row: row.property_id is not None)


def _forget(word: str, known: dict[str, V]) -> None:
    for same in [other for other in known if folded(other) == folded(word)]:
        del known[same]


def _problem(resman_status: str, covers: Sequence[str], sets: str) -> str | None:
    known = ", ".join(LeadStatus)
    strangers = [s for s in covers if s not in set(LeadStatus)]
    where = f"The row of domiq_sync.resman_status_map for ResMan's status '{resman_status}'"
    if strangers:
        return f"{where} covers '{strangers[0]}', which is no lead status: use some of {known}."
    if sets not in covers:
        return f"{where} sets '{sets}', which it does not cover: what it sets must be one of those."
    return None
