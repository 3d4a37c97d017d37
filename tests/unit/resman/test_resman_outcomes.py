import json
import socket
import ssl
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domiq_dagster.resman import errors
from domiq_dagster.resman.client import ResManClient, ResManConfig
from domiq_dagster.resman.errors import Disposition, ResManError, Scope
from domiq_dagster.resman.models import LeadEvent, LeadPost
from domiq_dagster.resman.outcomes import Request, from_status
from tests.fixtures.resman_server import Reply, Server

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
POST = LeadPost(
    "prospect", LeadEvent("Other", NOW), first_name="Zebedee", last_name="Quux",
    email="zebedee@example.com", phone="402-555-0123",
)  # fmt: skip
SECRETS = ("s3cret-key-9", "partner-77", "Zebedee", "Quux", "zebedee@example.com", "555-0123")


def write(client: ResManClient) -> Any:
    return client.post_lead("400", "prop-1", POST)


def read(client: ResManClient) -> Any:
    return client.search_by_email("400", "prop-1", "zebedee@example.com")


def read_v2(client: ResManClient) -> Any:
    return client.properties("400")


def failure(call: Callable[[ResManClient], Any], client: ResManClient) -> ResManError:
    """The error of a call, after a look that nothing secret or personal hangs on it."""
    with pytest.raises(ResManError) as caught:
        call(client)
    error = caught.value
    told = "".join(traceback.format_exception_only(error)) + repr(vars(error)) + repr(error)
    assert not [secret for secret in SECRETS if secret in told]
    assert error.__cause__ is None and error.__context__ is None
    return error


KEY = json.dumps({"message": "no", "code": 20001}).encode()
ENVELOPE = (
    b"<ResMan><Status>Error</Status><ErrorDescription>Invalid ApiKey s3cret-key-9</ErrorDescription></ResMan>"
)
STATUSES = [
    (401, b"", errors.BadCredentials, None),
    (401, KEY, errors.NotEntitled, None),
    (401, KEY.replace(b"20001", b'"20001"'), errors.NotEntitled, None),
    (401, b"<html>20001</html>", errors.BadCredentials, None),
    (403, b"<html>", errors.BadCredentials, None),
    (404, b"", errors.NoSuchEndpoint, None),
    (301, b"", errors.NoSuchEndpoint, None),
    (405, b"", errors.NoSuchEndpoint, None),
    (400, b'{"message":"zebedee@example.com or 402-555-0123"}', errors.BadRequest, None),
    (429, b"[]", errors.Busy, Disposition.TRANSIENT),
    (500, b"null", errors.ServerFault, "in doubt"),
    (500, ENVELOPE, errors.BadCredentials, None),
    (502, b'{"retry_after": 60}', errors.ServerFault, "in doubt"),
    (502, b"upstream: Buffer Overflow!", errors.AnswerTooLarge, "in doubt"),
    (503, b"\xff\xfe\x00", errors.ServerFault, "in doubt"),
    (599, b"", errors.ServerFault, "in doubt"),
    (600, b"", errors.Garbled, "in doubt"),
    (200, b"<html><body>hi</body></html>", errors.Garbled, "in doubt"),
    (200, b"", errors.Garbled, "in doubt"),
]


@pytest.mark.parametrize(("status", "body", "kind", "disposition"), STATUSES)
def test_each_status_is_one_error(
    server: Server,
    reply: type[Reply],
    client: ResManClient,
    status: int,
    body: bytes,
    kind: Any,
    disposition: Any,
) -> None:
    server.reply = reply(body, status, {"Location": server.url + "/elsewhere"})
    for call in (write, read, read_v2):
        error = failure(call, client)
        assert type(error) is kind
        expected = disposition or Disposition.PERMANENT
        if disposition == "in doubt":
            expected = Disposition.UNKNOWN if call is write else Disposition.TRANSIENT
        assert error.disposition is expected
        assert error.http_status in (status, None)
    assert len(server.seen) == 3  # nothing is retried, no redirect followed


