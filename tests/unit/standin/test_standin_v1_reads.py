"""The stand-in's v1 answers and searches are what the facts say of API v1."""

from __future__ import annotations

import pytest
from defusedxml.ElementTree import fromstring

from tests.fixtures.standin_hand import Hand


def test_json_methods_answer_in_an_envelope(hand: Hand) -> None:
    data = hand.v1("Leasing/GetProspectSources").json()
    assert data["Status"] == "Success"
    assert data["AccountID"] == 400
    assert data["ErrorDescription"] is None
    assert {s["ID"] for s in data["ProspectSources"]} == {
        s["transactionSourceId"] for s in hand.property["sources"]
    }


def test_employees_are_listed_by_agent_id(hand: Hand) -> None:
    ids = {e["ID"] for e in hand.v1("Leasing/GetEmployees").json()["Employees"]}
    assert ids == {e["agentId"] for e in hand.property["employees"]}


def test_lost_reasons_need_the_account_only(hand: Hand) -> None:
    data = hand.v1("Leasing/GetLostProspectReasons", PropertyID="").json()
    assert [r["ID"] for r in data["LostProspectReasons"]] == [
        r["id"] for r in hand.state()["lostReasons"]["400"]
    ]


def test_accept_xml_is_honoured_by_json_methods(hand: Hand) -> None:
    answer = hand.v1("Leasing/GetProspectSources", accept="application/xml")
    root = fromstring(answer.content)
    assert root.findtext("Status") == "Success"
    assert len(root.findall("ProspectSources/ProspectSource/ID")) == len(hand.property["sources"])


def test_parameter_names_are_case_insensitive_and_may_be_in_the_url(hand: Hand) -> None:
    query = {"integrationpartnerid": "standin-partner", "APIKEY": "standin-key", "accountId": "400"}
    url = f"{hand.url}/Leasing/GetEmployees"
    answer = hand.http.post(url, params=query, data={"propertyid": hand.property["propertyId"]}, timeout=5)
    assert answer.json()["Status"] == "Success"


@pytest.mark.parametrize(
    "wrong", [{"ApiKey": "x"}, {"AccountID": "999"}, {"PropertyID": "x"}, {"AccountID": "401"}]
)
def test_failures_are_http_200_with_failed_or_error(hand: Hand, wrong: dict[str, str]) -> None:
    plain = hand.v1("Leasing/GetEmployees", **wrong)
    assert (plain.status_code, plain.json()["Status"]) == (200, "Failed")
    assert plain.json()["ErrorDescription"]
    assert hand.mits("SearchProspects", Email="a@example.com", **wrong).findtext("Status") == "Error"


def test_bad_credentials_can_be_401_or_an_ungranted_method_failed(hand: Hand) -> None:
    hand.faults(v1_bad_credentials="401", entitlements={"GetEmployees": False})
    assert hand.v1("Leasing/GetProspectSources", ApiKey="x").status_code == 401
    assert "not permitted" in hand.v1("Leasing/GetEmployees").json()["ErrorDescription"]


def test_an_unknown_method_is_404(hand: Hand) -> None:
    assert hand.v1("Leasing/GetNothing").status_code == 404


def found(hand: Hand, **search: str) -> list[str]:
    root = hand.mits("SearchProspects", **search)
    assert root.findtext("Status") == "Success", root.findtext("ErrorDescription")
    prospects = root.find("Response/LeadManagement/Prospects")
    assert prospects is not None
    path = "Customers/Customer/Identification[@IDType='ProspectID']"
    return [
        element.get("IDValue") or "" for p in prospects for element in [p.find(path)] if element is not None
    ]


def test_the_five_searches(hand: Hand) -> None:
    prospect_id, _ = hand.created(
        first_name="Odd", last_name="Name", email="Odd@Example.com", phone="(202) 555-0199"
    )
    hand.control(f"prospects/{prospect_id}", {"lastModified": "2026-02-02T10:00:00Z"})
    assert found(hand, ProspectID=prospect_id.upper()) == [prospect_id]
    assert found(hand, FirstName="odd", LastName="NAME") == [prospect_id]
    assert found(hand, Email="odd@example.com") == [prospect_id]
    assert prospect_id in found(hand, Phone="+1 202-555-0199")
    window = {"ModifiedStartDateTime": "2026-02-02 00:00:00+00:00", "ModifiedEndDateTime": "2026-02-03"}
    assert found(hand, **window) == [prospect_id]


def test_no_match_gives_an_empty_prospects_element(hand: Hand) -> None:
    assert found(hand, Email="nobody@example.com") == []
    assert b"<Prospects />" in hand.v1("MITS/SearchProspects", Email="nobody@example.com").content


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"FirstName": "Ada"},
        {"Email": "a@example.com", "Phone": "2025550100"},
        {"ModifiedStartDateTime": "soon", "ModifiedEndDateTime": "2026-01-01"},
    ],
)
def test_a_search_that_makes_no_sense_is_an_error(hand: Hand, search: dict[str, str]) -> None:
    assert hand.mits("SearchProspects", **search).findtext("Status") == "Error"


def test_too_large_an_answer_is_502_with_buffer_overflow(hand: Hand) -> None:
    window = {"ModifiedStartDateTime": "1970-01-01", "ModifiedEndDateTime": "2100-01-01"}
    assert len(found(hand, **window)) == 2
    hand.faults(max_search_results=1)
    answer = hand.v1("MITS/SearchProspects", **window)
    assert answer.status_code == 502
    assert "buffer overflow" in answer.text


def test_applicants_and_residents_stand_beside_the_prospect(hand: Hand) -> None:
    prospect_id, person_id = hand.created()
    for status, expected in (("Applicant", "applicant"), ("Resident", "current_resident")):
        hand.control(f"prospects/{prospect_id}", {"status": status})
        root = hand.mits("SearchProspects", ProspectID=prospect_id)
        assert [c.get("Type") for c in root.iter("Customer")] == ["prospect", expected]
    kinds = [e.get("EventType") for e in root.iter("Event")]
    assert kinds == ["EmailFromProspect", "Application", "Approved", "LeaseSign"]
    people = hand.v1("Leasing/GetApplicantsAndCurrentResidents").json()["People"]
    assert (person_id, "Current") in [(p["PersonID"], p["Status"]) for p in people]
