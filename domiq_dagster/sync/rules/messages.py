"""Handing a rule's notifications over to the outbox, in the transaction of everything else the rule did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.sync.rules.actions import Notice
from domiq_dagster.sync.rules.fields import Facts
from domiq_dagster.sync.rules.store import QUERIES, Place


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `dedup_key` is the same whenever the same rule asks for it again."""

    property_id: UUID
    channel: str
    recipient: str
    subject: str
    body: str
    change_id: UUID | None = None
    rule_id: UUID | None = None
    dedup_key: str | None = None
    template_id: str | None = None


def message_for(
    notice: Notice, place: Place, facts: Facts, change_id: UUID, rule_id: UUID, number: int
) -> Message:
    """The message that a notice comes to. What it says of the lead is its status, never who it is."""
    now = facts.change["new_status"]
    before = facts.change["old_status"] or "no status"
    return Message(
        place.property_id,
        notice.channel,
        notice.recipient,
        notice.subject or f"{place.property_name}: a lead is now {now}",
        notice.message or f"{before} -> {now}. A workflow rule of {place.property_name} asks to tell you.",
        change_id=change_id,
        rule_id=rule_id,
        dedup_key=f"rule:{change_id}:{rule_id}:{number}",
        template_id=notice.template_id,
    )


def send(connection: Connection, messages: Sequence[Message]) -> None:
    """Writes them where they are delivered from."""
    if messages:
        connection.execute(text(QUERIES["add_notification"]), [asdict(m) for m in messages])
