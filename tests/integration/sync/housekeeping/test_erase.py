"""After an erasure nothing of the person is left in any table of the sync's, the log or its archive."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.housekeeping.erase import (
    CannotErase,
    Erased,
    Subject,
    erase,
    find_conversation,
    find_person,
)
from domiq_dagster.sync.housekeeping.housekeeping import keep_house
from domiq_dagster.sync.housekeeping.retention import Retention
from tests.fixtures.rules import action, add_rule
from tests.fixtures.world import World
from tests.integration.sync.housekeeping.test_housekeeping import age

FIRST, LAST, EMAIL, PHONE = "Zebediah", "Quillfeather", "zq.canary@mail.example", "+1 (212) 565-0187"
WORDS = "sesquipedalian velodrome"
TOLD = f"{FIRST} {LAST} ({EMAIL}, {PHONE}): {WORDS}"
KEY = b"k" * 32
NOBODY = "55bba011-0000-4000-8000-000000000000"


class Erasing:
    """A person with canaries in every place, and somebody else beside them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.flats = world.property()
        tell = action("send_notification", channel="in_app", recipients=["desk"], message="look")
        add_rule(world, self.flats, "contacted", actions=[tell, action("create_task")])
        add_rule(world, self.flats, "contacted", conditions={"context_data.summary": {"gte": 5}})
        self.user = world.user(FIRST, LAST, EMAIL, PHONE)
        self.conversation = world.conversation(self.flats, "new", user=self.user)
        self.other = world.conversation(self.flats, "new")
        for status in ("contacted", "qualified", "tour_scheduled"):
            world.sync()
            for conversation in (self.conversation, self.other):
                world.change(conversation, status=status)
        world.sync()
        self.lead = world.lead_of(self.conversation)["prospectId"]
        context = json.dumps({"summary": TOLD, TOLD: 1, "sync": {"outcome": LAST, "reason": TOLD}})
        world.do(
            "UPDATE status_sync_log SET status_reason = :t, context_data = CAST(:x AS jsonb) "
            "WHERE conversation_id = :c",
            t=TOLD, x=context, c=self.conversation,
        )  # fmt: skip
        self.spread()
        age(world)
        keep_house(world.engine, Retention(attempts_days=365, notices_days=365, archive_after_days=30))
        assert world.value("SELECT count(*) FROM domiq_sync.status_sync_log_archive") == 6

    def spread(self) -> None:
        """Canaries wherever a text of somebody's may come to stand, and rows of every kind."""
        world, values = self.world, {"c": self.conversation, "l": self.lead, "t": TOLD, "p": self.flats}
        for statement in (
            "UPDATE domiq_sync.rule_run SET why = :t WHERE change_id IN (SELECT change_id "
            "FROM domiq_sync.change WHERE conversation_id = :c)",
            "UPDATE domiq_sync.rule_not_held SET whys = ARRAY[CAST(:t AS text)], which = '{1}' WHERE change_id IN "
            "(SELECT change_id FROM domiq_sync.change WHERE conversation_id = :c)",
            "INSERT INTO domiq_sync.task (kind, property_id, conversation_id, change_id, rule_id, action, title, "
            "detail, priority) VALUES ('task', :p, :c, gen_random_uuid(), gen_random_uuid(), 1, :t, :t, 'low')",
            "UPDATE domiq_sync.attempt SET detail = jsonb_build_object('sentence', CAST(:t AS text)) "
            "WHERE change_id IN (SELECT change_id FROM domiq_sync.change WHERE conversation_id = :c)",
            "INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, detail, started_at, "
            "duration_ms) VALUES (gen_random_uuid(), 1, 'w', 'tell', 'ok', jsonb_build_object('lead', "
            "upper(CAST(:l AS text)), 'text', CAST(:t AS text)), now(), 1)",
            "INSERT INTO domiq_sync.notification (property_id, change_id, channel, recipient, subject, body, state, "
            "state_reason, dedup_key) SELECT :p, change_id, 'in_app', :t, :t, :t, s, :t, CAST(:t AS text) || s "
            "|| change_id FROM domiq_sync.change, unnest('{delivered,pending,undeliverable}'::text[]) AS s "
            "WHERE conversation_id = :c AND (s <> 'pending' OR seq = (SELECT max(seq) FROM domiq_sync.change "
            "WHERE conversation_id = :c))",
            "WITH digest AS (INSERT INTO domiq_sync.notification (property_id, channel, recipient, subject, body, "
            "state) VALUES (:p, 'in_app', 'desk', :t, :t, 'delivered') RETURNING id) "
            "UPDATE domiq_sync.notification SET digest_id = digest.id, state = 'digested' FROM digest "
            "WHERE change_id IS NOT NULL AND state = 'undeliverable'",
            "INSERT INTO domiq_sync.notification (property_id, channel, recipient, subject, body, state) "
            "VALUES (:p, 'in_app', 'desk', 'once', :t, 'delivered')",
            "INSERT INTO domiq_sync.conflict (property_id, conversation_id, prospect_id, resman_status, "
            "resolved_at, resolution) VALUES (:p, :c, :l, 'Lost', now(), :t)",
            "INSERT INTO domiq_sync.link_question (property_id, prospect_id, reason, candidates, "
            "conversation_ids) VALUES (:p, :l, :t, 1, ARRAY[CAST(:c AS uuid)])",
            "INSERT INTO domiq_sync.link_decision (property_id, conversation_id, prospect_id, verdict, decided_by) "
            "VALUES (:p, :c, :l, 'never', 'somebody')",
            "INSERT INTO domiq_sync.closed_link (conversation_id, property_id, prospect_id, linked_by, linked_at, "
            "reason) VALUES (:c, :p, :l, 'email', now(), :t)",
            "INSERT INTO domiq_sync.missing_lead (property_id, prospect_id, first_missed_at, last_missed_at) "
            "VALUES (:p, :l, now(), now())",
            "INSERT INTO domiq_sync.trouble (kind, property_id, key, sentence) VALUES ('prospect', :p, :l, :t), "
            "('lead', :p, CAST(:c AS text), :t), ('status', :p, CAST(:c AS text), :t)",
            "INSERT INTO domiq_sync.operator_action (action, actor, why, property_id, subject, details) VALUES "
            "('link', 'somebody', NULL, :p, ARRAY[CAST(:c AS text), :l], '{}'), "
            "('retry', 'somebody', NULL, :p, ARRAY['another', CAST(:c AS text)], '{}'), "
            "('pause', 'somebody', :t, :p, '{}', '{}')",
            "INSERT INTO domiq_sync.pause (property_id, paused_by, because, resumed_at) "
            "VALUES (:p, 'somebody', :t, now())",
            "WITH page AS (INSERT INTO domiq_sync.report_page (id, file_name, html) VALUES (gen_random_uuid(), "
            "'report.html', '<code>' || :l || '</code>') RETURNING id) INSERT INTO domiq_sync.notification "
            "(property_id, channel, recipient, subject, body, state, report_id) SELECT :p, 'in_app', 'desk', "
            "'Lead status report', 'Juniper Flats, lead ' || :l || ': decide', 'delivered', id FROM page",
            "UPDATE domiq_sync.resman_lead SET lost_reason = :t WHERE prospect_id = :l",
        ):
            world.do(statement, **{k: v for k, v in values.items() if f":{k}" in statement})

    def found(self) -> list[str]:
        """Every table in which anything of the person stands."""
        tables = self.world.rows(
            "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind IN ('r', 'p') "
            "AND NOT c.relispartition AND (c.relnamespace = 'domiq_sync'::regnamespace "
            "OR c.oid = 'public.status_sync_log'::regclass) ORDER BY 1"
        )
        canaries = [v.lower() for v in (FIRST, LAST, EMAIL, PHONE, "velodrome", str(self.user), self.lead)]
        found = []
        for table in tables:
            text_ = json.dumps([r[0] for r in self.world.rows(f"SELECT to_jsonb(t) FROM {table.name} t")])
            found += [table.name for canary in canaries if canary in text_.lower()]
        return sorted(set(found))

    def erase(self, subject: Subject | None = None, **options: Any) -> Erased:
        subject = subject or self.subject()
        return erase(self.world.engine, subject, key=KEY, by="somebody@desk", **options)

    def subject(self, given: str | None = None) -> Subject:
        with self.world.engine.connect() as c:
            return find_person(c, given) if given else find_conversation(c, self.conversation)


