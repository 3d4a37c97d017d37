"""Handing a rule's notifications over to the outbox, in the transaction of everything else the rule did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.outbox import Message, enqueue
from domiq_dagster.sync.recipients import resolve
from domiq_dagster.sync.rules.actions import Notice
from domiq_dagster.sync.rules.fields import Facts
from domiq_dagster.sync.rules.store import Place


def message_for(
    notice: Notice, place: Place, facts: Facts, change_id: UUID, rule_id: UUID, number: int
) -> Message:
    """The message that a notice comes to, to whom the rule names. What it says of the lead is its status,
    never who it is; one that says nothing is put in words when it is sent."""
    subject = body = ""
    if notice.subject or notice.message or notice.channel == "in_app":
        now = facts.change["new_status"]
        before = facts.change["old_status"] or "no status"
        asks = f"A workflow rule of {place.property_name} asks to tell you."
        subject = notice.subject or f"{place.property_name}: a lead is now {now}"
        body = notice.message or f"{before} -> {now}. {asks}"
    return Message(
        place.property_id,
        notice.channel,
        notice.recipient,
        subject,
        body,
        change_id=change_id,
        rule_id=rule_id,
        dedup_key=f"rule:{change_id}:{rule_id}:{number}",
        template_id=notice.template_id,
    )


def send(connection: Connection, messages: Sequence[Message]) -> None:
    """Puts them into the outbox, one for each address that a recipient stands for."""
    for message in messages:
        addresses = resolve(connection, message.property_id, [message.recipient], message.channel)
        enqueue(
            connection,
            [
                replace(
                    message,
                    recipient=address.recipient,
                    dedup_key=f"{message.dedup_key}:{n}",
                    problem=address.problem,
                )
                for n, address in enumerate(addresses)
            ],
        )
