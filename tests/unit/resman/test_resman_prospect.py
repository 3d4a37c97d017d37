"""What a prospect gives of its people, read whole or at a glance."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import msgspec
import pytest

from domiq_dagster.resman import prospect as module
from domiq_dagster.resman.prospect import Prospect, Unreadable, read_prospect

PEOPLE: list[Any] = [
    {"firstName": " Ada ", "lastName": "Example", "email": "ada@example.com", "phone": "(512) 555-0100"},
    {"lastName": "Example", "phone": 5125550101, "isMainContact": True},
    {"email": None, "firstName": ""},
    "nobody",
]


def spelt(value: Any, spelling: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {spelling(key): spelt(inner, spelling) for key, inner in value.items()}
    return [spelt(inner, spelling) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper, str.capitalize])
def test_whatever_the_case_of_its_keys_a_glance_shows_the_contacts_that_its_people_have(
    spelling: Callable[[str], str],
) -> None:
    raw = {
        "prospectId": "p",
        "status": "Prospect",
        "lastModified": "2026-01-05T08:00:00Z",
        "leasingAgent": {"agentId": "a"},
        "people": PEOPLE,
    }
    raw = spelt(raw, spelling)
    prospect = read_prospect(json.dumps(raw).encode())
    assert (prospect.prospect_id, prospect.status, prospect.agent_id) == ("p", "Prospect", "a")
    raw_people = [
        tuple((part and part.strip()) or None for part in (p.first_name, p.last_name, p.email, p.phone))
        for p in prospect.raw_people
    ]
    assert raw_people == [(p.first_name, p.last_name, p.email, p.phone) for p in prospect.people]
    assert raw_people == [
        ("Ada", "Example", "ada@example.com", "(512) 555-0100"),
        (None, "Example", None, "5125550101"),
        (None, None, None, None),
    ]


DOCUMENTED: dict[str, Any] = {
    "prospectId": " p-1 ",
    "propertyId": "prop-1",
    "mainPersonId": "h-1",
    "lastModified": "2025-11-04T08:00:00Z",
    "transactionSourceId": "ts-1",
    "prospectSourceId": None,
    "status": "Applicant",
    "firstContactDate": "2025-11-01",
    "lostDate": None,
    "lostReason": "",
    "leasingAgent": {"agentId": "a-1", "personId": "staff-1"},
    "people": [
        {"personId": "h-1", "firstName": "Ada", "lastName": "Example", "email": None, "phone": "5550101",
         "isMainContact": True, "isGuarantor": None},
    ],
    "events": None,
}  # fmt: skip
LEASE = {"leaseID": "l-1", "status": "Pending", "applicationDate": "2025-11-04T10:00:00"}


def shown(prospect: Prospect) -> dict[str, Any]:
    names = [name for name in dir(Prospect) if not name.startswith("_") and name != "raw_people"]
    return {name: getattr(prospect, name) for name in names}


@pytest.mark.parametrize(
    "raw",
    [
        DOCUMENTED,
        *({**DOCUMENTED, key: LEASE} for key in ("lease", "Lease", "LEASE")),
        *({**DOCUMENTED, key: None} for key in ("leasingAgent", "people", "propertyId", "lease")),
        *({**DOCUMENTED, key: 7} for key in ("prospectId", "leasingAgent", "people", "lostReason", "lease")),
        *({k: v for k, v in DOCUMENTED.items() if k != key} for key in ("people", "lostDate")),
        {**DOCUMENTED, "people": [{"firstName": "Bo"}, 5, None, {"PHONE": 5550102}]},
        {**DOCUMENTED, "lostReason": "\ud800 \u00e9 \x00"},
    ],
)  # fmt: skip
def test_the_fast_way_and_the_careful_one_read_the_same(raw: dict[str, Any]) -> None:
    source = json.dumps(raw).encode()
    fast = read_prospect(source)
    with mock.patch.object(module, "_decode", side_effect=msgspec.DecodeError):
        careful = read_prospect(source)
    assert shown(fast) == shown(careful)


def test_no_repr_shows_a_persons_data() -> None:
    prospect = read_prospect(json.dumps(DOCUMENTED).encode())
    for shows in (prospect, prospect.raw_people, prospect._fields):
        assert not any(word in repr(shows) for word in ("Ada", "Example", "5550101"))


def test_what_resman_documents_is_read_the_fast_way() -> None:
    for raw in (DOCUMENTED, {**DOCUMENTED, "lease": LEASE}):
        with mock.patch.object(module, "_read_carefully", side_effect=AssertionError):
            assert (read_prospect(json.dumps(raw).encode()).lease is None) == ("lease" not in raw)


@pytest.mark.parametrize("source", [b"7", b"null", b'"p"', b"[]", b'{"prospectId"', b"{}"])
def test_what_is_no_prospect_is_unreadable_and_told_without_its_content(source: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^(prospectId|JSON|lastModified)$") as caught:
        read_prospect(source)
    assert caught.value.__cause__ is None
