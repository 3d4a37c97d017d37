"""B7, A4: a fuzzed corpus, through the real client, over HTTP. Each place of what ResMan answers has each odd
value in it, one at a time, next to good records: nothing is raised that has no name, no odd record costs
another one, and nothing hangs."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from defusedxml.ElementTree import fromstring

from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.resman.prospect import UnreadableProspect
from domiq_dagster.sync.pull.staging import _lines
from domiq_dagster.sync.trouble import records_in_trouble
from tests.fixtures.odd_values import ESSENTIAL, Odd, odd_elements, odd_objects
from tests.fixtures.world import Standin, World

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
CREDENTIALS = ("standin-partner", "standin-key")
SECONDS = 60.0
"""Far more than it takes; what hangs takes longer."""


class Resman:
    """The first property of a stand-in, some good leads in it, and a client."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self.property: dict[str, Any] = standin.state()["properties"][0]
        self.where = (self.property["accountId"], self.property["propertyId"])
        self.good = [self._lead(n) for n in range(5)]
        settings = ResManConfig(standin.url, standin.url, *CREDENTIALS, read_timeout=SECONDS)
        self.client = ResManClient(settings)

    def _lead(self, n: int) -> dict[str, Any]:
        person = {"firstName": "Ada", "lastName": f"Example{n}", "email": f"ada{n}@example.com"}
        person["phone"] = f"202-555-014{n}"
        lead = {"propertyId": self.property["propertyId"], "people": [person], "status": "Applicant"}
        made: dict[str, Any] = self.standin.control("prospects", lead)
        return made

    def raw(self, path: str, **query: str) -> Any:
        headers = {"ResMan-Account-Id": self.where[0]}
        answer = requests.get(
            f"{self.standin.url}/{path}", params=query, auth=CREDENTIALS, headers=headers, timeout=10
        )
        return answer.json()

    def beside(self, **endpoints: list[Odd]) -> None:
        self.standin.control("beside", {name: [odd.text for odd in odds] for name, odds in endpoints.items()})

    def odd_prospects(self) -> list[Odd]:
        """Each field of a v2 prospect, with the nested ones."""
        (base,) = self.raw(
            "Prospects",
            propertyId=self.where[1],
            prospectId=self.good[0]["prospectId"],
            modifiedSince="2000-01-01T00:00:00Z",
            includeCommunicationLog="true",
        )["prospects"]
        base["lease"] = base.get("lease") or {
            "leaseId": "L-1",
            "status": "Pending",
            "applicationDate": "2026-01-05",
        }
        base["leasingAgent"] = {"agentId": "A-1", "personId": "H-9", "firstName": "Lee", "lastName": "Sing"}
        base["communicationLog"] = [
            {"communicationLogId": "C-1", "date": "2026-01-05T17:30:00Z", "note": "x"}
        ]
        base["lostDate"], base["lostReason"] = "2026-01-05T17:30:00Z", "Moved"
        return odd_objects(base, "prospectId", ESSENTIAL)


@pytest.fixture
def resman(standin: Standin) -> Iterator[Resman]:
    made = Resman(standin)
    try:
        yield made
    finally:
        made.client.close()


@pytest.fixture
def tried(capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]) -> Any:
    """Tells how many odd values were tried, where whoever runs the test sees it."""

    def tell(what: str, count: int, seconds: float) -> None:
        record_property(f"odd {what} tried", count)
        line = f"{what}: {count} odd records tried in {seconds:.1f} s"
        print(line)  # what -rA shows, of a test that another process ran as well
        with capsys.disabled():
            print(f"\n{line}", end="")

    return tell


def test_each_field_of_a_prospect_with_each_odd_value(resman: Resman, tried: Any) -> None:
    odds = resman.odd_prospects()
    resman.beside(Prospects=odds)
    unreadable: list[UnreadableProspect] = []
    began = time.monotonic()
    found = list(
        resman.client.prospects(*resman.where, modified_since=LONG_AGO, on_unreadable=unreadable.append)
    )
    _lines(found, range(len(found)))  # everything that a pull reads of them
    assert all(p.people is not None and repr(p) for p in found)
    seconds = time.monotonic() - began
    tried("v2 prospects", len(odds), seconds)
    assert len(odds) > 2_000 and seconds < SECONDS
    assert len(found) + len(unreadable) == len(odds) + len(resman.good)
    came = {p.prospect_id: p for p in found}
    assert {lead["prospectId"] for lead in resman.good} <= came.keys()
    named = {item.prospect_id for item in unreadable}
    assert [odd.place for odd in odds if odd.readable and odd.id not in came] == []
    lost = {odd.place for odd in odds if odd.id not in came.keys() | named}
    assert lost <= {"prospectId", "instead"}
    person = came[resman.good[0]["prospectId"]].people[0]
    elsewhere = [odd for odd in odds if odd.readable and not odd.place.startswith("people")]
    assert [odd.place for odd in elsewhere if came[odd.id].people != (person,)] == []