def test_codes_words_and_scopes_come_through(
    server: Server, reply: type[Reply], client: ResManClient
) -> None:
    server.reply = reply(KEY, 401)
    error = failure(read_v2, client)
    assert (error.http_status, error.code, error.description, error.scope) == (
        401,
        "20001",
        "no",
        Scope.ACCOUNT,
    )
    server.reply = reply(b'{"Message":"Zebedee Quux: 402-555-0123 is taken"}', 400)
    error = failure(write, client)
    assert (error.description, error.scope) == ("[hidden] [hidden]: [hidden] is taken", Scope.CHANGE)


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("17", b"", 17.0),
        ("0", b'{"retry_after":60}', 0.0),
        ("Mon, 05 Jan 2026 12:01:30 GMT", b"", 90.0),
        ("Mon, 05 Jan 2026 11:00:00 GMT", b"", 0.0),
        (None, b'{"retry_after": 60}', 60.0),
        (None, b'{"retry_after": "60"}', 60.0),
        ("soon", b'{"retry_after": "later"}', None),
        ("nan", b"", None),
        ("9" * 400, b"", 86_400.0),
        (None, b'{"retry_after": 1%s}' % (b"0" * 400), None),
        (None, b'{"retry_after": true}', None),
    ],
)
def test_how_long_to_wait(header: str | None, body: bytes, seconds: float | None) -> None:
    headers = {"Retry-After": header} if header else {}
    for status in (429, 503):
        assert from_status(status, headers, body, Request("GET x"), now=NOW).retry_after == seconds


