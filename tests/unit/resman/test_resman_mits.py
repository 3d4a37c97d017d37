import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domiq_dagster.resman.envelope import open_envelope
from domiq_dagster.resman.errors import (
    BadCredentials,
    Disposition,
    Garbled,
    Refused,
    ResManError,
    ServerFault,
    UnknownSource,
)
from domiq_dagster.resman.mits_read import lead_records, posted_lead
from domiq_dagster.resman.mits_write import lead_xml
from domiq_dagster.resman.models import LeadEvent, LeadPost, LeadRecord
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.resman.text import comment

READ = Request("POST MITS/SearchProspects")
WRITE = Request("POST MITS/PostLeadManagement4_0", write=True)
WHEN = datetime(2026, 1, 5, 11, 30, 0, 999, tzinfo=timezone(timedelta(hours=-6)))
MARKER = "[DQ-0123456789ab]"
NASTY = st.text() | st.lists(
    st.sampled_from(
        ["<b>", "</p>", "<br/>", "&", "<", ">", "]]>", "\0", "\x1b", "\r\n", "é", "\ud800", "a ", MARKER]
    )
).map("".join)


def post(**changes: Any) -> LeadPost:
    event = LeadEvent("Other", WHEN, agent_id="agent-1", first_contact=True, transaction_source="source-1")
    return LeadPost(**{"customer_type": "prospect", "event": event, **changes})


def wrap(prospects: str, status: str = "<Status>Success</Status>") -> bytes:
    return (
        f'<ResMan xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{status}<AccountID>400</AccountID>'
        f"<Response><LeadManagement><Prospects>{prospects}</Prospects></LeadManagement></Response></ResMan>"
    ).encode()


def read(body: bytes, content_type: str = "text/xml") -> list[LeadRecord]:
    return lead_records(open_envelope(body, content_type, READ), READ)


def sent(xml: str) -> ET.Element:
    found = ET.fromstring(xml).find("Prospects/Prospect")
    assert found is not None
    return found


def test_an_update_carries_ids_name_and_event_and_nothing_that_could_overwrite() -> None:
    xml = lead_xml(
        post(
            prospect_id="p-1",
            person_id="h-1",
            first_name="Ada",
            last_name="Example",
            email="ada@example.com",
            phone="402-555-0123",
            move_in_date=date(2026, 5, 1),
        )
    )
    assert xml == (
        '<LeadManagement><Prospects><Prospect><Customers><Customer Type="prospect">'
        '<Identification IDType="ProspectID" IDValue="p-1" OrganizationName="ResMan" />'
        '<Identification IDType="PersonID" IDValue="h-1" OrganizationName="ResMan" />'
        "<Name><FirstName>Ada</FirstName><LastName>Example</LastName></Name></Customer></Customers>"
        '<Events><Event EventType="Other" EventDate="2026-01-05T17:30:00Z">'
        '<Agent><AgentID IDValue="agent-1" /></Agent><FirstContact>True</FirstContact>'
        "<TransactionSource>source-1</TransactionSource></Event></Events></Prospect></Prospects></LeadManagement>"
    )


def test_a_create_carries_contact_fields_and_no_ids() -> None:
    made = sent(
        lead_xml(post(first_name="Ada", last_name="Example", email="a@example.com", phone="555-0101",
                      move_in_date=date(2026, 5, 1)))
    )  # fmt: skip
    assert made.find(".//Identification") is None
    assert made.findtext("Customers/Customer/Email") == "a@example.com"
    assert made.findtext("Customers/Customer/Phone[@PhoneType='cell']/PhoneNumber") == "555-0101"
    assert made.findtext("CustomerPreferences/TargetMoveInDate") == "2026-05-01"


def test_half_a_name_is_not_restated_and_half_an_identity_is_not_sent() -> None:
    assert sent(lead_xml(post(prospect_id="p", person_id="h", last_name="Example"))).find(".//Name") is None
    with pytest.raises(ValueError, match="both"):
        lead_xml(post(prospect_id="p"))


@pytest.mark.parametrize("event_id", [None, "e-1"])
def test_an_event_id_is_sent_only_to_edit(event_id: str | None) -> None:
    made = sent(lead_xml(post(event=LeadEvent("Appointment", WHEN, event_id=event_id))))
    found = made.find("Events/Event/EventID")
    assert (found.get("IDValue") if found is not None else None) == event_id
    assert made.findtext("Events/Event/FirstContact") == "False"