@pytest.fixture
def erasing(world: World) -> Erasing:
    return Erasing(world)


def test_nothing_of_the_person_is_left_and_what_was_counted_stays(erasing: Erasing) -> None:
    world = erasing.world
    assert {"status_sync_log", "domiq_sync.status_sync_log_archive"} <= set(erasing.found())
    facts = (
        "SELECT id, conversation_id, old_status, new_status, updated_by, sync_direction, sync_status, "
        "created_at FROM domiq_sync.status_sync_log_all ORDER BY id"
    )
    before = world.rows(facts)
    others = "SELECT * FROM domiq_sync.status_sync_log_all WHERE conversation_id = :c ORDER BY id"
    beside = world.rows(others, c=erasing.other)
    rate = world.rows("SELECT * FROM status_sync_success_rate")
    counted = {
        table: world.value(f"SELECT count(*) FROM domiq_sync.{table}")
        for table in ("attempt", "rule_run", "rule_not_held", "task", "notification")
    }
    dry = erasing.erase(dry_run=True)
    assert dry.erased_at is None
    assert "domiq_sync.lead_link" in erasing.found()

    erased = erasing.erase()

    assert erasing.found() == []
    assert erased.counts == dry.counts
    assert erased.counts.items() >= {
        "links": 1, "leads": 1, "log": 1, "archive": 3, "closed_links": 2, "conflicts": 1, "tasks": 2,
    }.items()  # fmt: skip
    assert world.rows(facts) == before
    assert world.rows(others, c=erasing.other) == beside
    assert world.rows("SELECT * FROM status_sync_success_rate") == rate
    assert {t: world.value(f"SELECT count(*) FROM domiq_sync.{t}") for t in counted} == counted
    assert world.value("SELECT count(*) FROM domiq_sync.notification WHERE state = 'pending'") == 0
    assert world.value('SELECT first_name FROM "user" WHERE id = :u', u=erasing.user) == FIRST


