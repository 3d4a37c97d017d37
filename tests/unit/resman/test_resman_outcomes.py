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
from domiq_dagster.resman.outcomes import Request, about, from_refusal, from_status
from domiq_dagster.wiring import ConfigurationError, resman_config
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
    (403, b"<html>", errors.ServerFault, "in doubt"),
    (403, b'{"message":"no","code":3}', errors.BadCredentials, None),
    (403, ENVELOPE, errors.BadCredentials, None),
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
        ("9" * 400, b"", 900.0),
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
        assert type(failure(call, make_client(url, allow_http=True))) is errors.Unreachable


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
        ("http://api.example.com", "RESMAN_ALLOW_HTTP=1"),
        ("http://localhost.example.com", "RESMAN_ALLOW_HTTP=1"),
        ("HTTP://127.0.0.1@api.example.com", "user name"),
        ("http://10.0.0.1:8080", "RESMAN_ALLOW_HTTP=1"),
    ],
)
def test_a_bad_address_is_one_clear_sentence(url: str, says: str) -> None:
    good = "https://api.example.com"
    for name, urls in (("RESMAN_V1_URL", (url, good)), ("RESMAN_V2_URL", (good, url))):
        with pytest.raises(ValueError, match=f"^{name} .*{says}") as caught:
            ResManConfig(*urls, "partner", "key")
        assert "pw" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_key_goes_to_another_machine_by_https_alone() -> None:
    """D20."""
    good = "https://api.example.com"
    for url in ("http://127.0.0.1:8080", "http://[::1]/v1", "http://localhost", "HTTPS://api.example.com"):
        ResManConfig(url, url, "partner", "key")
    others = (
        "http://api.example.com",
        "HTTP://10.0.0.8",
        "http://localhost.example.com",
        "http://127.0.0.1.nip",
    )
    for url in others:
        for name, urls in (("RESMAN_V1_URL", (url, good)), ("RESMAN_V2_URL", (good, url))):
            with pytest.raises(ValueError, match=f"^{name} starts with http://.*RESMAN_ALLOW_HTTP=1"):
                ResManConfig(*urls, "partner", "key")
        ResManConfig(url, url, "partner", "key", allow_http=True)


def test_an_operator_may_allow_http_and_says_so_with_a_1() -> None:
    """D20."""
    env = {"RESMAN_PARTNER_ID": "p", "RESMAN_API_KEY": "k", "RESMAN_V1_URL": "http://resman.intern"}
    assert resman_config({**env, "RESMAN_ALLOW_HTTP": "1"}).v1_url == "http://resman.intern"
    for value, says in (
        ("", "^RESMAN_V1_URL starts with http"),
        ("0", "^RESMAN_V1_URL"),
        ("yes", "must be 1"),
    ):
        with pytest.raises(ConfigurationError, match=says) as caught:
            resman_config({**env, "RESMAN_ALLOW_HTTP": value})
        assert "\n" not in str(caught.value)


def test_only_this_machine_is_asked_without_encryption_unless_told_so() -> None:
    """D20."""
    for url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://LOCALHOST./x"):
        assert ResManConfig(url, url, "partner", "key").v1_url.startswith("http://")
    told = ResManConfig("http://api.example.com", "http://10.0.0.1", "partner", "key", allow_http=True)
    assert (told.v1_url, told.v2_url) == ("http://api.example.com", "http://10.0.0.1")


@pytest.mark.parametrize(
    ("partner", "key"), [("part\nner", "key"), ("partner", "k\udc80y"), ("partner", "k\r\ny")]
)
def test_a_key_that_no_header_carries_is_one_sentence(partner: str, key: str) -> None:
    """D17: half a character, or a line break, in the environment."""
    url = "https://api.example.com"
    with pytest.raises(ValueError, match=r"^RESMAN_(PARTNER_ID|API_KEY) holds a character") as caught:
        ResManConfig(url, url, partner, key)
    assert "a\nb" not in str(caught.value) and "k\r" not in str(caught.value)


CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>cf-chl</body></html>"
PROXIES = [
    (403, {"cf-mitigated": "challenge", "Content-Type": "text/html", "CF-RAY": "8a-FRA"}, CHALLENGE),
    (403, {"Content-Type": "text/html; charset=UTF-8", "CF-RAY": "8a-FRA"}, CHALLENGE),
    (403, {}, b"\n<!-- a comment --><HTML><HEAD><TITLE>Access Denied</TITLE></HEAD>Reference #18.2d</HTML>"),
    (403, {}, b""),
    (403, {"x-amzn-errortype": "ForbiddenException"}, b'{"message":"Forbidden"}'),
    (403, {}, b"error code: 1020"),
    (401, {"cf-mitigated": "challenge"}, CHALLENGE),
    (401, {"X-Squid-Error": "ERR_CACHE_ACCESS_DENIED 0"}, b"<html>credentials</html>"),
    (401, {}, b"<html><title>Sign in</title>Your organisation's proxy wants your credentials</html>"),
    (404, {"cf-mitigated": "block"}, CHALLENGE),
    (
        400,
        {"Server": "cloudflare"},
        b"<html>400 Bad Request<hr>cloudflare</html>",
    ),
    (407, {"Proxy-Authenticate": "Basic"}, b"<html>partner credentials</html>"),
    (451, {}, b"<html>blocked</html>"),
    (405, {}, b"<html><head><title>Request Rejected</title></head>Your support ID is: 123</html>"),
]


