import gzip
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import xxhash

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.config import Endpoint
from domiq_dagster.resman.errors import Disposition, Garbled, NoAnswer, ResManError
from domiq_dagster.resman.models import Person
from domiq_dagster.resman.prospect import UnreadableProspect
from tests.fixtures.resman_server import Reply, Server

SINCE = datetime(2025, 11, 3, 20, 34, 2, tzinfo=UTC)
FULL: dict[str, Any] = {
    "prospectId": "p-1",
    "propertyId": "prop-1",
    "mainPersonId": "h-1",
    "lastModified": "2025-11-04T08:00:00.1234567-06:00",
    "transactionSourceId": "ts-1",
    "prospectSourceId": "ps-1",
    "status": "Applicant",
    "firstContactDate": "2025-11-01",
    "lostDate": None,
    "lostReason": None,
    "leasingAgent": {"agentId": "a-1", "personId": "staff-1"},
    "people": [
        {"personId": "h-1", "firstName": "Ada", "lastName": "Example", "email": "ada@example.com",
         "phone": "555-0101", "isMainContact": True, "isGuarantor": None},
        {"personId": "h-2", "firstName": "Bo", "lastName": "Example", "email": None, "isMainContact": False},
    ],
    "events": None,
    "lease": {"leaseID": "l-1", "status": "Pending", "applicationDate": "2025-11-04T10:00:00",
              "approvalDate": None, "moveInDate": "2025-12-01", "leaseSignedDate": "0001-01-01T00:00:00"},
}  # fmt: skip
LEAN = {"PROSPECTID": "p-2", "lastmodified": "2025-11-05", "Status": "Prospect"}


def answer(reply: type[Reply], *prospects: Any, **headers: str) -> Any:
    body = json.dumps({"prospects": prospects}).encode()
    return reply(body, headers={"Content-Type": "application/json", **headers})


def pull(client: ResManClient, since: datetime = SINCE, **more: Any) -> list[Any]:
    return list(client.prospects("400", "prop-1", modified_since=since, **more))


def test_reads_a_full_and_a_lean_prospect(server: Server, reply: type[Reply], client: ResManClient) -> None:
    server.reply = answer(reply, FULL, LEAN)
    full, lean = pull(client)
    assert full.last_modified == datetime(2025, 11, 4, 14, 0, 0, 123456, tzinfo=UTC)
    assert full.last_modified_raw == FULL["lastModified"]
    assert (full.transaction_source_id, full.prospect_source_id, full.agent_id) == ("ts-1", "ps-1", "a-1")
    assert full.people[0] == Person("h-1", "Ada", "Example", "ada@example.com", "555-0101", True)
    assert full.people[1].email is None
    assert full.first_contact_date == date(2025, 11, 1)
    assert (full.lease.lease_id, full.lease.move_in_date) == ("l-1", date(2025, 12, 1))
    assert full.lease.application_date == datetime(2025, 11, 4, 10, tzinfo=UTC)
    assert full.lease.lease_signed_date is None
    assert (lean.prospect_id, lean.property_id, lean.status, lean.lease) == (
        "p-2",
        None,
        "Prospect",
        None,
    )
    assert lean.last_modified == datetime(2025, 11, 5, tzinfo=UTC)
    assert "Ada" not in repr(full) and "example.com" not in repr(full)