def test_it_is_on_record_without_the_data(erasing: Erasing) -> None:
    erased = erasing.erase(erasing.subject(EMAIL.upper()))
    (row,) = erasing.world.rows("SELECT * FROM domiq_sync.erasure")
    assert (row.erased_by, row.subject, row.conversations) == ("somebody@desk", "person", 1)
    assert row.counts == erased.counts
    assert row.reference == erased.reference and len(row.reference) == 64
    assert erasing.found() == []
    again = erasing.erase(erasing.subject(EMAIL))
    assert [by for _, by in again.earlier] == ["somebody@desk"]
    assert (
        sum(again.counts.values()) - again.counts["notices"] - again.counts["archive"]
        == again.counts["rule_decisions"] + again.counts["tasks"]
    ), "there was nothing left to erase"


def test_of_decisions_and_reports_about_many_the_others_stay(erasing: Erasing) -> None:
    world = erasing.world
    world.do("UPDATE \"user\" SET first_name = 'Don' WHERE id = :u", u=erasing.user)
    for why in ("ResMan was done with it", "Don rang", "Quillfeathers' own wish"):
        world.do(
            "INSERT INTO domiq_sync.operator_action (action, actor, why) VALUES ('resume', 'somebody', :w)",
            w=why,
        )
    erasing.erase()
    subjects = world.rows("SELECT subject FROM domiq_sync.operator_action WHERE action IN ('link', 'retry')")
    assert sorted(row.subject for row in subjects) == [[], ["another"]]
    whys = world.rows("SELECT why FROM domiq_sync.operator_action WHERE action = 'resume' ORDER BY id")
    assert [row.why for row in whys] == ["ResMan was done with it", None, None]
    report = world.rows("SELECT subject, body FROM domiq_sync.notification WHERE report_id IS NOT NULL")
    assert report == [("Lead status report", "Juniper Flats, a lead: decide")]