@given(st.integers(300, 599), st.text(), st.binary() | st.recursive(
    st.none() | st.integers() | st.floats() | st.text(),
    lambda inner: st.dictionaries(st.sampled_from(["code", "message", "retry_after", "Retry"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_error_answer_is_a_named_error(status: int, header: str, body: bytes) -> None:
    error = from_status(status, {"Retry-After": header}, body, Request("GET x"), now=NOW)
    assert isinstance(error, ResManError)
    assert error.http_status == status


def test_nothing_listens(free_port: int, make_client: Callable[..., Any]) -> None:
    client = make_client(f"http://127.0.0.1:{free_port}")
    for call in (write, read, read_v2):
        error = failure(call, client)
        assert type(error) is errors.Unreachable
        assert error.disposition is Disposition.TRANSIENT


@pytest.mark.parametrize("url", ["http://nothing.invalid", f"http://{'a' * 70}.invalid", "http://a..invalid"])
def test_no_such_host(url: str, make_client: Callable[..., Any]) -> None:
    for call in (write, read_v2):
        assert type(failure(call, make_client(url))) is errors.Unreachable


def test_a_connection_that_is_not_taken_up_in_time(make_client: Callable[..., Any]) -> None:
    # A full backlog drops further connection attempts.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            client = make_client(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout=0.1)
            for call in (write, read_v2):
                assert type(failure(call, client)) is errors.Unreachable
        finally:
            for filler in fillers:
                filler.close()


def test_a_server_that_speaks_no_tls_got_nothing(server: Server, make_client: Callable[..., Any]) -> None:
    client = make_client(server.url.replace("http:", "https:"))
    for call in (write, read_v2):
        assert type(failure(call, client)) is errors.Unreachable
    assert server.seen == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<ResMan><Status>Success</Status>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Sta",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"not http at all\r\n\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_is_dropped_or_cut(
    server: Server, reply: type[Reply], client: ResManClient, raw: bytes
) -> None:
    server.reply = reply(raw=raw)
    for call in (write, read, read_v2):
        error = failure(call, client)
        assert type(error) is errors.NoAnswer
        assert error.disposition is (Disposition.UNKNOWN if call is write else Disposition.TRANSIENT)


def test_an_answer_cut_in_its_headers(server: Server, reply: type[Reply], client: ResManClient) -> None:
    server.reply = reply(raw=b"HTTP/1.1 200 OK\r\nContent-Le")
    for call in (write, read, read_v2):
        error = failure(call, client)
        assert error.disposition is (Disposition.UNKNOWN if call is write else Disposition.TRANSIENT)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<ResMan>"])
def test_silence_after_the_request(
    server: Server, reply: type[Reply], make_client: Callable[..., Any], raw: bytes
) -> None:
    server.reply = reply(raw=raw, hang=True)
    client = make_client(server.url, read_timeout=0.1)
    for call in (write, read, read_v2):
        assert type(failure(call, client)) is errors.NoAnswer


def test_broken_gzip_is_garbled(server: Server, reply: type[Reply], client: ResManClient) -> None:
    server.reply = reply(b"no gzip at all", headers={"Content-Encoding": "gzip"})
    assert type(failure(write, client)) is errors.Garbled
    assert type(failure(read_v2, client)) is errors.Garbled


def test_an_answer_over_the_limit_is_given_up(
    server: Server, reply: type[Reply], make_client: Callable[..., Any]
) -> None:
    server.reply = reply(b"<ResMan>" + b" " * 200_000 + b"</ResMan>")
    error = failure(read, make_client(server.url, max_xml_bytes=100_000))
    assert type(error) is errors.Garbled
    assert "larger than 100000 bytes" in str(error)


@pytest.mark.parametrize("account", ["", "4 00", "400\r\nX: y", "\uff14\uff10\uff10"])
def test_an_account_id_that_no_header_carries(server: Server, client: ResManClient, account: str) -> None:
    error = failure(lambda c: c.properties(account), client)
    assert type(error) is errors.BadCredentials
    assert server.seen == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(body=st.binary() | st.builds(lambda a, b: a + b, st.sampled_from(
    [b'{"properties":[', b"<ResMan><Status>", b'{"properties":[{"propertyId":"p"}]', b'{"Status":"Success"']),
    st.binary()))  # fmt: skip
def test_any_body_at_all_is_a_value_or_a_named_error(
    server: Server, reply: type[Reply], client: ResManClient, body: bytes
) -> None:
    server.reply = reply(body)
    for call in (write, read, read_v2):
        try:
            call(client)
        except ResManError as error:
            assert error.kind


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "is empty"),
        ("api.example.com", "https://"),
        ("ftp://api.example.com", "https://"),
        ("https://", "no host"),
        ("https://:80", "no host"),
        ("https://host:port", "malformed"),
        ("https://[::1", "malformed"),
        ("https://user:pw@host", "user name"),
        ("https://host/?key=pw", "query"),
        ("https://ho st", "blank"),
    ],
)
def test_a_bad_address_is_one_clear_sentence(url: str, says: str) -> None:
    good = "https://api.example.com"
    for name, urls in (("RESMAN_V1_URL", (url, good)), ("RESMAN_V2_URL", (good, url))):
        with pytest.raises(ValueError, match=f"^{name} .*{says}") as caught:
            ResManConfig(*urls, "partner", "key")
        assert "pw" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_configuration_shows_no_secret() -> None:
    assert "s3cret" not in repr(
        ResManConfig("https://a.example.com", "https://b.example.com", "s3cret", "s3cret")
    )


def test_tls_errors_while_an_answer_is_awaited_leave_a_write_in_doubt() -> None:
    import requests

    from domiq_dagster.resman.outcomes import from_exception

    error = requests.exceptions.SSLError(ssl.SSLEOFError("EOF occurred in violation of protocol"))
    late = from_exception(error, Request("POST x", write=True), sent=True)
    early = from_exception(error, Request("POST x", write=True), sent=False)
    assert (type(late), late.disposition) == (errors.NoAnswer, Disposition.UNKNOWN)
    assert (type(early), early.disposition) == (errors.Unreachable, Disposition.TRANSIENT)
