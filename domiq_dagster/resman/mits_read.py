"""Reads the MITS Lead Management tree that ResMan answers with, from the tree that `envelope` gives.

Read is what can be read: an Event may lack its date, a Customer have several phones, a list be written as one
or as what stands in it. Of ids that several systems gave, ResMan's own counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from xml.etree.ElementTree import Element

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.dates import as_instant
from domiq_dagster.resman.envelope import LIST, text_of, value_of
from domiq_dagster.resman.models import LeadEvent, LeadRecord, Person, PostedLead
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.resman.prospect import as_date, as_id, as_truth

logger = logging.getLogger(__name__)
_OWN = "resman"
"""How the name of ResMan itself begins among the organizations that give ids."""

_A_PROSPECT = frozenset({"prospect", "prospects", LIST})
_OF_A_PROSPECT = frozenset({"customers", "customer", "events", "customerpreferences", "identification"})
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
    """The prospects of a SearchProspects answer, in its order. One that shows no id that can be read has
    none: whoever it may matter to must not take it for nobody.

    Raises:
        Garbled: there is no Prospects element (an empty one means no match; none at all must not be
            taken for that, or a search before a create would let a duplicate through), or nothing in it
            is a prospect.
    """
    lists = [*root.iter("prospects")] or root.findall(LIST)
    if not lists:
        raise outcomes.garbled(request, "it has no Prospects", http_status=200)
    prospects = [item for found in lists for item in _items_in(found, "prospect")]
    prospects = [item for item in prospects if item.tag not in _A_PROSPECT or not _is_empty(item)]
    if prospects and all(item.tag not in _A_PROSPECT for item in prospects):
        raise outcomes.garbled(request, "its Prospects hold something else", http_status=200)
    records = [_record_or_none(item) for item in prospects]
    nameless = sum(record.prospect_id is None for record in records)
    if nameless:
        logger.warning("%s: %d of %d records show no id", request.what, nameless, len(records))
    return records


def posted_lead(root: Element) -> PostedLead:
    """The ids in a PostLeadManagement answer; None for those that it leaves out."""
    lists = [*root.iter("prospects")]
    prospects = [*root.iter("prospect")] or [item for found in lists for item in _items_in(found, "prospect")]
    prospect = next((item for item in prospects if not _is_empty(item)), None)
    if prospect is None:
        return PostedLead(None, None)
    ids = (_event_id(event) for event in _items(prospect, "events", "event"))
    return PostedLead(
        _identification(prospect, "prospectid"),
        _identification(prospect, "personid"),
        tuple(value for value in ids if value),
    )


def _items(parent: Element, plural: str, singular: str) -> list[Element]:
    """What stands in a list of an element, however the list is written, without what is empty."""
    found = [item for element in parent.findall(plural) for item in _items_in(element, singular)]
    return [item for item in found if not _is_empty(item)]


def _items_in(element: Element, singular: str) -> list[Element]:
    """The items of a list: its children; or itself, where JSON had no element around each of them."""
    children = list(element)
    if any(child.tag == singular for child in children):
        return [child for child in children if child.tag == singular]
    if singular == "prospect" and children and not any(child.tag in _OF_A_PROSPECT for child in children):
        return children  # whatever they are
    return [] if _is_empty(element) else [element]


def _is_empty(element: Element) -> bool:
    """Whether nothing is there: JSON's null or empty list, or an element without anything in it."""
    return len(element) == 0 and not element.attrib and text_of(element) is None


def _record_or_none(prospect: Element) -> LeadRecord:
    """A record; without an id, or anything else, where it cannot be read."""
    try:
        return _record(prospect)
    except Exception as error:
        logger.warning("a record cannot be read: %s", type(error).__name__)
        return LeadRecord(None, "")


