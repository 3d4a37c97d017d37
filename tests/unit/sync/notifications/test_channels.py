"""The channels, over real SMTP and HTTP on loopback: what arrives, and what is told of what does not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
from apprise.plugins.twilio import NotifyTwilio

from domiq_dagster.sync.notifications.channels.apprise_url import NotifySlack
from domiq_dagster.sync.notifications.channels.channels import BadChannel, configure, make_channel
from domiq_dagster.sync.notifications.channels.message import Message, SendResult, SendStatus
from tests.fake_servers.http import Endpoint, HttpServer
from tests.fake_servers.smtp import Mailbox, SmtpServer

MESSAGE = Message(UUID(int=7), "Juniper Flats: news", "Hello.\n.hidden dot\nBye", "<p>Hello.</p>")
WEBHOOK = "slack://TAAAAAAAA/BBBBBBBBB/" + "c" * 24
TWILIO = "twilio://AC" + "a" * 32 + ":" + "b" * 32 + "@+12125550100"
ADDRESS = "ada@example.com"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with SmtpServer() as box:
        yield box


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Slack and Twilio, as far as the plugins are concerned."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with HttpServer() as end:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{end.url}/services")
        monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)
        monkeypatch.setattr(NotifySlack, "api_url", end.url + "/api/{}")
        monkeypatch.setattr(NotifyTwilio, "notify_sms_url", end.url + "/Accounts/{sid}/Messages.json")
        yield end


def mail(mailbox: Mailbox) -> SendResult:
    return make_channel("email", mailbox.url).send(ADDRESS, MESSAGE)


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?a=0d=0aBcc:_x@example.net?=",
        "=?utf-8?q?a=0aBcc:_x@example.net?= and more",
        "=?utf-8?b?YQ0KQmNjOiB4QGV4YW1wbGUubmV0?=",
        "=?iso-8859-1?q?a=0d?=",
        "Zoë Müller has a tour " + "at the house by the lake " * 8,
        "plain",
        "tab\tand \x1f control",
        "",
    ],
)
def test_a_subject_means_itself_and_adds_no_header(mailbox: Mailbox, subject: str) -> None:
    """A5."""
    message = Message(UUID(int=7), subject, "Hi.")
    assert make_channel("email", mailbox.url).send(ADDRESS, message).status is SendStatus.DELIVERED
    (got,) = mailbox.mails
    assert set(got.message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }
    assert str(got.message["Subject"]) == message.subject


def test_an_e_mail_arrives_as_text_and_html_under_its_own_id(mailbox: Mailbox) -> None:
    assert mail(mailbox).status is SendStatus.DELIVERED
    (got,) = mailbox.mails
    assert (got.sender, got.recipient) == ("notices@domiq.example", ADDRESS)
    assert got.message["Subject"] == "Juniper Flats: news"
    assert got.message["From"] == "DomIQ <notices@domiq.example>"
    assert got.message["Message-ID"] == f"<{MESSAGE.id}@domiq.example>"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.text.replace("\r\n", "\n").strip() == MESSAGE.text
    assert got.html.strip() == MESSAGE.html


@pytest.mark.parametrize(
    ("step", "answer", "status", "whole", "word"),
    [
        ("connect", "554 no", SendStatus.LATER, True, "554"),
        ("connect", "hang up", SendStatus.LATER, True, "reached"),
        ("mail", "550 who", SendStatus.REFUSED, False, "sender"),
        ("rcpt", "550 no such user ada@example.com", SendStatus.REFUSED, False, "recipient (550)"),
        ("rcpt", "450 greylisted", SendStatus.LATER, False, "puts off"),
        ("rcpt", "hang up", SendStatus.LATER, True, "broke off"),
        ("rcpt", "421 closing", SendStatus.LATER, True, "closing"),
        ("data", "452 full", SendStatus.LATER, False, "puts off"),
        ("accept", "554 spam", SendStatus.REFUSED, False, "message"),
        ("accept", "451 scanner", SendStatus.LATER, False, "puts off"),
        ("accept", "hang up after", SendStatus.UNKNOWN, False, "no answer"),
        ("accept", "hang up", SendStatus.UNKNOWN, False, "no answer"),
    ],
)
def test_each_way_of_not_taking_an_e_mail_is_told_apart(
    mailbox: Mailbox, step: str, answer: str, status: SendStatus, whole: bool, word: str
) -> None:
    mailbox.answers[step] = answer
    result = mail(mailbox)
    assert (result.status, result.whole_channel) == (status, whole)
    assert word in result.reason
    assert ADDRESS not in result.reason
    assert len(mailbox.mails) == (answer == "hang up after")


def test_a_mail_server_that_is_down_or_wants_other_credentials_is_for_later(mailbox: Mailbox) -> None:
    down = make_channel("email", "mailto://127.0.0.1:1?from=a@b.example").send(ADDRESS, MESSAGE)
    assert (down.status, down.whole_channel) == (SendStatus.LATER, True)
    mailbox.answers["auth"] = "535 no"
    url = mailbox.url.replace("mailto://", "mailto://user:wrong@")
    refused = make_channel("email", url).send(ADDRESS, MESSAGE)
    assert (refused.status, refused.whole_channel) == (SendStatus.LATER, True)
    assert "credentials (535)" in refused.reason


def test_a_slack_message_arrives_in_its_channel_and_pings_nobody(endpoint: Endpoint) -> None:
    text = "new -> *qualified*\n<https://x.example|Open>"
    message = Message(UUID(int=1), "Juniper <!channel>", text, is_markup=True)
    assert make_channel("slack", WEBHOOK).send("#leasing", message).status is SendStatus.DELIVERED
    (post,) = endpoint.posts
    assert post.path == "/services/TAAAAAAAA/BBBBBBBBB/" + "c" * 24
    assert post.json["channel"] == "#leasing"
    (shown,) = post.json["attachments"]
    assert shown["title"] == "Juniper &lt;!channel&gt;"
    assert shown["text"] == "new -&gt; *qualified*\n<https://x.example|Open>"
    assert post.json["mrkdwn"] is True
    assert "icon_url" not in post.json
    assert shown["footer"] == "DomIQ"


@pytest.mark.parametrize(
    "words", ["<!here> now", "<@U12345678> look", "<!subteam^S1|all>", "<https://evil.example|Open>", "<#C1>"]
)
def test_words_that_no_template_has_call_nobody_and_link_nowhere(endpoint: Endpoint, words: str) -> None:
    """D17: a rule's text, or a property's name in an alert, is shown as it is."""
    for url in (WEBHOOK, f"json://127.0.0.1:{endpoint.port}?format=markdown"):
        make_channel("operator", url).send("operator", Message(UUID(int=1), words, words))
    slack, other = endpoint.posts
    (shown,) = slack.json["attachments"]
    assert "<" not in shown["title"] + shown["text"]
    assert words not in other.json["message"] or words.startswith("<http")


def test_the_service_s_code_is_not_told_where_it_repeats_what_was_sent(endpoint: Endpoint) -> None:
    """D5."""
    message = Message(UUID(int=1), "News", "Zebedee Quillfeather, zeb@mail.example, 212 555 0187")
    for code in ("ZebedeeQuillfeather", "zebedee", "rehtaeflliuq", "212-555-0187", "zeb_mail.example"):
        endpoint.answer(400, json.dumps({"error": code}))
        done = make_channel("operator", f"json://127.0.0.1:{endpoint.port}").send("operator", message)
        assert done.reason == "the service refuses it (HTTP 400)", code


def test_no_answer_leads_a_message_elsewhere(endpoint: Endpoint) -> None:
    """D20: a redirect would carry all that the message holds to wherever it says."""
    endpoint.answer(307, "", Location=f"http://127.0.0.1:{endpoint.port}/elsewhere")
    done = make_channel("operator", f"json://127.0.0.1:{endpoint.port}/here").send("operator", MESSAGE)
    assert done.status is SendStatus.REFUSED
    assert [post.path for post in endpoint.posts] == ["/here"]


@pytest.mark.parametrize(
    "url",
    [
        "json://gateway.example/sms",
        "form://gateway.example",
        "gotify://gateway.example/token1234567890",
        "mailto://user:pass@mail.example?from=a@b.example&mode=insecure",
    ],
)
def test_another_machine_is_sent_nothing_unencrypted_unless_told_so(url: str) -> None:
    """D20."""
    with pytest.raises(BadChannel, match="DOMIQ_ALLOW_HTTP=1") as caught:
        make_channel("operator", url)
    assert "gateway" not in str(caught.value) and "pass@" not in str(caught.value)
    assert make_channel("operator", url, allow_http=True)
    assert make_channel("operator", "jsons://gateway.example/sms")
    assert make_channel("operator", "mailto://relay.example?from=a@b.example&to=c@d.example")


def test_an_sms_arrives_at_its_number_in_one_piece(endpoint: Endpoint) -> None:
    endpoint.answer(201, '{"sid": "SM1"}')
    long = Message(UUID(int=1), "left out", "word " * 60)
    assert make_channel("sms", TWILIO).send("+12125550123", long).status is SendStatus.DELIVERED
    (post,) = endpoint.posts
    assert post.form == {"To": "+12125550123", "From": "+12125550100", "Body": ("word " * 60).strip()}


def test_a_gateway_without_recipients_of_its_own_gets_them_where_the_url_says(endpoint: Endpoint) -> None:
    url = f"json://127.0.0.1:{endpoint.port}/sms?:to={{recipient}}"
    assert make_channel("sms", url).send("+12125550123", MESSAGE).status is SendStatus.DELIVERED
    assert endpoint.posts[0].json["to"] == "+12125550123"
    with pytest.raises(BadChannel, match="recipient"):
        make_channel("sms", f"json://127.0.0.1:{endpoint.port}/sms")


@pytest.mark.parametrize(
    ("answer", "body", "status", "whole", "word"),
    [
        (400, "invalid_payload", SendStatus.REFUSED, False, "HTTP 400: invalid_payload"),
        (404, "channel_not_found", SendStatus.REFUSED, False, "channel_not_found"),
        (400, "Nobody called ada@example.com", SendStatus.REFUSED, False, "HTTP 400)"),
        (401, "", SendStatus.LATER, True, "credentials"),
        (429, "", SendStatus.LATER, True, "wait"),
        (503, "", SendStatus.LATER, True, "wait"),
        (500, "", SendStatus.UNKNOWN, False, "HTTP 500"),
        (502, "", SendStatus.UNKNOWN, False, "HTTP 502"),
        (None, "", SendStatus.UNKNOWN, False, "no answer came"),
        (200, "not ok", SendStatus.REFUSED, False, "HTTP 200"),
    ],
)
def test_each_way_of_not_taking_a_post_is_told_apart(
    endpoint: Endpoint, answer: int | None, body: str, status: SendStatus, whole: bool, word: str
) -> None:
    endpoint.answer(answer, body, Retry_After="17")
    result = make_channel("slack", WEBHOOK + "?retry=3").send("#leasing", MESSAGE)
    assert (result.status, result.whole_channel) == (status, whole)
    assert word in result.reason
    assert "ada" not in result.reason
    assert result.retry_after == (17.0 if answer in (429, 503) else None)
    assert len(endpoint.posts) == 1


def test_a_service_that_cannot_be_reached_has_got_nothing(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("http://127.0.0.1:1/x", "http://nowhere.invalid/x"):
        monkeypatch.setattr(NotifySlack, "webhook_url", url)
        result = make_channel("slack", WEBHOOK).send("#leasing", MESSAGE)
        assert (result.status, result.whole_channel) == (SendStatus.LATER, True)
    assert endpoint.posts == []


def test_what_the_plugin_refuses_by_itself_never_left(endpoint: Endpoint) -> None:
    assert make_channel("sms", TWILIO).send("no number", MESSAGE).status is SendStatus.REFUSED
    by_mail = make_channel("slack", WEBHOOK).send(ADDRESS, MESSAGE)
    assert (by_mail.status, "bot token" in by_mail.reason) == (SendStatus.REFUSED, True)
    assert endpoint.posts == []


def test_a_slack_bot_finds_people_by_e_mail(endpoint: Endpoint) -> None:
    endpoint.answers = [
        (200, '{"ok": true, "user": {"id": "U0000001"}}', {}),
        (200, '{"ok": true, "channel": "D1"}', {}),
    ]
    bot = make_channel("slack", "slack://xoxb-1234-1234-abc124/")
    assert bot.send(ADDRESS, MESSAGE).status is SendStatus.DELIVERED
    assert [p.path.split("?")[0] for p in endpoint.posts] == [
        "/api/users.lookupByEmail",
        "/api/chat.postMessage",
    ]
    assert endpoint.posts[1].json["channel"] == "U0000001"
    endpoint.answer(200, '{"ok": false, "error": "users_not_found"}')
    lost = bot.send("bob@example.com", MESSAGE)
    assert (lost.status, "users_not_found" in lost.reason) == (SendStatus.REFUSED, True)


def test_nothing_of_a_message_or_an_address_is_logged(
    mailbox: Mailbox, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for level in ("apprise", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, level)
    for status in (200, 400, None):
        endpoint.answer(status, "ok")
        make_channel("slack", WEBHOOK).send("#leasing", MESSAGE)
        make_channel("sms", TWILIO).send("+12125550123", MESSAGE)
    mail(mailbox)
    make_channel("email", "mailto://nowhere.invalid?from=a@b.example").send(ADDRESS, MESSAGE)
    lines = [f"{r.name} {r.getMessage()}" for r in caplog.records]
    private = (ADDRESS, "5550123", "Hello", "Juniper", "cccccc", "bbbbbb", "TAAAAAAAA", "nowhere")
    assert [line for line in lines if any(word in line for word in private)] == []
    assert {line.split()[0] for line in lines} <= {"charset_normalizer"}


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("DOMIQ_EMAIL_URL", "smtp.example.com", "no address that Apprise understands"),
        ("DOMIQ_EMAIL_URL", "mailto://u:p@smtp.example.com?cc=a@b.example", "leave out cc"),
        ("DOMIQ_SMS_URL", "twilio://nonsense", "no address that Apprise understands"),
        ("DOMIQ_OPERATOR_ADDRESS", "mailtos://u:p@smtp.example.com?from=a@b.example what", "address 2"),
    ],
)
def test_a_wrong_address_closes_its_own_channel_and_says_which(name: str, url: str, says: str) -> None:
    channels = configure({"DOMIQ_SLACK_URL": WEBHOOK, name: url})
    assert channels.problem("slack") is None
    (problem,) = channels.problems.values()
    assert says in problem
    assert "u:p" not in problem


def test_a_channel_that_nobody_set_up_says_which_variable_it_wants() -> None:
    channels = configure({})
    assert channels.problem("email") == "DOMIQ_EMAIL_URL is not set"
    assert channels.problem("operator") == "DOMIQ_OPERATOR_ADDRESS is not set"
    assert channels.problem("in_app") is None
    assert channels.send("sms", "+12125550123", MESSAGE) == SendResult(
        SendStatus.REFUSED, "DOMIQ_SMS_URL is not set"
    )


def test_each_operator_address_has_a_number(mailbox: Mailbox, endpoint: Endpoint) -> None:
    urls = f"{mailbox.url}&to=ops@example.com json://127.0.0.1:{endpoint.port}/hook"
    channels = configure({"DOMIQ_OPERATOR_ADDRESS": urls})
    assert channels.send("operator", "operator 1", MESSAGE).status is SendStatus.DELIVERED
    assert channels.send("operator", "operator 2", MESSAGE).status is SendStatus.DELIVERED
    assert channels.send("operator", "operator 3", MESSAGE).status is SendStatus.REFUSED
    assert [m.recipient for m in mailbox.mails] == ["ops@example.com"]
    assert endpoint.posts[0].json["message"] == MESSAGE.text


def test_nothing_secret_is_printed() -> None:
    channels = configure({"DOMIQ_SMS_URL": TWILIO, "DOMIQ_EMAIL_URL": "mailto://u:pw@smtp.example.com"})
    assert "b" * 32 not in repr(channels)
    assert "Hello" not in repr(MESSAGE)
