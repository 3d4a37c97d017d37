"""Reads the MITS Lead Management tree that ResMan answers with, from the tree that `envelope` gives."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.dates import parse_instant
from domiq_dagster.resman.envelope import text_of, value_of
from domiq_dagster.resman.models import LeadEvent, LeadRecord, Person, PostedLead
from domiq_dagster.resman.outcomes import Request

# How far along each kind of customer is; a word that is not here counts less than any that is.
_PROGRESS = {
    word: n
    for n, word in enumerate(
        (
            "prospect",
            "lost",
            "applicant",
            "approved_lessee",
            "future_resident",
            "lessee",
            "current_resident",
            "former_resident",
        )
    )
}


def lead_records(root: Element, request: Request) -> list[LeadRecord]:
    """The prospects of a SearchProspects answer, in its order.

    Raises:
        Garbled: there is no Prospects element (an empty one means no match; none at all must not be
            taken for that, or a search before a create would let a duplicate through), or an Event
            has no readable date.
    """
    lists = list(root.iter("prospects"))
    if not lists:
        raise outcomes.garbled(request, "it has no Prospects", http_status=200)
    prospects = [prospect for found in lists for prospect in found]
    if any(prospect.tag != "prospect" for prospect in prospects):
        raise outcomes.garbled(request, "its Prospects hold something else", http_status=200)
    return [_record(prospect, request) for prospect in prospects]


def posted_lead(root: Element) -> PostedLead:
    """The ids in a PostLeadManagement answer; None for those that it leaves out."""
    prospect = next(root.iter("prospect"), None)
    if prospect is None:
        return PostedLead(None, None)
    ids = (_event_id(event) for event in prospect.iter("event"))
    return PostedLead(
        _identification(prospect, "prospectid"),
        _identification(prospect, "personid"),
        tuple(value for value in ids if value),
    )


def _record(prospect: Element, request: Request) -> LeadRecord:
    customers = prospect.findall("customers/customer")
    kinds = [(value_of(customer, "type") or "").lower() for customer in customers]
    people: list[Person] = []
    for customer in customers:
        person = _person(customer, is_main=not people)
        # An applicant shows a second time beside the prospect that they were.
        if person.person_id is None or all(person.person_id != other.person_id for other in people):
            people.append(person)
    return LeadRecord(
        prospect_id=_identification(prospect, "prospectid"),
        customer_type=max(kinds, key=lambda kind: _PROGRESS.get(kind, -1), default=""),
        people=tuple(people),
        events=tuple(_event(event, request) for event in prospect.findall("events/event")),
    )


def _identification(element: Element, kind: str) -> str | None:
    """The first id of a kind. ProspectID and PersonID both stand on the Customer."""
    for identification in element.iter("identification"):
        if (value_of(identification, "idtype") or "").lower() == kind:
            value = value_of(identification, "idvalue")
            if value:
                return value
    return None


def _person(customer: Element, *, is_main: bool) -> Person:
    return Person(
        person_id=_identification(customer, "personid"),
        first_name=text_of(customer.find("name/firstname")),
        last_name=text_of(customer.find("name/lastname")),
        email=text_of(customer.find("email")),
        phone=text_of(customer.find("phone/phonenumber")),
        is_main=is_main,
    )


def _event(event: Element, request: Request) -> LeadEvent:
    try:
        when = parse_instant(value_of(event, "eventdate") or "")
    except ValueError:
        failure = outcomes.garbled(request, "an Event has no readable EventDate", http_status=200)
    else:
        agent = event.find("agent/agentid")
        return LeadEvent(
            event_type=value_of(event, "eventtype") or "",
            event_date=when,
            agent_id=value_of(agent, "idvalue") or text_of(agent),
            first_contact=(text_of(event.find("firstcontact")) or "").lower() in ("true", "1"),
            transaction_source=text_of(event.find("transactionsource")),
            comments=text_of(event.find("comments")),
            reasons=text_of(event.find("eventreasons")),
            event_id=_event_id(event),
        )
    raise failure


def _event_id(event: Element) -> str | None:
    for element in event.findall("eventid"):
        value = value_of(element, "idvalue")
        if value:
            return value
    return None