def _record(prospect: Element) -> LeadRecord:
    customers = _items(prospect, "customers", "customer")
    kinds = [(value_of(customer, "type") or "").lower() for customer in customers]
    people: list[Person] = []
    for customer in customers:
        person = _person(customer, is_main=not people)
        known = next(
            (n for n, p in enumerate(people) if p.person_id and p.person_id == person.person_id), None
        )
        if known is None:
            people.append(person)
        else:  # an applicant shows a second time beside the prospect that they were
            people[known] = _together(people[known], person)
    return LeadRecord(
        prospect_id=_identification(prospect, "prospectid"),
        customer_type=max(kinds, key=lambda kind: _PROGRESS.get(kind, -1), default=""),
        people=tuple(people),
        events=tuple(_event(event) for event in _items(prospect, "events", "event")),
    )


def _together(one: Person, other: Person) -> Person:
    """A person who is shown twice, with all ways in which they are reached."""
    emails, phones = _each_once([*one.emails, *other.emails]), _each_once([*one.phones, *other.phones])
    return replace(
        one,
        first_name=one.first_name or other.first_name,
        last_name=one.last_name or other.last_name,
        email=next(iter(emails), None),
        phone=next(iter(phones), None),
        more_emails=emails[1:],
        more_phones=phones[1:],
    )


def _each_once(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _identification(element: Element, kind: str) -> str | None:
    """The id of a kind: ResMan's own, else the first that names no organization. ProspectID and PersonID both
    stand on the Customer."""
    return _own_id(e for e in element.iter("identification") if (value_of(e, "idtype") or "").lower() == kind)


def _own_id(elements: Iterable[Element]) -> str | None:
    """Of several ids of one thing ResMan's own, else the first that names no organization."""
    unowned: str | None = None
    for element in elements:
        value = as_id(value_of(element, "idvalue") or _own_text(element))
        organization = (value_of(element, "organizationname") or "").lower()
        if value is None:
            continue
        if organization.startswith(_OWN):
            return value
        if not organization and unowned is None:
            unowned = value
    return unowned


def _own_text(element: Element) -> str | None:
    return (element.text or "").strip() or None


def _person(customer: Element, *, is_main: bool) -> Person:
    emails = _each_once(_texts(customer, "email", "emailaddress", "address"))
    phones = _each_once(_phones(customer))
    return Person(
        person_id=_identification(customer, "personid"),
        first_name=text_of(customer.find("name/firstname")),
        last_name=text_of(customer.find("name/lastname")),
        email=next(iter(emails), None),
        phone=next(iter(phones), None),
        is_main=is_main,
        more_emails=emails[1:],
        more_phones=phones[1:],
    )


def _texts(parent: Element, tag: str, *inner: str) -> Iterator[str | None]:
    """The texts of elements of a tag, or of what stands in them."""
    for element in parent.findall(tag):
        named: list[str | None] = [text for name in inner if (text := value_of(element, name))]
        yield from named or [_own_text(element)]


def _phones(customer: Element) -> Iterator[str | None]:
    """All phone numbers, each with its extension."""
    for element in [*_items(customer, "phones", "phone"), *customer.findall("phone")]:
        extension = value_of(element, "extension")
        numbers = [*map(text_of, element.findall("phonenumber")), element.get("phonenumber")]
        for number in numbers if any(numbers) else [_own_text(element)]:
            yield f"{number} ext. {extension}" if number and extension else number


def _event(event: Element) -> LeadEvent:
    agents = [*event.findall("agent/agentid")]
    return LeadEvent(
        event_type=value_of(event, "eventtype") or "",
        event_date=_instant(value_of(event, "eventdate")),
        agent_id=_own_id(agents) or next((found for e in agents if (found := as_id(text_of(e)))), None),
        first_contact=as_truth(text_of(event.find("firstcontact"))) is True,
        transaction_source=as_id(text_of(event.find("transactionsource"))),
        comments=text_of(event.find("comments")),
        reasons=text_of(event.find("eventreasons")),
        event_id=_event_id(event),
    )


def _instant(text: str | None) -> datetime | None:
    """A time, or None where it is missing or cannot be read."""
    when = as_date(text)
    return None if when is None else as_instant(when)


def _event_id(event: Element) -> str | None:
    return _own_id(event.findall("eventid"))