@given(NASTY, NASTY, NASTY)
def test_whatever_is_written_is_read_back_clean(comments: str, name: str, source: str) -> None:
    event = LeadEvent("Other", WHEN, transaction_source=source, comments=comments, reasons=comments)
    xml = lead_xml(post(event=event, first_name=name, last_name="Example"))
    (record,) = read(wrap(ET.tostring(sent(xml), encoding="unicode")))
    (found,) = record.events
    assert found.event_date == WHEN.replace(microsecond=0)
    legal = "".join(c for c in source if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff"))
    assert found.transaction_source == (
        " ".join(legal.replace("\ufffe", "").replace("\uffff", "").split()) or None
    )
    for text in (found.comments or "", found.reasons or ""):
        assert not re.search(r"</?[A-Za-z][^<>]*>|[\x00-\x08\x0b\x0c\x0e-\x1f\r]", text)


@given(NASTY, st.integers(0, 4000), NASTY.filter(lambda t: len(t) < 100 and "[DQ-" not in t))
@example("<a ", 0, " >")
def test_the_marker_survives_every_cut_and_every_strip(start: str, padding: int, end: str) -> None:
    text = comment(f"{start}{'lorem ' * padding} {MARKER}{end}")
    assert len(text) <= 2000
    assert MARKER in text
    assert end.strip() or text.endswith(MARKER)


def test_html_goes_and_words_stay() -> None:
    assert comment("<p>Rent &lt; 1500</p><p>2 beds & <b>a</b> den</p>") == "Rent &lt; 1500\n2 beds & a den"
    assert comment("if 3 < 4 and 5 > 4") == "if 3 < 4 and 5 > 4"


PROSPECT = """<Prospect><Customers>
 <Customer Type="Prospect"><Identification IDType="prospectid" IDValue="P1" OrganizationName="ResMan"/>
  <Identification IDType="PersonID" IDValue="H1"/>
  <Name><FirstName>Ada</FirstName><LastName>Example</LastName></Name>
  <Phone PhoneType="cell"><PhoneNumber>555-0101</PhoneNumber></Phone><Email>ada@example.com</Email></Customer>
 <Customer Type="Applicant"><Identification IDType="PersonID" IDValue="H1"/></Customer>
 <Customer Type="prospect"><Identification IDType="PersonID" IDValue="H2"/></Customer>
</Customers><Events>
 <Event EventType="Email" EventDate="2019-10-03T07:29:52+00:00"><EventID IDType="" IDValue="E1"/>
  <Agent><AgentID IDValue="A1"/></Agent><FirstContact>true</FirstContact>
  <TransactionSource>S1</TransactionSource>
  <Comments>a &amp; b</Comments><EventReasons>hello</EventReasons></Event>
 <Event EventType="Show" EventDate="2019-10-04"><EventID IDValue=""/></Event>
</Events></Prospect>"""

AS_JSON = {
    "MethodName": "SearchProspects",
    "Status": "Success",
    "ErrorDescription": None,
    "Response": {"LeadManagement": {"Prospects": {"Prospect": {
        "Customers": {"Customer": [
            {"@Type": "Prospect",
             "Identification": [{"@IDType": "prospectid", "@IDValue": "P1", "@OrganizationName": "ResMan"},
                                {"@IDType": "PersonID", "@IDValue": "H1"}],
             "Name": {"FirstName": "Ada", "LastName": "Example"},
             "Phone": {"@PhoneType": "cell", "PhoneNumber": "555-0101"}, "Email": "ada@example.com"},
            {"@Type": "Applicant", "Identification": {"@IDType": "PersonID", "@IDValue": "H1"}},
            {"@Type": "prospect", "Identification": {"@IDType": "PersonID", "@IDValue": "H2"}},
        ]},
        "Events": {"Event": [
            {"@EventType": "Email", "@EventDate": "2019-10-03T07:29:52+00:00",
             "EventID": {"@IDType": "", "@IDValue": "E1"}, "Agent": {"AgentID": {"@IDValue": "A1"}},
             "FirstContact": True, "TransactionSource": "S1", "Comments": {"#text": "a & b"},
             "EventReasons": "hello"},
            {"@EventType": "Show", "@EventDate": "2019-10-04", "EventID": {"@IDValue": None}},
        ]},
    }}}},
}  # fmt: skip


def test_xml_and_json_give_the_same_record() -> None:
    (record,) = read(wrap(PROSPECT))
    assert record.prospect_id == "P1"
    assert record.customer_type == "applicant"
    assert [(p.person_id, p.is_main) for p in record.people] == [("H1", True), ("H2", False)]
    assert (record.people[0].phone, record.people[0].email) == ("555-0101", "ada@example.com")
    first, second = record.events
    assert (first.event_id, first.agent_id, first.transaction_source) == ("E1", "A1", "S1")
    assert (first.first_contact, first.comments, first.reasons) == (True, "a & b", "hello")
    assert (second.event_id, second.event_date) == (None, datetime(2019, 10, 4, tzinfo=UTC))
    assert read(json.dumps(AS_JSON).encode(), "application/json") == [record]
    assert read(json.dumps({"ResMan": AS_JSON}).encode(), "") == [record]
    assert read(wrap(PROSPECT).decode().encode("utf-16"), "text/xml; charset=utf-16") == [record]
    assert read(json.dumps(wrap(PROSPECT).decode()).encode(), "application/json") == [record]


def test_one_two_or_no_prospect() -> None:
    assert read(wrap("")) == []
    assert len(read(wrap(PROSPECT * 2))) == 2
    empty = {"Status": "Success", "Response": {"LeadManagement": {"Prospects": None}}}
    assert read(json.dumps(empty).encode()) == []


def test_a_success_that_lists_nothing_at_all_is_not_taken_for_no_match() -> None:
    with pytest.raises(Garbled, match="no Prospects"):
        read(b"<ResMan><Status>Success</Status></ResMan>")
    with pytest.raises(Garbled, match="something else"):
        read(wrap("<Lead/>"))


def test_a_post_gives_the_new_ids() -> None:
    posted = posted_lead(open_envelope(wrap(PROSPECT), "", WRITE))
    assert (posted.prospect_id, posted.person_id, posted.event_ids) == ("P1", "H1", ("E1",))


def test_a_stray_control_character_does_not_hide_a_record() -> None:
    (record,) = read(wrap(PROSPECT.replace("hello", "he&#x1;l&#12;lo\x02")))
    assert record.events[0].reasons == "hello"


BOMB = (
    '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<ResMan><Status>&b;</Status></ResMan>"
)
OUTSIDE = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><ResMan><Status>&x;</Status></ResMan>'


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        OUTSIDE,
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd"><ResMan><Status>Success</Status></ResMan>',
        "<html><body>Bad gateway</body></html>",
        "<ResMan><Status>Success</Status>",
        '{"message":"hello"}',
        '{"Status":null}',
        "[" * 100_000,
        '{"Status":' + "1" * 5000 + "}",
        "",
        '<?xml version="1.0" encoding="hex"?><ResMan/>',
    ],
)
def test_forbidden_or_foreign_answers_are_garbled(body: str) -> None:
    for request, disposition in ((READ, Disposition.TRANSIENT), (WRITE, Disposition.UNKNOWN)):
        with pytest.raises(Garbled) as caught:
            open_envelope(body.encode(), "", request)
        assert caught.value.disposition is disposition
        assert caught.value.__context__ is None


