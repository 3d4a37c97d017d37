"""Notices from a change to the person: the outbox, over real channels on loopback."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.notifications.channels.channels import configure
from domiq_dagster.sync.notifications.outbox import Notice, operator_notice
from domiq_dagster.sync.notifications.outcomes import SendingRules
from domiq_dagster.sync.notifications.recipients import resolve
from domiq_dagster.sync.notifications.sender import SendReport
from domiq_dagster.sync.notifications.status import due
from tests.fixtures.notices import NoticeWorld


def logged_move(
    notice_world: NoticeWorld, property_id: UUID, status: str = "tour_scheduled", **context: Any
) -> UUID:
    """A lead that moved, as the chatbot logs it."""
    user = notice_world.world.user("Ada", "Example", "ada@lead.example", "+1 212 555 0187")
    conversation: UUID = notice_world.world.conversation(
        property_id,
        "active",
        user=user,
        tour_datetime=datetime(2026, 3, 7, 10),
        move_in_date=datetime(2026, 4, 1).date(),
    )
    notice_world.world.log(
        conversation, status, old_status="qualified", updated_by="chatbot",
        status_reason="asked for Saturday",
        context_data=json.dumps(
            {
                "conversation_summary": "Wants a two-bedroom with parking.",
                "key_insights": ["has a dog", "budget 1,800"],
                "next_steps": "Confirm by phone.",
                "urgency_level": "medium",
                **context,
            }
        ),
    )  # fmt: skip
    return conversation


def test_an_e_mail_as_a_person_reads_it(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.world.do("UPDATE domiq_sync.integration SET time_zone = 'America/Chicago'")
    notice_world.prefer(property_id, "tour_scheduled", "email", ["mo@staff.example"])
    conversation = logged_move(notice_world, property_id)
    at = datetime(2026, 3, 3, 20, 5, tzinfo=UTC)
    notice_world.world.do("UPDATE domiq_sync.change SET logged_at = :t", t=at)
    notice_world.world.do("UPDATE domiq_sync.integration SET connected_at = :t", t=at)
    assert notice_world.tell().by_state == {("email", "delivered"): 1}
    (mail,) = notice_world.mailbox.mails
    assert (mail.recipient, mail.message["To"]) == ("mo@staff.example", "mo@staff.example")
    assert mail.message["Subject"] == "Juniper Flats: Ada Example has a tour scheduled"
    assert mail.text.replace("\r\n", "\n").strip() == (
        "Ada Example has a tour scheduled.\n"
        "\n"
        "Property:   Juniper Flats\n"
        "Status:     qualified → tour scheduled\n"
        "Changed:    by the chatbot, Tue, Mar 3 2026, 2:05 PM CST\n"
        "Reason:     asked for Saturday\n"
        "Priority:   high\n"
        "Urgency:    medium\n"
        "Tour:       Sat, Mar 7 2026, 10:00 AM\n"
        "Move-in:    Wed, Apr 1 2026\n"
        "E-mail:     ada@lead.example\n"
        "Phone:      +1 212 555 0187\n"
        "\n"
        "Wants a two-bedroom with parking.\n"
        "\n"
        "- has a dog\n"
        "- budget 1,800\n"
        "\n"
        "Next: Confirm by phone.\n"
        "\n"
        f"https://domiq.example/conversations/{conversation}\n"
        "\n"
        "You get this because Juniper Flats has you down for notices about this status."
    )
    assert f'<a href="https://domiq.example/conversations/{conversation}">' in mail.html
    assert "<li>has a dog</li>" in mail.html


def test_an_sms_and_a_slack_message_as_a_person_reads_them(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "sms", ["(212) 555-0123"])
    notice_world.prefer(property_id, "any", "slack", ["#leasing"])
    conversation = logged_move(notice_world, property_id, "application", next_steps="Call back.")
    assert notice_world.tell().by_state == {("sms", "delivered"): 1, ("slack", "delivered"): 1}
    link = f"https://domiq.example/conversations/{conversation}"
    by_path = {p.path.split("/")[1]: p.json for p in notice_world.endpoint.posts}
    assert by_path["sms"]["to"] == "+12125550123"
    assert by_path["sms"]["message"] == (
        f"Juniper Flats: Ada Example is applying. Urgent. Call +1 212 555 0187. Next: Call back. {link}"
    )
    (shown,) = by_path["services"]["attachments"]
    assert shown["title"] == "Juniper Flats: Ada Example is applying"
    first, *rest = shown["text"].split("\n")
    assert first.startswith("qualified → *application*, changed by the chatbot, ")
    assert rest == [
        "*Urgent*",
        "Reason: asked for Saturday",
        "Contact: ada@lead.example, +1 212 555 0187",
        "Wants a two-bedroom with parking.",
        "\u2022 has a dog",
        "\u2022 budget 1,800",
        "Next: Call back.",
        f"<{link}|Open the conversation>",
    ]


def test_an_in_app_notice_names_nobody_and_can_be_read(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "tour_booked", "in_app", ["property_manager"])
    logged_move(notice_world, property_id, status_reason="x")
    notice_world.world.do("UPDATE status_sync_log SET status_reason = 'Ada (ada@lead.example) asked'")
    assert notice_world.notify().delivered == {"in_app": 1}
    (row,) = notice_world.rows()
    assert row.subject == "Juniper Flats: A lead has a tour scheduled"
    assert row.body == (
        "qualified → tour scheduled, changed by the chatbot.\n"
        "Reason: [hidden] ([hidden]) asked\nUrgency: medium"
    )
    assert (row.state, row.read_at) == ("delivered", None)


def test_nothing_of_a_lead_is_stored_in_the_outbox_and_nobody_is_logged(
    notice_world: NoticeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    property_id = notice_world.world.property()
    addresses = {"email": "a@staff.example", "slack": "#x", "sms": "+12125550123", "in_app": "me"}
    for method, address in addresses.items():
        notice_world.prefer(property_id, None, method, [address])
    notice_world.mailbox.answers["rcpt"] = "550 no"
    logged_move(notice_world, property_id)
    notice_world.notify()
    before = [str(r) for r in notice_world.rows()]
    notice_world.deliver()
    private = ("Ada", "lead.example", "0187", "dog", "two-bedroom")
    for row in [*before, *(str(r) for r in notice_world.rows())]:
        assert not any(word in row for word in private)
    lines = [record.getMessage() for record in caplog.records]
    assert any("is undeliverable: the mail server refuses the recipient (550)" in line for line in lines)
    for line in lines:
        assert not any(word in line for word in (*private, "staff.example", "5550123", "cccccc"))


def test_the_words_of_a_message_that_came_with_some_are_dropped_when_it_was_sent(
    notice_world: NoticeWorld,
) -> None:
    property_id = notice_world.world.property()
    words = ("a@staff.example", "Follow up", "Call Ada & Co.")
    assert notice_world.put(Notice(property_id, "email", *words, rule_id=UUID(int=5))) == 1
    assert notice_world.put(Notice(property_id, "email", *words, rule_id=UUID(int=5))) == 0
    notice_world.deliver()
    (mail,) = notice_world.mailbox.mails
    assert (mail.message["Subject"], mail.text.strip()) == ("Follow up", "Call Ada & Co.")
    assert "Call Ada &amp; Co." in mail.html
    (row,) = notice_world.rows()
    assert (row.subject, row.body, row.state) == ("", "", "delivered")


def test_a_bad_address_fails_alone_and_visibly(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.mailbox.answers["gone@staff.example"] = "550 no such user"
    notice_world.prefer(
        property_id, "any", "email", ["gone@staff.example", "not an address!", "mo@staff.example"]
    )
    notice_world.prefer(property_id, "any", "sms", ["12"])
    logged_move(notice_world, property_id)
    report = notice_world.tell()
    assert report.by_state == {("email", "delivered"): 1, ("email", "undeliverable"): 1}
    assert [m.recipient for m in notice_world.mailbox.mails] == ["mo@staff.example"]
    reasons = {r.recipient: r.state_reason for r in notice_world.rows("state = 'undeliverable'")}
    assert reasons == {
        "gone@staff.example": "the mail server refuses the recipient (550)",
        "not an address!": "this is neither an address for email nor a role",
        "12": "this is neither an address for sms nor a role",
    }
    (failure,) = report.failures
    assert "gone@" not in repr(failure)


@pytest.mark.parametrize(
    ("recipients", "template", "reason"),
    [
        (7, None, "recipients names nobody"),
        (None, None, "recipients names nobody"),
        (["leasing_agent"], None, "nobody holds the role leasing_agent"),
        (["mo@staff.example"], "nowhere", "there is no template nowhere"),
        (["mo@staff.example"], "../../etc/passwd", "the template_id is no file name"),
    ],
)
def test_a_broken_preference_fails_alone_and_says_why(
    notice_world: NoticeWorld, recipients: Any, template: str | None, reason: str
) -> None:
    property_id = notice_world.world.property()
    broken = notice_world.prefer(property_id, "any", "email", recipients, template)
    notice_world.prefer(property_id, "any", "email", ["well@staff.example"])
    logged_move(notice_world, property_id)
    notice_world.tell()
    assert [m.recipient for m in notice_world.mailbox.mails] == ["well@staff.example"]
    (row,) = notice_world.rows(f"preference_id = '{broken}'")
    assert row.state == "undeliverable"
    assert reason in row.state_reason


def test_a_template_that_fails_names_its_place_and_nobody(notice_world: NoticeWorld, tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text("Dear all,\n{{ lead.nme }}")
    (tmp_path / "odd.j2").write_text("{{ lead.name + 1 }}")
    (tmp_path / "plain.txt").write_text("no template")
    (tmp_path / "escape.j2").write_text("{{ lead.__class__.__mro__ }}")
    (tmp_path / "good.j2").write_text("Hello, {{ lead.name }} < wants a tour.")
    channels = configure({"DOMIQ_EMAIL_URL": notice_world.mailbox.url, "DOMIQ_TEMPLATE_DIR": str(tmp_path)})
    property_id = notice_world.world.property()
    for name in ("mine", "odd", "escape", "good"):
        notice_world.prefer(property_id, "any", "email", [f"{name}@staff.example"], name)
    logged_move(notice_world, property_id)
    notice_world.notify()
    notice_world.deliver(channels)
    reasons = {
        r.recipient.split("@")[0]: r.state_reason for r in notice_world.rows("state = 'undeliverable'")
    }
    assert reasons["mine"] == "template mine, line 2: there is no value nme"
    assert reasons["odd"] == "template odd, line 1 fails with TypeError"
    assert reasons["escape"] == "template escape, line 1 fails with SecurityError"
    (mail,) = notice_world.mailbox.mails
    assert mail.message["Subject"] == "Juniper Flats: Ada Example is now tour scheduled"
    assert mail.text.strip() == "Hello, Ada Example < wants a tour."
    assert "Hello, Ada Example &lt; wants a tour." in mail.html


def test_each_change_goes_once_per_preference_and_recipient_whoever_delivers(
    notice_world: NoticeWorld,
) -> None:
    property_id = notice_world.world.property()
    twice = ["a@staff.example", "a@staff.example", {"email": "b@staff.example"}]
    notice_world.prefer(property_id, "qualified", "email", twice)
    notice_world.prefer(property_id, None, "email", ["a@staff.example"])
    notice_world.prefer(property_id, "sync_alert", "email", ["alerts@staff.example"])
    notice_world.prefer(property_id, "lost", "email", ["other@staff.example"])
    logged_move(notice_world, property_id, "qualified")
    for _ in range(3):
        notice_world.tell()
    assert sorted(m.recipient for m in notice_world.mailbox.mails) == ["a@staff.example"] * 2 + [
        "b@staff.example"
    ]


def test_a_role_becomes_the_addresses_of_whoever_holds_it_today(notice_world: NoticeWorld) -> None:
    property_id, other = notice_world.world.property(0), notice_world.world.property(1)
    notice_world.manager(property_id, "Leasing Agent", email="a@staff.example", phone="212-555-0101")
    notice_world.manager(property_id, "leasing_agent", email="b@staff.example", end_date="2020-01-01")
    notice_world.manager(property_id, "leasing_agent", email="c@staff.example", start_date="2999-01-01")
    notice_world.manager(
        property_id, "leasing_agent", email="d@staff.example", wishes={"email": False, "slack": "@dee"}
    )
    notice_world.manager(
        property_id, "leasing_agent", email="e@staff.example", wishes={"channels": ["email"]}
    )
    notice_world.manager(property_id, "director", email="f@staff.example", is_primary=True)
    notice_world.manager(other, "leasing_agent", email="g@staff.example")
    with notice_world.world.engine.connect() as connection:

        def found(value: Any, channel: str) -> list[str]:
            return sorted(
                a.recipient for a in resolve(connection, property_id, value, channel) if a.problem is None
            )

        assert found(["leasing_agent"], "email") == ["a@staff.example", "e@staff.example"]
        assert found("Leasing Agent", "sms") == ["+12125550101"]
        assert found(["leasing_agent"], "slack") == ["@dee", "a@staff.example"]
        assert found(["property_manager"], "email") == ["f@staff.example"]
        assert found(["primary", "f@staff.example"], "email") == ["f@staff.example"]
        assert found(["leasing_agent"], "in_app") == ["leasing_agent"]
        (nobody,) = resolve(connection, property_id, ["janitor"], "email")
        (no_phone,) = resolve(connection, property_id, ["director"], "sms")
        (no_place,) = resolve(connection, None, ["director"], "email")
    assert nobody.problem == "nobody holds the role janitor at this property now"
    assert no_phone.problem == "nobody who holds the role director has a phone number for sms"
    assert no_place.problem == "a role needs a property, and this notice has none"
    assert "@" not in repr(nobody)


def test_without_the_table_of_assignments_roles_say_so(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.world.do("DROP TABLE property_manager_assignment CASCADE")
    notice_world.prefer(property_id, "any", "email", ["property_manager", "mo@staff.example"])
    logged_move(notice_world, property_id)
    notice_world.tell()
    (row,) = notice_world.rows("state = 'undeliverable'")
    assert "has no table property_manager_assignment" in row.state_reason
    assert len(notice_world.mailbox.mails) == 1


def test_a_role_that_nobody_held_is_looked_up_again_when_it_is_retried(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["leasing_agent"])
    logged_move(notice_world, property_id)
    notice_world.tell()
    for name in "ab":
        notice_world.manager(property_id, "leasing_agent", email=f"{name}@staff.example")
    notice_world.world.do("UPDATE domiq_sync.notification SET state = 'pending', settled_at = NULL")
    for _ in range(2):
        notice_world.deliver()
    assert sorted(m.recipient for m in notice_world.mailbox.mails) == ["a@staff.example", "b@staff.example"]
    assert sorted(notice_world.states()) == ["delivered", "delivered", "suppressed"]


def test_the_operator_is_reached_at_every_address_each_by_itself(notice_world: NoticeWorld) -> None:
    alert = UUID(int=9)
    notice_world.mailbox.answers["boss@example.com"] = "550 no"
    assert notice_world.put(operator_notice("Sync is down", "ResMan refuses the key.", alert_id=alert)) == 1
    assert notice_world.put(operator_notice("Sync is down", "ResMan refuses the key.", alert_id=alert)) == 0
    report = notice_world.deliver()
    assert report.by_state == {("operator", "delivered"): 1, ("operator", "undeliverable"): 1}
    assert [f.alert_id for f in report.failures] == [alert]
    (mail,) = notice_world.mailbox.mails
    assert (mail.recipient, mail.message["Subject"]) == ("ops@example.com", "Sync is down")
    notice_world.put(operator_notice("Up again", "It works.", alert_id=alert))
    wrong = configure({"DOMIQ_OPERATOR_ADDRESS": "nonsense"})
    assert "address 1" in str(notice_world.deliver(wrong).failures[0].reason)


def test_an_operator_whom_nobody_named_is_no_failure(notice_world: NoticeWorld) -> None:
    """F9: the notice says why it was not sent; an address that is wrong is one that did not arrive."""
    notice_world.put(operator_notice("Sync is down", "ResMan refuses the key.", alert_id=UUID(int=9)))
    report = notice_world.deliver(configure({}))
    assert (report.by_state, report.failures) == ({("operator", "suppressed"): 1}, [])
    (notice,) = notice_world.world.rows("SELECT * FROM domiq_sync.notification")
    assert (notice.state, notice.state_reason) == ("suppressed", "DOMIQ_OPERATOR_ADDRESS is not set")


def test_a_server_that_is_down_costs_nothing_and_is_left_until_it_answers(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example", "b@staff.example"])
    notice_world.prefer(property_id, "any", "slack", ["#leasing"])
    logged_move(notice_world, property_id)
    notice_world.mailbox.answers["connect"] = "421 busy"
    report = notice_world.tell()
    assert report.by_state == {("email", "put_off"): 1, ("slack", "delivered"): 1}
    assert list(report.outages) == ["email"]
    assert notice_world.deliver().by_state == {}
    (channel,) = notice_world.world.rows("SELECT * FROM domiq_sync.channel WHERE channel = 'email'")
    assert (channel.consecutive_failures, channel.open_until is not None) == (1, True)
    del notice_world.mailbox.answers["connect"]
    notice_world.later()
    assert notice_world.deliver().by_state == {("email", "delivered"): 2}
    (channel,) = notice_world.world.rows("SELECT * FROM domiq_sync.channel WHERE channel = 'email'")
    assert (channel.consecutive_failures, channel.open_until) == (0, None)


def test_an_address_that_is_put_off_delays_nobody_else_and_is_given_up_after_a_day(
    notice_world: NoticeWorld,
) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["grey@staff.example", "b@staff.example"])
    notice_world.mailbox.answers["grey@staff.example"] = "450 greylisted"
    logged_move(notice_world, property_id)
    assert notice_world.tell().by_state == {("email", "delivered"): 1, ("email", "put_off"): 1}
    notice_world.later(25)
    assert notice_world.deliver().by_state == {("email", "undeliverable"): 1}
    (row,) = notice_world.rows("state = 'undeliverable'")
    assert row.state_reason == "given up after 24 hours: the mail server puts off the recipient (450)"


def test_an_unknown_outcome_is_shown_and_not_repeated(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    notice_world.prefer(property_id, "any", "slack", ["#leasing"])
    notice_world.mailbox.answers["accept"] = "hang up after"
    notice_world.endpoint.answer(None)
    logged_move(notice_world, property_id)
    report = notice_world.tell()
    assert report.by_state == {("email", "unknown"): 1, ("slack", "unknown"): 1}
    assert set(report.outages) == {"email", "slack"}
    notice_world.later(48)
    assert notice_world.deliver().by_state == {}
    assert (len(notice_world.mailbox.mails), len(notice_world.endpoint.posts)) == (1, 1)


def test_a_channel_that_loses_answers_is_left_with_one_notice_in_doubt(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.put(*(Notice(property_id, "slack", f"#{n}", "Hi", "There.") for n in "abc"))
    notice_world.endpoint.answer(500)
    assert notice_world.deliver().by_state == {("slack", "unknown"): 1}
    notice_world.endpoint.answer(200, "ok")
    notice_world.later()
    assert notice_world.deliver().by_state == {("slack", "delivered"): 2}


def test_a_burst_to_one_address_becomes_one_digest(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    notice_world.prefer(property_id, "any", "in_app", ["property_manager"])
    notice_world.world.do(
        "WITH c AS (INSERT INTO conversation(chatbot_id, status) SELECT b.id, 'active' FROM chatbot b, "
        "generate_series(1, 500) RETURNING id) "
        "INSERT INTO status_sync_log(conversation_id, new_status, sync_direction, sync_status) "
        "SELECT id, CASE WHEN row_number() OVER () <= 20 THEN 'application' ELSE 'contacted' END, "
        "'from_resman', 'success' FROM c"
    )
    report = notice_world.tell()
    assert report.by_state == {("email", "delivered"): 1}
    (mail,) = notice_world.mailbox.mails
    assert mail.message["Subject"] == "Juniper Flats: 500 notices, 20 urgent"
    lines = mail.text.replace("\r\n", "\n").strip().split("\n")
    assert lines[0] == "Juniper Flats: 480 contacted, 20 application"
    assert lines[1] == "- A lead: no status \u2192 application (urgent)"
    assert lines[21] == "- and 480 more"
    (digest,) = notice_world.rows("is_digest AND channel = 'email'")
    assert digest.state == "delivered"
    members = notice_world.rows(f"digest_id = '{digest.id}'")
    assert (len(members), {m.state for m in members}) == (500, {"digested"})
    (shown,) = notice_world.rows("channel = 'in_app' AND state = 'delivered'")
    assert shown.subject == "Juniper Flats: 500 notices, 20 urgent"
    assert shown.body == "Juniper Flats: 480 contacted, 20 application."
    assert notice_world.world.value("SELECT count(*) FROM domiq_sync.notification") == 1002


def test_a_burst_that_is_read_while_it_is_gathered_stays_as_it_is(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.put(*(Notice(property_id, "in_app", "me", "Hi", str(n)) for n in range(30)))

    def read_meanwhile(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "HAVING count(*) > " in statement:
            notice_world.world.do("UPDATE domiq_sync.notification SET read_at = clock_timestamp()")

    event.listen(notice_world.world.engine, "after_cursor_execute", read_meanwhile)
    try:
        report = notice_world.deliver()
    finally:
        event.remove(notice_world.world.engine, "after_cursor_execute", read_meanwhile)
    assert report.by_state == {}
    assert notice_world.states() == ["delivered"] * 30


def test_what_trickles_in_goes_one_by_one_up_to_a_number_and_then_waits_for_a_digest(
    notice_world: NoticeWorld,
) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    for _ in range(8):
        notice_world.world.log(notice_world.world.conversation(property_id, "active"), "qualified")
        notice_world.tell()
    assert len(notice_world.mailbox.mails) == 5
    assert notice_world.states("state <> 'delivered'") == ["pending"] * 3
    notice_world.put(
        Notice(property_id, "email", "a@staff.example", "Alert", "It fails.", alert_id=UUID(int=1))
    )
    notice_world.deliver()
    assert [m.message["Subject"] for m in notice_world.mailbox.mails[5:]] == ["Alert"]
    notice_world.later()
    for _ in range(2):
        notice_world.deliver()
    assert len(notice_world.mailbox.mails) == 9  # the window is over: there is room for three by themselves
    for _ in range(7):
        notice_world.world.log(notice_world.world.conversation(property_id, "active"), "qualified")
    notice_world.tell()
    # Three went lately: there is room for two, and seven wait.
    assert [m.message["Subject"] for m in notice_world.mailbox.mails[9:]] == ["Juniper Flats: 7 notices"]
    notice_world.world.log(notice_world.world.conversation(property_id, "active"), "qualified")
    notice_world.tell()
    assert len(notice_world.mailbox.mails) == 10  # one digest a window


def test_quiet_hours_postpone_and_lose_nothing(notice_world: NoticeWorld) -> None:
    property_id, other = notice_world.world.property(0), notice_world.world.property(1)
    for p in (property_id, other):
        notice_world.prefer(p, "any", "sms", ["+12125550123"])
        notice_world.prefer(p, "any", "email", ["a@staff.example"])
    notice_world.world.do("UPDATE domiq_sync.integration SET time_zone = 'Asia/Tokyo'")
    local = "(clock_timestamp() AT TIME ZONE 'Asia/Tokyo')"
    notice_world.world.do(
        "INSERT INTO domiq_sync.notification_settings (property_id, quiet_from, quiet_until, quiet_channels) "
        f"VALUES (:p, ({local} - interval '1 hour')::time, ({local} + interval '1 hour')::time, '{{sms}}')",
        p=property_id,
    )
    notice_world.world.log(notice_world.world.conversation(property_id, "active"), "qualified")
    notice_world.world.log(notice_world.world.conversation(property_id, "active"), "application")
    notice_world.world.log(notice_world.world.conversation(other, "active"), "qualified")
    report = notice_world.tell()
    assert report.by_state == {("sms", "delivered"): 2, ("email", "delivered"): 3}
    (kept,) = notice_world.rows("state = 'pending'")
    assert (kept.channel, kept.urgent, kept.property_id) == ("sms", False, property_id)
    wait = kept.next_attempt_at - datetime.now(UTC)
    assert 3500 < wait.total_seconds() <= 3600
    notice_world.world.do("DELETE FROM domiq_sync.notification_settings")
    notice_world.later(2)
    assert notice_world.deliver().by_state == {("sms", "delivered"): 1}


def test_a_lead_that_is_deleted_meanwhile_is_told_of_no_more(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    conversation = logged_move(notice_world, property_id)
    notice_world.notify()
    notice_world.world.do("DELETE FROM conversation WHERE id = :c", c=conversation)
    assert notice_world.deliver().by_state == {("email", "suppressed"): 1}
    assert notice_world.mailbox.mails == []


def test_what_was_logged_before_the_property_was_connected_is_no_news(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    logged_move(notice_world, property_id)
    notice_world.world.do("UPDATE domiq_sync.integration SET connected_at = clock_timestamp()")
    assert notice_world.notify().changes == 0


def test_the_pace_of_a_channel_is_kept(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.world.do("UPDATE domiq_sync.channel SET min_interval_ms = 2000 WHERE channel = 'email'")
    notice_world.put(*(Notice(property_id, "email", f"{n}@staff.example", "Hi", "There.") for n in "abc"))
    assert notice_world.deliver().by_state == {("email", "delivered"): 3}
    # Each waits for the ones before it, less what has gone by meanwhile.
    assert [math.ceil(p / 2) for p in notice_world.world.pauses] == [1, 2, 3]


def test_what_a_budget_or_a_stop_leaves_goes_with_the_next_call(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.put(*(Notice(property_id, "email", f"{n}@staff.example", "Hi", "There.") for n in "abcd"))
    stopped = notice_world.deliver(stop=lambda: True)
    assert (stopped.by_state, stopped.ended) == ({}, "asked to stop")
    late = notice_world.deliver(budget=Budget(seconds=0))
    assert (late.by_state, late.ended) == ({}, "the time budget is used up")
    some = notice_world.deliver(budget=Budget(rows=3))
    assert (some.total("delivered"), some.ended) == (3, "the row budget is used up")
    rest = notice_world.deliver()
    assert (rest.total("delivered"), rest.ended) == (1, "nothing more is due")


def test_a_worker_that_lost_its_lease_changes_nothing(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.put(Notice(property_id, "email", "a@staff.example", "Hi", "There."))

    class Slow:
        def send(self, *_: Any) -> Any:
            notice_world.later()
            second.append(notice_world.deliver())
            return notice_world.channels.outward["email"].send("a@staff.example", message_of(*_))

    second: list[SendReport] = []

    def message_of(_: str, message: Any) -> Any:
        return message

    slow = dataclasses.replace(notice_world.channels, outward={"email": Slow()})
    first = notice_world.deliver(slow, rules=SendingRules(lease=60))
    assert second[0].by_state == {("email", "unknown"): 1}
    assert first.by_state == {}
    assert notice_world.states() == ["unknown"]
    assert len(notice_world.mailbox.mails) == 1


def test_due_says_whether_there_is_anything_to_do(notice_world: NoticeWorld) -> None:
    def found() -> tuple[bool, bool]:
        with notice_world.world.engine.connect() as connection:
            waiting = due(connection)
        return waiting.changes, waiting.notices

    property_id = notice_world.world.property()
    notice_world.world.log(notice_world.world.conversation(property_id, "active"), "qualified")
    assert found() == (False, False)
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    assert found() == (True, False)
    notice_world.notify()
    assert found() == (False, True)
    notice_world.deliver()
    assert found() == (False, False)


def test_two_workers_share_an_outbox_and_send_each_notice_once(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.world.do(
        "INSERT INTO domiq_sync.notification_settings (property_id, most_single) VALUES (:p, 8)",
        p=property_id,
    )
    for n in range(60):
        notice_world.put(
            Notice(property_id, "email", f"{n % 6}@staff.example", f"No {n}", "Hi.", rule_id=UUID(int=n + 1))
        )
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: notice_world.deliver(), range(4)))
    notice_world.deliver()
    assert sum((r.total("delivered") for r in reports), 0) == len(notice_world.mailbox.mails) == 6
    assert notice_world.world.rows(
        "SELECT is_digest, state, count(*) FROM domiq_sync.notification GROUP BY 1, 2 ORDER BY 1"
    ) == [
        (False, "digested", 60),
        (True, "delivered", 6),
    ]
    assert {r.subject + r.body for r in notice_world.rows()} == {""}


def test_odd_rows_of_an_application_stop_nobody(notice_world: NoticeWorld) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    notice_world.manager(
        property_id, "agent", email="b@staff.example", end_date="infinity", start_date="-infinity"
    )
    notice_world.prefer(property_id, "any", "email", [{"role": "agent"}, 7, None, ""])
    notice_world.prefer(property_id, "any", None, {"address": "front notice_world"})
    odd = ["[]", '"text"', '{"key_insights": {"a": 1}, "next_steps": 7, "urgency_level": [1]}', "null"]
    for context in odd:
        chat = notice_world.world.conversation(
            property_id, "active", user=notice_world.world.user("Anonymous", "User")
        )
        notice_world.world.do(
            "UPDATE conversation SET move_in_date = 'infinity', tour_datetime = '-infinity'"
        )
        notice_world.world.log(
            chat, "tour_scheduled", context_data=context, sync_direction=None, updated_by=None
        )
    notice_world.world.log(None, "qualified")
    notice_world.world.log(notice_world.world.conversation(property_id, "active"), None)
    notice_world.tell()
    assert {m.message["Subject"] for m in notice_world.mailbox.mails} == {
        "Juniper Flats: A lead has a tour scheduled"
    }
    assert len(notice_world.mailbox.mails) == 8
    assert [r.state for r in notice_world.rows("channel = 'in_app'")] == ["delivered"] * 4
