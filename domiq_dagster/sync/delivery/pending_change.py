"""A pending change with all that sending it depends on, as the database has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db import direct
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.decide import Pair
from domiq_dagster.sync.delivery.planning import OutboundChange, TourMove, marker, summary_of
from domiq_dagster.sync.linking.matching import Contact, SharedContacts, contact
from domiq_dagster.sync.patience import READS_LAG
from domiq_dagster.sync.queue.queue import Claim
from domiq_dagster.sync.tour_times import as_time

QUERIES = load_queries(__package__, "pending_change.sql")


@dataclass(frozen=True, slots=True)
class ToldTour:
    """A tour that ResMan was told of, as `context_data.sync.tour` of the change that told it keeps it.

    Attributes:
        time: the tour's, as DomIQ's JSON has it; None: that there is none.
        knows_time: False for a change from before this was kept.
        marker: of the post by which the appointment that stands at ResMan was made or edited last.
        event_id: ResMan's of that appointment, where its answer gave one.
        edits: False where ResMan was seen to edit no event that is posted again.
    """

    time: str | None
    knows_time: bool
    marker: str | None
    event_id: str | None
    edits: bool

    @classmethod
    def of(cls, noted: Any, told_by: UUID) -> ToldTour:
        """Of what is on record. Nothing: of a change from before this was kept."""
        if not isinstance(noted, dict):
            return cls(None, False, marker(told_by), None, True)
        words = {k: v for k, v in noted.items() if isinstance(v, str)}
        edits = noted.get("edits") is not False
        return cls(words.get("time"), True, words.get("marker"), words.get("event_id"), edits)


@dataclass(frozen=True, slots=True)
class PendingChange:
    """One change, its conversation, the user behind it, its lead as far as it is linked, and what is stored
    of that.

    Attributes:
        new_status: None where whoever logged the change named none.
        created_at: when it was logged; where the log does not say, when its delivery was queued.
        has_siblings: whether the user has other conversations.
        locally_modified_at: when we last changed the lead ourselves.
        known_for: seconds since anybody last knew what ResMan shows of it.
        posted_for: seconds since our own post last changed its lead.
        began_at: when the conversation began; where it does not say, `created_at`.
        first_id, first_status, first_lead_id: the change that told of the same move before, where that goes
            to ResMan as well: its id, how far it is, and its lead.
        is_from_there: the application says that the move came from ResMan.
        awaits_pull: it was logged before its property was connected, and that was never pulled since.
        is_overtaken: a later change of the conversation, logged since the property was connected, is pending.
        restored_at: when it was noticed that the database was put back; None where it was not, of late.
        restored_since: what happened since then may be lost; None where nobody knows.
        moves_tour: it says that a tour moved while the status stayed.
        tour: the tour's time as DomIQ's JSON has it, when the change was logged; where it does not say, now.
        tour_was: where a tour moved, its time before.
        told_tour, told_by: where the status stayed, what is on record of the tour that ResMan was told of
            last, and the change that told it.
        open_status: a change of the conversation's status is pending.
        lacks_grant: ResMan has refused an endpoint at the property that it had not granted.
    """

    change_id: UUID
    resman_lead_id: str | None
    old_status: str | None
    new_status: str | None
    status_reason: str | None = field(repr=False)
    context_data: Any = field(repr=False)
    first_id: UUID | None
    first_status: str | None
    first_lead_id: str | None
    is_from_there: bool
    awaits_pull: bool
    is_overtaken: bool
    restored_at: datetime | None
    restored_since: datetime | None
    created_at: datetime
    has_conversation: bool
    has_siblings: bool
    domiq_status: str | None
    moves_tour: bool
    tour: str | None
    tour_was: str | None
    told_tour: Any
    told_by: UUID | None
    open_status: bool
    lacks_grant: bool
    ai_intent_summary: str | None = field(repr=False)
    move_in_date: date | None
    user_id: UUID | None
    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    prospect_id: str | None
    person_id: str | None
    is_current: bool | None
    agreed_domiq_status: str | None
    agreed_resman_status: str | None
    resman_status: str | None
    effective_status: str | None
    last_modified: datetime | None
    locally_modified_at: datetime | None
    began_at: datetime
    known_for: float | None
    posted_for: float | None

    @property
    def private(self) -> tuple[str | None, ...]:
        """What must not be told of the person: who it is, and what was written about them."""
        written = summary_of(self.context_data, None)
        person = (self.first_name, self.last_name, self.email, self.phone)
        return (*person, self.status_reason, self.ai_intent_summary, written)

    @property
    def agreed(self) -> Pair | None:
        """The pair of statuses last agreed, if there ever was one."""
        if self.agreed_resman_status is None:
            return None
        return Pair(self.agreed_domiq_status, self.agreed_resman_status)

    @property
    def is_spoken_for(self) -> bool:
        """Whether a newer conversation of the same lead speaks for it."""
        return self.prospect_id is not None and not self.is_current

    @property
    def told(self) -> ToldTour | None:
        """The tour that ResMan was told of last, where the status stayed since; None where it was of none."""
        return ToldTour.of(self.told_tour, self.told_by) if self.told_by is not None else None

    def _tour_move(self, event_id: str | None, *, of_prospect: bool) -> TourMove | None:
        """The move of the tour, where the change is that of the tour alone: by its own account, or because
        the application logged it with the same status before and after, and ResMan, where the lead is a
        prospect still, was told of another time."""
        told = self.told
        knows_time = told is not None and told.knows_time
        is_told = told is not None and knows_time and as_time(told.time) == as_time(self.tour)
        if not self.moves_tour and (is_told or not (knows_time and of_prospect)):
            return None
        was = told.time if told is not None and knows_time else self.tour_was
        return TourMove(as_time(was), is_told, event_id)

    def as_outbound(
        self, new_status: str, *, event_id: str | None = None, of_prospect: bool = True
    ) -> OutboundChange:
        """The part that decides what is posted.

        Args:
            new_status: the change's own, which is not None.
            event_id: of the appointment that stands at ResMan, where it may be edited.
            of_prospect: whether ResMan shows the lead as a prospect.
        """
        return OutboundChange(
            change_id=self.change_id,
            old_status=self.old_status,
            new_status=new_status,
            reason=None if self.moves_tour else self.status_reason,  # which is told in the property's time
            summary=summary_of(self.context_data, self.ai_intent_summary),
            happened_at=self.created_at,
            tour_datetime=as_time(self.tour),
            tour_move=self._tour_move(event_id, of_prospect=of_prospect),
        )


def load_change(connection: Connection, claim: Claim) -> PendingChange | None:
    """Reads a claimed change; None where it was deleted. Commits."""
    values = {"change_id": claim.change_id, "enqueued_at": claim.enqueued_at}
    found = direct.rows_at_once(PendingChange, connection, QUERIES.load, values)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class CreatedLead:
    """A lead that we made a short time ago, and whose it is."""

    prospect_id: str
    person_id: str | None
    person: Contact = field(repr=False)


def being_created(
    connection: Connection, property_id: UUID, conversation_id: UUID, shared: SharedContacts
) -> list[Contact]:
    """Whom ResMan may still be creating for other conversations of a property."""
    values = {"property_id": property_id, "lane": conversation_id}
    return [_contact(row, shared) for row in connection.execute(QUERIES.being_created, values)]


def created_lately(
    connection: Connection, property_id: UUID, conversation_id: UUID, shared: SharedContacts
) -> list[CreatedLead]:
    """The leads of other conversations of a property that a search may not find yet."""
    values = {"property_id": property_id, "lane": conversation_id, "seconds": READS_LAG}
    rows = connection.execute(QUERIES.created_lately, values)
    return [CreatedLead(row.prospect_id, row.person_id, _contact(row, shared)) for row in rows]


def _contact(row: Any, shared: SharedContacts) -> Contact:
    return contact(row.first_name, row.last_name, row.email, row.phone, shared=shared)