@given(
    st.binary()
    | st.builds(
        lambda head, tail: head + tail,
        st.sampled_from(
            [
                b"<ResMan>",
                b"<?xml",
                b'{"Status":"Success",',
                b"\xef\xbb\xbf<",
                b"\xff\xfe",
                wrap("<Prospect>"),
            ]
        ),
        st.binary(),
    ),
    st.sampled_from(["", "text/xml", "application/json", "text/html"]),
)
def test_any_bytes_are_a_tree_or_a_named_error(body: bytes, content_type: str) -> None:
    try:
        assert isinstance(read(body, content_type), list)
    except ResManError as error:
        assert error.kind


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["Status", "Prospects", "Prospect", "Customers", "Customer", "Events", "Event",
                         "@EventDate", "@Type", "#text", "ResMan", "Identification"]) | st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON_VALUE)
def test_any_json_is_a_tree_or_a_named_error(value: Any) -> None:
    body = json.dumps({"Status": "Success", "Response": {"Prospects": value}}).encode()
    try:
        assert isinstance(read(body), list)
    except ResManError as error:
        assert error.kind


@pytest.mark.parametrize(
    ("told", "kind", "disposition"),
    [
        ("The Transaction source could NOT be found.", UnknownSource, Disposition.PERMANENT),
        ("Invalid API Key", BadCredentials, Disposition.PERMANENT),
        ("Partner is not authorized for account 400", BadCredentials, Disposition.PERMANENT),
        ("First name is required", Refused, Disposition.PERMANENT),
        (None, Refused, Disposition.PERMANENT),
        ("Transaction was deadlocked on lock resources", ServerFault, Disposition.UNKNOWN),
    ],
)
@pytest.mark.parametrize("status", ["Failed", "Error", "whatever"])
def test_anything_but_success_is_a_refusal(
    told: str | None, kind: type[ResManError], disposition: Disposition, status: str
) -> None:
    words = f"<Status>{status}</Status>" + (f"<ErrorDescription>{told}</ErrorDescription>" if told else "")
    for body in (wrap("", words), json.dumps({"Status": status, "ErrorDescription": told}).encode()):
        with pytest.raises(ResManError) as caught:
            open_envelope(body, "", WRITE)
        assert type(caught.value) is kind
        assert caught.value.disposition is disposition
        assert caught.value.description == told
