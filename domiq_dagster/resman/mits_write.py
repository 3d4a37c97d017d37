"""Builds the MITS Lead Management XML that PostLeadManagement4_0 takes: one Prospect with one Event."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from domiq_dagster.resman.dates import mits_time
from domiq_dagster.resman.models import LeadEvent, LeadPost
from domiq_dagster.resman.text import comment, one_line, plain


def lead_xml(post: LeadPost) -> str:
    """The XML of a post.

    A post with ids updates: it carries the ids, the name and the event, never a contact field or a
    preference, since those would overwrite what the staff of an applicant or resident keep. A post
    without ids creates.

    Raises:
        ValueError: only one of prospect_id and person_id is given (ResMan would add a roommate, or
            a second prospect), or the event has no date, or one without offset.
    """
    if bool(post.prospect_id) != bool(post.person_id):
        raise ValueError("an update needs both the prospect's and the person's id")
    root = ET.Element("LeadManagement")
    prospect = ET.SubElement(ET.SubElement(root, "Prospects"), "Prospect")
    customer = ET.SubElement(
        ET.SubElement(prospect, "Customers"), "Customer", Type=one_line(post.customer_type)
    )
    if post.prospect_id and post.person_id:
        _add_ids(customer, post.prospect_id, post.person_id)
        # Half a name could blank the other half.
        if post.first_name and post.last_name:
            _add_name(customer, post)
    else:
        _add_name(customer, post)
        _add_contact(customer, post)
        if post.move_in_date is not None:
            preferences = ET.SubElement(prospect, "CustomerPreferences")
            _add(preferences, "TargetMoveInDate", post.move_in_date.strftime("%Y-%m-%d"))
    _add_event(ET.SubElement(prospect, "Events"), post.event)
    return ET.tostring(root, encoding="unicode")


def _add(parent: ET.Element, tag: str, text: str) -> None:
    if text:
        ET.SubElement(parent, tag).text = text


def _add_ids(customer: ET.Element, prospect_id: str, person_id: str) -> None:
    for kind, value in (("ProspectID", prospect_id), ("PersonID", person_id)):
        ET.SubElement(
            customer, "Identification", IDType=kind, IDValue=one_line(value), OrganizationName="ResMan"
        )


def _add_name(customer: ET.Element, post: LeadPost) -> None:
    if post.first_name or post.last_name:
        name = ET.SubElement(customer, "Name")
        _add(name, "FirstName", one_line(post.first_name or ""))
        _add(name, "LastName", one_line(post.last_name or ""))


def _add_contact(customer: ET.Element, post: LeadPost) -> None:
    if post.phone:
        _add(ET.SubElement(customer, "Phone", PhoneType="cell"), "PhoneNumber", one_line(post.phone))
    _add(customer, "Email", one_line(post.email or ""))


def _add_event(events: ET.Element, event: LeadEvent) -> None:
    if event.event_date is None:
        raise ValueError("an event needs a date to be posted")
    element = ET.SubElement(
        events, "Event", EventType=one_line(event.event_type), EventDate=mits_time(event.event_date)
    )
    if event.event_id:
        ET.SubElement(element, "EventID", IDType="EventID", IDValue=one_line(event.event_id))
    if event.agent_id:
        ET.SubElement(ET.SubElement(element, "Agent"), "AgentID", IDValue=one_line(event.agent_id))
    _add(element, "FirstContact", str(event.first_contact))
    _add(element, "TransactionSource", one_line(event.transaction_source or ""))
    _add(element, "Comments", comment(event.comments or ""))
    _add(element, "EventReasons", plain(event.reasons or ""))
