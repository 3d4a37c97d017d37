"""A world with channels on loopback: what tests of notices share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.notifications.channels.apprise_sender import NotifySlack
from domiq_dagster.sync.notifications.channels.channels import Channels, configure
from domiq_dagster.sync.notifications.notify import Notified, notify_changes
from domiq_dagster.sync.notifications.outbox import Delivered, Message, deliver_due, enqueue
from tests.doors.http import Endpoint, HttpServer
from tests.doors.smtp import Mailbox, SmtpServer

WEBHOOK = "slack://TAAAAAAAA/BBBBBBBBB/" + "c" * 24


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with SmtpServer() as box:
        yield box


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Slack's webhook; and an SMS gateway under /sms."""
    monkeypatch.setenv("NO_PROXY", "*")
    with HttpServer() as end:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{end.url}/services")
        yield end


class Desk:
    """A world with channels, and no waiting for their pace."""

    def __init__(self, world: Any, mailbox: Mailbox, endpoint: Endpoint) -> None:
        self.world, self.mailbox, self.endpoint = world, mailbox, endpoint
        self.settings = {
            "DOMIQ_EMAIL_URL": mailbox.url,
            "DOMIQ_SLACK_URL": WEBHOOK,
            "DOMIQ_SMS_URL": f"json://127.0.0.1:{endpoint.port}/sms?:to={{recipient}}",
            "DOMIQ_OPERATOR_ADDRESS": " ".join(f"{mailbox.url}&to={n}@example.com" for n in ("ops", "boss")),
            "DOMIQ_LINK_URL": "https://domiq.example/conversations/{conversation_id}",
        }
        self.channels = configure(self.settings)
        world.do("UPDATE domiq_sync.channel SET min_interval_ms = 0")

    def prefer(
        self,
        place: UUID,
        status: str | None,
        method: str | None,
        recipients: Any,
        template: str | None = None,
    ) -> UUID:
        found: UUID = self.world.value(
            "INSERT INTO status_notification_preferences"
            "(property_id, status_type, notification_method, recipients, template_id) "
            "VALUES (:p, :s, :m, CAST(:r AS jsonb), :t) RETURNING id",
            p=place, s=status, m=method, r=json.dumps(recipients), t=template,
        )  # fmt: skip
        return found

    def manager(self, place: UUID, role: str | None, *, wishes: Any = None, **columns: Any) -> None:
        """Somebody who is assigned to the property."""
        person = {n: columns.pop(n, None) for n in ("email", "phone")}
        more = {"is_primary": False, "start_date": None, "end_date": None, **columns}
        self.world.do(
            "WITH m AS (INSERT INTO property_manager(company_id, first_name, last_name, role, email, phone) "
            "SELECT company_id, 'Mo', 'Manager', :role, :email, :phone FROM property WHERE id = :p "
            "RETURNING id) INSERT INTO property_manager_assignment(property_id, property_manager_id, "
            "notification_preferences, is_primary, start_date, end_date) "
            "SELECT :p, m.id, CAST(:w AS jsonb), :is_primary, CAST(:start_date AS date), "
            "CAST(:end_date AS date) FROM m",
            p=place, role=role, w=json.dumps(wishes), **person, **more,
        )  # fmt: skip

    def notify(self) -> Notified:
        return notify_changes(self.world.engine)

    def deliver(self, channels: Channels | None = None, **options: Any) -> Delivered:
        options = {"jitter": lambda: 1.0, "pause": self.world.pauses.append, **options}
        return deliver_due(self.world.engine, channels or self.channels, **options)

    def tell(self) -> Delivered:
        self.notify()
        return self.deliver()

    def put(self, *messages: Message) -> int:
        with self.world.engine.begin() as connection:
            return enqueue(connection, messages)

    def later(self, hours: int = 1) -> None:
        """Time passes for the outbox."""
        self.world.do(
            "UPDATE domiq_sync.notification SET next_attempt_at = next_attempt_at - :h * interval '1 hour', "
            "settled_at = settled_at - :h * interval '1 hour', "
            "created_at = created_at - :h * interval '1 hour'",
            h=hours,
        )
        again = "UPDATE domiq_sync.channel SET open_until = open_until - :h * interval '1 hour'"
        self.world.do(again, h=hours)

    def rows(self, where: str = "TRUE") -> list[Any]:
        query = f"SELECT * FROM domiq_sync.notification WHERE {where} ORDER BY created_at, channel, recipient"
        found: list[Any] = self.world.rows(query)
        return found

    def states(self, where: str = "TRUE") -> list[str]:
        return [r.state for r in self.rows(where)]


@pytest.fixture
def desk(world: Any, mailbox: Mailbox, endpoint: Endpoint) -> Desk:
    return Desk(world, mailbox, endpoint)
