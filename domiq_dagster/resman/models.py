"""Values that travel between ResMan and us. Plain frozen data; no behaviour, no I/O.

Fields that hold a person's data are kept out of `repr`, so a value may be logged by mistake
without telling a name, an e-mail address or a phone number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Person:
    """One member of a household (v2 `people[]`, v1 `Customer`).

    `more_emails` and `more_phones` are those that they have besides the first.
    """

    person_id: str | None
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    is_main: bool = False
    more_emails: tuple[str, ...] = field(default=(), repr=False)
    more_phones: tuple[str, ...] = field(default=(), repr=False)

    @property
    def emails(self) -> tuple[str, ...]:
        """All e-mail addresses, as written."""
        return (self.email, *self.more_emails) if self.email else self.more_emails

    @property
    def phones(self) -> tuple[str, ...]:
        """All phone numbers, as written."""
        return (self.phone, *self.more_phones) if self.phone else self.more_phones


@dataclass(frozen=True, slots=True)
class Lease:
    """v2 `lease`: present once there is an application. Datetimes are aware UTC where ResMan gave a
    time; dates where it gave a bare date."""

    lease_id: str | None = None
    status: str | None = None
    application_date: datetime | date | None = None
    approval_date: datetime | date | None = None
    denial_date: datetime | date | None = None
    cancellation_date: datetime | date | None = None
    lease_signed_date: datetime | date | None = None
    move_in_date: datetime | date | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """A property as v2 `GET /Properties` gives it."""

    property_id: str
    name: str
    time_zone: str | None = None
    """IANA name. A Windows zone name that ResMan may give is turned into its IANA name; None if
    it is missing or unknown."""
    abbreviation: str | None = None
    type: str | None = None
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PickListItem:
    """One item of v2 `GET /PickLists`, or of v1 GetLostProspectReasons / GetProspectSources."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Employee:
    """An employee: v2 `GET /Employees` (id = personId) or v1 GetEmployees (id = agent id)."""

    id: str
    name: str = field(default="", repr=False)
    is_leasing: bool | None = None
    """None where the answer does not say (v1)."""
    property_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeadEvent:
    """A MITS `Event`, as posted or as read back."""

    event_type: str
    event_date: datetime | None
    """Aware. Sent as UTC `yyyy-MM-ddTHH:mm:ssZ`. None where one that was read has none that can be read."""
    agent_id: str | None = None
    first_contact: bool = False
    transaction_source: str | None = None
    """A source id; for `Cancel`, the lost-reason id."""
    comments: str | None = field(default=None, repr=False)
    reasons: str | None = field(default=None, repr=False)
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """A prospect as v1 SearchProspects gives it, with its events."""

    prospect_id: str | None
    """None where it shows none that can be read: then nothing can be done with it."""
    customer_type: str
    """Lower case: `prospect`, `lost`, `applicant`, `current_resident`, or as found. Where a record
    has several customers, the furthest of them."""
    people: tuple[Person, ...] = ()
    """The first is the main person."""
    events: tuple[LeadEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class LeadPost:
    """What `post_lead` sends: one Prospect with one Event.

    With prospect_id and person_id it updates and no contact field is ever sent, only the name;
    without them it creates.
    """

    customer_type: str
    """`prospect` or `lost`."""
    event: LeadEvent
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    prospect_id: str | None = None
    person_id: str | None = None
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    move_in_date: date | None = None


@dataclass(frozen=True, slots=True)
class PostedLead:
    """ResMan's answer to a post: the ids it gave or knows."""

    prospect_id: str | None
    person_id: str | None
    event_ids: tuple[str, ...] = ()
