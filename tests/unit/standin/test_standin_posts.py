"""PostLeadManagement4_0: what a post must have, and what it does."""

from __future__ import annotations

import pytest

from tests.fixtures.standin_hand import Hand, Wording


def test_a_create_answers_the_ids_and_can_be_read_back_at_once(hand: Hand, say: type[Wording]) -> None:
    first = say.event(
        "WalkIn",
        "2026-01-05T17:30:00.123456",
        "true",
        hand.agent,
        hand.source,
        comments="a <b> & c",
        reasons="Visit",
    )
    root = hand.accepted(say.lead(event=first, phone="(202) 555-0199"))
    prospect_id, person_id = say.identity(root)
    event_id = next(root.iter("EventID")).get("IDValue")
    (row,) = hand.prospects(prospectId=prospect_id, includeCommunicationLog="true")
    assert row["mainPersonId"] == person_id
    assert row["status"] == "Prospect"
    assert row["transactionSourceId"] == hand.source
    assert row["leasingAgent"]["agentId"] == hand.agent
    assert row["firstContactMethod"] == "WalkIn"
    assert row["firstContactDate"] == "2026-01-05T17:30:00.123456Z"
    (entry,) = row["communicationLog"]
    assert entry["communicationLogId"] == row["firstContactCommunicationLogId"] == event_id
    assert (entry["note"], entry["description"]) == ("a <b> & c", "Visit")
    read = hand.mits("SearchProspects", ProspectID=prospect_id)
    assert [e.get("EventDate") for e in read.iter("Event")] == ["2026-01-05T17:30:00+00:00"]
    assert [e.text for e in read.iter("Comments")] == ["a <b> & c"]


@pytest.mark.parametrize("lacking", ["first_name", "last_name", "email", "agent", "source"])
def test_a_create_without_something_required_is_refused(hand: Hand, say: type[Wording], lacking: str) -> None:
    parts = {"agent": hand.agent, "source": hand.source}
    parts.pop(lacking, None)
    names = {lacking: None} if lacking in ("first_name", "last_name", "email") else {}
    before = len(hand.state()["prospects"])
    assert hand.refused(say.lead(event=say.event(first="True", **parts), **names))
    assert len(hand.state()["prospects"]) == before


def test_the_other_kind_of_id_is_unknown(hand: Hand, say: type[Wording]) -> None:
    source, employee = hand.property["sources"][0], hand.property["employees"][0]
    event = say.event(first="True", agent=hand.agent, source=source["prospectSourceId"])
    assert "Transaction Source could not be found" in hand.refused(say.lead(event=event))
    event = say.event(first="True", agent=employee["personId"], source=hand.source)
    assert "Agent could not be found" in hand.refused(say.lead(event=event))


def test_a_source_of_another_property_is_unknown(hand: Hand, say: type[Wording]) -> None:
    other = hand.state()["properties"][1]["sources"][0]["transactionSourceId"]
    event = say.event(first="True", agent=hand.agent, source=other)
    assert "Transaction Source could not be found" in hand.refused(say.lead(event=event))


def test_the_agent_must_be_a_leasing_agent_unless_lax(hand: Hand, say: type[Wording]) -> None:
    other = next(e["agentId"] for e in hand.property["employees"] if not e["isLeasing"])
    lead = say.lead(event=say.event(first="True", agent=other, source=hand.source))
    assert "not a leasing agent" in hand.refused(lead)
    hand.faults(strict_agents=False)
    hand.accepted(lead)


@pytest.mark.parametrize(
    "text",
    [
        "<LeadManagement>",
        "<Other/>",
        "<LeadManagement/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><LeadManagement><Prospects>&a;</Prospects></LeadManagement>',
        '<LeadManagement xmlns="urn:x"><Prospects/></LeadManagement>',
    ],
)
def test_bad_xml_is_an_error(hand: Hand, text: str) -> None:
    assert hand.refused(text)


@pytest.mark.parametrize(
    "change", [{"kind": "Nonsense"}, {"kind": "LeaseSign"}, {"date": "today"}, {"date": ""}]
)
def test_event_type_and_date_are_checked(hand: Hand, say: type[Wording], change: dict[str, str]) -> None:
    ids = hand.created()
    assert hand.refused(say.lead(ids=ids, event=say.event(**change)))


