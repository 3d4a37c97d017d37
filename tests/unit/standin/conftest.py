"""A stand-in in a process of its own, and a plain HTTP hand on it. The project's client has no part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
import requests
from defusedxml.ElementTree import fromstring

CREDENTIALS = ("standin-partner", "standin-key")
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"


class Process:
    """A running server."""

    def __init__(self, *arguments: str) -> None:
        secrets = ("RESMAN_PARTNER_ID", "RESMAN_API_KEY")
        environment = {key: value for key, value in os.environ.items() if key not in secrets}
        root = str(Path(__file__).resolve().parents[3])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
        command = [sys.executable, "-m", "domiq_dagster.resman.standin", *arguments]
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        assert self.child.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.child.stdout.readline())

    def stop(self) -> tuple[int, bytes]:
        """SIGTERM; gives the exit code and what was written to stderr."""
        self.child.terminate()
        _, errors = self.child.communicate(timeout=10)
        return self.child.returncode, errors


class Hand:
    """Plain requests to a stand-in, for its first property unless another is chosen."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.property: dict[str, Any] = {}

    def control(
        self, path: str, data: dict[str, Any] | None = None, method: str = "POST"
    ) -> requests.Response:
        return self.http.request(method, f"{self.url}/_standin/{path}", json=data, timeout=10)

    def state(self, **query: str | int) -> dict[str, Any]:
        answer = self.http.get(f"{self.url}/_standin/state", params=query, timeout=10)
        assert answer.status_code == 200
        data: dict[str, Any] = answer.json()
        return data

    def reset(self, **data: Any) -> dict[str, Any]:
        assert self.control("reset", data).status_code == 200
        state = self.state()
        self.property = state["properties"][0]
        return state

    def faults(self, *faults: dict[str, Any], seed: int = 1, **switches: Any) -> None:
        answer = self.control("faults", {"seed": seed, "faults": list(faults), "switches": switches})
        assert answer.status_code == 200, answer.text

    def prospect(self, prospect_id: str) -> dict[str, Any]:
        answer = self.control(f"prospects/{prospect_id}", method="GET")
        assert answer.status_code == 200
        data: dict[str, Any] = answer.json()
        return data

    def v2(self, path: str, account: str = "400", **query: str) -> requests.Response:
        headers = {"ResMan-Account-Id": account, "Accept": "application/json"}
        return self.http.get(
            f"{self.url}/{path}", params=query, auth=CREDENTIALS, headers=headers, timeout=10
        )

    def prospects(self, since: str = EPOCH, **query: str) -> list[dict[str, Any]]:
        answer = self.v2("Prospects", propertyId=self.property["propertyId"], modifiedSince=since, **query)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["prospects"]
        return rows

    def v1(self, method: str, accept: str = "*/*", **parameters: str) -> requests.Response:
        form = {
            "IntegrationPartnerID": CREDENTIALS[0],
            "ApiKey": CREDENTIALS[1],
            "AccountID": self.property["accountId"],
            "PropertyID": self.property["propertyId"],
            **parameters,
        }
        return self.http.post(f"{self.url}/{method}", data=form, headers={"Accept": accept}, timeout=10)

    def mits(self, method: str, **parameters: str) -> ET.Element:
        """Calls a MITS method and gives the root of its answer."""
        answer = self.v1(f"MITS/{method}", **parameters)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/xml")
        root: ET.Element = fromstring(answer.content)
        assert root.tag == "ResMan"
        return root

    def post(self, lead: str) -> ET.Element:
        return self.mits("PostLeadManagement4_0", Xml=lead)

    def accepted(self, lead: str) -> ET.Element:
        root = self.post(lead)
        assert root.findtext("Status") == "Success", root.findtext("ErrorDescription")
        return root

    def refused(self, lead: str) -> str:
        root = self.post(lead)
        assert root.findtext("Status") == "Error"
        return root.findtext("ErrorDescription") or ""

    @property
    def source(self) -> str:
        return str(self.property["sources"][0]["transactionSourceId"])

    @property
    def agent(self) -> str:
        return str(self.property["employees"][0]["agentId"])

    def created(self, **names: Any) -> tuple[str, str]:
        """Creates a prospect by a post; gives its ProspectID and PersonID."""
        return identity(
            self.accepted(lead(event=event(first="True", agent=self.agent, source=self.source), **names))
        )


