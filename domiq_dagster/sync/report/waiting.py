"""What waits for people of a property: which lead, why, since when, and what to do. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries

QUERIES = load_queries(__package__, "waiting.sql")
_FAILED_DAYS = 30
"""How far back failed changes are looked for."""
_RESMAN_WORDS = ("Prospect", "Applicant", "Resident", "Lost")

KINDS = {
    "conflict": ("Decide which status is right", "It was changed in DomIQ and in ResMan."),
    "link": ("Say whether this is one person", "Two records fit, but not for certain."),
    "failed": ("Put right what ResMan did not take", "The last change in DomIQ did not get to ResMan."),
    "doubt": ("Look whether ResMan has it", "The answer to the last change was lost."),
    "by_hand": ("Change one of the two statuses", "They differ, and cannot be moved from outside."),
    "contact": ("Add an e-mail, phone or name in DomIQ", "ResMan needs it to make the lead."),
    "awaiting": ("Take the step in ResMan", "DomIQ has an application or a lease; ResMan was told."),
}
"""What to do about each kind, and why, for a leasing manager; in the order in which they are told."""
_FAILED = {
    "refused": "ResMan refused it.",
    "ambiguous_lead": "Several leads in ResMan fit.",
    "lead_not_found": "The lead is gone in ResMan.",
    "no_contact": "No e-mail address or phone is known.",
    "no_name": "No last name is known.",
    "unknown_source": "The lead's source is not known in ResMan.",
    "unmapped_status": "The status has no counterpart in ResMan.",
    "unreadable_record": "The lead cannot be read in ResMan.",
}


@dataclass(frozen=True, slots=True)
class WaitingLead:
    """A lead that waits for a person.

    Attributes:
        kind: one of KINDS.
        prospect_id: the lead's id at ResMan; None where it has none.
        conversation_id: None where the review of a link names none.
        domiq_status: a lead status, or None.
        resman_status: ResMan's own word, or None.
        reason: what the change failed of, in a word; or why it is to be done by hand.
        since: aware; None where nobody noted it.
    """

    partition_key: str
    kind: str
    conversation_id: UUID | None
    prospect_id: str | None
    domiq_status: str | None
    resman_status: str | None
    reason: str | None
    since: datetime | None

    @property
    def what(self) -> str:
        """What to do, in a sentence without a full stop."""
        return KINDS[self.kind][0]

    @property
    def why(self) -> str:
        """Why, in a sentence."""
        return _FAILED.get(self.reason or "", KINDS[self.kind][1])

    @property
    def statuses(self) -> str:
        """How the two sides stand, as far as that is known and one of the words that there are."""
        words = []
        if self.domiq_status is not None:
            words.append(f"DomIQ: {self.domiq_status.replace('_', ' ')}")
        bare = (self.resman_status or "").partition("/")[0]
        if bare in _RESMAN_WORDS:
            words.append(f"ResMan: {bare}")
        return ", ".join(words)


def waiting_leads(connection: Connection, property_id: UUID | None = None) -> list[WaitingLead]:
    """The leads that wait for a person, at one property or at all: by kind, the longest first."""
    words = list(connection.scalars(QUERIES.words))
    values = {"property_id": property_id, "words": words, "failed_days": _FAILED_DAYS}
    return in_order(rows_as(WaitingLead, connection.execute(QUERIES.waiting, values)))


def in_order(found: Iterable[WaitingLead]) -> list[WaitingLead]:
    """By kind, each lead once: under the first kind that it waits for."""
    order = list(KINDS)
    told: set[tuple[object, ...]] = set()
    kept = []
    for lead in sorted(found, key=lambda one: order.index(one.kind)):
        key = (lead.partition_key, lead.conversation_id or lead.prospect_id)
        if key not in told:
            told.add(key)
            kept.append(lead)
    return kept
