"""B10: the switches that make what was posted harder to recognise, each by what it does to a read."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.fixtures.standin_hand import Hand, Wording

TOLD = "DomIQ <b>status</b>: contacted -> lost. [DQ-0123456789ab]"


def comments(hand: Hand, ids: tuple[str, str]) -> list[list[str | None]]:
    """Those of the events after the first contact, as v1 and as v2 show them."""
    found = hand.mits("SearchProspects", ProspectID=ids[0]).findall(".//Event")
    rows = hand.prospects(prospectId=ids[0], includeCommunicationLog="true")
    log = rows[0]["communicationLog"] if rows else []
    return [[e.findtext("Comments") for e in found[1:]], [r["note"] for r in log[1:]]]


def tell(hand: Hand, say: type[Wording], ids: tuple[str, str], **values: Any) -> None:
    hand.accepted(say.lead(ids=ids, event=say.event("Other", agent=hand.agent, **values)))


@pytest.mark.parametrize(
    ("switches", "read"),
    [
        ({}, TOLD),
        ({"read_comment_length": 10}, TOLD[:10]),
        ({"sanitise_comments": True}, "DOMIQ STATUS: CONTACTED - LOST. DQ-0123456789AB"),
        ({"sanitise_comments": True, "read_comment_length": 5}, "DOMIQ"),
        ({"read_comment_length": 0}, None),
    ],
)
def test_comments_are_cut_and_sanitised_as_they_are_read(
    hand: Hand, say: type[Wording], switches: dict[str, Any], read: str | None
) -> None:
    ids = hand.created()
    tell(hand, say, ids, comments=TOLD)
    hand.faults(**switches)
    assert comments(hand, ids) == [[read], [read]]
    assert hand.prospect(ids[0])["events"][-1]["comments"] == TOLD


@pytest.mark.parametrize(("which", "shown"), [("none", 2), ("newest", 1), ("all", 0)])
def test_events_are_left_out_of_a_search_alone(
    hand: Hand, say: type[Wording], which: str, shown: int
) -> None:
    ids = hand.created()
    tell(hand, say, ids)
    hand.faults(events_left_out=which)
    assert len(hand.mits("SearchProspects", ProspectID=ids[0]).findall(".//Event")) == shown
    (row,) = hand.prospects(prospectId=ids[0], includeCommunicationLog="true")
    assert len(row["communicationLog"]) == 2


def test_reads_lag_by_the_clock(hand: Hand, say: type[Wording]) -> None:
    hand.faults(read_lag_seconds=60)
    ids = hand.created()
    assert hand.mits("SearchProspects", ProspectID=ids[0]).find(".//Customer") is None
    assert hand.prospects(prospectId=ids[0]) == []
    hand.control("clock", {"advance_seconds": 61})
    tell(hand, say, ids, comments=TOLD)
    assert comments(hand, ids) == [[], []]
    hand.control("clock", {"advance_seconds": 61})
    assert comments(hand, ids) == [[TOLD], [TOLD]]


def test_a_post_takes_effect_minutes_after_its_answer_was_lost(hand: Hand, say: type[Wording]) -> None:
    """D7."""
    ids = hand.created()
    lost = {"kind": "drop_after", "count": 1, "endpoint": "PostLeadManagement4_0", "commit_after": 300}
    hand.faults(lost)
    with pytest.raises(requests.ConnectionError):
        tell(hand, say, ids)
    hand.control("clock", {"advance_seconds": 290})
    assert len(hand.prospect(ids[0])["events"]) == 1
    hand.control("clock", {"advance_seconds": 11})
    assert len(hand.prospect(ids[0])["events"]) == 2


def test_a_post_that_commits_late_outlasts_its_client(hand: Hand, say: type[Wording]) -> None:
    """D7: it takes effect all the same, and is answered to whoever still waits."""
    ids = hand.created()
    hand.faults(commit_late_seconds=0.05)
    tell(hand, say, ids)
    hand.faults(commit_late_seconds=90)
    form = {"IntegrationPartnerID": "standin-partner", "ApiKey": "standin-key", "AccountID": "400"}
    form |= {"PropertyID": hand.property["propertyId"], "Xml": say.lead(ids=ids, event=say.event("Other"))}
    with pytest.raises(requests.ReadTimeout):
        hand.http.post(f"{hand.url}/MITS/PostLeadManagement4_0", data=form, timeout=0.1)
    assert len(hand.prospect(ids[0])["events"]) == 2
    hand.control("clock", {"advance_seconds": 91})
    assert len(hand.prospect(ids[0])["events"]) == 3


def test_ids_phones_words_and_pages_come_in_other_shapes(hand: Hand) -> None:
    ids = hand.created()
    person = hand.property["employees"][0]["personId"]
    hand.faults(
        foreign_identification=True, two_phones=True, status_case="upper", v1_agent_ids="person",
        next_page=True,
    )  # fmt: skip
    customer = hand.mits("SearchProspects", ProspectID=ids[0]).find(".//Customer")
    assert customer is not None and customer.get("Type") == "PROSPECT"
    found = [e.get("OrganizationName") for e in customer.findall("Identification")]
    assert found == ["LeaseHawk", "ResMan", "ResMan"]
    assert len(customer.findall("Phone")) in (0, 2)
    answer = hand.v2("Prospects", propertyId=hand.property["propertyId"], modifiedSince="2000-01-01")
    assert answer.json()["nextPage"] is None
    assert {p["status"] for p in answer.json()["prospects"]} <= {"PROSPECT", "LOST", "APPLICANT", "RESIDENT"}
    assert person in {e["ID"] for e in hand.v1("Leasing/GetEmployees").json()["Employees"]}


@pytest.mark.parametrize(
    "switches", [{"events_left_out": "some"}, {"status_case": "odd"}, {"read_lag_seconds": -1}]
)
def test_a_switch_that_makes_no_sense_is_refused(hand: Hand, switches: dict[str, Any]) -> None:
    assert hand.control("faults", {"switches": switches}).status_code == 400