def test_the_hash_sees_every_change_and_only_changes(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    moved = {**FULL, "lastModified": "2026-01-01T00:00:00Z"}
    server.reply = answer(reply, FULL, FULL, {**FULL, "events": []}, moved, {**FULL, "lostReason": "\ud800"})
    hashes = [p.content_hash for p in pull(client)]
    assert hashes[0] == hashes[1] == xxhash.xxh3_128_hexdigest(json.dumps(FULL).encode())
    assert len(set(hashes)) == 4


@pytest.mark.parametrize("size", [1, 7, 64])
def test_it_does_not_matter_where_the_network_cuts_an_answer(
    server: Server, reply: type[Reply], client: ResManClient, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {**LEAN, "n": -12.5e-3, "t": True, "f": False, "u": '\u00e9\\u00e9"', "deep": [[{"a": []}], 1]}
    body = json.dumps({"first": 12, "PROSPECTS": [FULL, odd, LEAN], "last": -1.5}, indent=1).encode()
    server.reply = reply(body)
    whole = [p.content_hash for p in pull(client)]
    monkeypatch.setattr("domiq_dagster.resman.json_list.CHUNK", size)
    assert [p.content_hash for p in pull(client)] == whole
    assert len(whole) == 3
    server.reply = reply(raw=b"HTTP/1.0 200 OK\r\n\r\n" + body[:-60])
    with pytest.raises(NoAnswer):
        pull(client)


def test_asks_as_resman_wants_to_be_asked(
    server: Server, reply: type[Reply], make_client: Callable[..., Any]
) -> None:
    server.reply = answer(reply)
    client = make_client(server.url, clock=lambda: SINCE)
    assert pull(client, SINCE + timedelta(days=3), prospect_id="p-9") == []
    assert pull(client, SINCE - timedelta(days=3)) == []
    first, second = server.seen
    assert (first.method, first.path) == ("GET", "/v2/Prospects")
    assert first.query == {
        "propertyId": ["prop-1"],
        "modifiedSince": ["Mon, 03 Nov 2025 20:34:02 GMT"],
        "prospectId": ["p-9"],
    }
    assert first.headers["Authorization"] == "Basic cGFydG5lci03NzpzM2NyZXQta2V5LTk="
    assert (first.headers["ResMan-Account-Id"], first.headers["Accept"]) == ("400", "application/json")
    assert second.query["modifiedSince"] == ["Fri, 31 Oct 2025 20:34:02 GMT"]
    assert first.peer == second.peer  # a read may use a kept connection


def test_netrc_and_a_proxy_of_the_environment_do_not_interfere(
    server: Server, reply: type[Reply], client: ResManClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.reply = answer(reply)
    assert pull(client) == []
    server.reply = reply(b'{"Status":"Success","LostProspectReasons":[]}')
    assert client.lost_reasons("400") == []
    assert server.seen[0].headers["Authorization"] == "Basic cGFydG5lci03NzpzM2NyZXQta2V5LTk="
    assert server.seen[1].headers["Authorization"] is None


def test_gzip_is_unpacked_and_a_chunked_answer_joined(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    packed = gzip.compress(json.dumps({"prospects": [LEAN] * 500}).encode())
    server.reply = reply(packed, headers={"Content-Encoding": "gzip"})
    assert len(pull(client)) == 500
    plain = json.dumps({"prospects": [LEAN]}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in plain) + b"0\r\n\r\n"
    server.reply = reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert len(pull(client)) == 1


@pytest.mark.parametrize("key", ["prospectId", "status", "lastModified"])
@pytest.mark.parametrize("value", [None, "", "  ", {}, "gone"])
def test_a_record_without_its_key_is_garbled_and_tells_only_the_key(
    server: Server, reply: type[Reply], client: ResManClient, key: str, value: Any
) -> None:
    bad = {k: v for k, v in FULL.items() if k != key} if value == "gone" else {**FULL, key: value}
    server.reply = answer(reply, FULL, bad)
    with pytest.raises(Garbled) as caught:
        pull(client)
    assert str(caught.value).endswith(f"prospect no. 2 has no readable {key}")
    assert caught.value.disposition is Disposition.TRANSIENT


ODD_ITEMS = [
    ({"lastModified": None}, "p-1", "has no readable lastModified"),
    ({"lastModified": "0001-01-01T00:00:00"}, "p-1", "has no readable lastModified"),
    ({"lastModified": "/Date(0)/"}, "p-1", "has no readable lastModified"),
    ({"lastModified": 10**300}, "p-1", "has no readable lastModified"),
    ({"status": None}, "p-1", "has no readable status"),
    ({"status": [["Prospect"]]}, "p-1", "has no readable status"),
    ({"prospectId": None}, None, "has no readable prospectId"),
    ({"prospectId": "x" * 5000}, None, "has no readable prospectId"),
    ({"prospectId": "ada@example.com", "status": None}, None, "has no readable status"),
    ("a string", None, "has no readable prospectId"),
    (None, None, "has no readable prospectId"),
    ([], None, "has no readable prospectId"),
    (7, None, "has no readable prospectId"),
]


@pytest.mark.parametrize(("odd", "prospect_id", "reason"), ODD_ITEMS)
def test_what_cannot_be_read_is_told_and_the_others_come(
    server: Server,
    reply: type[Reply],
    make_client: Callable[..., Any],
    odd: Any,
    prospect_id: str | None,
    reason: str,
) -> None:
    log = Log()
    client = make_client(server.url, guard=log)
    first = FULL["prospectId"]
    server.reply = answer(reply, FULL, {**FULL, **odd} if isinstance(odd, dict) else odd, LEAN)
    told: list[UnreadableProspect] = []
    for _ in range(2):
        found = list(client.prospects("400", "prop-1", modified_since=SINCE, on_unreadable=told.append))
        assert [p.prospect_id for p in found] == [first, "p-2"]
    assert [(item.prospect_id, item.reason) for item in told] == [(prospect_id, reason)] * 2
    assert told[0].key == told[1].key
    assert "@" not in told[0].key
    assert log.held == 0


def test_an_answer_in_which_nothing_can_be_read_is_garbled(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    """A record's defect is its own, but a hundred of them and nothing else are another kind of answer."""
    told: list[UnreadableProspect] = []
    for count, garbled in ((99, False), (100, True)):
        server.reply = answer(reply, *[{"id": n} for n in range(count)])
        stream = client.prospects("400", "prop-1", modified_since=SINCE, on_unreadable=told.append)
        with pytest.raises(Garbled) if garbled else nullcontext():
            assert list(stream) == []
    assert len(told) == 199


def test_an_error_that_is_kept_keeps_no_guard(
    server: Server, reply: type[Reply], make_client: Callable[..., Any]
) -> None:
    """Its traceback keeps every frame, and so every generator that nobody closed."""
    log = Log()
    client = make_client(server.url, guard=log)
    kept: list[ResManError] = []
    bad = {"prospectId": None, "propertyId": None, "personId": None, "picklistItemId": None}
    asks = {
        "prospects": lambda: pull(client),
        "properties": lambda: client.properties("400"),
        "employees": lambda: client.employees_v2("400"),
        "pickList": lambda: client.pick_list("400", "LostProspectReason"),
    }
    for envelope, ask in asks.items():
        server.reply = reply(json.dumps({envelope: [bad, bad]}).encode())
        try:
            ask()
        except ResManError as error:
            kept.append(error)
        assert log.held == 0, envelope
    assert [error.kind for error in kept] == ["unreadable_record"] * 4


def test_a_short_list_leaves_out_what_cannot_be_read(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    oak = {"propertyId": "prop-1", "name": "Oak"}
    server.reply = reply(json.dumps({"properties": [7, oak, None, {"name": "no id"}, {"x": 1}]}).encode())
    assert [p.name for p in client.properties("400")] == ["Oak"]
    server.reply = reply(b'{"properties": [{"propertyId": %s}]}' % (b"1" * 5000))
    with pytest.raises(Garbled) as caught:
        client.properties("400")
    assert caught.value.__context__ is None


HEAD = b'{"prospects":[' + json.dumps(FULL).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + HEAD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(HEAD), HEAD),
        b"HTTP/1.0 200 OK\r\n\r\n" + HEAD,
        b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(HEAD + b',{"a":1}' * 99)[:-30],
    ],
    ids=["length", "chunked", "close", "gzip"],
)
def test_a_stream_that_breaks_off_is_no_answer(
    server: Server, reply: type[Reply], client: ResManClient, raw: bytes
) -> None:
    server.reply = reply(raw=raw)
    with pytest.raises(NoAnswer) as caught:
        pull(client)
    assert caught.value.disposition is Disposition.TRANSIENT
    assert caught.value.__context__ is None and caught.value.__cause__ is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b"[]",
        b"{}",
        b'{"message":"ok"}',
        b'{"prospects":{}}',
        b'{"prospects":[1]}',
        b'{"prospects":[null]}',
        b'{"prospects":[{"prospectId":"ada@example.com",,',
        b'{"prospects":[]} and more',
        b'{"prospects":[' + b"1" * 5000 + b"]}",
        b'{"prospects":[{"prospectId":"p","status":"s","lastModified":"2025-01-01","x":'
        + b'{"a":' * 99999 + b"1" + b"}" * 99999 + b"]}",
        b'{"prospects":[1e999999999999999]}',
        b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_what_is_no_list_of_prospects_is_garbled(
    server: Server, reply: type[Reply], client: ResManClient, body: bytes
) -> None:
    server.reply = reply(body)
    with pytest.raises(Garbled) as caught:
        pull(client)
    assert caught.value.disposition is Disposition.TRANSIENT
    assert "example.com" not in str(caught.value)
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_null_is_an_empty_list_and_other_keys_may_come_first(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    server.reply = reply(b'{"Prospects":null}')
    assert pull(client) == []
    server.reply = reply(b'{"x":{"prospects":[7]},"Prospects":[%s],"y":1}' % json.dumps(LEAN).encode())
    assert [p.prospect_id for p in pull(client)] == ["p-2"]


class Log:
    """A guard that tells what it saw."""

    def __init__(self) -> None:
        self.held = 0
        self.told: list[str] = []

    @contextmanager
    def __call__(self, account_id: str, endpoint: Endpoint | None = None) -> Iterator[None]:
        self.held += 1
        self.told.append(account_id)
        try:
            yield
        except ResManError as error:
            self.told.append(error.kind)
            raise
        finally:
            self.held -= 1


def test_the_guard_is_held_while_streaming_and_let_go_when_closed(
    server: Server, reply: type[Reply], make_client: Callable[..., Any]
) -> None:
    log = Log()
    client = make_client(server.url, guard=log)
    server.reply = answer(reply, FULL, LEAN)
    with closing(client.prospects("400", "prop-1", modified_since=SINCE)) as stream:
        assert log.held == 0 and server.seen == []
        next(stream)
        assert log.held == 1
    assert log.held == 0
    pull(client)
    server.reply = reply(b"<html>")
    with pytest.raises(Garbled):
        pull(client)
    server.reply = reply(b'{"Status":"Failed","ErrorDescription":"no"}')
    with pytest.raises(ResManError):
        client.lost_reasons("401")
    assert log.held == 0
    assert log.told == ["400", "400", "400", "garbled", "401", "refused"]


def test_a_guard_that_refuses_keeps_the_request_back(server: Server, make_client: Callable[..., Any]) -> None:
    @contextmanager
    def refuse(account_id: str, endpoint: Endpoint) -> Iterator[None]:
        raise PermissionError(account_id)
        yield

    client = make_client(server.url, guard=refuse)
    with pytest.raises(PermissionError, match="400"):
        pull(client)
    with pytest.raises(PermissionError):
        client.lost_reasons("400")
    assert server.seen == []


def test_memory_stays_flat_over_a_large_answer(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    one = json.dumps(FULL).encode()
    server.reply = reply(b'{"prospects":[' + b",".join([one] * 3000) + b"]}")
    tracemalloc.start()
    try:
        count = 0
        for _ in client.prospects("400", "prop-1", modified_since=SINCE):
            if count == 100:
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
            count += 1
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert count == 3000
    assert grown < 1_500_000 < 3000 * len(one)


def test_threads_share_one_client(server: Server, reply: type[Reply], client: ResManClient) -> None:
    server.reply = answer(reply, *[LEAN] * 50)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(pull(client)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [50] * 8


def test_the_other_lists(server: Server, reply: type[Reply], client: ResManClient) -> None:
    lists = {
        "Properties": {"properties": [
            {"propertyId": "prop-1", "name": "Oak", "timeZone": "Central Standard Time",
             "abbreviation": "OAK", "type": "Training", "phone": "555-0100", "email": "oak@example.com"},
            {"PropertyID": "prop-2", "name": "Elm"}]},
        "Employees": {"employees": [
            {"personId": "staff-1", "firstName": "Cy", "lastName": "Example", "isLeasing": True,
             "propertyIds": ["prop-1", "prop-2"]}]},
        "PickLists": {"pickList": [{"picklistItemId": "r-1", "name": "Price"}]},
    }  # fmt: skip
    server.reply = lambda seen: reply(json.dumps(lists[seen.path.rpartition("/")[2]]).encode())
    oak, elm = client.properties("400")
    assert (oak.property_id, oak.time_zone, oak.type) == ("prop-1", "America/Chicago", "Training")
    assert (elm.property_id, elm.time_zone) == ("prop-2", None)
    (cy,) = client.employees_v2("400")
    assert (cy.id, cy.name, cy.is_leasing, cy.property_ids) == (
        "staff-1", "Cy Example", True, ("prop-1", "prop-2"))  # fmt: skip
    (item,) = client.pick_list("400", "LostProspectReason")
    assert (item.id, item.name) == ("r-1", "Price")
    assert server.seen[-1].query == {"name": ["LostProspectReason"]}


def test_a_time_without_offset_is_refused_at_once(client: ResManClient) -> None:
    with pytest.raises(ValueError, match="offset"):
        client.prospects("400", "prop-1", modified_since=datetime(2026, 1, 1))
