"""API v2: JSON over GET, read only. Turns its objects into the values of `models`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NoReturn

from requests.auth import HTTPBasicAuth

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.config import Guard, ResManConfig
from domiq_dagster.resman.dates import as_instant, http_time, parse_when
from domiq_dagster.resman.json_list import objects
from domiq_dagster.resman.models import Employee, Lease, Person, PickListItem, Property, Prospect
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.resman.time_zones import iana_name
from domiq_dagster.resman.transport import Transport

Json = Mapping[str, Any]
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class V2:
    """The v2 endpoints that matter for leads."""

    def __init__(self, config: ResManConfig, guard: Guard, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._private = (config.api_key, config.partner_id)
        self.transport = Transport(
            config.v2_url,
            timeouts=(config.connect_timeout, config.read_timeout),
            guard=guard,
            clock=clock,
            auth=HTTPBasicAuth(config.partner_id.encode(), config.api_key.encode()),
        )

    def properties(self, account_id: str) -> list[Property]:
        request = self._request("Properties")
        found = self._objects(account_id, request, "Properties", {}, "properties")
        return [_property(_Record(raw, "property", n, request)) for n, raw in enumerate(found, 1)]

    def prospects(
        self, account_id: str, property_id: str, modified_since: datetime, prospect_id: str | None
    ) -> Generator[Prospect, None, None]:
        request = self._request("Prospects")
        params = {
            "propertyId": property_id,
            "modifiedSince": http_time(modified_since, not_after=self._clock()),
        }
        if prospect_id is not None:
            params["prospectId"] = prospect_id

        def stream() -> Generator[Prospect, None, None]:
            found = self._objects(account_id, request, "Prospects", params, "prospects")
            for n, raw in enumerate(found, 1):
                yield _prospect(_Record(raw, "prospect", n, request), property_id)

        return stream()

    def employees(self, account_id: str) -> list[Employee]:
        request = self._request("Employees")
        found = self._objects(account_id, request, "Employees", {}, "employees")
        return [_employee(_Record(raw, "employee", n, request)) for n, raw in enumerate(found, 1)]

    def pick_list(self, account_id: str, name: str) -> list[PickListItem]:
        request = self._request("PickLists")
        found = self._objects(account_id, request, "PickLists", {"name": name}, "pickList")
        records = (_Record(raw, "pick list item", n, request) for n, raw in enumerate(found, 1))
        return [PickListItem(r.need_id("picklistItemId"), r.text("name") or "") for r in records]

    def _request(self, endpoint: str) -> Request:
        return Request(f"GET {endpoint}", private=self._private)

    def _objects(
        self, account_id: str, request: Request, path: str, params: Mapping[str, str], envelope: str
    ) -> Iterator[dict[str, Any]]:
        headers = {"Accept": "application/json", "ResMan-Account-Id": account_id}
        with self.transport.get(account_id, path, request, params=params, headers=headers) as answer:
            yield from objects(answer, envelope)


class _Record:
    """One object of an answer, read by keys whose case does not matter: v2 spells its own unevenly."""

    __slots__ = ("_kind", "_number", "_raw", "_request", "values")

    def __init__(self, raw: Json, kind: str, number: int, request: Request) -> None:
        self._raw = raw
        self.values = {key.lower(): value for key, value in raw.items()}
        self._kind, self._number, self._request = kind, number, request

    def text(self, key: str) -> str | None:
        return _text(self.values.get(key.lower()))

    def need_id(self, key: str) -> str:
        return self.text(key) or self._lacks(key)

    def instant(self, key: str) -> tuple[datetime, str]:
        raw = self.need_id(key)
        when = _when(raw)
        return (as_instant(when) if when else self._lacks(key)), raw

    def content_hash(self) -> str:
        kept = {key: value for key, value in self._raw.items() if key.lower() != "lastmodified"}
        try:
            canonical = _CANONICAL.encode(kept)
        except RecursionError:
            failure = outcomes.garbled(self._request, f"{self._kind} no. {self._number} is nested too deeply")
        else:
            return hashlib.sha256(canonical.encode("ascii")).hexdigest()
        raise failure

    def _lacks(self, key: str) -> NoReturn:
        raise outcomes.garbled(self._request, f"{self._kind} no. {self._number} has no readable {key}")


def _text(value: object) -> str | None:
    """A text or number as text; blank is None. NUL goes: PostgreSQL holds no text with one."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            value = value.replace("\0", "")
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _when(value: object) -> datetime | date | None:
    """A date that may be missing. One that cannot be read counts as missing, as does .NET's year 1:
    a bad milestone must not cost the whole pull."""
    text = _text(value)
    if text is None:
        return None
    try:
        when = parse_when(text)
    except ValueError:
        return None
    return when if when.year > 1 else None


def _object(value: object) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    return {key.lower(): inner for key, inner in value.items()}


def _objects_in(value: object) -> Iterator[dict[str, Any]]:
    for entry in value if isinstance(value, list) else ():
        found = _object(entry)
        if found is not None:
            yield found


def _prospect(record: _Record, asked_property_id: str) -> Prospect:
    values = record.values
    last_modified, last_modified_raw = record.instant("lastModified")
    agent = _object(values.get("leasingagent")) or {}
    return Prospect(
        prospect_id=record.need_id("prospectId"),
        property_id=record.text("propertyId") or asked_property_id,
        status=record.need_id("status"),
        last_modified=last_modified,
        last_modified_raw=last_modified_raw,
        main_person_id=record.text("mainPersonId"),
        transaction_source_id=record.text("transactionSourceId"),
        prospect_source_id=record.text("prospectSourceId"),
        agent_id=_text(agent.get("agentid")),
        first_contact_date=_when(values.get("firstcontactdate")),
        lost_date=_when(values.get("lostdate")),
        lost_reason=record.text("lostReason"),
        people=tuple(_person(person) for person in _objects_in(values.get("people"))),
        lease=_lease(_object(values.get("lease"))),
        content_hash=record.content_hash(),
    )


def _person(values: Json) -> Person:
    return Person(
        person_id=_text(values.get("personid")),
        first_name=_text(values.get("firstname")),
        last_name=_text(values.get("lastname")),
        email=_text(values.get("email")),
        phone=_text(values.get("phone")),
        is_main=values.get("ismaincontact") is True,
    )


def _lease(values: Json | None) -> Lease | None:
    if values is None:
        return None
    return Lease(
        lease_id=_text(values.get("leaseid")),
        status=_text(values.get("status")),
        application_date=_when(values.get("applicationdate")),
        approval_date=_when(values.get("approvaldate")),
        denial_date=_when(values.get("denialdate")),
        cancellation_date=_when(values.get("cancellationdate")),
        lease_signed_date=_when(values.get("leasesigneddate")),
        move_in_date=_when(values.get("moveindate")),
    )


def _property(record: _Record) -> Property:
    return Property(
        property_id=record.need_id("propertyId"),
        name=record.text("name") or record.text("abbreviation") or "",
        time_zone=iana_name(record.text("timeZone")),
        abbreviation=record.text("abbreviation"),
        type=record.text("type"),
        phone=record.text("phone"),
        email=record.text("email"),
    )


def _employee(record: _Record) -> Employee:
    leasing = record.values.get("isleasing")
    ids = record.values.get("propertyids")
    return Employee(
        id=record.need_id("personId"),
        name=" ".join(filter(None, (record.text("firstName"), record.text("lastName")))),
        is_leasing=leasing if isinstance(leasing, bool) else None,
        property_ids=tuple(filter(None, map(_text, ids))) if isinstance(ids, list) else (),
    )
