"""ResMan's own life, for the two-sided machine: what its staff do to prospects, and v2 `/Prospects`, which
tells of it, early or late.

Of each prospect it keeps which statuses it came to by anything but our posts (`news`): whatever the sync
writes into DomIQ must be one of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Any

from domiq_dagster.resman.errors import Disposition, NoAnswer
from domiq_dagster.resman.models import LeadEvent, LeadPost, LeadRecord, Person, PostedLead
from domiq_dagster.resman.prospect import Prospect, UnreadableProspect, read_prospect
from tests.machine.resman_model import Lead, ModelClient, ResManModel

ACTS = ("Prospect", "Lost", "Applicant", "Resident", "sign the lease", "end the lease", "write a note")
STAMPS: dict[str, timedelta | None] = {
    "at once": timedelta(0),
    "an hour late": timedelta(hours=1),
    "a day late": timedelta(hours=25),
    "by a clock that is ahead": timedelta(hours=-2),
    "five days late": timedelta(days=5),
    "silently": None,
}
"""How far lastModified lies before the moment at which an edit can be seen; None: it does not move at all."""
UNSEEN = ("five days late", "silently")
"""What only a full read finds."""


class StaffedModel(ResManModel):
    """`now` is ResMan's clock. `activity_reactivates`, `keeps_converted`: ResMan's rules of which no source
    is certain: whether any activity makes a lost lead active, and whether a Cancel leaves applicants as they
    are. `whole_days`: modifiedSince is rounded down to the day."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.now = now
        self.activity_reactivates = False
        self.keeps_converted = False
        self.whole_days = False
        self.full_reads_due = 0
        """How many full reads it takes until all that happened is known: an ordinary pull does not see it."""
        self.gone: dict[str, Lead] = {}
        self.news: dict[str, list[str]] = defaultdict(list)
        self._breaks_off: int | None = None

    # What staff do

    def enter(self, prospect_id: str, email: str, status: str, age: timedelta) -> None:
        """A prospect that staff made, `age` ago."""
        came = self.now() - age
        person = Person(self._new_id("person"), "Bo", f"Number{email[1]}", email, None, is_main=True)
        contact = LeadEvent("Contact", came, first_contact=True)
        lead = Lead(prospect_id, person, status, [contact], modified_at=came)
        lead.lease_signed = {"Applicant": False, "Resident": True}.get(status)
        self.leads[prospect_id] = lead
        self.news[prospect_id].append(shown(lead))

    def edit(self, prospect_id: str, act: str, stamp: str = "at once") -> None:
        """One edit by staff. Acts that make no sense for a lead's status do nothing but touch it."""
        with self._lock:
            lead = self.leads[prospect_id]
            before = shown(lead)
            self._act(lead, act)
            lead.revision += 1
            late = STAMPS[stamp]
            if late is not None:
                lead.modified_at = self.now() - late
            if stamp in UNSEEN:
                self.full_reads_due = max(self.full_reads_due, 1)
            if shown(lead) != before:
                lead.staff_moves += 1
                self.news[prospect_id].append(shown(lead))

    def _act(self, lead: Lead, act: str) -> None:
        if act in ("Prospect", "Lost", "Applicant", "Resident"):
            kind = {"Lost": "Cancel", "Prospect": "ReActivate"}.get(act, "Application")
            lead.events.append(LeadEvent(kind, self.now()))
            if act == "Prospect" and lead.lease_signed is not None:
                lead.lease_ended = True
            elif act in ("Applicant", "Resident"):
                lead.lease_signed, lead.lease_ended = act == "Resident", False
            lead.status = act
        elif act == "sign the lease" and lead.status == "Applicant":
            lead.lease_signed = True
        elif act == "end the lease" and lead.status == "Applicant":
            lead.lease_ended = True

    def auto_lose(self, idle: timedelta) -> None:
        """ResMan gives up whomever nobody has touched for so long."""
        edge = self.now() - idle
        for lead in list(self.leads.values()):
            if lead.status == "Prospect" and lead.modified_at is not None and lead.modified_at < edge:
                self.edit(lead.prospect_id, "Lost")

    def vanish(self, prospect_id: str) -> None:
        """Staff delete a card."""
        with self._lock:
            self.gone[prospect_id] = self.leads.pop(prospect_id)
            self.full_reads_due = 2

    def merge(self, keep: str, drop: str) -> None:
        """Staff make one card of two: what happened to the other one is with the first."""
        with self._lock:
            self.vanish(drop)
            lead = self.leads[keep]
            lead.events = sorted([*lead.events, *self.gone[drop].events], key=lambda e: e.event_date)
            lead.modified_at = self.now()

    @property
    def still_working(self) -> bool:
        """Whether a post may still take effect that nobody waits for any more."""
        return bool(self._late)

    # What our posts do

    def _take(self, post: LeadPost) -> PostedLead:
        with self._lock:
            posted = super()._take(post)
            lead = self.leads[str(posted.prospect_id)]
            lead.modified_at = self.now()
            if post.customer_type == "lost" and shown(lead) != "Lost":
                # Taken, and not followed: what it shows is ResMan's own will.
                self.news[lead.prospect_id].append(shown(lead))
            return posted

    def _move(self, lead: Lead, event_type: str, customer_type: str) -> None:
        if self.keeps_converted and customer_type == "lost" and lead.status in ("Applicant", "Resident"):
            return
        super()._move(lead, event_type, customer_type)
        if self.activity_reactivates and customer_type == "prospect" and lead.status == "Lost":
            lead.status = "Prospect"

    # What v2 tells

    def break_off(self, after: int) -> None:
        """The next answer of v2 breaks off after so many prospects."""
        self._breaks_off = after

    def heal(self) -> None:
        super().heal()
        self._breaks_off = None

    def v2(
        self, since: datetime, prospect_id: str | None, first_contact: tuple[datetime, datetime] | None
    ) -> tuple[list[Prospect], int | None]:
        """v2 `/Prospects`, and after how many of them the answer breaks off (None: it does not)."""
        with self._lock:
            if self.whole_days:
                since = since.replace(hour=0, minute=0, second=0, microsecond=0)
            broken, self._breaks_off = self._breaks_off, None
            found = [
                _as_v2(lead)
                for lead in self.leads.values()
                if _stamp(lead) >= since
                and prospect_id in (None, lead.prospect_id)
                and (first_contact is None or first_contact[0] <= _came(lead) <= first_contact[1])
            ]
            return found, broken