def identity(root: ET.Element) -> tuple[str, str]:
    """ProspectID and PersonID of the first customer in an answer."""
    customer = root.find("Response/LeadManagement/Prospects/Prospect/Customers/Customer")
    assert customer is not None
    ids = {e.get("IDType"): e.get("IDValue") or "" for e in customer.findall("Identification")}
    return ids["ProspectID"], ids["PersonID"]


def event(
    kind: str = "EmailFromProspect",
    date: str = "2026-01-05T17:30:00Z",
    first: str = "False",
    agent: str | None = None,
    source: str | None = None,
    event_id: str | None = None,
    comments: str | None = None,
    reasons: str | None = None,
) -> str:
    parts = [f"<Event EventType={quoteattr(kind)} EventDate={quoteattr(date)}>"]
    if event_id is not None:
        parts.append(f'<EventID IDType="EventID" IDValue={quoteattr(event_id)}/>')
    if agent is not None:
        parts.append(f"<Agent><AgentID IDValue={quoteattr(agent)}/></Agent>")
    parts.append(f"<FirstContact>{first}</FirstContact>")
    for tag, value in (("TransactionSource", source), ("Comments", comments), ("EventReasons", reasons)):
        if value is not None:
            parts.append(f"<{tag}>{escape(value)}</{tag}>")
    return "".join([*parts, "</Event>"])


def lead(
    event: str = "",
    ids: tuple[str, str | None] | None = None,
    kind: str = "prospect",
    first_name: str | None = "Ada",
    last_name: str | None = "Example",
    email: str | None = "ada.example@example.com",
    phone: str | None = None,
    more: str = "",
) -> str:
    """A LeadManagement document of one prospect; `ids` makes it an update, without contact fields."""
    parts = [f'<Customer Type="{kind}">']
    if ids is not None:
        email = phone = None
        for id_type, value in zip(("ProspectID", "PersonID"), ids, strict=True):
            if value is not None:
                parts.append(
                    f'<Identification IDType="{id_type}" IDValue="{value}" OrganizationName="ResMan"/>'
                )
    parts.append("<Name>")
    parts += [
        f"<{t}>{v}</{t}>" for t, v in (("FirstName", first_name), ("LastName", last_name)) if v is not None
    ]
    parts.append("</Name>")
    if phone is not None:
        parts.append(f'<Phone PhoneType="cell"><PhoneNumber>{phone}</PhoneNumber></Phone>')
    if email is not None:
        parts.append(f"<Email>{email}</Email>")
    parts.append("</Customer>")
    customers = "".join(parts)
    return (
        f"<LeadManagement><Prospects><Prospect><Customers>{customers}</Customers>{more}"
        f"<Events>{event}</Events></Prospect></Prospects></LeadManagement>"
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class Wording:
    """The two XML builders, for test modules: they cannot import a conftest."""

    event = staticmethod(event)
    lead = staticmethod(lead)
    identity = staticmethod(identity)
    instant = staticmethod(instant)


@pytest.fixture(scope="session")
def say() -> type[Wording]:
    return Wording


@pytest.fixture(scope="session")
def started() -> type[Process]:
    """Starts further servers: the test that starts one stops it."""
    return Process


@pytest.fixture(scope="session")
def server() -> Iterator[Process]:
    process = Process("--port", "0", "--prospects", "24")
    yield process
    code, errors = process.stop()
    assert (code, errors) == (0, b"")


@pytest.fixture
def hand(server: Process) -> Iterator[Hand]:
    """A hand on the shared server, with a fresh world of two prospects per property."""
    hand = Hand(str(server.ready["url"]))
    hand.reset(seed=7, prospects=24)
    yield hand
    hand.http.close()


@pytest.fixture
def hand_on() -> Iterator[Any]:
    """Makes hands on other servers."""
    hands: list[Hand] = []

    def make(url: str) -> Hand:
        hands.append(Hand(url))
        return hands[-1]

    yield make
    for hand in hands:
        hand.http.close()
