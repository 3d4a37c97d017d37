"""What rules, notices, alerts, questions about links and links that were closed leave behind names nobody."""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest

from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.listing import list_alerts
from domiq_dagster.sync.linking.reviews import open_reviews
from domiq_dagster.sync.monitoring.explain import explain
from domiq_dagster.sync.repair.link_review import never_link
from domiq_dagster.sync.rules.check import check_rules
from domiq_dagster.sync.rules.plan import plan_rules
from tests.fixtures.notices import NoticeWorld
from tests.fixtures.rules import action, add_rule, decisions, run
from tests.integration.sync.test_privacy import EMAIL, FIRST, LAST, PHONE

_EVER = datetime(2020, 1, 1, tzinfo=UTC)
LEAD = re.compile(r"zebedee|quillfeather|555-?0187|2125550187", re.IGNORECASE)
TOLD = f"{FIRST} {LAST} ({EMAIL}, {PHONE})"
REFUSED = f"550 no such user: {TOLD}"


def live(notice_world: NoticeWorld) -> tuple[Any, list[str]]:
    """A lead's life with all that acts on changes; what was raised and what is shown of it."""
    world = notice_world.world
    property_id = world.property()
    world.sync()
    for channel, recipient in (
        ("email", "desk@staff.test"),
        ("sms", "+12125550100"),
        ("in_app", "desk"),
    ):
        notice_world.prefer(property_id, "any", channel, [recipient])
    notice_world.prefer(property_id, "any", "email", ["gone@staff.test"])
    notice = action("send_notification", channel="email", recipients=["desk@staff.test", "janitor"])
    add_rule(world, property_id, "contacted", "qualified", actions=[notice, action("create_task")])
    add_rule(world, property_id, "contacted", conditions={"context_data.urgency_level": "high"})
    add_rule(world, property_id, "contacted", conditions={"status_reason": {"gte": 5}})
    add_rule(
        world,
        property_id,
        "contacted",
        conditions={"context_data.conversation_summary": "nothing of the kind"},
    )
    for _ in range(2):  # alike, so that nobody guesses
        world.lead(first=FIRST, last=LAST, email=EMAIL, phone=PHONE)
    several = world.conversation(property_id, "new", user=world.user(FIRST, LAST, EMAIL, PHONE))
    alone = world.conversation(
        property_id, "new", user=world.user(FIRST, LAST, "other." + EMAIL, "+1 212 555 0188")
    )
    world.sync()
    notice_world.tell()
    context = json.dumps({"conversation_summary": TOLD, "urgency_level": "high", "next_steps": TOLD})
    for conversation in (several, alone):
        world.change(conversation, status="contacted", ai_intent_summary=TOLD)
        world.do(
            "UPDATE status_sync_log SET status_reason = :r, context_data = CAST(:x AS jsonb) "
            "WHERE conversation_id = :c AND new_status = 'contacted'",
            r=TOLD,
            x=context,
            c=conversation,
        )
    run(world)
    notice_world.mailbox.answers["rcpt"] = REFUSED
    notice_world.tell()
    notice_world.mailbox.answers.clear()
    notice_world.later()
    notice_world.tell()
    world.sync()
    never_link(world.engine, alone, world.lead_of(alone)["prospectId"], by="pat@desk")
    world.do("UPDATE domiq_sync.watermark SET last_pull_at = now() - interval '9 days'")
    evaluate(world.engine)
    shown = [repr(notice_world.deliver())]
    shown.append(repr(plan_rules(world.engine, since=_EVER)))
    with world.engine.begin() as connection:
        shown += [
            repr(check_rules(connection)),
            repr(open_reviews(connection)),
            repr(list_alerts(connection, since=_EVER)),
        ]
        shown += [repr(explain(connection, str(c)).changes) for c in (several, alone)]
    shown += [repr(decisions(world, c)) for c in (several, alone)]
    return property_id, shown


def test_what_acts_on_changes_names_nobody_but_in_the_message_itself(
    debugging: pytest.LogCaptureFixture, notice_world: NoticeWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    world = notice_world.world
    try:
        _, shown = live(notice_world)
    except Exception as error:  # what is raised is looked at too
        assert not LEAD.search("".join(traceback.format_exception(error)))
        raise
    assert any(LEAD.search(m.text) for m in notice_world.mailbox.mails)
    lines = [
        logging.Formatter("%(name)s %(message)s").format(record)
        for record in debugging.records
        if "_standin" not in record.getMessage()
    ]
    stored: dict[str, list[str]] = {}
    for table in world.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'domiq_sync'"):
        rows = world.rows(f"SELECT x::text AS row FROM domiq_sync.{table.name} x")
        stored[table.name] = [r.row for r in rows]
    for filled in (
        "rule_run",
        "rule_not_held",
        "task",
        "notification",
        "link_question",
        "closed_link",
        "alert",
    ):
        assert stored[filled], filled
    assert [(name, row) for name, rows in stored.items() for row in rows if LEAD.search(row)] == []
    out = capfd.readouterr()
    assert [text for text in [*lines, *shown, out.out, out.err] if LEAD.search(text)] == []