class StaffedClient(ModelClient):
    """`ModelClient` with what pulls ask."""

    def prospects(
        self,
        account_id: str,
        property_id: str,
        *,
        modified_since: datetime,
        prospect_id: str | None = None,
        first_contact: tuple[datetime, datetime] | None = None,
        on_unreadable: Callable[[UnreadableProspect], None] | None = None,
    ) -> Generator[Prospect, None, None]:
        model = self._model
        assert isinstance(model, StaffedModel)
        self._at("before the gate")
        with self._guard(account_id):
            self._at("request leaves")
            try:
                found, broken = model.answer(
                    "prospects",
                    write=False,
                    act=lambda: model.v2(modified_since, prospect_id, first_contact),
                )
                yield from found[:broken]
                if broken is not None:
                    error = NoAnswer("prospects: no_answer")
                    error.disposition = Disposition.TRANSIENT
                    raise error
            finally:
                self._at("answer comes")
        self._at("behind the gate")

    def search_modified(
        self, account_id: str, property_id: str, start: datetime, end: datetime
    ) -> list[LeadRecord]:
        return self._search(account_id, "search_modified", lambda lead: start <= _stamp(lead) <= end)


def shown(lead: Lead) -> str:
    """What a lead is: of an applicant also how far the lease came, Current or Cancelled as v2 tells it."""
    if lead.status == "Applicant" and lead.lease_signed is not None:
        if lead.lease_ended:
            return "Applicant/Cancelled"
        if lead.lease_signed:
            return "Applicant/MovedIn"
    return lead.status


def _stamp(lead: Lead) -> datetime:
    assert lead.modified_at is not None
    return lead.modified_at


def _came(lead: Lead) -> datetime:
    return lead.events[0].event_date


def _as_v2(lead: Lead) -> Prospect:
    """In the words of v2. What no rule looks at is one number."""
    raw: dict[str, Any] = {
        "prospectId": lead.prospect_id,
        "status": lead.status,
        "lastModified": _stamp(lead).isoformat(),
        "mainPersonId": lead.person.person_id,
        "firstContactDate": _came(lead).isoformat(),
        "lostReason": "Other" if lead.status == "Lost" else None,
        "people": [
            {
                "personId": lead.person.person_id,
                "firstName": lead.person.first_name,
                "lastName": lead.person.last_name,
                "email": lead.person.email,
                "phone": lead.person.phone,
                "isMainContact": True,
            }
        ],
        "revision": lead.revision,
    }
    if lead.lease_signed is not None:
        raw["lease"] = {
            "leaseId": "lease",
            "status": "Cancelled" if lead.lease_ended else "Current" if lead.lease_signed else "Pending",
            "applicationDate": "2026-01-05",
            "cancellationDate": "2026-01-06" if lead.lease_ended else None,
            "leaseSignedDate": "2026-01-06" if lead.lease_signed else None,
        }
    return read_prospect(json.dumps(raw).encode())