def test_the_corpus_is_pulled_into_the_database(world: World, tried: Any) -> None:
    """B7: NUL, halves of characters, numbers and dates that PostgreSQL does not hold."""
    property_id = world.property()
    resman = Resman(world.standin)
    conversation = world.conversation(property_id, "new", email="ada3@example.com")
    odds = resman.odd_prospects()
    resman.beside(Prospects=odds)
    began = time.monotonic()
    (pulled,) = world.pull(full=True)
    tried("prospects pulled", len(odds), time.monotonic() - began)
    stored = {r.prospect_id for r in world.rows("SELECT prospect_id FROM domiq_sync.resman_lead")}
    assert {lead["prospectId"] for lead in resman.good} <= stored
    assert [odd.place for odd in odds if odd.readable and odd.id not in stored] == []
    with world.engine.connect() as connection:
        in_trouble = {trouble.key for trouble in records_in_trouble(connection)}
    assert in_trouble == pulled.unreadable.keys()
    lost = {odd.place for odd in odds if odd.id not in stored | in_trouble}
    assert lost <= {"prospectId", "instead"}
    link = world.rows("SELECT conversation_id, prospect_id FROM domiq_sync.lead_link")
    assert [tuple(row) for row in link] == [(conversation, resman.good[3]["prospectId"])]
    resman.client.close()


def _records(client: ResManClient, where: tuple[str, str]) -> list[LeadRecord]:
    return client.search_modified(*where, LONG_AGO, datetime.now(UTC) + timedelta(hours=1))


def test_each_place_of_a_mits_tree_with_each_odd_value(resman: Resman, tried: Any) -> None:
    """A4, B7."""
    good = {record.prospect_id: record for record in _records(resman.client, resman.where)}
    base = _mits_base()
    odds = odd_elements(base)
    resman.beside(SearchProspects=odds)
    began = time.monotonic()
    found = _records(resman.client, resman.where)
    seconds = time.monotonic() - began
    tried("MITS prospects", len(odds), seconds)
    assert len(odds) > 1_000 and seconds < SECONDS
    by_id = {record.prospect_id: record for record in found}
    assert {prospect_id: by_id.get(prospect_id) for prospect_id in good} == good
    assert [odd.place for odd in odds if odd.readable and odd.id not in by_id] == []
    assert len(found) == len(odds) + len(good)


def _mits_base() -> ET.Element:
    base: ET.Element = fromstring(
        '<Prospect><Customers><Customer Type="prospect">'
        '<Identification IDType="ProspectID" IDValue="P" OrganizationName="ResMan"/>'
        '<Identification IDType="PersonID" IDValue="H" OrganizationName="ResMan"/>'
        "<Name><FirstName>Ada</FirstName><LastName>Example</LastName></Name>"
        '<Phone PhoneType="cell"><PhoneNumber>202-555-0143</PhoneNumber></Phone>'
        "<Email>ada@example.com</Email></Customer></Customers>"
        '<Events><Event EventType="Show" EventDate="2026-01-05T17:30:00Z">'
        '<EventID IDType="EventID" IDValue="E"/><Agent><AgentID IDValue="A"/></Agent>'
        "<FirstContact>True</FirstContact><TransactionSource>S</TransactionSource>"
        "<Comments>hello</Comments><EventReasons>why</EventReasons></Event></Events></Prospect>"
    )
    return base


LISTS: dict[str, tuple[str, dict[str, Any], Callable[[ResManClient, tuple[str, str]], list[Any]]]] = {
    "Properties": (
        "propertyId",
        {
            "propertyId": "P",
            "name": "Oak",
            "timeZone": "UTC",
            "email": None,
            "phone": "1",
            "abbreviation": "o",
        },
        lambda client, where: client.properties(where[0]),
    ),
    "Employees": (
        "personId",
        {"personId": "H", "firstName": "Lee", "lastName": "Sing", "isLeasing": True, "propertyIds": ["P"]},
        lambda client, where: client.employees_v2(where[0]),
    ),
    "PickLists": (
        "picklistItemId",
        {"picklistItemId": "L", "name": "Moved"},
        lambda client, where: client.pick_list(where[0], "LostProspectReason"),
    ),
    "GetProspectSources": (
        "ID",
        {"ID": "S", "Name": "Web"},
        lambda client, where: client.prospect_sources(*where),
    ),
    "GetLostProspectReasons": (
        "ID",
        {"ID": "R", "Name": "Moved"},
        lambda client, where: client.lost_reasons(where[0]),
    ),
    "GetEmployees": (
        "ID",
        {"ID": "A", "Name": "Lee Sing"},
        lambda client, where: client.employees(*where),
    ),
}


@pytest.mark.parametrize("endpoint", LISTS)
def test_one_odd_item_costs_no_other_of_a_list(resman: Resman, endpoint: str, tried: Any) -> None:
    """B7: properties, employees, pick lists, v1's agents, sources and lost reasons."""
    key, base, ask = LISTS[endpoint]
    good = ask(resman.client, resman.where)
    assert good
    odds = odd_objects(base, key, {key})
    if endpoint.startswith("Get"):
        # v1's answer is one document, which one item that is no JSON makes none.
        odds = [odd for odd in odds if odd.is_json]
    resman.beside(**{endpoint: odds})
    began = time.monotonic()
    found = ask(resman.client, resman.where)
    tried(endpoint, len(odds), time.monotonic() - began)
    assert [item for item in found if item in good] == good
    came = {getattr(item, "property_id", None) or item.id for item in found}
    assert [odd.place for odd in odds if odd.readable and odd.id not in came] == []