@pytest.mark.parametrize(("status", "headers", "body"), PROXIES)
def test_a_page_of_something_before_resman_is_an_outage(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """B8: it says nothing of the credentials. A write may have got to ResMan, unless it was challenged."""
    for write_too in (True, False):
        error = from_status(status, headers, body, Request("POST x", write=write_too), now=NOW)
        in_doubt = write_too and "cf-mitigated" not in headers
        assert (type(error), error.disposition, error.scope) == (
            errors.ServerFault,
            Disposition.UNKNOWN if in_doubt else Disposition.TRANSIENT,
            Scope.SERVICE,
        )
        assert "credentials" not in str(error)


LEADS = [
    (("Dolly", "Partner"), "Customer Dolly Partner cannot be saved"),
    (("Dolly", "Partner"), "Partner is not a valid last name"),
    (("partner@example.com",), "The email partner@example.com is in use"),
    (("Francis", "Partner", "partner@example.com"), "partner: partner@example.com. Partner is too young"),
    (("pat@example.com",), "Duplicate of unauthorized@example.org, credentials@example.org"),
    (("Credentials",), "Invalid name: CREDENTIALS"),
    (("Credentials",), "Invalid name: credentials99"),
    (
        ("Zed", "asked for the api key, not authorized"),
        "Comments 'asked for the API-Key, not authorised' too long",
    ),
    (("the integration partner says: try again, timed out",), "Bad comment: integration partner; timed out"),
    (("Transaction source could not be found, she said",), "Transaction Source could not be found, she said"),
    (("he is not permitted to use the pool",), "Rejected comment: not permitted to use"),
    (("Dolly", "Partner"), "This partner is locked"),
    (("Dolly", "Partner"), "Not saved. Your Partner has been merged"),
    (("d@example.com",), "The comment 'she forgot her credentials' is too long"),
    (("d@example.com",), 'Duplicate note: "no api key for the gate"'),
]


@pytest.mark.parametrize(("supplied", "words"), LEADS)
def test_what_a_lead_supplies_decides_nothing(supplied: tuple[str, ...], words: str) -> None:
    """D8: the breaker of an account does not open for somebody's name, address or words."""
    with about(supplied):
        only_known = Request("POST x", write=True)
    for request in (Request("POST x", write=True, private=supplied), only_known):
        for error in (from_refusal(words, None, request), from_refusal(words, words, request)):
            assert (type(error), error.scope) == (errors.Refused, Scope.CHANGE)
        body = (
            b"<ResMan><Status>Error</Status><ErrorDescription>%s</ErrorDescription></ResMan>" % words.encode()
        )
        assert type(from_status(500, {}, body, request, now=NOW)) is errors.ServerFault


def test_what_is_known_of_a_lead_is_hidden_though_it_was_not_sent() -> None:
    """D5, D8: an update sends no name, and ResMan's answer may say it."""
    with about(("Zebedee", "Quux")):
        request = Request("POST x", write=True)
    assert from_refusal("Zebedee Quux is locked", None, request).description == "[hidden] [hidden] is locked"
    assert Request("POST x").known == ()


@pytest.mark.parametrize(
    "words",
    [
        "Invalid credentials",
        "The IntegrationPartnerID or the ApiKey is not valid.",
        "Invalid API Key",
        "Partner is not authorized for account 400",
        "Unauthorized",
        "Authentication failed for this integration partner",
        "Partner ID 77 is unknown",
        "The value of 'ApiKey' is wrong",
        "This partner is locked",
    ],
)
def test_what_resman_says_of_the_credentials_is_still_heard(words: str) -> None:
    request = Request(
        "POST x", write=True, private=("Dolly", "Partridge", "d@example.com", "wants two rooms")
    )
    assert type(from_refusal(words, None, request)) is errors.BadCredentials


@pytest.mark.parametrize(
    ("supplied", "words", "kind"),
    [
        ("likes country living, will call again", "Please try again later", errors.ServerFault),
        ("is allowed two dogs in the house", "not allowed to use this method", errors.NotEntitled),
        ("wants a key, asked about the api of the gate", "Invalid API Key", errors.BadCredentials),
    ],
)
def test_words_that_a_lead_happened_to_use_elsewhere_take_no_meaning_away(
    supplied: str, words: str, kind: type[ResManError]
) -> None:
    """D8: only the phrase as a whole, in its order, may be an echo."""
    request = Request("POST x", write=True, private=("Bo", supplied))
    assert type(from_refusal(words, None, request)) is kind


@pytest.mark.parametrize(
    "code", ["zebedee@example.com", "2125550187", "ZebedeeQuux", "x" * 41, "a b", True, [1]]
)
def test_a_code_that_names_somebody_is_none(code: Any) -> None:
    """D5."""
    request = Request("POST x", private=("Zebedee", "Quux"))
    body = json.dumps({"message": "no", "code": code}).encode()
    assert from_status(400, {}, body, request, now=NOW).code is None
    assert from_refusal("no", str(code), request).code in (None, "True")
    assert from_status(400, {}, b'{"code": 20001.0}', request, now=NOW).code == "20001"


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
