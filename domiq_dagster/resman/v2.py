"""API v2: JSON over GET, read only. Turns its objects into the values of `models`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, TypeVar

from requests.auth import HTTPBasicAuth

from domiq_dagster.resman import json_text, outcomes
from domiq_dagster.resman.communication_log import log_of
from domiq_dagster.resman.config import Guard, ResManConfig
from domiq_dagster.resman.dates import http_time
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.resman.json_list import sources
from domiq_dagster.resman.models import Employee, LeadEvent, PickListItem, Property
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.resman.prospect import (
    Prospect,
    Source,
    Unreadable,
    UnreadableProspect,
    as_id,
    as_text,
    as_truth,
    lowered,
    read_prospect,
    unreadable,
)
from domiq_dagster.resman.time_zones import iana_name
from domiq_dagster.resman.transport import Answer, Transport

logger = logging.getLogger(__name__)
Json = Mapping[str, Any]
T = TypeVar("T")
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_TOO_MANY_LOST = 100
"""So many that cannot be read, and none that can, are no records with a defect: the answer is another one."""


class V2:
    """The v2 endpoints that matter for leads."""

    def __init__(self, config: ResManConfig, guard: Guard, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._secrets = config.secrets
        self.transport = Transport(
            config.v2_url,
            config=config,
            guard=guard,
            clock=clock,
            auth=HTTPBasicAuth(config.partner_id.encode(), config.api_key.encode()),
        )

    def properties(self, account_id: str) -> list[Property]:
        return self._records(account_id, "Properties", {}, "properties", _property)

    def prospects(
        self,
        account_id: str,
        property_id: str,
        modified_since: datetime,
        prospect_id: str | None,
        first_contact: tuple[datetime, datetime] | None,
        on_unreadable: Callable[[UnreadableProspect], None] | None,
    ) -> Generator[Prospect, None, None]:
        request = self._request("Prospects")
        now = self._clock()
        params = {"propertyId": property_id, "modifiedSince": http_time(modified_since, not_after=now)}
        if prospect_id is not None:
            params["prospectId"] = prospect_id
        if first_contact is not None:
            params["firstContactDateFrom"] = http_time(first_contact[0], not_after=now)
            params["firstContactDateTo"] = http_time(first_contact[1], not_after=now)

        found = self._list(account_id, request, "Prospects", params, "prospects", sources)
        return _read_all(found, request, on_unreadable)

    def communication_log(
        self, account_id: str, property_id: str, prospect_id: str, agent_id: str | None
    ) -> tuple[LeadEvent, ...] | None:
        params = {
            "propertyId": property_id,
            "modifiedSince": http_time(_LONG_AGO, not_after=self._clock()),
            "prospectId": prospect_id,
            "includeCommunicationLog": "true",
        }
        request, found = self._request("Prospects"), None
        with closing(self._list(account_id, request, "Prospects", params, "prospects", sources)) as items:
            for source in items:
                found = log_of(source, prospect_id, agent_id) if found is None else found
        return found

    def employees(self, account_id: str) -> list[Employee]:
        return self._records(account_id, "Employees", {}, "employees", _employee)

    def pick_list(self, account_id: str, name: str) -> list[PickListItem]:
        return self._records(account_id, "PickLists", {"name": name}, "pickList", _pick_list_item)

    def _records(
        self,
        account_id: str,
        endpoint: str,
        params: Mapping[str, str],
        envelope: str,
        read: Callable[[_Record], T],
    ) -> list[T]:
        """A short list, without those that cannot be read. Raises UnreadableRecord where that leaves none."""
        request = self._request(endpoint)
        found: list[T] = []
        lacks: list[str] = []
        with closing(self._list(account_id, request, endpoint, params, envelope, sources)) as items:
            for number, source in enumerate(items, 1):
                try:
                    found.append(read(_Record(_decoded(source))))
                except Unreadable as error:
                    lacks.append(f"no. {number} of its {envelope} has no readable {error.lacks}")
                except Exception as error:
                    lacks.append(f"no. {number} of its {envelope} ({type(error).__name__})")
        if lacks and not found:
            raise outcomes.unreadable_record(request, lacks[0])
        if lacks:
            logger.warning("%s: left out what cannot be read: %s", request.what, "; ".join(lacks[:10]))
        return found

    def _request(self, endpoint: str) -> Request:
        return Request(f"GET {endpoint}", secrets=self._secrets)

    def _list(
        self,
        account_id: str,
        request: Request,
        path: str,
        params: Mapping[str, str],
        envelope: str,
        read: Callable[[Answer, str], Iterator[T]],
    ) -> Generator[T, None, None]:
        """Holds the guard from its first item to its end: whoever may stop before it closes it."""
        headers = {"Accept": "application/json", "ResMan-Account-Id": account_id}
        with self.transport.get(account_id, path, request, params=params, headers=headers) as answer:
            yield from read(answer, envelope)


def _read_all(
    found: Generator[Source, None, None],
    request: Request,
    on_unreadable: Callable[[UnreadableProspect], None] | None,
) -> Generator[Prospect, None, None]:
    """The prospects of an answer. What cannot be read, for whatever reason, is told to `on_unreadable`, or
    ends the stream with UnreadableRecord where nobody wants to know.

    Closed explicitly: an exception that somebody keeps would keep the generator, and that the guard.
    """
    readable, lost = 0, 0
    failure: ResManError | None = None
    with closing(found):
        for number, source in enumerate(found, 1):
            try:
                prospect = read_prospect(source)
            except Exception as error:
                item, lost = unreadable(source, error), lost + 1
            else:
                readable += 1
                yield prospect
                continue
            if on_unreadable is None:
                # raised below, outside of the except block's reach and with the list closed
                failure = outcomes.unreadable_record(request, f"prospect no. {number} {item.reason}")
                break
            on_unreadable(item)
    if failure is None and not readable and lost >= _TOO_MANY_LOST:
        failure = outcomes.garbled(request, f"none of its {lost} prospects can be read")
    if failure is not None:
        raise failure


def _decoded(source: Source) -> Json:
    try:
        raw = json_text.loads(bytes(source))
    except ValueError:
        raise Unreadable("JSON") from None
    if not isinstance(raw, dict):
        raise Unreadable("object")
    return raw


class _Record:
    """One object of an answer, read by keys whose case does not matter: v2 spells its own unevenly."""

    __slots__ = ("values",)

    def __init__(self, raw: Json) -> None:
        self.values = lowered(raw)

    def text(self, key: str) -> str | None:
        return as_text(self.values.get(key.lower()))

    def need_id(self, key: str) -> str:
        found = as_id(self.values.get(key.lower()))
        if found is None:
            raise Unreadable(key)
        return found


def _pick_list_item(record: _Record) -> PickListItem:
    return PickListItem(record.need_id("picklistItemId"), record.text("name") or "")


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
    ids = record.values.get("propertyids")
    ids = ids if isinstance(ids, list) else [ids]
    return Employee(
        id=record.need_id("personId"),
        name=" ".join(filter(None, (record.text("firstName"), record.text("lastName")))),
        is_leasing=as_truth(record.values.get("isleasing")),
        property_ids=tuple(filter(None, map(as_id, ids))),
    )
