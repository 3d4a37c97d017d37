"""API v1.

Form posts, answered with HTTP 200 and a Status of Success, Failed (JSON methods) or Error (MITS methods).
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from .exchange import HTML, JSON, XML, Answer, Call, json_answer, with_beside
from .instants import parse_instant
from .mits import (
    LeadError,
    PostedLead,
    customer_element,
    event_element,
    lead_management,
    parse_leads,
    prospect_as_read,
    prospect_element,
)
from .posting import PostedResult, Posting
from .reading import shown, v1_id
from .records import Account, Person, Property, Prospect

if TYPE_CHECKING:
    from .core import Standin

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_XSD: Final = "http://www.w3.org/2001/XMLSchema"


@dataclass(frozen=True)
class V1Call:
    """A v1 call: the parameters of query and form together, their names in lower case; the form's win."""

    area: str
    method: str
    parameters: dict[str, str]
    accept: str
    body: bytes

    @classmethod
    def of(cls, call: Call) -> V1Call:
        area, _, method = call.path.strip("/").partition("/")
        parameters = {k.lower(): v for k, v in [*call.query.items(), *call.form().items()]}
        return cls(area, method, parameters, call.headers.get("accept", ""), call.body)

    @property
    def is_mits(self) -> bool:
        return self.area.startswith("MITS")

    def get(self, name: str) -> str | None:
        """A parameter; None when it is missing or empty."""
        return self.parameters.get(name.lower(), "").strip() or None


class V1Failure(Exception):
    """What goes wrong in any v1 method: the text of ErrorDescription."""


Payload = dict[str, list[dict[str, Any]]] | ET.Element | Answer


@dataclass(frozen=True)
class Context:
    """What a method works on; account and property are None where the method does not take them."""

    standin: Standin
    request: V1Call
    account: Account | None
    record: Property | None

    @property
    def property_record(self) -> Property:
        """The property of a method that takes one."""
        if self.record is None:
            raise V1Failure("The PropertyID is not valid.")
        return self.record


Method = Callable[[Context], Payload]


def handle(standin: Standin, call: Call) -> Answer:
    """Answers one v1 call."""
    request = V1Call.of(call)
    method = _METHODS.get((request.area, request.method))
    if method is None:
        return Answer(404, b"<html><body><h1>404 - Not Found</h1></body></html>", HTML, outcome="Failed")
    try:
        refusal = _authenticate(standin, request)
        if refusal is not None:
            return refusal
        account, record = _scope(standin, request)
        payload = method(Context(standin, request, account, record))
    except (V1Failure, LeadError) as error:
        return failure(request, str(error))
    answer = payload if isinstance(payload, Answer) else _success(request, payload)
    beside = standin.store.beside.get(request.method)
    return answer if not beside else _with_beside(answer, beside)


def _with_beside(answer: Answer, texts: list[str]) -> Answer:
    if answer.content_type == JSON:
        return with_beside(answer, texts, b"[", b"]", b",")
    empty, opening, closing = b"<Prospects />", b"<Prospects>", b"</Prospects>"
    if isinstance(answer.body, bytes):
        answer = replace(answer, body=answer.body.replace(empty, opening + closing))
    return with_beside(answer, texts, opening, closing, b"")


def failure(request: V1Call, description: str) -> Answer:
    """HTTP 200 with Status Error (MITS) or Failed (the others)."""
    status = "Error" if request.is_mits else "Failed"
    if request.is_mits or _wants_xml(request):
        return Answer(200, _xml(_envelope(request, status, description)), XML, outcome=status)
    return json_answer(_envelope(request, status, description), outcome=status)


def _success(request: V1Call, payload: dict[str, list[dict[str, Any]]] | ET.Element) -> Answer:
    envelope = _envelope(request, "Success", None)
    if isinstance(payload, ET.Element):
        return Answer(200, _xml(envelope, payload), XML)
    if _wants_xml(request):
        return Answer(200, _xml(envelope, _list_element(payload)), XML)
    return Answer(200, json.dumps({**payload, **envelope}).encode(), JSON)


def _envelope(request: V1Call, status: str, description: str | None) -> dict[str, Any]:
    account, property_id = request.get("AccountID"), request.get("PropertyID")
    answer: dict[str, Any] = {"MethodName": request.method, "Status": status, "ErrorDescription": description}
    if account is not None:
        answer["AccountID"] = int(account) if account.isdigit() else account
    if property_id is not None:
        answer["PropertyID"] = property_id
    return answer


