"""MITS Lead Management 4.0 as ResMan takes and gives it: XML in, plain records out, and back.

What belongs here: the shape of the XML. What does not: whether a post is allowed and what it does; see
`posting`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from .instants import mits_text, parse_instant
from .reading import events_as_searched, spelled, v1_id
from .records import Account, Event, Person, Property, Prospect
from .switches import Switches

POSTABLE: Final = (
    "EmailToProspect", "EmailFromProspect", "EmailFromILS", "Email", "CallToProspect", "CallFromProspect",
    "Phone", "TextToProspect", "TextFromProspect", "Show", "WalkIn", "Contact", "Other", "Cancel",
    "ReActivate", "Application", "Appointment",
)  # fmt: skip
_CANONICAL: Final = {name.lower(): name for name in POSTABLE}
_CUSTOMER_TYPES: Final = ("prospect", "lost", "applicant", "current_resident")


class LeadError(Exception):
    """Why ResMan refuses a post or a search: the text of ErrorDescription."""


@dataclass(frozen=True)
class PostedCustomer:
    """None means: not sent, or sent empty."""

    type: str
    prospect_id: str | None
    person_id: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    phone_type: str | None


@dataclass(frozen=True)
class PostedEvent:
    type: str
    date: datetime
    event_id: str | None
    agent_id: str | None
    first_contact: bool
    transaction_source: str | None
    comments: str | None
    reasons: str | None


@dataclass(frozen=True)
class PostedLead:
    customers: Sequence[PostedCustomer]
    events: Sequence[PostedEvent]
    preferences_xml: str | None = None
    property_id: str | None = field(default=None)


def parse_leads(text: str | bytes) -> list[PostedLead]:
    """Reads a LeadManagement document. Raises LeadError with what is wrong with it."""
    try:
        root = fromstring(text)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        raise LeadError(f"The Xml could not be parsed: {error}") from error
    if root.tag != "LeadManagement":
        raise LeadError("The Xml does not have a LeadManagement root in no namespace.")
    property_id = next(
        (value for e in root.iter("PropertyID") if (value := e.get("IDValue") or _text(e))), None
    )
    prospects = root.findall("Prospects/Prospect")
    if not prospects:
        raise LeadError("The Xml does not have a Prospect.")
    return [_lead(element, property_id) for element in prospects]


def _lead(element: ET.Element, property_id: str | None) -> PostedLead:
    customers = [_customer(e) for e in element.findall("Customers/Customer")]
    if not customers:
        raise LeadError("A Customer is required.")
    preferences = element.find("CustomerPreferences")
    kept = None if preferences is None else ET.tostring(preferences, encoding="unicode").strip()
    return PostedLead(customers, [_event(e) for e in element.findall("Events/Event")], kept, property_id)


def _customer(element: ET.Element) -> PostedCustomer:
    kind = (element.get("Type") or "").lower()
    if kind not in _CUSTOMER_TYPES:
        raise LeadError(f"Customer Type '{element.get('Type')}' is not valid.")
    own = [e for e in element.findall("Identification") if e.get("OrganizationName") == "ResMan"]
    ids = {e.get("IDType"): (e.get("IDValue") or "").strip() or None for e in own}
    phone = element.find("Phone")
    return PostedCustomer(
        type=kind,
        prospect_id=ids.get("ProspectID"),
        person_id=ids.get("PersonID"),
        first_name=_text(element.find("Name/FirstName")),
        last_name=_text(element.find("Name/LastName")),
        email=_text(element.find("Email")),
        phone=_text(element.find("Phone/PhoneNumber")),
        phone_type=None if phone is None else phone.get("PhoneType"),
    )


def _event(element: ET.Element) -> PostedEvent:
    kind = _CANONICAL.get((element.get("EventType") or "").lower())
    if kind is None:
        raise LeadError(f"EventType '{element.get('EventType')}' is not valid.")
    try:
        date = parse_instant(element.get("EventDate") or "")
    except ValueError as error:
        raise LeadError(f"EventDate '{element.get('EventDate')}' is not valid.") from error
    identity, agent = element.find("EventID"), element.find("Agent/AgentID")
    return PostedEvent(
        type=kind,
        date=date,
        event_id=None if identity is None else (identity.get("IDValue") or "").strip() or None,
        agent_id=None if agent is None else (agent.get("IDValue") or "").strip() or None,
        first_contact=(_text(element.find("FirstContact")) or "").lower() == "true",
        transaction_source=_text(element.find("TransactionSource")),
        comments=_text(element.find("Comments")),
        reasons=_text(element.find("EventReasons")),
    )


def _text(element: ET.Element | None) -> str | None:
    return None if element is None else (element.text or "").strip() or None


def lead_management(prospects: Iterable[ET.Element]) -> ET.Element:
    """The LeadManagement element around prospect elements; without any, `<Prospects/>` is there and empty."""
    root = ET.Element("LeadManagement")
    ET.SubElement(root, "Prospects").extend(prospects)
    return root


def prospect_as_read(
    prospect: Prospect, record: Property, account: Account, switches: Switches
) -> ET.Element:
    """A prospect as SearchProspects shows it.

    The main person first, the applicant or resident beside the prospect.
    """
    others = [p for p in prospect.people if p is not prospect.main_person]
    customers = [customer_element(prospect, p) for p in [prospect.main_person, *others]]
    beside = {"Applicant": "applicant", "Resident": "current_resident"}.get(prospect.status)
    if beside is not None:
        customers.append(customer_element(prospect, prospect.main_person, beside))
    for customer in customers:
        _disguise(customer, prospect, switches)
    events = events_as_searched(prospect, switches)
    with_ids = switches.event_ids != "nowhere"
    return prospect_element(
        prospect, customers, [event_element(e, record, account, switches, with_id=with_ids) for e in events]
    )


def _disguise(customer: ET.Element, prospect: Prospect, switches: Switches) -> None:
    """What the switches change of a customer as it is read."""
    customer.set("Type", spelled(customer.get("Type") or "", switches))
    if switches.foreign_identification:
        number = prospect.prospect_id[:8].upper()
        foreign = {"IDType": "ProspectID", "IDValue": f"LH-{number}", "OrganizationName": "LeaseHawk"}
        customer.insert(0, ET.Element("Identification", foreign))
    if switches.two_phones and (phone := customer.find("Phone")) is not None:
        other = ET.Element("Phone", {"PhoneType": "home"})
        ET.SubElement(other, "PhoneNumber").text = "(512) 736-0199"
        customer.insert(list(customer).index(phone), other)


def prospect_element(prospect: Prospect, customers: list[ET.Element], events: list[ET.Element]) -> ET.Element:
    element = ET.Element("Prospect")
    ET.SubElement(element, "Customers").extend(customers)
    if prospect.preferences_xml is not None:
        element.append(fromstring(prospect.preferences_xml))
    ET.SubElement(element, "Events").extend(events)
    return element


def customer_element(prospect: Prospect, person: Person, kind: str | None = None) -> ET.Element:
    default = "lost" if prospect.status == "Lost" else "prospect"
    element = ET.Element("Customer", {"Type": kind or default})
    for id_type, value in (("ProspectID", prospect.prospect_id), ("PersonID", person.person_id)):
        attributes = {"IDType": id_type, "IDValue": value, "OrganizationName": "ResMan"}
        ET.SubElement(element, "Identification", attributes)
    name = ET.SubElement(element, "Name")
    ET.SubElement(name, "FirstName").text = person.first_name
    ET.SubElement(name, "LastName").text = person.last_name
    if person.phone:
        phone = ET.SubElement(element, "Phone", {"PhoneType": (person.phone_type or "cell").lower()})
        ET.SubElement(phone, "PhoneNumber").text = person.phone
    if person.email:
        ET.SubElement(element, "Email").text = person.email
    return element


def event_element(
    event: Event, record: Property, account: Account, switches: Switches, *, with_id: bool
) -> ET.Element:
    element = ET.Element("Event", {"EventType": event.type, "EventDate": mits_text(event.date)})
    if with_id:
        ET.SubElement(element, "EventID", {"IDType": "EventID", "IDValue": event.event_id})
    employee = record.agent(event.agent_id)
    if event.agent_id is not None:
        agent = ET.SubElement(element, "Agent")
        agent_id = event.agent_id if employee is None else v1_id(employee, switches)
        ET.SubElement(agent, "AgentID", {"IDValue": agent_id})
        if employee is not None:
            name = ET.SubElement(agent, "AgentName")
            ET.SubElement(name, "FirstName").text = employee.first_name
            ET.SubElement(name, "LastName").text = employee.last_name
    ET.SubElement(element, "FirstContact").text = "True" if event.first_contact else "False"
    if event.transaction_source is not None and event.type != "Cancel":
        ET.SubElement(element, "TransactionSource").text = event.transaction_source
    if event.comments is not None:
        ET.SubElement(element, "Comments").text = event.comments
    reasons = event.reasons
    if event.type == "Cancel":
        # A read names the reason; the id that was posted is not shown again.
        reason = account.lost_reason(event.transaction_source)
        reasons = f"Prospect Lost: {reason.name}" if reason is not None else event.reasons
    if reasons is not None:
        ET.SubElement(element, "EventReasons").text = reasons
    return element
