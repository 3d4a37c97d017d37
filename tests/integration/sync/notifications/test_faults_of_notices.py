"""A notice that cannot be made, or whose channel breaks down under it: it alone ends badly, with why."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.notifications import bursts, sender
from domiq_dagster.sync.notifications.channels.channels import configure
from domiq_dagster.sync.notifications.channels.message import DELIVERED, Message, SendResult
from domiq_dagster.sync.notifications.outbox import Notice
from tests.fixtures.notices import NoticeWorld


def notice(property_id: UUID, n: int, *, channel: str = "email", subject: str = "A tour") -> Notice:
    recipient = f"{n}@staff.example" if channel == "email" else "desk"
    return Notice(property_id, channel, recipient, subject, "Hi.", rule_id=UUID(int=n + 1))


def test_line_breaks_in_a_subject_become_blanks(notice_world: NoticeWorld) -> None:
    """D12."""
    property_id = notice_world.world.property()
    for n, between in enumerate(("\n", "\r\n", "\u2028", "\x85", "\x0b")):
        notice_world.put(notice(property_id, n, subject=f"A tour{between}Bcc: x@example.net"))
    assert notice_world.deliver().by_state == {("email", "delivered"): 5}
    for mail in notice_world.mailbox.mails:
        assert mail.message["Subject"] == "A tour Bcc: x@example.net"
        assert mail.message["Bcc"] is None


def test_a_digest_of_the_operator_s_that_cannot_be_rendered_keeps_nobody_from_being_told(
    notice_world: NoticeWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "digest.j2").write_text("{{ no.such.thing }}")
    channels = configure({**notice_world.settings, "DOMIQ_TEMPLATE_DIR": str(tmp_path)})
    property_id = notice_world.world.property()
    for n in range(60):
        notice_world.put(notice(property_id, n, channel="in_app"))
    notice_world.put(notice(property_id, 100))

    report = notice_world.deliver(channels)

    assert report.by_state == {("email", "delivered"): 1}
    assert notice_world.states("channel = 'in_app'") == ["delivered"] * 60
    assert "notices that came in a burst are not gathered: template digest" in caplog.text
    notice_world.deliver()
    assert notice_world.states("channel = 'in_app' AND is_digest") == ["delivered"]


def test_a_plain_digest_of_the_operator_s_has_the_shipped_subject(
    notice_world: NoticeWorld, tmp_path: Path
) -> None:
    (tmp_path / "digest.j2").write_text("{{ total }} moved.")
    channels = configure({**notice_world.settings, "DOMIQ_TEMPLATE_DIR": str(tmp_path)})
    property_id = notice_world.world.property()
    for n in range(60):
        notice_world.put(notice(property_id, n, channel="in_app"))
    notice_world.deliver(channels)
    (digest,) = notice_world.rows("is_digest")
    assert (digest.subject, digest.body) == ("Juniper Flats: 60 notices", "60 moved.")


class Breaking:
    """A channel whose own code breaks for one recipient."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, recipient: str, message: Message) -> SendResult:
        if recipient.startswith("1@"):
            raise KeyError(recipient)
        self.sent.append(recipient)
        return DELIVERED


def test_a_channel_that_breaks_down_leaves_one_notice_in_doubt_and_names_nobody(
    notice_world: NoticeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    property_id = notice_world.world.property()
    for n in range(3):
        notice_world.put(notice(property_id, n))
    breaking = Breaking()
    channels = dataclasses.replace(notice_world.channels, outward={"email": breaking})

    notice_world.deliver(channels)
    notice_world.later()
    notice_world.deliver(channels)

    states = {r.recipient: r.state for r in notice_world.rows("channel = 'email'")}
    assert states == {
        "0@staff.example": "delivered",
        "1@staff.example": "unknown",
        "2@staff.example": "delivered",
    }
    (unknown,) = notice_world.rows("state = 'unknown'")
    assert unknown.state_reason.startswith("fault: KeyError in the sync's own code")
    assert "1@staff.example" not in caplog.text
    assert breaking.sent == ["0@staff.example", "2@staff.example"]


def in_trouble(notice_world: NoticeWorld) -> list[tuple[str, str, UUID]]:
    rows = notice_world.world.rows("SELECT kind, key, property_id FROM domiq_sync.trouble")
    return [(r.kind, r.key, r.property_id) for r in rows]


def test_a_burst_that_cannot_be_gathered_is_told_of_and_the_others_are_gathered(
    notice_world: NoticeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2."""
    spoiled, well = notice_world.world.property(0), notice_world.world.property(1)
    for n in range(120):
        notice_world.put(notice((spoiled, well)[n % 2], n, channel="in_app"))
    gather = bursts._gather_crowd

    def fails(connection: Any, templates: Any, address: dict[str, Any]) -> None:
        if address["property_id"] == spoiled:
            raise ZeroDivisionError
        gather(connection, templates, address)

    with monkeypatch.context() as patched:
        patched.setattr(bursts, "_gather_crowd", fails)
        (problem,) = notice_world.deliver().problems
    assert problem.startswith("notices that came in a burst are not gathered: fault: ZeroDivisionError")
    assert in_trouble(notice_world) == [("property", "gathering notices", spoiled)]
    assert [r.property_id for r in notice_world.rows("is_digest")] == [well]
    assert notice_world.deliver().problems == []
    assert in_trouble(notice_world) == []


def test_old_texts_that_cannot_be_cleared_are_told_of_and_notices_go(
    notice_world: NoticeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice_world.put(notice(notice_world.world.property(), 1))
    monkeypatch.setattr(sender, "clear_old_texts", lambda _: 1 / 0)
    report = notice_world.deliver()
    assert report.by_state == {("email", "delivered"): 1}
    (problem,) = report.problems
    assert problem.startswith("clearing old texts failed: fault: ZeroDivisionError")


def test_an_assignment_that_cannot_be_read_is_told_of_and_the_others_are_notified(
    notice_world: NoticeWorld,
) -> None:
    """D2: nobody knows whether its holder should have been told."""
    world = notice_world.world
    property_id = world.property()
    for name in ("a", "b"):
        notice_world.manager(property_id, "leasing_agent", email=f"{name}@staff.example")
    notice_world.prefer(property_id, "any", "email", ["leasing_agent"])
    deep = '{"any": ' * 3_000 + "[]" + "}" * 3_000
    world.do(
        "UPDATE property_manager_assignment SET notification_preferences = CAST(:deep AS jsonb) "
        "WHERE property_manager_id = (SELECT id FROM property_manager WHERE email = 'a@staff.example')",
        deep=deep,
    )
    world.conversation(property_id, "new")
    (problem,) = notice_world.notify().problems
    assert problem.startswith("recipients at juniper-flats: 1 assignments to the property cannot be read: ")
    assert in_trouble(notice_world) == [("property", "recipients", property_id)]
    notice_world.deliver()
    assert [mail.recipient for mail in notice_world.mailbox.mails] == ["b@staff.example"]
    (unsent,) = notice_world.rows("state = 'undeliverable'")
    assert "cannot be read: unreadable: " in unsent.state_reason
    world.do("UPDATE property_manager_assignment SET notification_preferences = '{}'")
    world.conversation(property_id, "new")
    assert notice_world.notify().problems == []
    assert in_trouble(notice_world) == []