def test_an_activity_adds_a_log_row_and_moves_last_modified(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    stamps = [hand.prospect(ids[0])["lastModified"]]
    for kind in ("appointment", "Other"):
        hand.accepted(say.lead(ids=ids, event=say.event(kind, agent=hand.agent, comments="x")))
        stamps.append(hand.prospect(ids[0])["lastModified"])
    assert stamps == sorted(set(stamps))
    (row,) = hand.prospects(prospectId=ids[0], includeCommunicationLog="true")
    assert [e["contactType"] for e in row["communicationLog"]] == [
        "EmailFromProspect",
        "Appointment",
        "Other",
    ]
    assert row["people"][0]["email"] == "ada.example@example.com"


def test_ids_of_an_update_must_exist_and_belong_together(hand: Hand, say: type[Wording]) -> None:
    one, two = hand.created(), hand.created(email="bob@example.com")
    event = say.event("Other")
    unknown = "00000000-0000-4000-8000-000000000000"
    for ids in ((unknown, one[1]), (one[0], unknown), (one[0], two[1]), (one[0], None), (None, one[1])):
        assert hand.refused(say.lead(ids=ids, event=event))
    other = next(p for p in hand.state()["prospects"] if p["propertyId"] != hand.property["propertyId"])
    assert hand.refused(say.lead(ids=(other["prospectId"], other["mainPersonId"]), event=event))
    assert len(hand.prospect(one[0])["events"]) == 1


def test_contact_fields_on_an_update_overwrite(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created(phone="(202) 555-0199")
    lead = say.lead(ids=ids, first_name="Grace")
    hand.accepted(lead.replace("</Name>", "</Name><Email>new@example.com</Email>"))
    (person,) = hand.prospect(ids[0])["people"]
    assert (person["firstName"], person["email"]) == ("Grace", "new@example.com")
    assert person["phone"] == "(202) 555-0199"
    found = hand.mits("SearchProspects", Email="new@example.com")
    assert say.identity(found) == ids
    assert hand.mits("SearchProspects", Email="ada.example@example.com").find(".//Prospect") is None


def test_a_customer_without_a_person_id_is_a_roommate(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.accepted(say.lead(ids=(ids[0], None), first_name="Rosa"))
    people = hand.prospect(ids[0])["people"]
    assert [(p["firstName"], p["isMainContact"]) for p in people] == [("Ada", True), ("Rosa", False)]


def test_a_first_contact_event_changes_source_and_agent(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    source = hand.property["sources"][3]["transactionSourceId"]
    agent = hand.property["employees"][2]["agentId"]
    hand.accepted(say.lead(ids=ids, event=say.event("other", agent=agent, source=source, first="True")))
    record = hand.prospect(ids[0])
    assert (record["transactionSourceId"], record["agentId"]) == (source, agent)
    assert record["firstContactMethod"] == "Other"


def lose(
    hand: Hand, say: type[Wording], ids: tuple[str, str], kind: str = "lost", event: str = "Cancel"
) -> str:
    reason = hand.state()["lostReasons"]["400"][1]
    source = reason["id"] if event == "Cancel" else None
    document: str = say.lead(ids=ids, kind=kind, event=say.event(event, agent=hand.agent, source=source))
    return document


def test_lost_takes_both_the_type_and_the_cancel(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    for kind, event in (("prospect", "Cancel"), ("lost", "Other")):
        hand.accepted(lose(hand, say, ids, kind, event))
        assert hand.prospect(ids[0])["status"] == "Prospect"
    hand.accepted(lose(hand, say, ids))
    (row,) = hand.prospects(prospectId=ids[0])
    assert (row["status"], row["lostReason"]) == ("Lost", "Price Too High")
    assert row["lostDate"] == "2026-01-05T17:30:00.000000Z"
    read = hand.mits("SearchProspects", ProspectID=ids[0])
    assert [c.get("Type") for c in read.iter("Customer")] == ["lost"]
    cancel = next(e for e in read.iter("Event") if e.get("EventType") == "Cancel")
    assert cancel.findtext("EventReasons") == "Prospect Lost: Price Too High"
    assert cancel.find("TransactionSource") is None


@pytest.mark.parametrize(("kind", "event"), [("prospect", "Cancel"), ("lost", "Other")])
def test_either_half_loses_when_lax(hand: Hand, say: type[Wording], kind: str, event: str) -> None:
    ids = hand.created()
    hand.faults(cancel_needs_lost_type=False)
    hand.accepted(lose(hand, say, ids, kind, event))
    assert hand.prospect(ids[0])["status"] == "Lost"


def test_cancel_takes_a_lost_reason_not_a_source(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    wrong = say.lead(ids=ids, kind="lost", event=say.event("Cancel", source=hand.source))
    assert "Lost Prospect Reason" in hand.refused(wrong)
    assert hand.prospect(ids[0])["status"] == "Prospect"
    hand.faults(strict_lost_reasons=False)
    hand.accepted(wrong)
    assert hand.prospect(ids[0])["status"] == "Lost"


@pytest.mark.parametrize(
    ("policy", "status"), [("lose", "Lost"), ("ignore", "Applicant"), ("error", "Applicant")]
)
def test_cancel_of_an_applicant_is_a_switch(hand: Hand, say: type[Wording], policy: str, status: str) -> None:
    ids = hand.created()
    hand.control(f"prospects/{ids[0]}", {"status": "Applicant"})
    hand.faults(cancel_after_conversion=policy)
    answer = hand.post(lose(hand, say, ids)).findtext("Status")
    assert answer == ("Error" if policy == "error" else "Success")
    assert hand.prospect(ids[0])["status"] == status


def test_reactivate_needs_no_source_and_clears_the_loss(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults(activity_reactivates=False)
    hand.accepted(lose(hand, say, ids))
    hand.accepted(say.lead(ids=ids, event=say.event("ReActivate")))
    record = hand.prospect(ids[0])
    assert (record["status"], record["lostDate"], record["lostReason"]) == ("Prospect", None, None)


@pytest.mark.parametrize(("switch", "status"), [(True, "Prospect"), (False, "Lost")])
def test_an_activity_with_type_prospect_may_reactivate(
    hand: Hand, say: type[Wording], switch: bool, status: str
) -> None:
    ids = hand.created()
    hand.faults(activity_reactivates=switch)
    hand.accepted(lose(hand, say, ids))
    hand.accepted(say.lead(ids=ids, kind="lost", event=say.event("Other")))
    assert hand.prospect(ids[0])["status"] == "Lost"
    hand.accepted(say.lead(ids=ids, event=say.event("Other")))
    assert hand.prospect(ids[0])["status"] == status


def test_an_application_event_alone_does_not_convert(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.accepted(say.lead(ids=ids, event=say.event("Application", agent=hand.agent)))
    record = hand.prospect(ids[0])
    assert (record["status"], record["lease"]) == ("Prospect", None)


def test_a_repost_is_a_second_event_and_an_event_id_edits(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    tour = say.event("Appointment", agent=hand.agent, event_id="")
    event_id = next(hand.accepted(say.lead(ids=ids, event=tour)).iter("EventID")).get("IDValue")
    hand.accepted(say.lead(ids=ids, event=tour))
    assert len(hand.prospect(ids[0])["events"]) == 3
    moved = say.lead(ids=ids, event=say.event("Appointment", "2026-02-01T10:00:00Z", event_id=event_id))
    echoed = next(hand.accepted(moved).iter("EventID")).get("IDValue")
    events = {e["eventId"]: e["date"] for e in hand.prospect(ids[0])["events"]}
    assert echoed == event_id
    assert len(events) == 3
    assert events[event_id] == "2026-02-01T10:00:00.000000Z"
    hand.faults(event_id_policy="ignore")
    hand.accepted(moved)
    assert len(hand.prospect(ids[0])["events"]) == 4
    hand.faults(event_id_policy="keep")
    back = say.lead(ids=ids, event=say.event("Appointment", "2026-03-01T10:00:00Z", event_id=event_id))
    assert next(hand.accepted(back).iter("EventID")).get("IDValue") == event_id
    hand.faults(event_id_policy="refuse")
    assert "EventID" in hand.refused(back)
    assert not [e for e in hand.prospect(ids[0])["events"] if e["date"].startswith("2026-03")]


def test_answers_name_their_events_or_not(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    note = say.lead(ids=ids, event=say.event("Other"))
    for shown, number in (("everywhere", 1), ("reads", 0), ("nowhere", 0)):
        hand.faults(event_ids=shown)
        assert len(list(hand.accepted(note).iter("EventID"))) == number


def test_a_foreign_event_id_is_no_idempotency_key(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    mine = say.lead(ids=ids, event=say.event("Other", event_id="11111111-1111-4111-8111-111111111111"))
    hand.accepted(mine)
    hand.accepted(mine)
    assert len(hand.prospect(ids[0])["events"]) == 3


def test_duplicates_are_created_or_refused(hand: Hand, say: type[Wording]) -> None:
    one = hand.created(phone="(202) 555-0199")
    assert hand.created(phone="(202) 555-0199")[0] != one[0]
    hand.faults(duplicate_policy="refuse")
    first = say.event(first="True", agent=hand.agent, source=hand.source)
    assert "already exists" in hand.refused(say.lead(event=first))
    assert "already exists" in hand.refused(say.lead(event=first, email=None, phone="+1 202 555 0199"))
    hand.created(email="fresh@example.com")


def test_long_comments_can_be_refused(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults(max_comment_length=10)
    assert "10 characters" in hand.refused(say.lead(ids=ids, event=say.event("Other", comments="x" * 11)))


def test_mits_lite_adds_only_and_names_the_property_inside(hand: Hand, say: type[Wording]) -> None:
    property_id = f'<PropertyID IDValue="{hand.property["propertyId"]}"/>'
    first = say.event(first="True", agent=hand.agent, source=hand.source)
    query = {"IntegrationPartnerID": "standin-partner", "ApiKey": "standin-key"}
    url, headers = hand.url + "/MITSLite/PostLeadManagement4_0", {"Content-Type": "application/xml"}
    for lead, status in (
        (say.lead(event=first, more=property_id), "Success"),
        (say.lead(event=first), "Error"),
        (say.lead(ids=hand.created(), event=first, more=property_id), "Error"),
    ):
        answer = hand.http.post(url, params=query, data=lead.encode(), headers=headers, timeout=5)
        assert f"<Status>{status}</Status>" in answer.text
