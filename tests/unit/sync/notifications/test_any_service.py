"""Services that Apprise sends to itself: what its log tells of a message that it did not send."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
import requests
from apprise import NotifyBase
from apprise.plugins.gotify import NotifyGotify
from urllib3.exceptions import MaxRetryError, ProtocolError
from urllib3.exceptions import SSLError as BrokenTls

from domiq_dagster.sync.notifications.channels.channels import make_channel
from domiq_dagster.sync.notifications.channels.http import never_left
from domiq_dagster.sync.notifications.channels.message import Message, SendResult, SendStatus
from tests.fake_servers.http import Endpoint, HttpServer

MESSAGE = Message(UUID(int=1), "Juniper Flats: news", "Hello.")
SERVICES = {
    "Gotify": "gotify://127.0.0.1:{port}/Atoken",
    "Mattermost": "mmost://127.0.0.1:{port}/" + "a" * 24,
    "XML": "xml://127.0.0.1:{port}/",
    "ntfy": "ntfy://127.0.0.1:{port}/topic",
}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(NotifyBase, "request_rate_per_sec", 0)
    with HttpServer() as end:
        yield end


def sent(url: str, port: int) -> SendResult:
    return make_channel("operator", url.replace("{port}", str(port))).send("operator", MESSAGE)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("answer", "status", "whole", "reason"),
    [
        (200, SendStatus.DELIVERED, False, ""),
        (400, SendStatus.REFUSED, False, "the service refuses it (HTTP 400)"),
        (401, SendStatus.LATER, True, "the service refuses the credentials (HTTP 401)"),
        (429, SendStatus.LATER, True, "the service asks to wait (HTTP 429)"),
        (500, SendStatus.UNKNOWN, False, "the service had the message and failed (HTTP 500)"),
        (None, SendStatus.UNKNOWN, False, "the service had the message and failed (no answer came)"),
    ],
)
def test_an_error_that_apprise_logs_tells_how_it_ended(
    endpoint: Endpoint, service: str, answer: int | None, status: SendStatus, whole: bool, reason: str
) -> None:
    endpoint.answer(answer, "{}")
    assert sent(SERVICES[service], endpoint.port) == SendResult(status, reason, whole)
    assert len(endpoint.posts) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_what_cannot_connect_has_sent_nothing(endpoint: Endpoint, service: str) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    assert sent(SERVICES[service], port) == SendResult(
        SendStatus.LATER, "the service cannot be reached", True
    )


def test_of_several_requests_one_whose_answer_is_lost_leaves_it_open(endpoint: Endpoint) -> None:
    login = (200, '{"status": "success", "data": {"authToken": "t", "userId": "u"}}', {})
    url = "rocket://me:secret@127.0.0.1:{port}/#ops"
    gone = (400, "", {})
    for answers, status in (
        ([(401, "", {}), gone], SendStatus.LATER),
        ([login, (200, "{}", {}), gone], SendStatus.DELIVERED),
        ([login, None, (200, "{}", {})], SendStatus.UNKNOWN),
        ([login, None, gone], SendStatus.UNKNOWN),
        ([login, (400, "", {}), (200, "{}", {})], SendStatus.REFUSED),
    ):
        endpoint.answers = list(answers)
        assert sent(url, endpoint.port).status is status, answers


def test_of_several_targets_some_may_have_it(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, "{}", {}), (503, "", {})]
    found = sent("ntfy://127.0.0.1:{port}/one/two", endpoint.port)
    assert (found.status, len(endpoint.posts)) == (SendStatus.UNKNOWN, 2)


def test_where_apprise_says_nothing_it_is_unknown(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any, **__: Any) -> bool:
        return False

    def odd(*_: Any, **__: Any) -> bool:
        raise KeyError("ada@example.com")

    monkeypatch.setattr(NotifyGotify, "send", silent)
    assert sent(SERVICES["Gotify"], endpoint.port) == SendResult(
        SendStatus.UNKNOWN, "the service failed (it does not say how)"
    )
    monkeypatch.setattr(NotifyGotify, "send", odd)
    assert sent(SERVICES["Gotify"], endpoint.port) == SendResult(
        SendStatus.UNKNOWN, "the service failed (KeyError)"
    )


def test_what_is_sent_at_the_same_time_is_not_mixed_up(endpoint: Endpoint) -> None:
    endpoint.answer(400)
    with HttpServer() as lost, HttpServer() as well:
        lost.answer(None)
        ports = [endpoint.port, lost.port, well.port] * 20
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda port: sent(SERVICES["Gotify"], port).status, ports))
    assert found == [SendStatus.REFUSED, SendStatus.UNKNOWN, SendStatus.DELIVERED] * 20


def test_apprise_s_own_log_goes_nowhere(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    for answer in (200, 400, None):
        endpoint.answer(answer)
        sent(SERVICES["Gotify"], endpoint.port)
    assert [r.name for r in caplog.records if r.name != "charset_normalizer"] == []


def reset(inner: BaseException) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, "/secret", inner))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (reset(BrokenTls(ssl.SSLCertVerificationError("self-signed"))), True),
        (reset(BrokenTls(ssl.SSLEOFError("unexpected eof"))), False),
        (reset(ProtocolError("Connection aborted.", ConnectionResetError())), False),
        (requests.ReadTimeout(), False),
        (requests.exceptions.InvalidURL("no host"), True),
    ],
)
def test_only_what_is_certain_never_left(error: BaseException, certain: bool) -> None:
    assert never_left(error) is certain
