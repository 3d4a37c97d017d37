"""The weekly report goes to those who asked, once a week, with the page in the mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event

from domiq_dagster.sync.notifications.outbox import Notice
from domiq_dagster.sync.report.links import Links
from domiq_dagster.sync.report.weekly import Sent, enqueue_reports
from tests.fixtures.notices import NoticeWorld


def send(notice_world: NoticeWorld) -> Sent:
    """Puts it into the outbox, and sends what is due there."""
    sent = enqueue_reports(notice_world.world.engine, Links())
    notice_world.deliver()
    return sent


def asked(notice_world: NoticeWorld, property_id: UUID, method: str, *recipients: str) -> None:
    notice_world.prefer(property_id, "sync_report", method, list(recipients))


def test_nobody_gets_it_who_has_not_asked(notice_world: NoticeWorld) -> None:
    flats = notice_world.world.property(0)
    notice_world.prefer(flats, "any", "email", ["all@staff.example"])
    assert send(notice_world).notices == 0
    assert notice_world.mailbox.mails == []
    assert notice_world.world.rows("SELECT FROM domiq_sync.report_page") == []


def test_an_address_gets_one_mail_a_week_with_the_page_of_all_its_properties(
    notice_world: NoticeWorld,
) -> None:
    world = notice_world.world
    flats, ridge = world.property(0), world.property(1)
    asked(notice_world, flats, "email", "mo@staff.example", "ann@staff.example")
    asked(notice_world, ridge, "email", "mo@staff.example")

    assert send(notice_world) == Sent(2, [])
    assert send(notice_world) == Sent(0, []), "they have had it this week"

    mails = {mail.recipient: mail.message for mail in notice_world.mailbox.mails}
    assert set(mails) == {"mo@staff.example", "ann@staff.example"}
    mo, ann = mails["mo@staff.example"], mails["ann@staff.example"]
    assert "2 properties" in mo["Subject"]
    assert "Juniper Flats" in ann["Subject"]
    (page,) = mo.iter_attachments()
    assert page.get_content_type() == "text/html"
    assert page.get_filename().startswith("lead-status-report-20")
    html = page.get_content()
    html = html.decode() if isinstance(html, bytes) else html
    assert html.startswith("<!DOCTYPE html>")
    assert "Copper Ridge" in html
    assert "waits for you" in mo.get_body(("plain",)).get_content()
    rows = world.rows("SELECT channel, state, report_id IS NOT NULL FROM domiq_sync.notification")
    assert [tuple(r) for r in rows] == [("email", "delivered", True)] * 2
    pages = world.value("SELECT count(*) FROM domiq_sync.report_page")
    assert pages == 2, "one for each set of properties"


def test_however_many_get_one_of_their_own_the_days_are_read_once(notice_world: NoticeWorld) -> None:
    """Today is counted for the report, which compares all leads: with a hundred readers a hundred times."""
    world = notice_world.world
    for number, reader in enumerate(("mo@staff.example", "ann@staff.example", "zoe@staff.example")):
        asked(notice_world, world.property(number), "email", reader)
    asked_for: list[str] = []
    with heard(world.engine, asked_for):
        assert enqueue_reports(world.engine, Links()).notices == 3
    assert sum("domiq_sync.daily_count" in statement for statement in asked_for) == 1


@contextmanager
def heard(engine: Engine, statements: list[str]) -> Iterator[None]:
    """Each statement of the engine's, as it is made."""

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_next_week_brings_the_next_one_and_old_pages_go(notice_world: NoticeWorld) -> None:
    world = notice_world.world
    flats = world.property(0)
    asked(notice_world, flats, "email", "mo@staff.example")
    assert send(notice_world).notices == 1
    world.do("UPDATE domiq_sync.notification SET dedup_key = 'of last week'")
    world.do("UPDATE domiq_sync.report_page SET made_at = made_at - interval '31 d'")
    assert send(notice_world).notices == 1
    assert world.value("SELECT count(*) FROM domiq_sync.report_page") == 1
    assert len(notice_world.mailbox.mails) == 2


def test_other_channels_get_the_words_and_what_cannot_be_sent_is_on_record(notice_world: NoticeWorld) -> None:
    world = notice_world.world
    flats = world.property(0)
    asked(notice_world, flats, "sms", "+12125550199")
    asked(notice_world, flats, "in_app", "desk")
    asked(notice_world, flats, "email", "leasing_wizard")
    assert send(notice_world).notices == 3
    rows = world.rows("SELECT channel, state, body <> '' FROM domiq_sync.notification ORDER BY 1")
    assert [tuple(r) for r in rows] == [
        ("email", "undeliverable", True),
        ("in_app", "delivered", True),
        ("sms", "delivered", False),
    ]


def test_a_burst_of_other_notices_takes_no_report_along(notice_world: NoticeWorld) -> None:
    """A digest has no page."""
    world = notice_world.world
    flats = world.property(0)
    asked(notice_world, flats, "email", "mo@staff.example")
    enqueue_reports(world.engine, Links())
    for n in range(8):
        notice_world.put(Notice(flats, "email", "mo@staff.example", f"note {n}", "words"))
    notice_world.deliver()
    states = world.rows("SELECT state FROM domiq_sync.notification WHERE report_id IS NOT NULL")
    assert [tuple(r) for r in states] == [("delivered",)]
    assert any(list(m.message.iter_attachments()) for m in notice_world.mailbox.mails)
