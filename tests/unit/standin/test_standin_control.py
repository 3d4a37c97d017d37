"""The controls: state, staff edits, merges, resets, the clock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures.standin_hand import Hand, Wording


def test_the_made_up_world_is_seeded_and_has_no_real_contacts(hand: Hand) -> None:
    one = hand.reset(seed=5, prospects=600)
    two = hand.reset(seed=5, prospects=600)
    other = hand.reset(seed=6, prospects=600)
    assert [p["prospectId"] for p in one["prospects"]] == [p["prospectId"] for p in two["prospects"]]
    assert one["properties"] == two["properties"]
    assert {p["propertyId"] for p in one["properties"]}.isdisjoint(
        p["propertyId"] for p in other["properties"]
    )
    people = [person for p in one["prospects"] for person in p["people"]]
    assert all(person["email"].endswith("@example.com") for person in people)
    assert all(") 555-01" in person["phone"] for person in people)
    assert len({person["phone"] for person in people}) == len(people)
    statuses = [p["status"] for p in one["prospects"]]
    assert statuses.count("Prospect") > 400
    assert {"Lost", "Applicant", "Resident"} < set(statuses)
    assert all(
        (p["lease"] is not None) == (p["status"] in ("Applicant", "Resident")) for p in one["prospects"]
    )
    assert len(one["properties"]) == 12
    assert one["accounts"] == ["400", "401"]
    every_id = [s[k] for p in one["properties"] for s in p["sources"] for k in s if k.endswith("Id")]
    every_id += [e[k] for p in one["properties"] for e in p["employees"] for k in ("agentId", "personId")]
    assert len(set(every_id)) == len(every_id)


def test_the_request_log_has_the_xml_and_never_the_key(hand: Hand, say: type[Wording]) -> None:
    hand.created()
    seen = hand.state()["requests"]
    (entry,) = [r for r in seen if r["endpoint"] == "PostLeadManagement4_0"]
    assert (entry["api"], entry["outcome"], entry["status"]) == ("v1", "Success", 200)
    assert entry["parameters"]["Xml"].startswith("<LeadManagement>")
    assert entry["accountId"] == "400"
    assert entry["propertyId"] == hand.property["propertyId"]
    assert "standin-key" not in json.dumps(seen)
    hand.v2("Employees")
    (later,) = hand.state(since=entry["n"])["requests"]
    assert (later["api"], later["endpoint"], later["path"]) == ("v2", "Employees", "/Employees")
    assert hand.state(requests="false")["requests"] == []


def test_staff_edits_move_last_modified_unless_silent(hand: Hand) -> None:
    prospect_id, _ = hand.created()
    before = hand.prospect(prospect_id)["lastModified"]
    silent = hand.control(f"prospects/{prospect_id}", {"status": "Lost", "silent": True}).json()
    assert (silent["status"], silent["lastModified"]) == ("Lost", before)
    again = hand.control(f"prospects/{prospect_id}", {"status": "Prospect"}).json()
    assert (again["status"], again["lostDate"], again["lostReason"]) == ("Prospect", None, None)
    assert again["lastModified"] > before
    lost = hand.control(f"prospects/{prospect_id}", {"status": "Lost", "lostReason": "Location"}).json()
    assert (lost["lostReason"], lost["lostDate"] is not None) == ("Location", True)
    set_back = hand.control(f"prospects/{prospect_id}", {"lastModified": "2025-01-01T00:00:00Z"}).json()
    assert set_back["lastModified"] == "2025-01-01T00:00:00.000000Z"


def test_staff_change_people_and_the_searches_follow(hand: Hand, say: type[Wording]) -> None:
    prospect_id, person_id = hand.created()
    people = [
        {"personId": person_id, "email": "moved@example.com"},
        {"firstName": "Silas", "lastName": "Second"},
    ]
    record = hand.control(f"prospects/{prospect_id}", {"people": people}).json()
    assert [p["firstName"] for p in record["people"]] == ["Ada", "Silas"]
    assert say.identity(hand.mits("SearchProspects", Email="moved@example.com")) == (prospect_id, person_id)
    assert hand.mits("SearchProspects", FirstName="Silas", LastName="Second").find(".//Prospect") is not None


@pytest.mark.parametrize(
    "bad", [{"status": "Gone"}, {"stauts": "Lost"}, {"people": []}, {"people": [{"x": 1}]}]
)
def test_an_edit_that_makes_no_sense_is_400_and_changes_nothing(hand: Hand, bad: dict[str, Any]) -> None:
    prospect_id, _ = hand.created()
    before = hand.prospect(prospect_id)
    assert hand.control(f"prospects/{prospect_id}", bad).status_code == 400
    assert hand.prospect(prospect_id) == before


def test_unknown_prospects_are_404(hand: Hand) -> None:
    assert hand.control("prospects/nobody", {"status": "Lost"}).status_code == 404
    assert hand.control("prospects/nobody", method="DELETE").status_code == 404
    assert hand.control("edits", {"edits": [{"prospectId": "nobody"}]}).status_code == 404


def test_staff_create_and_delete(hand: Hand) -> None:
    body = {"propertyId": hand.property["propertyId"], "people": [{"firstName": "Vera", "lastName": "Vance"}]}
    made = hand.control("prospects", body)
    assert made.status_code == 201
    record = made.json()
    assert record["people"][0]["isMainContact"]
    assert record["prospectId"] in [p["prospectId"] for p in hand.prospects()]
    assert hand.control(f"prospects/{record['prospectId']}", method="DELETE").status_code == 204
    assert record["prospectId"] not in [p["prospectId"] for p in hand.prospects()]
    assert hand.control("prospects", {**body, "propertyId": "x"}).status_code == 400


def test_edits_in_bulk(hand: Hand) -> None:
    chosen = [p["prospectId"] for p in hand.state()["prospects"]]
    answer = hand.control("edits", {"edits": [{"prospectId": i, "status": "Lost"} for i in chosen]}).json()
    assert answer["edited"] == len(chosen)
    stamps = [p["lastModified"] for p in answer["prospects"]]
    assert stamps == sorted(set(stamps))
    assert {p["status"] for p in hand.state()["prospects"]} == {"Lost"}


def test_merge_keeps_the_events_and_drops_the_card(hand: Hand, say: type[Wording]) -> None:
    keep, drop = hand.created(), hand.created(email="twin@example.com")
    hand.accepted(say.lead(ids=drop, event=say.event("Other", comments="kept")))
    record = hand.control("merge", {"keep": keep[0], "drop": drop[0]}).json()
    assert [e["comments"] for e in record["events"]][-1] == "kept"
    assert hand.control(f"prospects/{drop[0]}", method="GET").status_code == 404
    assert hand.mits("SearchProspects", Email="twin@example.com").find(".//Prospect") is None
    assert hand.control("merge", {"keep": keep[0], "drop": keep[0]}).status_code == 400


def test_idle_prospects_are_lost_by_themselves_after_so_many_days(hand: Hand) -> None:
    prospect_id, _ = hand.created()
    hand.faults(auto_lose_after_days=30)
    assert hand.prospect(prospect_id)["status"] == "Prospect"
    hand.control("clock", {"advance_seconds": 31 * 86400})
    (row,) = hand.prospects(prospectId=prospect_id)
    assert (row["status"], row["lostReason"]) == ("Lost", "Inactive (Lack of Response)")
    hand.control("clock", {"advance_seconds": -31 * 86400})


def test_reset_to_a_given_world_fills_in_what_is_left_out(hand: Hand) -> None:
    world = {
        "properties": [
            {"propertyId": "P-1", "accountId": "77", "name": "Fern Court", "timeZone": "America/Boise"}
        ],
        "prospects": [
            {"prospectId": "A-1", "propertyId": "P-1", "status": "Lost", "people": [{"lastName": "Only"}]},
            {
                "propertyId": "P-1",
                "people": [{"firstName": "Iris", "lastName": "Two", "email": "i@example.com"}],
            },
        ],
    }
    state = hand.reset(world=world)
    assert state["accounts"] == ["77"]
    assert [p["propertyId"] for p in state["properties"]] == ["P-1"]
    assert [(p["accountId"], p["status"]) for p in state["prospects"]] == [("77", "Lost"), ("77", "Prospect")]
    assert state["prospects"][0]["prospectId"] == "A-1"
    assert len(state["properties"][0]["sources"]) == 6
    assert len(state["lostReasons"]["77"]) == 6
    hand.created()
    again = {key: state[key] for key in ("accounts", "properties", "lostReasons", "prospects")}
    restored = hand.reset(world=again)
    assert {key: restored[key] for key in again} == again


def test_reset_forgets_faults_switches_and_requests(hand: Hand) -> None:
    hand.faults({"kind": "html"}, latency_ms=1)
    hand.v2("Properties")
    state = hand.reset(empty=True)
    assert (state["faults"], state["requests"], state["prospects"]) == ([], [], [])
    assert state["switches"]["latency_ms"] == 0
    assert len(state["properties"]) == 12
    assert hand.control("reset", {"world": {"prospects": [{"propertyId": "none"}]}}).status_code == 400
    assert len(hand.state()["properties"]) == 12
