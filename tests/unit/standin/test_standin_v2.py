"""The stand-in's v2 is what the facts say of API v2."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from tests.fixtures.standin_hand import Hand, Wording

EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
PROSPECT_KEYS = {
    "prospectId", "propertyId", "mainPersonId", "lastModified", "transactionSourceId", "prospectSourceId",
    "prospectSourceName", "status", "firstContactMethod", "firstContactDate",
    "firstContactCommunicationLogId", "lostDate", "lostReason", "leasingAgent", "people", "events",
}  # fmt: skip


def test_credentials_are_asked_for(hand: Hand) -> None:
    url = hand.url + "/Properties"
    good, account = ("standin-partner", "standin-key"), {"ResMan-Account-Id": "400"}
    assert hand.http.get(url, headers=account, timeout=5).status_code == 401
    assert hand.http.get(url, headers=account, auth=("standin-partner", "x"), timeout=5).status_code == 401
    assert hand.http.get(url, auth=good, timeout=5).status_code == 401
    assert hand.http.get(url, auth=good, headers={"ResMan-Account-Id": "999"}, timeout=5).status_code == 401
    assert hand.http.get(url, auth=good, headers=account, timeout=5).status_code == 200


def test_an_ungranted_endpoint_is_401_with_code_20001_until_it_is_switched_on(hand: Hand) -> None:
    property_id = hand.property["propertyId"]
    refused = hand.v2("ProspectSources", propertyId=property_id)
    assert refused.status_code == 401
    assert refused.json()["code"] == 20001
    hand.faults(entitlements={"ProspectSources": True, "Employees": False}, error_code_type="string")
    names = [s["name"] for s in hand.v2("ProspectSources", propertyId=property_id).json()["prospectSources"]]
    assert names == [s["name"] for s in hand.property["sources"]]
    assert hand.v2("Employees").json()["code"] == "20001"


def test_unknown_paths_are_404(hand: Hand) -> None:
    assert hand.v2("BankAccounts").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"propertyId": "here"},
        {"modifiedSince": EPOCH},
        {"propertyId": "here", "modifiedSince": "yesterday"},
        {"propertyId": "here", "modifiedSince": EPOCH, "firstContactDateFrom": EPOCH},
    ],
)
def test_a_missing_or_broken_filter_is_400(hand: Hand, query: dict[str, str]) -> None:
    query = {k: hand.property["propertyId"] if v == "here" else v for k, v in query.items()}
    answer = hand.v2("Prospects", **query)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_a_property_of_another_account_is_not_visible(hand: Hand) -> None:
    property_id = hand.property["propertyId"]
    assert hand.v2("Prospects", account="401", propertyId=property_id, modifiedSince=EPOCH).status_code == 400
    assert property_id not in [
        p["propertyId"] for p in hand.v2("Properties", account="401").json()["properties"]
    ]


def test_a_prospect_has_the_keys_of_the_facts_and_no_more(hand: Hand) -> None:
    rows = hand.prospects(misspelled="ignored", includecommunicationlog="true")
    assert len(rows) == 2
    assert all(set(row) - {"lease"} == PROSPECT_KEYS for row in rows)
    assert all(row["events"] is None for row in rows)
    logged = hand.prospects(includeCommunicationLog="true")
    assert all(set(row) - {"lease"} == PROSPECT_KEYS | {"communicationLog"} for row in logged)
    first = logged[0]
    log = {entry["communicationLogId"]: entry for entry in first["communicationLog"]}
    assert log[first["firstContactCommunicationLogId"]]["contactType"] == first["firstContactMethod"]


def test_both_kinds_of_ids_are_given_and_differ(hand: Hand) -> None:
    row = hand.prospects()[0]
    pairs = {(s["transactionSourceId"], s["prospectSourceId"]) for s in hand.property["sources"]}
    assert (row["transactionSourceId"], row["prospectSourceId"]) in pairs
    agents = {(e["agentId"], e["personId"]) for e in hand.property["employees"]}
    assert (row["leasingAgent"]["agentId"], row["leasingAgent"]["personId"]) in agents
    assert all(len({*pair}) == 2 for pair in pairs | agents)
    listed = {e["personId"] for e in hand.v2("Employees").json()["employees"]}
    assert {person for _, person in agents} <= listed
    assert not {agent for agent, _ in agents} & listed


def test_lease_is_absent_until_there_is_an_application(hand: Hand) -> None:
    chosen = next(p for p in hand.prospects() if "lease" not in p)["prospectId"]
    hand.control(f"prospects/{chosen}", {"status": "Applicant"})
    (applied,) = hand.prospects(prospectId=chosen)
    assert applied["status"] == "Applicant"
    assert applied["lease"]["status"] == "Pending"
    assert applied["lease"]["leaseSignedDate"] is None
    hand.control(f"prospects/{chosen}", {"status": "Resident"})
    (moved_in,) = hand.prospects(prospectId=chosen)
    assert moved_in["lease"]["leaseId"] == applied["lease"]["leaseId"]
    assert moved_in["lease"]["leaseSignedDate"] is not None
    query = {"propertyId": hand.property["propertyId"], "modifiedSince": EPOCH, "isLeaseSigned": "true"}
    leases = hand.v2("Leasing/Leases", **query, leaseStatuses="Current,Former").json()["leases"]
    assert chosen in [lease["prospectId"] for lease in leases]
    assert hand.v2("Leasing/Leases", **query, leaseStatuses="Denied").json() == {"leases": []}


def test_modified_since_is_exact_or_by_the_day(hand: Hand, say: type[Wording]) -> None:
    one, two = hand.prospects()
    for chosen, stamp in ((one, "2026-03-03T08:00:00Z"), (two, "2026-03-03T16:00:00Z")):
        hand.control(f"prospects/{chosen['prospectId']}", {"lastModified": stamp})
    noon = format_datetime(say.instant("2026-03-03T12:00:00+00:00"), usegmt=True)
    assert [p["prospectId"] for p in hand.prospects(since=noon)] == [two["prospectId"]]
    assert [p["prospectId"] for p in hand.prospects(since="2026-03-03T16:00:00Z")] == [two["prospectId"]]
    assert hand.prospects(since="2026-03-03T16:00:01Z") == []
    hand.faults(modified_since_granularity="day")
    assert len(hand.prospects(since=noon)) == 2


def test_future_modified_since_can_be_refused(hand: Hand, say: type[Wording]) -> None:
    later = format_datetime(say.instant(hand.state()["now"]) + timedelta(days=1), usegmt=True)
    assert hand.prospects(since=later) == []
    hand.faults(refuse_future_modified_since=True)
    property_id = hand.property["propertyId"]
    assert hand.v2("Prospects", propertyId=property_id, modifiedSince=later).status_code == 400


def test_filters_by_id_person_and_first_contact(hand: Hand) -> None:
    one, _ = hand.prospects()
    assert [p["prospectId"] for p in hand.prospects(personId=one["mainPersonId"])] == [one["prospectId"]]
    day = {"firstContactDateFrom": one["firstContactDate"], "firstContactDateTo": one["firstContactDate"]}
    assert [p["prospectId"] for p in hand.prospects(**day)] == [one["prospectId"]]


def test_date_texts_come_in_three_styles(hand: Hand) -> None:
    endings = {}
    for style in ("z", "offset", "naive"):
        hand.faults(date_style=style)
        endings[style] = hand.prospects()[0]["lastModified"][26:]
    assert endings == {"z": "Z", "offset": "+00:00", "naive": ""}


def test_properties_groups_and_pick_lists(hand: Hand) -> None:
    properties = hand.v2("Properties").json()["properties"]
    assert {p["timeZone"] for p in properties} == {"America/New_York", "America/Chicago", "America/Denver"}
    grouped = [i for g in hand.v2("Properties/Groups").json()["propertyGroups"] for i in g["propertyIds"]]
    assert sorted(grouped) == sorted(p["propertyId"] for p in properties)
    reasons = hand.v2("PickLists", name="LostProspectReason").json()["pickList"]
    expected = [{"picklistItemId": r["id"], "name": r["name"]} for r in hand.state()["lostReasons"]["400"]]
    assert reasons == expected
    assert hand.v2("PickLists").status_code == 400
    known = hand.v2("Account/AccountId", subdomain="standin401").json()
    assert known["accountId"] == "401"


def test_a_note_is_echoed_and_kept_without_moving_the_prospect(hand: Hand) -> None:
    (before, _) = hand.prospects()
    body = {
        "propertyId": before["propertyId"],
        "type": "Prospect",
        "recordId": before["prospectId"],
        "note": "Hi",
    }
    url, auth = hand.url + "/Notes", ("standin-partner", "standin-key")
    answer = hand.http.post(url, json=body, auth=auth, headers={"ResMan-Account-Id": "400"}, timeout=5)
    assert answer.status_code == 200
    note_id = answer.json().pop("noteId")
    kept = hand.prospect(before["prospectId"])
    assert [(n["noteId"], n["note"]) for n in kept["notes"]] == [(note_id, "Hi")]
    assert kept["lastModified"] == before["lastModified"]
