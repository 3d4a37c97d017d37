"""A database that an earlier version kept, with rows in every table of the machinery, is taken over as it is:
the first pass afterwards sends nothing and changes nobody's status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import HEAD, migrate
from tests.fixtures.domiq_shapes import EARLIER_REVISIONS, at_revision, run
from tests.fixtures.world import POST, Standin, World


@pytest.fixture(params=EARLIER_REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def earlier(
    revision: str,
    make_template: Callable[[str, Callable[[str], None]], str],
    make_database: Callable[..., str],
    standin: Standin,
) -> Iterator[World]:
    """A world whose database is at the earlier revision."""

    def build(url: str) -> None:
        run(url, *at_revision(revision, with_rows=False))

    url = make_database(make_template(f"earlier_{revision}", build))
    engine = make_engine(url, pool_size=10)
    world = World(engine, url, standin)
    try:
        yield world
    finally:
        world.closing.close()
        engine.dispose()


SIGNED = {
    "leaseId": "L1",
    "status": "Pending",
    "applicationDate": "2026-01-02",
    "leaseSignedDate": "2026-01-05",
}


def link(
    world: World, property_id: Any, conversation: Any, lead: dict[str, Any], effective: str, agreed: str
) -> None:
    """As the earlier version kept a lead that it had read, and the pair agreed about it."""
    values = {"p": property_id, "id": lead["prospectId"], "s": lead["status"], "e": effective}
    world.do(
        "INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, status, effective_status, "
        "last_modified, content_hash, read_at) "
        "VALUES (:p, :id, :s, :e, now() - interval '1 day', 'earlier', now() - interval '1 h')",
        **values,
    )
    world.do(
        "INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, linked_by, is_current, "
        "agreed_domiq_status, agreed_resman_status, agreed_at) "
        "SELECT id, :p, :id, 'email', TRUE, status, :a, now() - interval '1 h' FROM conversation "
        "WHERE id = :c",
        **values,
        a=agreed,
        c=conversation,
    )


def statuses(world: World) -> list[Any]:
    return world.rows("SELECT id, status FROM conversation ORDER BY id")


def test_what_an_earlier_version_kept_is_taken_over(revision: str, earlier: World) -> None:
    world = earlier
    property_id = world.property(connected=False)
    there = world.at_resman[0]
    world.do(
        "INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, "
        "conflict_policy) VALUES (:p, :a, :r, 'manual_review')",
        p=property_id,
        a=there["accountId"],
        r=there["propertyId"],
    )
    kept = {
        "leased": ("Applicant", "Applicant/LeaseSigned", "Applicant/LeaseSigned", {"lease": SIGNED}),
        "application": ("Applicant", "Applicant", "Applicant", {}),
        # a difference that was settled as it was
        "contacted": ("Applicant", "Applicant/LeaseSigned", "Applicant/LeaseSigned", {"lease": SIGNED}),
    }
    for status, (word, effective, agreed, more) in kept.items():
        conversation = world.conversation(property_id, status, email=f"{status}@example.com")
        lead = world.lead(status=word, email=f"{status}@example.com", last=status, **more)
        link(world, property_id, conversation, lead, effective, agreed)
    disputed = world.conversation(property_id, "tour_scheduled", email="disputed@example.com")
    lead = world.lead(status="Lost", email="disputed@example.com", last="Disputed")
    link(world, property_id, disputed, lead, "Lost", "Prospect")
    world.do(
        "UPDATE domiq_sync.lead_link SET agreed_domiq_status = 'contacted' WHERE conversation_id = :c",
        c=disputed,
    )
    world.do(
        "INSERT INTO domiq_sync.conflict (property_id, conversation_id, prospect_id, domiq_status, "
        "resman_status) VALUES (:p, :c, :l, 'tour_scheduled', 'Lost')",
        p=property_id,
        c=disputed,
        l=lead["prospectId"],
    )
    # All that was logged is told, but one change that waits for the person's decision.
    world.do("DELETE FROM domiq_sync.delivery WHERE lane <> :c", c=disputed)
    world.do("UPDATE status_sync_log SET sync_status = 'success' WHERE conversation_id <> :c", c=disputed)
    world.do(
        "UPDATE domiq_sync.delivery SET state = 'waiting', last_outcome = 'conflict', "
        "next_attempt_at = now() + interval '10 min'"
    )
    world.do("UPDATE domiq_sync.change SET notified_at = now(), ruled_at = now()")
    world.do(
        "INSERT INTO status_notification_preferences (property_id, status_type, notification_method, "
        "recipients) VALUES (:p, 'any', 'email', '[\"desk@example.com\"]')",
        p=property_id,
    )
    world.do(
        "INSERT INTO status_workflow_rules (property_id, trigger_status, target_status) "
        "VALUES (:p, 'leased', 'lost')",
        p=property_id,
    )
    world.do(
        "INSERT INTO domiq_sync.notification (property_id, change_id, channel, recipient, subject, body, "
        "state, settled_at) SELECT property_id, change_id, 'email', 'desk@example.com', '', '', "
        "'undeliverable', now() FROM domiq_sync.change"
    )
    world.do(
        "INSERT INTO domiq_sync.alert (property_id, kind, figures, suspected_at) "
        "VALUES (:p, 'failures', '{}', now())",
        p=property_id,
    )
    world.do(
        "INSERT INTO domiq_sync.link_question (property_id, prospect_id, reason, candidates) "
        "VALUES (:p, 'gone', 'several', 2)",
        p=property_id,
    )
    before = statuses(world)

    assert migrate(world.engine).before == revision
    once = world.versions()
    assert migrate(world.engine).before == HEAD
    assert world.versions() == once

    world.sync(2)
    assert statuses(world) == before
    assert world.standin.requests(POST) == []
    assert world.rows("SELECT FROM status_sync_log WHERE updated_by <> 'chatbot'") == []
    assert world.rows("SELECT FROM domiq_sync.conflict WHERE resolved_at IS NULL") != []
    assert world.rows("SELECT FROM domiq_sync.rule_run") == []
    assert world.rows("SELECT FROM domiq_sync.notification WHERE state <> 'undeliverable'") == []
    assert world.conservation() == []
    assert sorted(world.verdicts()) == ["agrees", "agrees", "conflict", "diverged"]
    leads = world.rows("SELECT effective_status AS word FROM domiq_sync.resman_lead")
    assert {r.word for r in leads} == {"Applicant", "Applicant/LeaseSigned", "Lost"}


def test_changes_that_an_earlier_version_queued_go_before_those_captured_since(earlier: World) -> None:
    world = earlier
    property_id = world.property(connected=False)
    world.do(
        "INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id) "
        "VALUES (:p, :a, :r)",
        p=property_id, a=world.at_resman[0]["accountId"], r=world.at_resman[0]["propertyId"],
    )  # fmt: skip
    waiting, settled = world.conversation(property_id, "new"), world.conversation(property_id, "new")
    world.change(waiting, status="contacted")
    world.do("DELETE FROM domiq_sync.delivery WHERE lane = :c", c=settled)
    world.do("UPDATE status_sync_log SET sync_status = 'success' WHERE conversation_id = :c", c=settled)

    migrate(world.engine)
    for conversation in (waiting, settled):
        world.change(conversation, status="qualified")
    queued = "SELECT in_turn FROM domiq_sync.delivery WHERE lane = :c ORDER BY seq"
    assert [r.in_turn for r in world.rows(queued, c=waiting)] == [True, True, True]
    assert [r.in_turn for r in world.rows(queued, c=settled)] == [True]

    world.sync()
    comments = [e["comments"] or "" for e in world.lead_of(waiting)["events"]]
    told = [c.split("-> ")[1].split(".")[0] for c in comments if "-> " in c]
    assert told == ["new", "contacted", "qualified"]
    assert {c.sync_status for c in world.changes(waiting)} == {"success"}
