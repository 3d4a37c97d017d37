"""What others write otherwise than ResMan's documents do, and which is read all the same."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from domiq_dagster.resman import json_text
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.dates import parse_when
from domiq_dagster.resman.envelope import open_envelope
from domiq_dagster.resman.errors import Garbled, Scope, UnreadableRecord
from domiq_dagster.resman.ids import canonical_id, same_id
from domiq_dagster.resman.mits_read import lead_records, posted_lead
from domiq_dagster.resman.models import LeadRecord
from domiq_dagster.resman.outcomes import Request
from domiq_dagster.sync.account_gate import is_outage
from tests.fixtures.resman_server import Reply, Server

READ = Request("POST MITS/SearchProspects")
WRITE = Request("POST MITS/PostLeadManagement4_0", write=True)
GUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
OTHER = "0a0b0c0d-9dad-11d1-80b4-00c04fd430c8"


def customer(ids: str = "", more: str = "") -> str:
    ids = ids or f'<Identification IDType="ProspectID" IDValue="{GUID}"/>'
    return f'<Customer Type="prospect">{ids}{more}</Customer>'


def answer(customers: str, events: str = "", status: str = "<Status>Success</Status>") -> bytes:
    inner = f"<Prospect><Customers>{customers}</Customers><Events>{events}</Events></Prospect>"
    return f"<ResMan>{status}<Response><Prospects>{inner}</Prospects></Response></ResMan>".encode()


def read(body: bytes, content_type: str = "text/xml") -> list[LeadRecord]:
    return lead_records(open_envelope(body, content_type, READ, payload="prospects"), READ)


def in_json(prospects: Any, **envelope: Any) -> bytes:
    return json.dumps({"Status": "Success", **envelope, "Response": {"Prospects": prospects}}).encode()


@pytest.mark.parametrize("when", ["", 'EventDate=""', 'EventDate="soon"', 'EventDate="0001-01-01T00:00:00"'])
def test_an_event_may_lack_its_date(when: str) -> None:
    """A4: and what else it tells is read, beside the other events."""
    events = f'<Event EventType="Show" {when}><Comments>c</Comments></Event>'
    events += '<Event EventType="Other" EventDate="2026-01-05T17:30:00Z"/>'
    (record,) = read(answer(customer(), events))
    assert [(e.event_type, e.event_date, e.comments) for e in record.events] == [
        ("Show", None, "c"),
        ("Other", datetime(2026, 1, 5, 17, 30, tzinfo=UTC), None),
    ]


def test_a_record_s_defect_is_no_outage_and_a_garbled_envelope_is_one(
    server: Server, client: ResManClient
) -> None:
    """A4."""

    def search(prospects: str) -> LeadRecord | None:
        body = f"<ResMan><Status>Success</Status><Prospects>{prospects}</Prospects></ResMan>"
        server.reply = Reply(body.encode(), headers={"Content-Type": "text/xml"})
        return client.search_by_id("400", "p", GUID)

    good = answer(customer()).decode().partition("<Prospects>")[2].partition("</Prospects>")[0]
    assert search(f"<Prospect>rubbish</Prospect>{good}") is not None
    for odd in ("<Prospect>rubbish</Prospect>", "<Prospect><Customers/><x>1</x></Prospect>"):
        with pytest.raises(UnreadableRecord) as caught:
            search(odd)
        assert caught.value.scope is Scope.CHANGE and not is_outage(caught.value)
    with pytest.raises(Garbled) as garbled:
        search("<Lead/>")
    assert is_outage(garbled.value)


def test_all_phones_and_e_mails_of_all_customers_are_kept() -> None:
    """B1: of one who shows twice as well, with extensions, wherever the text stands."""
    twice = f'<Identification IDType="PersonID" IDValue="{OTHER}"/>'
    first = customer(
        twice + f'<Identification IDType="ProspectID" IDValue="{GUID}"/>',
        "<Phone/><Phone><PhoneNumber> </PhoneNumber></Phone>"
        "<Phone><PhoneNumber>202-555-0143</PhoneNumber></Phone>"
        "<Phone>202-555-0144</Phone><Email/><Email>a@example.com</Email><Email>b@example.com</Email>",
    )
    again = customer(twice, "<Phone><PhoneNumber>202-555-0145</PhoneNumber><Extension>12</Extension></Phone>"
                            "<Email>b@example.com</Email><Email>c@example.com</Email>")  # fmt: skip
    roommate = customer(more="<Phone><PhoneNumber>202-555-0146</PhoneNumber></Phone>")
    (record,) = read(answer(first + again + roommate))
    main, other = record.people
    assert main.phones == ("202-555-0143", "202-555-0144", "202-555-0145 ext. 12")
    assert main.emails == ("a@example.com", "b@example.com", "c@example.com")
    assert (main.phone, main.is_main, other.phones) == ("202-555-0143", True, ("202-555-0146",))
    assert "202" not in repr(record) and "example.com" not in repr(record)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ('IDValue="LH-7" OrganizationName="LeaseHawk"|IDValue="P" OrganizationName="ResMan"', "P"),
        ('IDValue="P" OrganizationName="resman"|IDValue="LH-7" OrganizationName="LeaseHawk"', "P"),
        ('IDValue="LH-7" OrganizationName="LeaseHawk"|IDValue="P"', "P"),
        ('IDValue="X"|IDValue="P" OrganizationName="ResMan"', "P"),
        ('IDValue="" OrganizationName="ResMan"|IDValue="P" OrganizationName=""', "P"),
        ('IDValue="LH-7" OrganizationName="LeaseHawk"', None),
        ('IDValue="{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}" OrganizationName="ResMan"', GUID),
    ],
)
def test_of_several_ids_resman_s_own_counts(ids: str, expected: str | None) -> None:
    """B6: of a prospect and of a person, in a search and in the answer to a post."""
    both = "".join(
        f'<Identification IDType="{kind}" {one}/>'
        for kind in ("ProspectID", "PersonID")
        for one in ids.split("|")
    )
    (record,) = read(answer(customer(both)))
    posted = posted_lead(open_envelope(answer(customer(both)), "", WRITE))
    assert [record.prospect_id, record.people[0].person_id] == [expected] * 2
    assert [posted.prospect_id, posted.person_id] == [expected] * 2


def test_braces_and_case_of_guids_do_not_matter() -> None:
    """B6."""
    written = [GUID, GUID.upper(), f"{{{GUID}}}", f" {{{GUID.upper()}}} "]
    assert {canonical_id(text) for text in written} == {GUID}
    assert same_id(*written[1:3]) and not same_id(GUID, OTHER) and not same_id(None, None)
    assert canonical_id(" LH-7 ") == "LH-7" and same_id("LH-7", "lh-7")


def test_a_lead_is_found_by_its_id_however_that_is_written(server: Server, client: ResManClient) -> None:
    """B6: a read-back."""
    server.reply = Reply(
        answer(customer(f'<Identification IDType="ProspectID" IDValue="{{{GUID.upper()}}}"/>'))
    )
    for text in (GUID, GUID.upper(), f"{{{GUID}}}"):
        found = client.search_by_id("400", "p", text)
        assert found is not None and found.prospect_id == GUID


@pytest.mark.parametrize(
    "before",
    [b"\n", b" \r\n\t", codecs.BOM_UTF8, b"\n" + codecs.BOM_UTF8, codecs.BOM_UTF8 * 2 + b"\n"],
    ids=repr,
)
def test_blanks_and_marks_before_the_declaration(before: bytes) -> None:
    """B7."""
    declared = b'<?xml version="1.0" encoding="utf-8"?>' + answer(customer())
    assert [r.prospect_id for r in read(before + declared)] == [GUID]
    wide = f'\n<?xml version="1.0" encoding="utf-16"?>{answer(customer()).decode()}'
    assert [r.prospect_id for r in read(wide.encode("utf-16"))] == [GUID]
    assert read(before + in_json({"Prospect": []}), "application/json") == []


ONE = {"Customers": {"Customer": {"Identification": {"@IDType": "ProspectID", "@IDValue": GUID}}}}
LISTED = {"Customers": [{"Identification": [{"@IDType": "ProspectID", "@IDValue": GUID}]}], "Events": []}


@pytest.mark.parametrize(
    ("prospects", "expected"),
    [
        ({"Prospect": []}, []),
        ({"Prospect": None}, []),
        ({"Prospect": [None]}, []),
        (None, []),
        ([], []),
        ({}, []),
        ("", []),
        ({"Prospect": ONE}, [GUID]),
        ({"Prospect": [ONE, LISTED]}, [GUID, GUID]),
        ([ONE, LISTED], [GUID, GUID]),
        ([{"Prospect": ONE}, {"Prospect": LISTED}], [GUID, GUID]),
        (ONE, [GUID]),
        ({"Prospect": [ONE, "rubbish", 7, None]}, [GUID, None, None]),
        ([ONE, "rubbish"], [GUID, None]),
    ],
)
def test_lists_and_objects_in_json(prospects: Any, expected: list[str | None]) -> None:
    """B7: nobody who is not there is made up, and what cannot be read is not taken for nobody."""
    assert [r.prospect_id for r in read(in_json(prospects), "application/json")] == expected


def test_an_event_list_is_read_as_one_or_as_many() -> None:
    """B7."""
    event = {"@EventType": "Show", "FirstContact": "1"}
    for events in ({"Event": event}, {"Event": [event]}, [event], event):
        (record,) = read(in_json({"Prospect": {**ONE, "Events": events}}), "application/json")
        assert [(e.event_type, e.first_contact) for e in record.events] == [("Show", True)]


def test_a_list_may_do_without_a_status(server: Server, client: ResManClient) -> None:
    """B7: but not the answer to a post, nor one that tells of an error."""
    bare = answer(customer(), status="")
    assert [r.prospect_id for r in read(bare)] == [GUID]
    with pytest.raises(Garbled):
        open_envelope(bare, "", WRITE)
    with pytest.raises(Garbled):
        read(answer(customer(), status="<ErrorDescription>no</ErrorDescription>"))
    items = [{"ID": GUID.upper(), "Name": "Web"}, {"Name": "no id"}, "rubbish", None]
    for body in ({"ProspectSources": items}, items, {"Status": "Success", "ProspectSources": items}):
        server.reply = Reply(json.dumps(body).encode())
        assert [(i.id, i.name) for i in client.prospect_sources("400", "p")] == [(GUID, "Web")]
    server.reply = Reply(b'{"ProspectSources": []}')
    assert client.prospect_sources("400", "p") == []
    server.reply = Reply(b'{"ProspectSources": [{"Name": "no id"}]}')
    with pytest.raises(UnreadableRecord):
        client.prospect_sources("400", "p")


PROSPECT = {"prospectId": GUID.upper(), "status": "Prospect", "lastModified": "2026-01-05T24:00:00Z"}


def pull(client: ResManClient, **options: Any) -> list[Any]:
    return list(client.prospects("400", "p", modified_since=datetime(2026, 1, 1, tzinfo=UTC), **options))


@pytest.mark.parametrize("told", [True, "true", "True", "TRUE", 1, "1", "yes"])
def test_what_stands_for_true(server: Server, client: ResManClient, told: Any) -> None:
    """B7."""
    people = [{"personId": "A", "isMainContact": "false"}, {"personId": "B", "isMainContact": told}]
    server.reply = Reply(json.dumps({"prospects": [{**PROSPECT, "people": people}]}).encode())
    (found,) = pull(client)
    assert [p.is_main for p in found.people] == [False, True]
    server.reply = Reply(json.dumps({"employees": [{"personId": "A", "isLeasing": told}]}).encode())
    assert [e.is_leasing for e in client.employees_v2("400")] == [True]


def test_v2_s_people_agent_and_lease_as_a_list_or_as_one(server: Server, client: ResManClient) -> None:
    """B7, B1: several e-mails and phones of one person, and a phone that is a number, too."""
    person = {"personId": "H", "email": ["a@example.com", None, "b@example.com"], "phone": 2025550143.0}
    agent, lease = {"agentId": "A"}, {"leaseId": "L", "status": "Pending"}
    one = {**PROSPECT, "people": person, "leasingAgent": agent, "lease": lease}
    many = {**PROSPECT, "people": [person, 7], "leasingAgent": [agent], "lease": [None, lease]}
    server.reply = Reply(json.dumps({"prospects": [one, many]}).encode())
    for found in pull(client):
        assert [(p.email, p.phone) for p in found.people] == [("a@example.com; b@example.com", "2025550143")]
        assert (found.agent_id, found.lease.lease_id) == ("A", "L")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T24:00:00Z", datetime(2026, 1, 6, tzinfo=UTC)),
        ("2026-12-31T24:00", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-01-05 24:00:00.000-06:00", datetime(2026, 1, 6, 6, tzinfo=UTC)),
        ("2026-06-30T23:59:60Z", datetime(2026, 7, 1, tzinfo=UTC)),
        ("20260105", date(2026, 1, 5)),
    ],
)
def test_the_end_of_a_day_is_a_time(text: str, expected: datetime | date) -> None:
    """B7."""
    assert parse_when(text) == expected


@pytest.mark.parametrize("text", ["2026-01-05T24:00:01Z", "2026-01-05T25:00", "9999-12-31T24:00:00Z"])
def test_what_is_no_time_stays_none(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 date"):
        parse_when(text)


@pytest.mark.parametrize(
    "body", ['{{"prospects": {0}}}', "[{0}]", '\ufeff {{"prospects": [{0}]}}', '{{"Prospects": [{0}, {0}]}}']
)
def test_v2_s_list_however_it_comes(server: Server, client: ResManClient, body: str) -> None:
    """B7, B6."""
    server.reply = Reply(body.format(json.dumps(PROSPECT)).encode())
    found = pull(client)
    assert {p.prospect_id for p in found} == {GUID}
    assert found[0].last_modified == datetime(2026, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "odd",
    ['"x": undefined', '"x": NaN', '"x": "\x01\n"', '"x": "\udcff"', '"x": ' + "[" * 5_000 + "]" * 5_000,
     '"x": ' + "9" * 9_000],
    ids=lambda text: text[:14],
)  # fmt: skip
@pytest.mark.parametrize(
    "make", [lambda o: f'{{"prospectId":"ODD",{o}}}', lambda o: f'{{{o},"prospectId":"ODD"}}']
)
def test_an_object_that_no_decoder_takes_costs_no_other(
    server: Server, client: ResManClient, odd: str, make: Callable[[str], str]
) -> None:
    """B7: and it has its name."""
    good = [json.dumps({**PROSPECT, "prospectId": f"good-{n}"}) for n in range(300)]
    text = ",".join([*good[:150], make(odd), *good[150:]])
    server.reply = Reply(f'{{"prospects":[{text}]}}'.encode("utf-8", "surrogateescape"))
    odds: list[Any] = []
    assert [p.prospect_id for p in pull(client, on_unreadable=odds.append)] == [
        f"good-{n}" for n in range(300)
    ]
    assert [item.key for item in odds] == ["ODD"]


def test_json_beyond_all_measure() -> None:
    """B7."""
    deep = json_text.loads(
        '{"a": 1, "b": ' + "[" * 9_000 + "]" * 9_000 + ', "c": ' + "1" * 9_000 + ', "d": "]"}'
    )
    assert (deep["a"], deep["c"], deep["d"]) == (1, None, "]")
    assert json_text.end_of('x{"a": "}\\"]"}]', 1) == 14
    assert json_text.end_of('{"a": [1}', 0) is None and json_text.end_of('{"a": "', 0) is None


def test_a_bare_ampersand_and_half_a_character_cost_no_record() -> None:
    """B7."""
    events = "<Event EventType='Other'><Comments>AT&T &nbsp; &#0;\x02caf\udce9</Comments></Event>"
    body = answer(customer(), events.replace("\udce9", "")).replace(b"caf", b"caf\xe9")
    (record,) = read(body)
    assert record.events[0].comments == "AT&T &nbsp; caf\ufffd"
