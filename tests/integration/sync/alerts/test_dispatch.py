"""Alerts go out over real channels: to a property's preferences and to the operator, once; and a message that
does not go out is heard of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from domiq_dagster.sync.alerts.dispatch import AlertNotSent, send_alerts
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.listing import list_alerts
from domiq_dagster.sync.alerts.readings import database_time
from domiq_dagster.sync.notifications.channels.channels import Channels, configure
from tests.fake_servers.smtp import Mailbox, SmtpServer
from tests.fixtures.world import World
from tests.integration.sync.alerts.test_evaluate import properties, pulled, settled


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with SmtpServer() as box:
        yield box


@pytest.fixture
def channels(mailbox: Mailbox, world: World) -> Channels:
    world.do("UPDATE domiq_sync.channel SET min_interval_ms = 0")
    operator = f"mailto://127.0.0.1:{mailbox.port}/ops@example.com?from=notices@domiq.example"
    return configure({"DOMIQ_EMAIL_URL": mailbox.url, "DOMIQ_OPERATOR_ADDRESS": operator})


def prefer(
    world: World, property_id: UUID, recipients: str, status: str = "sync_alert", method: str = "email"
) -> None:
    world.do(
        "INSERT INTO status_notification_preferences"
        "(property_id, status_type, notification_method, recipients) VALUES (:p, :s, :m, CAST(:r AS jsonb))",
        p=property_id, s=status, m=method, r=recipients,
    )  # fmt: skip


def received(mailbox: Mailbox) -> list[tuple[str, str]]:
    found = sorted((m.recipient, str(m.message["subject"])) for m in mailbox.mails)
    mailbox.mails.clear()
    return found


def soon(world: World) -> None:
    world.do("UPDATE domiq_sync.notification SET next_attempt_at = now() WHERE state = 'pending'")
    world.do("UPDATE domiq_sync.channel SET open_until = NULL")


def test_an_alert_and_its_end_reach_those_who_asked_and_the_operator_once(
    world: World, mailbox: Mailbox, channels: Channels
) -> None:
    bad, good = properties(world, 2)
    prefer(world, bad, '["manager@example.com", "manager@example.com"]')
    prefer(world, bad, '["lead.lover@example.com"]', status="any")
    prefer(world, good, '["other@example.com"]')
    settled(world, bad, 0, 10)
    with world.engine.connect() as connection:
        now = database_time(connection)
    for _ in range(2):
        evaluate(world.engine, now=now)
        send_alerts(world.engine, channels)
    mail = mailbox.to("manager@example.com")[0]
    assert mail.text.strip() == (
        "Juniper Flats: 10 of 10 status syncs of the last 24 h failed, mostly unknown_source (10). See "
        "`domiq-sync failures --property juniper-flats`; after mending: "
        "`domiq-sync retry --property juniper-flats`."
    )
    subject = "Juniper Flats: status syncs fail"
    assert received(mailbox) == [("manager@example.com", subject), ("ops@example.com", subject)]
    settled(world, bad, 5000, 0)
    for minutes in (1, 12, 14):
        evaluate(world.engine, now=now + timedelta(minutes=minutes))
        send_alerts(world.engine, channels)
    over = "Recovered: Juniper Flats: status syncs fail"
    assert received(mailbox) == [("manager@example.com", over), ("ops@example.com", over)]


def test_one_cause_is_one_message_to_whoever_looks_after_several_of_its_properties(
    world: World, mailbox: Mailbox, channels: Channels
) -> None:
    made = properties(world, 3, "0 s")
    for property_id in made:
        prefer(world, property_id, '["regional@example.com"]')
    prefer(world, made[0], '["manager@example.com"]')
    with world.engine.connect() as connection:
        now = database_time(connection)
    for minutes in (0, 61, 62):
        evaluate(world.engine, now=now + timedelta(minutes=minutes))
        send_alerts(world.engine, channels)
    subject = "The status sync stands still"
    assert received(mailbox) == [
        (who, subject) for who in ("manager@example.com", "ops@example.com", "regional@example.com")
    ]
    pulled(world, "-1 day")
    for minutes in (63, 80):
        evaluate(world.engine, now=now + timedelta(minutes=minutes))
        send_alerts(world.engine, channels)
    assert [s for _, s in received(mailbox)] == 3 * [f"Recovered: {subject}"]


def test_a_message_that_waits_fails_every_tick_until_it_goes_out_once(
    world: World, mailbox: Mailbox, channels: Channels
) -> None:
    (bad,) = properties(world, 1)
    settled(world, bad, 0, 10)
    mailbox.answers["connect"] = "421 come back later"
    evaluate(world.engine)
    for _ in range(2):
        with pytest.raises(AlertNotSent, match="1 by operator wait"):
            send_alerts(world.engine, channels)
        assert evaluate(world.engine).notices == []
    mailbox.answers.clear()
    soon(world)
    send_alerts(world.engine, channels)
    send_alerts(world.engine, channels)
    assert [who for who, _ in received(mailbox)] == ["ops@example.com"]


def test_a_message_that_is_refused_or_may_have_arrived_is_complained_of_once_and_shown(
    world: World, mailbox: Mailbox, channels: Channels
) -> None:
    (bad,) = properties(world, 1)
    prefer(world, bad, '["gone@example.com", "no address at all!"]')
    settled(world, bad, 0, 10)
    mailbox.answers["gone@example.com"] = "550 no such person"
    evaluate(world.engine)
    with pytest.raises(AlertNotSent, match="2 by email undeliverable") as complaint:
        send_alerts(world.engine, channels)
    assert "gone@example.com" not in str(complaint.value)
    send_alerts(world.engine, channels)
    with world.engine.connect() as connection:
        (alert,) = list_alerts(connection, since=database_time(connection))
    assert alert["unsent_messages"] == 2
    assert [who for who, _ in received(mailbox)] == ["ops@example.com"]


def test_where_no_channel_is_set_up_that_is_no_alert_of_its_own_and_the_in_app_notice_stays(
    world: World,
) -> None:
    """F9: no tick fails for it."""
    (bad,) = properties(world, 1)
    settled(world, bad, 0, 10)
    evaluate(world.engine)
    assert send_alerts(world.engine, configure({})).by_state[("operator", "suppressed")] == 1
    (notice,) = world.rows("SELECT * FROM domiq_sync.notification WHERE channel = 'in_app'")
    assert (notice.recipient, notice.state) == ("operators", "delivered")
