"""API v1: form POSTs that answer in MITS XML or JSON. Reads leads with their events, and writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from xml.etree.ElementTree import Element

from domiq_dagster.resman import outcomes
from domiq_dagster.resman.config import Guard, ResManConfig
from domiq_dagster.resman.dates import search_window
from domiq_dagster.resman.envelope import LIST, open_envelope, text_of, value_of
from domiq_dagster.resman.errors import BadRequest
from domiq_dagster.resman.ids import same_id
from domiq_dagster.resman.mits_read import lead_records, posted_lead
from domiq_dagster.resman.mits_write import lead_xml
from domiq_dagster.resman.models import Employee, LeadPost, LeadRecord, PickListItem, PostedLead
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.resman.prospect import as_id
from domiq_dagster.resman.transport import Transport

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

SEARCH = "MITS/SearchProspects"
POST_LEAD = "MITS/PostLeadManagement4_0"


class V1:
    """The v1 methods that matter for leads."""

    def __init__(self, config: ResManConfig, guard: Guard, clock: Callable[[], datetime]) -> None:
        self._config = config
        self.transport = Transport(config.v1_url, config=config, guard=guard, clock=clock)

    def search(self, account_id: str, property_id: str, terms: Mapping[str, str]) -> list[LeadRecord]:
        if any(not value.strip() for value in terms.values()):
            # ResMan ignores what it does not understand, and would answer with everybody.
            raise ValueError(f"a search for {' and '.join(terms)} needs a value")
        request = self._request(SEARCH, private=tuple(terms.values()))

        def read(root: Element) -> list[LeadRecord]:
            return lead_records(root, request)

        return self._call(account_id, property_id, request, SEARCH, terms, read, payload="prospects")

    def search_by_id(self, account_id: str, property_id: str, prospect_id: str) -> LeadRecord | None:
        found = self.search(account_id, property_id, {"ProspectID": prospect_id})
        for record in found:
            if same_id(record.prospect_id, prospect_id):
                return record
        nameless = [record for record in found if record.prospect_id is None]
        if not nameless:
            return None  # another id would be somebody else
        if len(found) == 1 and nameless[0].people:
            return nameless[0]  # it can only be the answer
        raise outcomes.unreadable_record(self._request(SEARCH), "it shows no id")

    def search_modified(
        self, account_id: str, property_id: str, start: datetime, end: datetime
    ) -> list[LeadRecord]:
        first, last = search_window(start, end)
        terms = {"ModifiedStartDateTime": first, "ModifiedEndDateTime": last}
        return self.search(account_id, property_id, terms)

    def post_lead(self, account_id: str, property_id: str, post: LeadPost) -> PostedLead:
        event = post.event
        private = (post.first_name, post.last_name, post.email, post.phone, event.comments, event.reasons)
        request = self._request(POST_LEAD, write=True, private=private)
        if bool(post.prospect_id) != bool(post.person_id):
            # Not left to lead_xml: one such row must fail by itself, not stop the worker.
            raise BadRequest(
                f"{request.what}: nothing sent, an update needs both the prospect's and person's id"
            )
        return self._call(account_id, property_id, request, POST_LEAD, {"Xml": lead_xml(post)}, posted_lead)

    def prospect_sources(self, account_id: str, property_id: str) -> list[PickListItem]:
        return [
            PickListItem(item_id, name)
            for item_id, name in self._list(account_id, property_id, "GetProspectSources", "ProspectSources")
        ]

    def lost_reasons(self, account_id: str) -> list[PickListItem]:
        found = self._list(account_id, None, "GetLostProspectReasons", "LostProspectReasons")
        return [PickListItem(item_id, name) for item_id, name in found]

    def employees(self, account_id: str, property_id: str) -> list[Employee]:
        found = self._list(account_id, property_id, "GetEmployees", "Employees")
        return [Employee(item_id, name, property_ids=(property_id,)) for item_id, name in found]

    def _request(self, method: str, *, write: bool = False, private: tuple[str | None, ...] = ()) -> Request:
        return Request(f"POST {method}", write=write, private=private, secrets=self._config.secrets)

    def _list(
        self, account_id: str, property_id: str | None, method: str, name: str
    ) -> list[tuple[str, str]]:
        path = f"Leasing/{method}"
        request = self._request(path)
        return self._call(
            account_id,
            property_id,
            request,
            path,
            {},
            lambda root: _items(root, name, request),
            payload=name.lower(),
        )

    def _call(
        self,
        account_id: str,
        property_id: str | None,
        request: Request,
        path: str,
        parameters: Mapping[str, str],
        read: Callable[[Element], _T],
        *,
        payload: str | None = None,
    ) -> _T:
        form = {
            "IntegrationPartnerID": self._config.partner_id,
            "ApiKey": self._config.api_key,
            "AccountID": account_id,
        }
        if property_id is not None:
            form["PropertyID"] = property_id
        form.update(parameters)
        headers = {"Accept": "application/xml" if path.startswith("MITS/") else "application/json"}
        # The answer is read and judged inside the guard, which is to see a refusal too.
        with self.transport.post(account_id, path, request, form=form, headers=headers) as answer:
            body = answer.read_all(self._config.max_xml_bytes)
            return read(open_envelope(body, answer.content_type, request, payload=payload))


def _items(root: Element, name: str, request: Request) -> list[tuple[str, str]]:
    """ID and Name of each item: an element each where ResMan answered in JSON, children of one in XML. Items
    without an ID are left out, unless that leaves none."""
    found = root.findall(f".//{name.lower()}") or root.findall(LIST)
    if not found:
        raise outcomes.garbled(request, f"it has no {name}", http_status=200)
    items: list[tuple[str, str]] = []
    odd = 0
    for element in found:
        is_item = value_of(element, "id") or value_of(element, "name") or not len(element)
        for item in [element] if is_item else list(element):
            item_id = as_id(value_of(item, "id"))
            if item_id is not None:
                items.append((item_id, value_of(item, "name") or ""))
            elif len(item) or item.attrib or text_of(item):
                odd += 1
    if odd and not items:
        raise outcomes.unreadable_record(request, f"none of its {name} has an ID")
    if odd:
        logger.warning("%s: left out %d of its %s that have no ID", request.what, odd, name)
    return items
