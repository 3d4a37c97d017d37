"""Handing a rule's notifications over to the outbox, in the transaction of everything else the rule did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.sync.notifications.facts import PRIORITIES, change_facts, urgency
from domiq_dagster.sync.notifications.outbox import Notice, enqueue
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates
from domiq_dagster.sync.rules.effects import NotificationRequest
from domiq_dagster.sync.rules.facts import Facts
from domiq_dagster.sync.rules.store import RuledProperty
from domiq_dagster.sync.status_map import LeadStatus


def notice_for(
    request: NotificationRequest,
    ruled: RuledProperty,
    known: Facts,
    meaning: LeadStatus | None,
    change_id: UUID,
    rule_id: UUID,
) -> Notice:
    """Makes the notice that a request comes to, to whom the rule names.

    What it says of the lead is its status, never who it is; one without words is put in words by its
    template. Whoever is reached twice by one rule with the same words gets one notice.

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
    return Notice(
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


def enqueue_notices(connection: Connection, notices: Sequence[Notice], templates: Templates) -> None:
    """Puts notices into the outbox, one for each address that a recipient stands for.

    Each recipient is resolved once. In-app notices get their words now, since DomIQ shows the row.
    """
    known: dict[tuple[UUID | None, str, str], list[Address]] = {}
    for notice in notices:
        key = (notice.property_id, notice.channel, notice.recipient)
        if key not in known:
            known[key] = resolve(connection, notice.property_id, [notice.recipient], notice.channel)
    worded = _in_words(connection, notices, templates)
    enqueue(
        connection,
        [
            replace(n, recipient=address.recipient, problem=address.problem or n.problem)
            for n in worded
            for address in known[n.property_id, n.channel, n.recipient]
        ],
    )


def _in_words(connection: Connection, notices: Sequence[Notice], templates: Templates) -> Sequence[Notice]:
    open_ones = {n.change_id for n in notices if n.channel == "in_app" and not n.body and n.change_id}
    if not open_ones:
        return notices
    facts_of = change_facts(connection, open_ones, private=False)
    worded = []
    for notice in notices:
        if notice.channel == "in_app" and not notice.body and notice.change_id in facts_of:
            try:
                subject, body = templates.render(notice.template_id, "in_app", facts_of[notice.change_id])
                notice = replace(notice, subject=notice.subject or subject, body=body)
            except TemplateProblem as error:
                notice = replace(notice, problem=str(error))
        worded.append(notice)
    return worded