@pytest.mark.parametrize("given", [EMAIL, PHONE, "2125650187", "565-0187", "user"])
def test_a_person_is_found_by_address_number_or_id(erasing: Erasing, given: str) -> None:
    subject = erasing.subject(str(erasing.user) if given == "user" else given)
    assert (subject.conversations, subject.users) == ([erasing.conversation], [erasing.user])


@pytest.mark.parametrize("given", ["canary@mail.example", "212 565 0188", "12", NOBODY, "%", "q@"])
def test_nobody_is_taken_for_somebody_else(erasing: Erasing, given: str) -> None:
    with pytest.raises(CannotErase) as refused:
        erasing.subject(given)
    assert given not in str(refused.value)


def test_what_is_pending_is_in_the_way_unless_it_is_settled(erasing: Erasing) -> None:
    erasing.world.change(erasing.conversation, status="lost")
    with pytest.raises(CannotErase, match="--settle"):
        erasing.erase()
    erasing.erase(settle=True)
    assert erasing.found() == []
    assert erasing.world.conservation() == []
    last = erasing.world.last(erasing.conversation)
    assert (last.new_status, last.sync_status) == ("lost", "failed")


def test_what_is_being_sent_is_in_the_way_always(erasing: Erasing) -> None:
    erasing.world.change(erasing.conversation, status="lost")
    erasing.world.do("UPDATE domiq_sync.delivery SET state = 'unknown'")
    with pytest.raises(CannotErase, match="may have arrived"):
        erasing.erase(settle=True)
    assert "status_sync_log" in erasing.found()


def test_an_open_conflict_is_in_the_way_unless_it_is_settled(erasing: Erasing) -> None:
    erasing.world.do("UPDATE domiq_sync.conflict SET resolved_at = NULL")
    with pytest.raises(CannotErase, match="conflicts"):
        erasing.erase()
    erasing.erase(settle=True)
    assert erasing.found() == []


def test_a_notice_that_is_being_sent_is_in_the_way(erasing: Erasing) -> None:
    erasing.world.do("UPDATE domiq_sync.notification SET state = 'in_flight' WHERE state = 'pending'")
    with pytest.raises(CannotErase, match="notice"):
        erasing.erase()


def test_a_lead_that_another_conversation_is_linked_with_stays(erasing: Erasing) -> None:
    world = erasing.world
    world.do(
        "UPDATE domiq_sync.lead_link SET prospect_id = :l, is_current = FALSE WHERE conversation_id = :c",
        l=erasing.lead, c=erasing.other,
    )  # fmt: skip
    assert erasing.erase().counts["leads"] == 0
    assert (
        world.value("SELECT count(*) FROM domiq_sync.resman_lead WHERE prospect_id = :l", l=erasing.lead) == 1
    )


def test_what_a_deleted_conversation_left_is_erased_by_its_id(erasing: Erasing) -> None:
    world = erasing.world
    world.do("DELETE FROM conversation WHERE id = :c", c=erasing.conversation)
    assert world.value("SELECT count(*) FROM domiq_sync.status_sync_log_archive") == 3
    erasing.erase()
    assert world.value(
        "SELECT count(*) FROM domiq_sync.closed_link WHERE conversation_id = :c", c=erasing.conversation
    ) == 0  # fmt: skip
    assert "domiq_sync.resman_lead" not in erasing.found()


def test_a_conversation_that_nobody_knows_is_refused(world: World) -> None:
    with world.engine.connect() as c, pytest.raises(CannotErase, match="Nothing is known"):
        find_conversation(c, UUID(int=7))


def test_after_it_the_sync_goes_on_with_what_both_sides_still_have(erasing: Erasing) -> None:
    world = erasing.world
    erasing.erase()
    world.later()
    world.sync()
    world.change(erasing.conversation, status="lost")
    world.later()
    world.sync()
    assert world.lead_of(erasing.conversation)["prospectId"] == erasing.lead
    assert world.conservation() == []
    assert world.repeated_markers() == []
