"""Slack, Twilio and one's own gateways: we post what Apprise would post, and know how each request ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from apprise.plugins.slack import NotifySlack
from apprise.plugins.twilio import NotifyTwilio

from domiq_dagster.sync.notifications.channels import any_service, apprise_url
from domiq_dagster.sync.notifications.channels.channels import make_channel
from domiq_dagster.sync.notifications.channels.message import Message, SendResult, SendStatus
from tests.fake_servers.http import Endpoint, HttpServer, Post

HOOK = "slack://TAAAAAAAA/BBBBBBBBB/" + "c" * 24
BOT = "slack://xoxb-1234-1234-abc124"
TWILIO = "twilio://AC" + "a" * 32 + ":" + "b" * 32 + "@+12125550100"
MESSAGE = Message(
    UUID(int=1),
    " Juniper & <Flats>: news ",
    "new -> *qualified* & more\n<https://x.example/?a=1&b=2|Open> <!channel> <@U123|Ada> <b>\n\nBye \n",
    is_markup=True,
)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with HttpServer() as end:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{end.url}/services")
        monkeypatch.setattr(NotifySlack, "webhook_gov_url", f"{end.url}/gov")
        monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)
        monkeypatch.setattr(NotifySlack, "api_url", end.url + "/api/{}")
        monkeypatch.setattr(NotifyTwilio, "notify_sms_url", end.url + "/Accounts/{sid}/Messages.json")
        monkeypatch.setattr(NotifyTwilio, "request_rate_per_sec", 0)
        yield end


def said(post: Post) -> Any:
    """What a post says, in any order, and without the moment at which it was made."""
    kind = post.headers.get("Content-Type", "")
    body: Any = post.body
    if kind.startswith("application/json"):
        body = post.json
        for shown in body.get("attachments", ()):
            shown.pop("ts", None)
    elif "form" in kind:
        body = post.form
    names = ("User-Agent", "Content-Type", "Authorization", "X-Key")
    path, _, query = post.path.partition("?")
    return path, sorted(query.split("&")), {n: post.headers.get(n) for n in names}, body


@pytest.mark.parametrize(
    ("channel", "url", "recipient"),
    [
        ("slack", HOOK, "#leasing"),
        ("slack", HOOK, "@ada"),
        ("slack", HOOK, "+C0123"),
        ("operator", HOOK, "operator"),
        ("operator", HOOK + "?mode=gov-hook&footer=no", "operator"),
        ("operator", HOOK.replace("//", "//robot@") + "/#ops/#night:1234.5?timestamp=no", "operator"),
        ("operator", BOT, "operator"),
        ("slack", BOT, "#leasing"),
        ("sms", TWILIO, "+12125550123"),
        ("sms", TWILIO + "?apikey=SKabc", "+12125550123"),
        ("operator", TWILIO, "operator"),
        ("operator", TWILIO + "/+12125550123/w:+12125550124", "operator"),
        ("operator", "json://127.0.0.1:{port}", "operator"),
        (
            "sms",
            "json://me:pass@127.0.0.1:{port}/a/b?:to={recipient}&:message=text&:version=&+X-Key=k&-q=1",
            "+12125550123",
        ),
        ("operator", "json://me:pass@127.0.0.1:{port}/?method=put", "operator"),
        ("sms", "form://127.0.0.1:{port}/sms?:to={recipient}&:message=text&:type=&-q=1", "+12125550123"),
        ("sms", "form://127.0.0.1:{port}/sms?:to={recipient}&method=get&-q=1", "+12125550123"),
    ],
)
def test_what_we_post_is_what_apprise_would_post(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, channel: str, url: str, recipient: str
) -> None:
    url = url.replace("{port}", str(endpoint.port))
    endpoint.answer(200, '{"ok": true}' if url.startswith(BOT) else "ok")
    ours = make_channel(channel, url)
    assert ours.send(recipient, MESSAGE).status is SendStatus.DELIVERED
    posted = [said(p) for p in endpoint.posts]
    endpoint.posts.clear()
    monkeypatch.setattr(apprise_url, "_ONLY_APPRISE", ("schema",))
    assert ours.send(recipient, MESSAGE).status is SendStatus.DELIVERED
    assert posted == [said(p) for p in endpoint.posts]
    assert posted


@pytest.mark.parametrize(
    "url",
    [
        HOOK + "?blocks=yes",
        HOOK + "?format=text",
        "https://hooks.slack.com/workflows/T0AAAAAAA/Ft0BBBBBBBB/CCCCCCCC/DDDDDDDD",
        TWILIO + "/+12125550123?method=call",
        "json://127.0.0.1/?emojis=yes",
        "xml://127.0.0.1/",
    ],
)
def test_what_a_url_asks_for_that_we_do_not_do_is_left_to_apprise(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Any] = []

    def notify(service: Any, title: str, text: str, *, is_markup: bool) -> SendResult:
        assert is_markup
        left.append(service)
        return SendResult(SendStatus.DELIVERED, "")

    monkeypatch.setattr(any_service, "notify", notify)
    assert make_channel("operator", url).send("operator", MESSAGE).status is SendStatus.DELIVERED
    assert len(left) == 1


URLS = {
    "a Slack webhook": ("slack", HOOK, "#leasing"),
    "a Slack bot": ("slack", BOT, "#leasing"),
    "Twilio": ("sms", TWILIO, "+12125550123"),
    "a JSON gateway": ("sms", "json://127.0.0.1:{port}/?:to={recipient}", "+12125550123"),
    "a form gateway": ("sms", "form://127.0.0.1:{port}/?:to={recipient}", "+12125550123"),
    "a gateway asked by GET": ("sms", "form://127.0.0.1:{port}/?:to={recipient}&method=get", "+12125550123"),
}


def sent(endpoint: Endpoint, service: str) -> SendResult:
    channel, url, recipient = URLS[service]
    return make_channel(channel, url.replace("{port}", str(endpoint.port))).send(recipient, MESSAGE)


@pytest.mark.parametrize("service", URLS)
@pytest.mark.parametrize(
    ("answer", "body", "status", "whole", "reason"),
    [
        (400, '{"code": 21211}', SendStatus.REFUSED, False, "the service refuses it (HTTP 400: 21211)"),
        (404, "no such thing", SendStatus.REFUSED, False, "the service refuses it (HTTP 404)"),
        (401, "", SendStatus.LATER, True, "the service refuses the credentials (HTTP 401)"),
        (429, "", SendStatus.LATER, True, "the service asks to wait (HTTP 429)"),
        (503, "", SendStatus.LATER, True, "the service asks to wait (HTTP 503)"),
        (500, "", SendStatus.UNKNOWN, False, "the service had the message and failed (HTTP 500)"),
        (None, "", SendStatus.UNKNOWN, False, "the service had the message and failed (no answer came)"),
    ],
)
def test_each_service_tells_apart_what_was_refused_what_may_wait_and_what_is_unknown(
    endpoint: Endpoint,
    service: str,
    answer: int | None,
    body: str,
    status: SendStatus,
    whole: bool,
    reason: str,
) -> None:
    endpoint.answer(answer, body, Retry_After="17")
    retry_after = 17.0 if answer in (429, 503) else None
    assert sent(endpoint, service) == SendResult(status, reason, whole, retry_after)
    assert len(endpoint.posts) == 1


@pytest.mark.parametrize("service", URLS)
def test_an_answer_that_breaks_off_is_no_answer(endpoint: Endpoint, service: str) -> None:
    endpoint.answer(200, "ok", Content_Length="9")
    assert sent(endpoint, service).status is SendStatus.UNKNOWN


@pytest.mark.parametrize("service", URLS)
def test_what_cannot_connect_has_sent_nothing(
    endpoint: Endpoint, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    endpoint.port = free.getsockname()[1]
    free.close()
    monkeypatch.setattr(NotifySlack, "webhook_url", endpoint.url)
    monkeypatch.setattr(NotifySlack, "api_url", endpoint.url + "/{}")
    monkeypatch.setattr(NotifyTwilio, "notify_sms_url", endpoint.url)
    found = sent(endpoint, service)
    assert found == SendResult(SendStatus.LATER, "the service cannot be reached", True)


def test_a_handshake_that_fails_has_sent_nothing(endpoint: Endpoint) -> None:
    channel = make_channel("operator", f"jsons://127.0.0.1:{endpoint.port}")  # it speaks no TLS
    assert channel.send("operator", MESSAGE).reason == "the service cannot be reached"
    assert endpoint.posts == []


def test_a_proxy_that_makes_no_tunnel_has_sent_nothing(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", endpoint.url)
    monkeypatch.setenv("no_proxy", "")
    found = make_channel("operator", "jsons://gateway.example").send("operator", MESSAGE)
    assert found == SendResult(SendStatus.LATER, "the service cannot be reached", True)


def test_a_service_that_is_silent_for_too_long_may_have_the_message(endpoint: Endpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=0.2"
        found = make_channel("operator", url).send("operator", MESSAGE)
    assert found.status is SendStatus.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (None, SendStatus.LATER, "the service does not answer"),
        ((500, "", {}), SendStatus.LATER, "the service failed (HTTP 500)"),
        ((200, '{"ok": false, "error": "ratelimited"}', {}), SendStatus.LATER, "the service asks to wait"),
        ((200, '{"ok": false, "error": "users_not_found"}', {}), SendStatus.REFUSED, "users_not_found"),
    ],
)
def test_looking_somebody_up_sends_nothing_whatever_becomes_of_it(
    endpoint: Endpoint, answer: Any, status: SendStatus, reason: str
) -> None:
    endpoint.answers = [answer]
    found = make_channel("slack", BOT).send("ada@example.com", MESSAGE)
    assert found.status is status
    assert reason in found.reason
    assert [p.path.split("?")[0] for p in endpoint.posts] == ["/api/users.lookupByEmail"]


def test_a_slack_id_is_posted_to_as_it_is(endpoint: Endpoint) -> None:
    endpoint.answer(200, '{"ok": true}')
    assert make_channel("slack", BOT).send("C0123ABCD", MESSAGE).status is SendStatus.DELIVERED
    assert endpoint.posts[0].json["channel"] == "C0123ABCD"


def test_of_several_targets_the_worst_counts_and_none_is_told_twice(endpoint: Endpoint) -> None:
    channel = make_channel("operator", HOOK + "/#a/#b/#c")
    busy, ok, lost = (503, "", {}), (200, "ok", {}), (404, "channel_not_found", {})
    for answers, status in (
        ([ok, ok, ok], SendStatus.DELIVERED),
        ([lost, ok, ok], SendStatus.REFUSED),
        ([busy, lost, busy], SendStatus.LATER),
        ([ok, busy, busy], SendStatus.UNKNOWN),
        ([busy, None, ok], SendStatus.UNKNOWN),
    ):
        endpoint.posts.clear()
        endpoint.answers = [*answers, ok]
        assert channel.send("operator", MESSAGE).status is status
        assert len(endpoint.posts) == 3
