import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import BadRequest, Garbled, NoAnswer, UnknownSource
from domiq_dagster.resman.models import LeadEvent, LeadPost, PickListItem, PostedLead
from tests.fixtures.resman_server import Reply, Server

WHEN = datetime(2026, 1, 5, 17, 30, tzinfo=UTC)
XML = {"Content-Type": "text/xml"}


def prospects(*ids: str) -> bytes:
    found = "".join(
        f'<Prospect><Customers><Customer Type="prospect"><Identification IDType="ProspectID" IDValue="{i}"/>'
        f'<Identification IDType="PersonID" IDValue="h-{i}"/></Customer></Customers>'
        '<Events><Event EventType="Other" EventDate="2026-01-05T17:30:00Z">'
        f'<EventID IDValue="e-{i}"/></Event></Events></Prospect>'
        for i in ids
    )
    return (
        "<ResMan><Status>Success</Status><Response><LeadManagement><Prospects>"
        f"{found}</Prospects></LeadManagement></Response></ResMan>"
    ).encode()


CREDENTIALS = {"IntegrationPartnerID": "partner-77", "ApiKey": "s3cret-key-9", "AccountID": "400"}


def test_the_five_searches_send_their_terms(server: Server, reply: type[Reply], client: ResManClient) -> None:
    server.reply = reply(prospects("P-1"), headers=XML)
    assert client.search_by_email("400", "prop-1", "a+b@example.com")[0].prospect_id == "P-1"
    client.search_by_phone("400", "prop-1", "555-0101")
    client.search_by_name("400", "prop-1", "Zoë", "Ex & Co\ud800")
    client.search_modified("400", "prop-1", WHEN, WHEN.replace(microsecond=1))
    assert client.search_by_id("400", "prop-1", "p-1") is not None
    terms = [
        {"Email": "a+b@example.com"},
        {"Phone": "555-0101"},
        {"FirstName": "Zoë", "LastName": "Ex & Co?"},
        {
            "ModifiedStartDateTime": "2026-01-05 17:30:00+00:00",
            "ModifiedEndDateTime": "2026-01-05 17:30:01+00:00",
        },
        {"ProspectID": "p-1"},
    ]
    assert [seen.form for seen in server.seen] == [
        {**CREDENTIALS, "PropertyID": "prop-1", **term} for term in terms
    ]
    for seen in server.seen:
        assert (seen.method, seen.path, seen.query) == ("POST", "/v1/MITS/SearchProspects", {})
        assert seen.headers["Accept"] == "application/xml"
        assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert seen.headers["Authorization"] is None


def test_a_search_by_id_gives_that_prospect_or_none(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    server.reply = reply(prospects("x", "p-1"), headers=XML)
    found = client.search_by_id("400", "prop-1", "P-1")
    assert found is not None and found.prospect_id == "p-1"
    for ids in ((), ("x",), ("x", "y")):
        server.reply = reply(prospects(*ids), headers=XML)
        assert client.search_by_id("400", "prop-1", "p-1") is None


def test_an_empty_search_is_never_sent(server: Server, client: ResManClient) -> None:
    with pytest.raises(ValueError, match="needs a value"):
        client.search_by_email("400", "prop-1", " ")
    assert server.seen == []


def test_a_post_sends_its_xml_on_a_connection_of_its_own(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    server.reply = reply(prospects("p-1"), headers=XML)
    event = LeadEvent("Cancel", WHEN, comments="Zoë & co [DQ-0123456789ab]")
    post = LeadPost("lost", event, prospect_id="p-1", person_id="h-1")
    client.search_by_id("400", "prop-1", "p-1")
    assert client.post_lead("400", "prop-1", post) == PostedLead("p-1", "h-p-1", ("e-p-1",))
    client.post_lead("400", "prop-1", post)
    searched, first, second = server.seen
    assert first.path == "/v1/MITS/PostLeadManagement4_0"
    assert "Zoë &amp; co [DQ-0123456789ab]" in first.form["Xml"]
    assert first.headers["Connection"] == "close"
    assert len({searched.peer, first.peer, second.peer}) == 3
    assert searched.headers["Connection"] == "keep-alive"


def test_a_post_does_not_fall_into_a_connection_that_just_closed(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    # The server says keep-alive, and hangs up all the same.
    body = prospects("p-1")
    server.reply = reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    for _ in range(20):
        with suppress(NoAnswer):  # a read may fall into it: it costs nothing to ask again
            client.search_by_id("400", "prop-1", "p-1")
        post = LeadPost("prospect", LeadEvent("Other", WHEN), prospect_id="p-1", person_id="h-1")
        assert client.post_lead("400", "prop-1", post).prospect_id == "p-1"


def test_half_an_identity_fails_that_change_alone(server: Server, client: ResManClient) -> None:
    with pytest.raises(BadRequest, match="both"):
        client.post_lead("400", "prop-1", LeadPost("prospect", LeadEvent("Other", WHEN), prospect_id="p-1"))
    assert server.seen == []


def test_an_unknown_source_is_named(server: Server, reply: type[Reply], client: ResManClient) -> None:
    server.reply = reply(
        b"<ResMan><Status>Error</Status>"
        b"<ErrorDescription>Transaction Source could not be found.</ErrorDescription></ResMan>",
        headers=XML,
    )
    with pytest.raises(UnknownSource) as caught:
        client.post_lead("400", "prop-1", LeadPost("prospect", LeadEvent("Other", WHEN)))
    assert caught.value.description == "Transaction Source could not be found."


@pytest.mark.parametrize("form", ["json", "xml"])
def test_the_lists_in_either_form(
    server: Server, reply: type[Reply], client: ResManClient, form: str
) -> None:
    names = {"GetProspectSources": "ProspectSources", "GetLostProspectReasons": "LostProspectReasons",
             "GetEmployees": "Employees"}  # fmt: skip

    def answer(seen: Any) -> Any:
        name = names[seen.path.rpartition("/")[2]]
        if form == "json":
            items = [{"ID": "1", "Name": "Web"}, {"id": 2, "name": "Sign"}]
            return reply(json.dumps({"MethodName": "x", "Status": "Success", name: items}).encode())
        one = "<Item><ID>1</ID><Name>Web</Name></Item><Item><ID>2</ID><Name>Sign</Name></Item>"
        return reply(f"<ResMan><Status>Success</Status><{name}>{one}</{name}></ResMan>".encode(), headers=XML)

    server.reply = answer
    expected = [PickListItem("1", "Web"), PickListItem("2", "Sign")]
    assert client.prospect_sources("400", "prop-1") == expected
    assert client.lost_reasons("400") == expected
    assert [(e.id, e.name, e.is_leasing) for e in client.employees("400", "prop-1")] == [
        ("1", "Web", None), ("2", "Sign", None)]  # fmt: skip
    assert [seen.headers["Accept"] for seen in server.seen] == ["application/json"] * 3
    assert server.seen[1].form == CREDENTIALS
    assert server.seen[0].form == {**CREDENTIALS, "PropertyID": "prop-1"}


def test_an_empty_list_is_empty_and_a_missing_one_garbled(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    server.reply = reply(b'{"Status":"Success","ProspectSources":[]}')
    assert client.prospect_sources("400", "prop-1") == []
    for body in (b'{"Status":"Success"}', b'{"Status":"Success","ProspectSources":[{"Name":"Web"}]}'):
        server.reply = reply(body)
        with pytest.raises(Garbled):
            client.prospect_sources("400", "prop-1")
