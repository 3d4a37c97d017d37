"""domiq-sync notifications: what did not arrive, sending it again, and testing a channel."""

from collections.abc import Iterator

import pytest

from tests.fake_servers.smtp import Mailbox, SmtpServer
from tests.fixtures.commands import Run
from tests.fixtures.world import World


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with SmtpServer() as box:
        yield box


def test_what_did_not_arrive_is_listed_and_sent_again(
    run: Run, world: World, env: dict[str, str], mailbox: Mailbox
) -> None:
    property_id = world.property()
    world.do(
        "INSERT INTO status_notification_preferences (property_id, notification_method, recipients) "
        """VALUES (:p, 'email', '["mo@staff.example"]')""",
        p=property_id,
    )
    world.conversation(property_id, "new")
    sent = run("sync", "--json", **env)
    assert sent.err == ""
    done = run("notifications", "--json", **env)
    assert (done.code, done.err) == (1, "")
    (lost,) = done.result["not_delivered"]
    assert (lost["channel"], lost["state"], lost["reason"]) == (
        "email",
        "undeliverable",
        "DOMIQ_EMAIL_URL is not set",
    )
    assert lost["property"] == "juniper-flats"
    assert "mo@staff.example" not in done.out
    assert "mo@staff.example" in run("notifications", "--with-recipients", **env).out
    again = run("notifications", "--retry-undeliverable", "--json", DOMIQ_EMAIL_URL=mailbox.url, **env)
    assert (again.code, again.err, again.result["retried"]) == (0, "", 1)
    assert again.result["counts"] == {"email": {"delivered": 1}}
    assert "No notice failed to arrive." in again.out
    (mail,) = mailbox.mails
    assert mail.message["Subject"] == "Juniper Flats: Ada Example1 is a new lead"
    world.do("UPDATE domiq_sync.notification SET state = 'unknown'")
    assert run("notifications", "--retry-undeliverable", "--json", **env).result["retried"] == 0
    named = run("notifications", "--retry", lost["id"], "--json", DOMIQ_EMAIL_URL=mailbox.url, **env)
    assert (named.code, named.result["retried"], len(mailbox.mails)) == (0, 1, 2)


def test_a_channel_is_tested_past_the_outbox(run: Run, env: dict[str, str], mailbox: Mailbox) -> None:
    channel = {
        **env,
        "DOMIQ_EMAIL_URL": mailbox.url,
        "DOMIQ_OPERATOR_ADDRESS": f"{mailbox.url}&to=ops@example.com",
    }
    done = run("notifications", "--test", "email", "--to", "you@example.com", **channel)
    assert (done.code, done.out, done.err) == (0, "email: delivered.\n", "")
    assert run("notifications", "--test", "operator", **channel).code == 0
    assert [m.recipient for m in mailbox.mails] == ["you@example.com", "ops@example.com"]
    mailbox.answers["rcpt"] = "550 no"
    refused = run("notifications", "--test", "email", "--to", "you@example.com", **channel)
    assert (refused.code, refused.out) == (1, "email: refused: the mail server refuses the recipient (550)\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--test", "email", "--to", "you@example.com"], "DOMIQ_EMAIL_URL is not set."),
        (["--test", "pigeon"], "There is no channel pigeon"),
        (["--test", "sms", "--to", "12"], "That is no address for sms."),
        (["--test", "sms"], "Say where to"),
        (["--property", "nowhere"], "No connected property is called nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    run: Run, env: dict[str, str], arguments: list[str], says: str
) -> None:
    gateway = "json://127.0.0.1:1/sms?:to={recipient}"
    done = run("notifications", *arguments, **{**env, "DOMIQ_SMS_URL": gateway})
    assert done.code == 2
    assert says in done.err
    assert len(done.err.splitlines()) == 1