def _xml(envelope: dict[str, Any], payload: ET.Element | None = None) -> bytes:
    root = ET.Element("ResMan", {"xmlns:xsi": _XSI, "xmlns:xsd": _XSD})
    for key, value in envelope.items():
        if value is not None:
            ET.SubElement(root, key).text = str(value)
    if payload is not None:
        holder = ET.SubElement(root, "Response") if payload.tag == "LeadManagement" else root
        holder.append(payload)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _list_element(payload: dict[str, list[dict[str, Any]]]) -> ET.Element:
    ((name, items),) = payload.items()
    element = ET.Element(name)
    for item in items:
        child = ET.SubElement(element, _SINGULAR.get(name, name.removesuffix("s")))
        for key, value in item.items():
            ET.SubElement(child, key).text = str(value)
    return element


def _wants_xml(request: V1Call) -> bool:
    return "xml" in request.accept and "json" not in request.accept


def _authenticate(standin: Standin, request: V1Call) -> Answer | None:
    given = (request.get("IntegrationPartnerID"), request.get("ApiKey"))
    if given != (standin.partner_id, standin.api_key):
        style = standin.switches.v1_bad_credentials
        if style != "failed":
            return Answer(int(style), b"<html><body>Access denied.</body></html>", HTML, outcome="Failed")
        raise V1Failure("The IntegrationPartnerID or the ApiKey is not valid.")
    if not standin.switches.grants(request.method):
        raise V1Failure(f"The integration partner is not permitted to call {request.method}.")
    return None


def _scope(standin: Standin, request: V1Call) -> tuple[Account | None, Property | None]:
    """The account and property that the call names, as far as the method needs them."""
    if request.area == "MITSLite" or request.method == "GetAccountID":
        return None, None
    account = standin.store.accounts.get(request.get("AccountID") or "")
    if account is None:
        raise V1Failure("The AccountID is not valid.")
    if request.method in ("GetLostProspectReasons", "GetProperties"):
        return account, None
    record = standin.store.property_of(account.account_id, request.get("PropertyID") or "")
    if record is None:
        raise V1Failure("The PropertyID is not valid.")
    return account, record


def _post_lead(context: Context) -> Payload:
    standin, request = context.standin, context.request
    lite = request.area == "MITSLite"
    text: str | bytes | None = request.get("Xml") or (request.body if lite else None)
    if not text:
        raise LeadError("The Xml parameter is required.")
    answered = []
    # Prospects are taken one by one: what came before a refused one stays.
    for lead in parse_leads(text):
        target = _named_property(standin, lead) if lite else context.property_record
        result = Posting(standin.store, standin.switches, target).post(lead, add_only=lite)
        answered.append(_posted_element(standin, target, result))
    return lead_management(answered)


def _named_property(standin: Standin, lead: PostedLead) -> Property:
    """MITSLite has no PropertyID parameter: the property is named inside the Xml."""
    record = standin.store.properties.get((lead.property_id or "").lower())
    if record is None:
        raise LeadError("The PropertyID in the Xml is not valid.")
    return record


def _posted_element(standin: Standin, record: Property, result: PostedResult) -> ET.Element:
    account = standin.store.accounts[record.account_id]
    customers = [customer_element(result.prospect, person) for person in result.people]
    with_ids = standin.switches.event_ids == "everywhere"
    return prospect_element(
        result.prospect,
        customers,
        [event_element(e, record, account, standin.switches, with_id=with_ids) for e in result.events],
    )


def _search(context: Context) -> Payload:
    standin, record = context.standin, context.property_record
    every = _find(standin, context.request, record.property_id)
    found = list(shown(standin.store, standin.switches, every))
    if len(found) > standin.switches.max_search_results:
        body = b"<html><body><h1>502 Bad Gateway</h1>response too large: buffer overflow</body></html>"
        return Answer(502, body, HTML, outcome="Failed")
    owner = standin.store.accounts[record.account_id]
    return lead_management([prospect_as_read(p, record, owner, standin.switches) for p in found])


