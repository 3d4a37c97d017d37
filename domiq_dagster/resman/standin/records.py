"""The records of the store, and how they turn into JSON and back.

What belongs here: plain dataclasses and their codec (snake_case fields, camelCase keys, instants as ISO
text). What does not: any rule about them; see `store`, `posting` and `staff`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from .instants import iso, parse_instant

Status = Literal["Prospect", "Lost", "Applicant", "Resident"]
STATUSES: Final[tuple[Status, ...]] = ("Prospect", "Lost", "Applicant", "Resident")
Record = TypeVar("Record")


def same_id(one: str, other: str | None) -> bool:
    """Whether two ids are the same: GUIDs are written in either case."""
    return other is not None and one.lower() == other.strip().lower()


@dataclass(slots=True)
class LostReason:
    id: str
    name: str


@dataclass(slots=True)
class Account:
    account_id: str
    lost_reasons: list[LostReason] = field(default_factory=list)

    def lost_reason(self, reason_id: str | None) -> LostReason | None:
        return next((r for r in self.lost_reasons if same_id(r.id, reason_id)), None)

    @property
    def company_name(self) -> str:
        return f"Made-up Management {self.account_id}"

    @property
    def subdomain(self) -> str:
        return f"standin{self.account_id}"


@dataclass(slots=True)
class Source:
    transaction_source_id: str
    prospect_source_id: str
    name: str


@dataclass(slots=True)
class Employee:
    agent_id: str
    person_id: str
    first_name: str
    last_name: str
    is_leasing: bool = True
    user_id: str | None = None
    email: str | None = None
    security_group: str | None = None


@dataclass(slots=True)
class Property:
    property_id: str
    account_id: str
    name: str
    time_zone: str = "America/Chicago"
    abbreviation: str = ""
    street_address: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    phone: str = ""
    email: str = ""
    sources: list[Source] = field(default_factory=list)
    employees: list[Employee] = field(default_factory=list)

    def source(self, transaction_source_id: str | None) -> Source | None:
        """The source with this transactionSourceId.

        A prospectSourceId finds nothing: the two kinds never mix.
        """
        return next(
            (s for s in self.sources if same_id(s.transaction_source_id, transaction_source_id)), None
        )

    def agent(self, agent_id: str | None) -> Employee | None:
        """The employee with this agentId. A personId finds nothing: the two kinds never mix."""
        return next((e for e in self.employees if same_id(e.agent_id, agent_id)), None)


@dataclass(slots=True)
class Person:
    person_id: str = ""
    first_name: str = ""
    middle_name: str | None = None
    last_name: str = ""
    email: str | None = None
    phone: str | None = None
    phone_type: str | None = None
    household_status: str | None = None
    is_main_contact: bool = False
    is_head_of_household: bool | None = None
    is_lease_signer: bool | None = None
    is_guarantor: bool | None = None
    is_dependent: bool | None = None
    is_excluded_from_occupancy: bool | None = None


@dataclass(slots=True)
class Event:
    event_id: str
    type: str
    date: datetime
    posted_at: datetime
    agent_id: str | None = None
    transaction_source: str | None = None
    first_contact: bool = False
    comments: str | None = None
    reasons: str | None = None


@dataclass(slots=True)
class Lease:
    """Milestones are days without a time, in the property's zone."""

    billing_account_id: str
    lease_id: str
    last_modified: datetime
    status: str = "Pending"
    unit_id: str = ""
    unit_number: str = ""
    application_date: str | None = None
    scheduled_move_in_date: str | None = None
    approval_date: str | None = None
    denial_date: str | None = None
    cancellation_date: str | None = None
    lease_signed_date: str | None = None
    move_in_date: str | None = None


@dataclass(slots=True)
class Note:
    note_id: str
    type: str
    record_id: str
    note: str
    posted_at: datetime


@dataclass(slots=True)
class Prospect:
    prospect_id: str
    property_id: str
    account_id: str
    created_at: datetime
    last_modified: datetime
    status: Status = "Prospect"
    lost_date: datetime | None = None
    lost_reason: str | None = None
    transaction_source_id: str = ""
    agent_id: str | None = None
    main_person_id: str = ""
    first_contact_method: str | None = None
    first_contact_date: datetime | None = None
    first_contact_communication_log_id: str | None = None
    people: list[Person] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lease: Lease | None = None
    notes: list[Note] = field(default_factory=list)
    preferences_xml: str | None = None

    def person(self, person_id: str) -> Person | None:
        return next((p for p in self.people if same_id(p.person_id, person_id)), None)

    @property
    def main_person(self) -> Person:
        return self.person(self.main_person_id) or self.people[0]


@dataclass(frozen=True)
class _FieldPlan:
    attribute: str
    key: str
    required: bool
    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any] | None


def encode(record: object) -> dict[str, Any]:
    """A record as a JSON object with camelCase keys."""
    answer: dict[str, Any] = {}
    for plan in _plan(type(record)):
        value = getattr(record, plan.attribute)
        answer[plan.key] = plan.encode(value) if plan.encode is not None and value is not None else value
    return answer


def decode(kind: type[Record], data: Mapping[str, Any]) -> Record:
    """A record from a JSON object as `encode` gives it. Keys with a default may be left out.

    Raises ValueError for an unknown key, a missing key or a value that cannot be read.
    """
    plans = _plan(kind)
    unknown = set(data) - {plan.key for plan in plans}
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for plan in plans:
        if plan.key not in data:
            if plan.required:
                raise ValueError(f"{kind.__name__} lacks {plan.key}")
            continue
        value = data[plan.key]
        values[plan.attribute] = (
            plan.decode(value) if plan.decode is not None and value is not None else value
        )
    return kind(**values)


def camel(name: str) -> str:
    """snake_case to camelCase."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


_PLANS: dict[type[Any], tuple[_FieldPlan, ...]] = {}


def _plan(kind: type[Any]) -> tuple[_FieldPlan, ...]:
    plan = _PLANS.get(kind)
    if plan is None:
        plan = _PLANS[kind] = _made_plan(kind)
    return plan


def _made_plan(kind: type[Any]) -> tuple[_FieldPlan, ...]:
    hints = get_type_hints(kind)
    plans = []
    for item in fields(kind):
        encoder, decoder = _converters(hints[item.name])
        required = item.default is MISSING and item.default_factory is MISSING
        plans.append(_FieldPlan(item.name, camel(item.name), required, encoder, decoder))
    return tuple(plans)


def _converters(hint: Any) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [part for part in get_args(hint) if part is not type(None)]
        return _converters(inner[0])
    if origin is list:
        element = get_args(hint)[0]
        return (lambda items: [encode(item) for item in items]), (
            lambda items: [decode(element, i) for i in items]
        )
    if origin is Literal:
        return None, _one_of(get_args(hint))
    if hint is datetime:
        return iso, parse_instant
    if is_dataclass(hint):
        return encode, lambda item: decode(cast("type[Any]", hint), item)
    return None, _of_type(hint)


def _one_of(allowed: tuple[Any, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(map(str, allowed))}")
        return value

    return check


def _of_type(kind: type[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{value!r} is not of type {kind.__name__}")
        return value

    return check
