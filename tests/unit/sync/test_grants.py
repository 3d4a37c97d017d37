"""A6: what is said of an endpoint that ResMan has not granted."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from domiq_dagster.sync.grants import MissingGrant, key_of, sentences

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def missing(
    name: str, endpoint: str = "GET /Prospects", account: str = "400", hour: int = 12
) -> MissingGrant:
    key = key_of(account, endpoint)
    return MissingGrant(UUID(int=1), name, account, key, f"not_entitled: {key}", NOON.replace(hour=hour))


def test_an_endpoint_is_named_as_resman_names_it() -> None:
    """A6: whatever the account's id is."""
    assert missing("a", "MITS/PostLeadManagement4_0", "4 0").endpoint == "MITS/PostLeadManagement4_0"


def test_one_sentence_is_said_of_each_endpoint_and_account_and_names_where_it_is_missing() -> None:
    """A6: not one of each property."""
    found = sentences([missing("b", hour=11), missing("a"), missing("c", account="401")])
    assert found == [
        "not_entitled: 400 GET /Prospects (b, a, since 2026-03-01 11:00 UTC)",
        "not_entitled: 401 GET /Prospects (c, since 2026-03-01 12:00 UTC)",
    ]


def test_of_many_properties_some_are_named() -> None:
    """A6: an account may have a thousand."""
    (said,) = sentences([missing(f"p{n}") for n in range(8)])
    assert "(p0, p1, p2, p3, p4 and 3 more, since" in said


def test_nothing_is_said_where_all_is_granted() -> None:
    """A6."""
    assert sentences([]) == []
