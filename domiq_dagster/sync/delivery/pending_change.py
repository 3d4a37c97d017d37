"""A pending change with all that sending it depends on, as the database has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import row_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.decide import Pair
from domiq_dagster.sync.delivery.planning import OutboundChange, summary_of
from domiq_dagster.sync.queue.queue import Claim

QUERIES = load_queries(__package__, "pending_change.sql")


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
        began_at: when the conversation began; where it does not say, `created_at`.
        tour_datetime: DomIQ's naive local time.
    """

    change_id: UUID
    resman_lead_id: str | None
    old_status: str | None
    new_status: str | None
    status_reason: str | None = field(repr=False)
    context_data: Any = field(repr=False)
    created_at: datetime
    has_conversation: bool
    has_siblings: bool
    domiq_status: str | None
    tour_datetime: datetime | None
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

    @property
    def private(self) -> tuple[str | None, ...]:
        """What must not be told of the person."""
        return self.first_name, self.last_name, self.email, self.phone

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

    def as_outbound(self, new_status: str) -> OutboundChange:
        """The part that decides what is posted.

        Args:
            new_status: the change's own, which is not None.
        """
        return OutboundChange(
            change_id=self.change_id,
            old_status=self.old_status,
            new_status=new_status,
            reason=self.status_reason,
            summary=summary_of(self.context_data, self.ai_intent_summary),
            happened_at=self.created_at,
            tour_datetime=self.tour_datetime,
        )


def load_change(connection: Connection, claim: Claim) -> PendingChange | None:
    """Reads a claimed change; None where it was deleted. Commits."""
    values = {"change_id": claim.change_id, "enqueued_at": claim.enqueued_at}
    change = row_as(PendingChange, connection.execute(QUERIES.load, values))
    connection.commit()
    return change


def sibling_in_doubt(connection: Connection, property_id: UUID, user_id: UUID, conversation_id: UUID) -> bool:
    """Whether ResMan may still be creating this person for another conversation."""
    values = {"user_id": user_id, "property_id": property_id, "lane": conversation_id}
    return bool(connection.scalar(QUERIES.sibling_in_doubt, values))
