"""API v2: JSON over GET, read only. Turns its objects into the values of `models`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from requests.auth import HTTPBasicAuth

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.config import Guard, ResManConfig
from domiq_dagster.resman.dates import http_time
from domiq_dagster.resman.json_list import objects, sources
from domiq_dagster.resman.models import Employee, PickListItem, Property
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.resman.prospect import Prospect, Unreadable, as_text, lowered, read_prospect
from domiq_dagster.resman.time_zones import iana_name
from domiq_dagster.resman.transport import Answer, Transport

Json = Mapping[str, Any]
T = TypeVar("T")


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
        self,
        account_id: str,
        property_id: str,
        modified_since: datetime,
        prospect_id: str | None,
        first_contact: tuple[datetime, datetime] | None,
    ) -> Generator[Prospect, None, None]:
        request = self._request("Prospects")
        now = self._clock()
        params = {"propertyId": property_id, "modifiedSince": http_time(modified_since, not_after=now)}
        if prospect_id is not None:
            params["prospectId"] = prospect_id
        if first_contact is not None:
            params["firstContactDateFrom"] = http_time(first_contact[0], not_after=now)
            params["firstContactDateTo"] = http_time(first_contact[1], not_after=now)

        def stream() -> Generator[Prospect, None, None]:
            found = self._list(account_id, request, "Prospects", params, "prospects", sources)
            lacks = None
            for n, source in enumerate(found, 1):
                try:
                    prospect = read_prospect(source)
                except Unreadable as unreadable:
                    lacks = f"prospect no. {n} has no readable {unreadable}"
                    break
                yield prospect
            if lacks is not None:
                raise outcomes.garbled(request, lacks)

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
        return self._list(account_id, request, path, params, envelope, objects)

    def _list(
        self,
        account_id: str,
        request: Request,
        path: str,
        params: Mapping[str, str],
        envelope: str,
        read: Callable[[Answer, str], Iterator[T]],
    ) -> Iterator[T]:
        headers = {"Accept": "application/json", "ResMan-Account-Id": account_id}
        with self.transport.get(account_id, path, request, params=params, headers=headers) as answer:
            yield from read(answer, envelope)


class _Record:
    """One object of an answer, read by keys whose case does not matter: v2 spells its own unevenly."""

    __slots__ = ("_kind", "_number", "_request", "values")

    def __init__(self, raw: Json, kind: str, number: int, request: Request) -> None:
        self.values = lowered(raw)
        self._kind, self._number, self._request = kind, number, request

    def text(self, key: str) -> str | None:
        return as_text(self.values.get(key.lower()))

    def need_id(self, key: str) -> str:
        return self.text(key) or self._lacks(key)

    def _lacks(self, key: str) -> NoReturn:
        raise outcomes.garbled(self._request, f"{self._kind} no. {self._number} has no readable {key}")


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
        property_ids=tuple(filter(None, map(as_text, ids))) if isinstance(ids, list) else (),
    )