def _find(standin: Standin, request: V1Call, property_id: str) -> list[Prospect]:
    """Exactly one of the five searches."""
    store = standin.store
    given = {name for name in _SEARCHES for part in name.split("+") if request.get(part)}
    if len(given) != 1:
        raise LeadError(f"Exactly one search is required: {', '.join(_SEARCHES)}.")
    name = given.pop()
    values = [request.get(part) or "" for part in name.split("+")]
    if not all(values):
        raise LeadError(f"Both of {name.replace('+', ' and ')} are required.")
    if name == "ProspectID":
        prospect = store.prospect_at(property_id, values[0])
        return [] if prospect is None else [prospect]
    if name == "Email":
        return store.with_email(property_id, values[0])
    if name == "Phone":
        return store.with_phone(property_id, values[0])
    if name == "FirstName+LastName":
        return store.with_name(property_id, values[0], values[1])
    start, end = (_instant(value) for value in values)
    return [p for p in store.prospects_of(property_id) if start <= p.last_modified <= end]


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise LeadError(f"The date '{text[:60]}' is not valid.") from error


def _sources(context: Context) -> Payload:
    return {
        "ProspectSources": [
            {"ID": s.transaction_source_id, "Name": s.name} for s in context.property_record.sources
        ]
    }


def _lost_reasons(context: Context) -> Payload:
    reasons = context.account.lost_reasons if context.account is not None else []
    return {"LostProspectReasons": [{"ID": r.id, "Name": r.name} for r in reasons]}


def _employees(context: Context) -> Payload:
    rows = []
    for employee in context.property_record.employees:
        agent_id = v1_id(employee, context.standin.switches)
        row = {"ID": agent_id, "Name": f"{employee.first_name} {employee.last_name}"}
        optional = {"Email": employee.email, "SecurityGroup": employee.security_group}
        rows.append(row | {key: value for key, value in optional.items() if value is not None})
    return {"Employees": rows}


def _people(context: Context, statuses: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for prospect in context.standin.store.prospects_of(context.property_record.property_id):
        if prospect.status in statuses and prospect.lease is not None:
            status = "Current" if prospect.status == "Resident" else "Pending"
            rows += [_person_row(person, prospect, status) for person in prospect.people]
    return rows


def _person_row(person: Person, prospect: Prospect, status: str) -> dict[str, Any]:
    row = {"PersonID": person.person_id, "FirstName": person.first_name, "LastName": person.last_name}
    row["Status"] = status
    lease = prospect.lease
    optional = {
        "MobilePhone": person.phone,
        "LeaseStartDate": lease.scheduled_move_in_date if lease else None,
        "Unit": lease.unit_number if lease else None,
    }
    return row | {key: value for key, value in optional.items() if value}


def _applicants_and_residents(context: Context) -> Payload:
    return {"People": _people(context, ("Applicant", "Resident"))}


def _residents(context: Context) -> Payload:
    return {"Residents": _people(context, ("Resident",))}


def _account_id(context: Context) -> Payload:
    wanted = (context.request.get("Subdomain") or "").lower()
    owner = next((a for a in context.standin.store.accounts.values() if a.subdomain == wanted), None)
    if owner is None:
        raise V1Failure("The Subdomain is not valid.")
    return {"Accounts": [{"AccountID": owner.account_id, "CompanyName": owner.company_name}]}


def _properties(context: Context) -> Payload:
    owner = context.account
    records = context.standin.store.properties_of(owner.account_id) if owner is not None else []
    return {"Properties": [{"PropertyID": p.property_id, "Name": p.name, "Phone": p.phone} for p in records]}


_SEARCHES: Final = (
    "ProspectID",
    "FirstName+LastName",
    "Email",
    "Phone",
    "ModifiedStartDateTime+ModifiedEndDateTime",
)
_SINGULAR: Final = {"People": "Person", "Properties": "Property"}
_METHODS: Final[dict[tuple[str, str], Method]] = {
    ("MITS", "PostLeadManagement4_0"): _post_lead,
    ("MITSLite", "PostLeadManagement4_0"): _post_lead,
    ("MITS", "SearchProspects"): _search,
    ("Leasing", "GetProspectSources"): _sources,
    ("Leasing", "GetLostProspectReasons"): _lost_reasons,
    ("Leasing", "GetEmployees"): _employees,
    ("Leasing", "GetApplicantsAndCurrentResidents"): _applicants_and_residents,
    ("Leasing", "GetCurrentResidents"): _residents,
    ("Account", "GetAccountID"): _account_id,
    ("Account", "GetProperties"): _properties,
}
