"""Handing a rule's notifications over to the outbox, in the transaction of everything else the rule did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.notifications.content import PRIORITIES, facts, urgency
from domiq_dagster.sync.notifications.outbox import Message, enqueue
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates
from domiq_dagster.sync.rules.effects import NotificationRequest
from domiq_dagster.sync.rules.facts import Facts
from domiq_dagster.sync.rules.store import RuledProperty
from domiq_dagster.sync.status_map import LeadStatus


def message_for(
    request: NotificationRequest,
    ruled: RuledProperty,
    known: Facts,
    meaning: LeadStatus | None,
    change_id: UUID,
    rule_id: UUID,
) -> Message:
    """Makes the message that a request comes to, to whom the rule names.

    What it says of the lead is its status, never who it is; one without words is put in words by its
    template. Whoever is reached twice by one rule with the same words gets one message.

    Args:
        meaning: the lead status that the change's word stands for.
    """
    subject, body = request.subject or "", request.message or ""
    wordless = not body and not request.template_id
    if wordless and (subject or request.channel == "in_app"):
        before = known.change["old_status"] or "no status"
        asks = f"A workflow rule of {ruled.property_name} asks to tell you."
        body = f"{before} -> {known.change['new_status']}. {asks}"
    if body and not subject:
        subject = f"{ruled.property_name}: a lead is now {known.change['new_status']}"
    urgent = PRIORITIES.get(meaning or "") == "urgent" or urgency(known.context) == "high"
    return Message(
        ruled.property_id,
        request.channel,
        request.recipient,
        subject,
        body,
        change_id=change_id,
        rule_id=rule_id,
        template_id=request.template_id,
        urgent=urgent,
    )


def enqueue_messages(connection: Connection, messages: Sequence[Message], templates: Templates) -> None:
    """Puts messages into the outbox, one for each address that a recipient stands for.

    Each recipient is resolved once. In-app messages get their words now, since DomIQ shows the row.
    """
    known: dict[tuple[UUID | None, str, str], list[Address]] = {}
    for message in messages:
        key = (message.property_id, message.channel, message.recipient)
        if key not in known:
            known[key] = resolve(connection, message.property_id, [message.recipient], message.channel)
    worded = _in_words(connection, messages, templates)
    enqueue(
        connection,
        [
            replace(m, recipient=address.recipient, problem=address.problem or m.problem)
            for m in worded
            for address in known[m.property_id, m.channel, m.recipient]
        ],
    )


def _in_words(connection: Connection, messages: Sequence[Message], templates: Templates) -> Sequence[Message]:
    open_ones = {m.change_id for m in messages if m.channel == "in_app" and not m.body and m.change_id}
    if not open_ones:
        return messages
    facts_of = facts(connection, open_ones, private=False)
    worded = []
    for message in messages:
        if message.channel == "in_app" and not message.body and message.change_id in facts_of:
            try:
                subject, body = templates.render(message.template_id, "in_app", facts_of[message.change_id])
                message = replace(message, subject=message.subject or subject, body=body)
            except TemplateProblem as error:
                message = replace(message, problem=str(error))
        worded.append(message)
    return worded
