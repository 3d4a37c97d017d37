"""API v2: JSON over GET, with Basic credentials and a ResMan-Account-Id header; POST only for notes."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from .exchange import HTML, JSON, Answer, Call, json_answer, with_beside
from .instants import parse_instant
from .reading import shown
from .records import Account, Lease, Note, Property, Prospect, camel, same_id
from .store import Oddity
from .v2_json import DateText, employee_json, lease_json, property_json, prospect_json

if TYPE_CHECKING:
    from .core import Standin

NOT_ENTITLED: Final = 20001
_CHUNK: Final = 200
_MILESTONES: Final = (
    "application_date",
    "approval_date",
    "denial_date",
    "cancellation_date",
    "lease_signed_date",
    "scheduled_move_in_date",
    "move_in_date",
)
_PICK_LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Area": ("Kitchen", "Bathroom"),
    "IDNumberType": ("Driver License", "Passport"),
    "Industry": ("Education", "Health Care"),
    "Language": ("English", "Spanish"),
    "OtherIncomeType": ("Pension",),
    "ReasonForLeaving": ("Bought a Home", "Relocation"),
    "WorkOrderCancellationReasons": ("Duplicate",),
}


class V2Refusal(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


Endpoint = Callable[["Standin", Call, Account], Answer]


def endpoint_of(call: Call) -> str:
    """The name of the endpoint that a call is for: its path without the outer slashes."""
    return call.path.strip("/")


def handle(standin: Standin, call: Call) -> Answer:
    """Answers one v2 call."""
    name = endpoint_of(call)
    try:
        account = _authenticate(standin, call)
        methods = {method for method, path in _ENDPOINTS if path == name}
        if not methods:
            raise V2Refusal(404, "The resource was not found.")
        endpoint = _ENDPOINTS.get((call.method, name))
        if endpoint is None:
            raise V2Refusal(405, "The method is not allowed.")
        if not standin.switches.grants(name):
            raise V2Refusal(401, "The credentials are not permitted to use this endpoint.", NOT_ENTITLED)
        answer = endpoint(standin, call, account)
        beside = standin.store.beside.get(name)
        return with_beside(answer, beside, b"[", b"]", b",") if beside else answer
    except V2Refusal as refusal:
        return refusal_answer(standin, refusal.status, str(refusal), refusal.code)


def refusal_answer(standin: Standin, status: int, message: str, code: int | None) -> Answer:
    """An error as v2 gives it: message and, where one is known, code at the top level."""
    body: dict[str, Any] = {"message": message}
    if code is not None:
        body["code"] = code if standin.switches.error_code_type == "number" else str(code)
    return json_answer(body, status, outcome="Failed")


def _authenticate(standin: Standin, call: Call) -> Account:
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    if scheme.lower() != "basic" or given != f"{standin.partner_id}:{standin.api_key}":
        raise V2Refusal(401, "The credentials are not valid.")
    account = standin.store.accounts.get(call.headers.get("resman-account-id", "").strip())
    if account is None:
        raise V2Refusal(401, "The ResMan-Account-Id header is not valid.")
    return account


def _prospects(standin: Standin, call: Call, account: Account) -> Answer:
    record = _property(standin, call, account)
    keep = _prospect_filter(standin, call)
    with_log = call.query.get("includeCommunicationLog", "").lower() == "true"
    date = DateText(standin.switches.date_style)
    every = shown(standin.store, standin.switches, standin.store.prospects_of(record.property_id))
    found = [p for p in every if keep(p)]
    most = standin.switches.max_prospects
    if most is not None and len(found) > most:
        body = b"<html><body><h1>502 Bad Gateway</h1>response too large: buffer overflow</body></html>"
        return Answer(502, body, HTML, outcome="Failed")
    odd = standin.store.odd
    rows = (prospect_json(p, record, date, with_log, standin.switches) for p in found)
    if odd:
        as_it_is = Oddity()
        pairs = zip(found, rows, strict=True)
        rows = (odd.get(p.prospect_id, as_it_is).shown(answer) for p, answer in pairs)
    return _list_answer(standin, "prospects", rows, len(found))


def _prospect_filter(standin: Standin, call: Call) -> Callable[[Prospect], bool]:
    since = _modified_since(standin, call)
    prospect_id, person_id = call.query.get("prospectId"), call.query.get("personId")
    start, end = call.query.get("firstContactDateFrom"), call.query.get("firstContactDateTo")
    if (start is None) != (end is None):
        raise V2Refusal(400, "firstContactDateFrom and firstContactDateTo go together.")
    first = None if start is None or end is None else (_instant(start), _instant(end))
    if standin.switches.first_contact_filter == "ignore":
        first = None
    elif first is not None and standin.switches.first_contact_filter == "day":
        first = (_midnight(first[0]), _midnight(first[1]))
    omitted = standin.switches.omit_prospects * 100

    def keep(prospect: Prospect) -> bool:
        if prospect.last_modified < since or zlib.crc32(prospect.prospect_id.encode()) % 100 < omitted:
            return False
        if prospect_id is not None and not same_id(prospect.prospect_id, prospect_id):
            return False
        if person_id is not None and prospect.person(person_id) is None:
            return False
        if first is None:
            return True
        return prospect.first_contact_date is not None and first[0] <= prospect.first_contact_date <= first[1]

    return keep


def _modified_since(standin: Standin, call: Call) -> datetime:
    since = _instant(_required(call, "modifiedSince"))
    if standin.switches.refuse_future_modified_since and since > standin.clock():
        raise V2Refusal(400, "modifiedSince cannot be in the future.")
    if standin.switches.modified_since_granularity == "day":
        return _midnight(since)
    return since


def _list_answer(standin: Standin, name: str, rows: Iterable[dict[str, Any]], count: int) -> Answer:
    """A list in its envelope; a long one is streamed, so that it never stands in memory as a whole."""
    chunks = _list_chunks(name, rows, '],"nextPage":null}' if standin.switches.next_page else "]}")
    return Answer(200, b"".join(chunks) if count <= _CHUNK else chunks, JSON)


def _list_chunks(name: str, rows: Iterable[dict[str, Any]], ending: str) -> Iterator[bytes]:
    chunk = [f'{{"{name}":[']
    comma = ""
    for row in rows:
        chunk.append(comma + json.dumps(row))
        comma = ","
        if len(chunk) >= _CHUNK:
            yield "".join(chunk).encode()
            chunk = []
    chunk.append(ending)
    yield "".join(chunk).encode()


def _leases(standin: Standin, call: Call, account: Account) -> Answer:
    record = _property(standin, call, account)
    since = _modified_since(standin, call)
    keep = _lease_filter(call)
    history = call.query.get("includeLeaseHistory", "").lower() == "true"
    date = DateText(standin.switches.date_style)
    rows = [
        lease_json(p.lease, p, record, date, history)
        for p in standin.store.prospects_of(record.property_id)
        if p.lease is not None and p.lease.last_modified >= since and keep(p.lease)
    ]
    return _list_answer(standin, "leases", rows, len(rows))


def _lease_filter(call: Call) -> Callable[[Lease], bool]:
    statuses = {s.strip() for s in call.query.get("leaseStatuses", "").split(",")} - {""}
    signed = call.query.get("isLeaseSigned", "").lower()
    spans = [
        (name, call.query.get(camel(name) + "From", ""), call.query.get(camel(name) + "To", "9999"))
        for name in _MILESTONES
        if camel(name) + "From" in call.query or camel(name) + "To" in call.query
    ]

    def keep(lease: Lease) -> bool:
        if statuses and lease.status not in statuses:
            return False
        if signed in ("true", "false") and (lease.lease_signed_date is not None) != (signed == "true"):
            return False
        days = ((getattr(lease, name), start, end) for name, start, end in spans)
        return all(day is not None and start <= day <= end for day, start, end in days)

    return keep


def _properties(standin: Standin, call: Call, account: Account) -> Answer:
    records = standin.store.properties_of(account.account_id)
    return json_answer({"properties": [property_json(p, standin.clock()) for p in records]})


def _groups(standin: Standin, call: Call, account: Account) -> Answer:
    members: dict[str, list[str]] = {}
    for record in standin.store.properties_of(account.account_id):
        members.setdefault(record.time_zone, []).append(record.property_id)
    groups = [
        {
            "propertyGroupId": standin.derived_id(f"group:{account.account_id}:{zone}"),
            "name": zone,
            "propertyIds": ids,
        }
        for zone, ids in members.items()
    ]
    return json_answer({"propertyGroups": groups})


def _employees(standin: Standin, call: Call, account: Account) -> Answer:
    rows: dict[str, dict[str, Any]] = {}
    for record in standin.store.properties_of(account.account_id):
        for employee in record.employees:
            row = rows.setdefault(employee.person_id, employee_json(employee, []))
            row["propertyIds"].append(record.property_id)
    return json_answer({"employees": list(rows.values())})


def _pick_lists(standin: Standin, call: Call, account: Account) -> Answer:
    name = _required(call, "name")
    if name == "LostProspectReason":
        items = [(reason.id, reason.name) for reason in account.lost_reasons]
    elif name in _PICK_LISTS:
        items = [(standin.derived_id(f"{name}:{item}"), item) for item in _PICK_LISTS[name]]
    else:
        raise V2Refusal(400, "name is not a known pick list.")
    return json_answer({"pickList": [{"picklistItemId": item_id, "name": item} for item_id, item in items]})


def _prospect_sources(standin: Standin, call: Call, account: Account) -> Answer:
    record = _property(standin, call, account)
    rows = [
        {"prospectSourceId": s.prospect_source_id, "name": s.name, "isActive": True} for s in record.sources
    ]
    return json_answer({"prospectSources": rows})


def _add_note(standin: Standin, call: Call, account: Account) -> Answer:
    data = call.json_object()
    wanted = ("propertyId", "type", "recordId", "note")
    if not all(isinstance(data.get(key), str) and data[key].strip() for key in wanted):
        raise V2Refusal(400, "propertyId, type, recordId and note are required.")
    store = standin.store
    record = store.property_of(account.account_id, data["propertyId"])
    prospect = None if record is None else store.prospect_at(record.property_id, data["recordId"])
    if prospect is None:
        raise V2Refusal(400, "The record was not found.")
    with store.revising(prospect, silent=True):
        note = Note(store.new_id(), data["type"], data["recordId"], data["note"], store.clock())
        prospect.notes.append(note)
    return json_answer({**{key: data[key] for key in wanted}, "noteId": note.note_id})


def _account_id(standin: Standin, call: Call, account: Account) -> Answer:
    wanted = _required(call, "subdomain").lower()
    owner = next((a for a in standin.store.accounts.values() if a.subdomain == wanted), None)
    if owner is None:
        raise V2Refusal(400, "The subdomain was not found.")
    return json_answer({"accountId": owner.account_id, "companyName": owner.company_name})


def _property(standin: Standin, call: Call, account: Account) -> Property:
    record = standin.store.property_of(account.account_id, _required(call, "propertyId"))
    if record is None:
        raise V2Refusal(400, "The property was not found.")
    return record


def _required(call: Call, key: str) -> str:
    value = call.query.get(key, "").strip()
    if not value:
        raise V2Refusal(400, f"{key} is required.")
    return value


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise V2Refusal(400, str(error)) from error


_ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = {
    ("GET", "Prospects"): _prospects,
    ("GET", "ProspectSources"): _prospect_sources,
    ("GET", "Properties"): _properties,
    ("GET", "Properties/Groups"): _groups,
    ("GET", "Employees"): _employees,
    ("GET", "PickLists"): _pick_lists,
    ("GET", "Leasing/Leases"): _leases,
    ("POST", "Notes"): _add_note,
    ("GET", "Account/AccountId"): _account_id,
}
