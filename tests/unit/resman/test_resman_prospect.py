"""What a prospect gives of its people, read whole or at a glance."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from domiq_dagster.resman.prospect import read_prospect

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
    contacts = [tuple((part and part.strip()) or None for part in person) for person in prospect.contacts()]
    assert contacts == [(p.first_name, p.last_name, p.email, p.phone) for p in prospect.people]
    assert contacts == [
        ("Ada", "Example", "ada@example.com", "(512) 555-0100"),
        (None, "Example", None, "5125550101"),
        (None, None, None, None),
    ]
