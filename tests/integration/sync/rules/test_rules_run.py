"""Each logged change runs its property's rules once, and a rule's move is an ordinary change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import InternalError, OperationalError

from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.monitoring.explain import explain
from domiq_dagster.sync.queue.ruled_changes import claim_conversations
from domiq_dagster.sync.rules import run_rules
from domiq_dagster.sync.rules.changes import QUERIES as CHANGES
from domiq_dagster.sync.rules.check import check_rules
from domiq_dagster.sync.rules.execute import RuleExecutor
from domiq_dagster.sync.trouble import is_lost_database
from tests.depth import SOAK_MINUTES
from tests.fixtures.rules import action, add_rule, decisions, moves, run, tasks
from tests.fixtures.world import World

pytestmark = pytest.mark.soaked


def test_a_rule_moves_a_lead_and_the_move_goes_out_with_the_same_pass(world: World) -> None:
    property_id = world.property()
    rule = add_rule(world, property_id, "contacted", "qualified", {"lead_score": 70})
    warm = world.conversation(property_id, "new", lead_score=70)
    cold = world.conversation(property_id, "new", lead_score=69)
    unknown = world.conversation(property_id, "new")
    world.sync()
    for conversation in (warm, cold, unknown):
        world.change(conversation, status="contacted")

    report = world.sync()

    assert (world.status(warm), world.status(cold), world.status(unknown)) == (
        "qualified", "contacted", "contacted",
    )  # fmt: skip
    assert moves(world, warm) == [
        (None, "new", "chatbot"),
        ("new", "contacted", "chatbot"),
        ("contacted", "qualified", "system"),
    ]
    moved = world.last(warm)
    assert (moved.sync_direction, moved.sync_status, moved.outcome) == ("to_resman", "success", "sent")
    cause = world.changes(warm)[-2].id
    assert moved.context_data["workflow_rule"] == {"rule_id": str(rule), "after_change": str(cause)}
    assert world.told(warm)[-1] == "Other"
    assert decisions(world, warm) == [("contacted", "ran", "its conditions hold")]
    assert decisions(world, cold) == [("contacted", "not_held", "lead_score is 69, not at least 70")]
    assert decisions(world, unknown) == [("contacted", "not_held", "lead_score has no value")]
    assert (report.ruled.total("moves"), report.ruled.total("changes")) == (1, 4)
    assert run(world).by_property == {}


def test_every_action_is_done_once_in_the_same_transaction(world: World) -> None:
    property_id = world.property(time_zone="America/Chicago")
    rule = add_rule(
        world, property_id, "qualified", None, None,
        [
            action("update_lead_score", add=15),
            action("schedule_follow_up", delay_days=1, at="09:00", message="Ask about the pet."),
            action("create_task", title="Prepare a tour", assignee_role="property_manager", priority="low"),
            action("send_notification", recipients=["property_manager", "desk@example.com"]),
        ],
    )  # fmt: skip
    conversation = world.conversation(property_id, "contacted", lead_score=90)
    world.change(conversation, status="qualified")
    world.do(
        "UPDATE status_sync_log SET created_at = '2026-03-07T20:00:00Z' WHERE conversation_id = :c",
        c=conversation,
    )

    done = run(world)

    assert {n: done.total(n) for n in ("score_changes", "follow_ups", "tasks", "notifications", "moves")} == {
        "score_changes": 1, "follow_ups": 1, "tasks": 1, "notifications": 2, "moves": 0,
    }  # fmt: skip
    assert world.value("SELECT lead_score FROM conversation WHERE id = :c", c=conversation) == 100
    follow_up, task = tasks(world)
    assert (follow_up.kind, follow_up.detail, follow_up.priority, follow_up.state) == (
        "follow_up", "Ask about the pet.", "high", "open",
    )  # fmt: skip
    # The clocks went forward that night: 09:00 in Chicago is 14:00 UTC, no longer 15:00.
    assert (follow_up.due_at.isoformat(), follow_up.time_zone) == (
        "2026-03-08T14:00:00+00:00", "America/Chicago",
    )  # fmt: skip
    assert (task.kind, task.title, task.assignee_role, task.priority, task.due_at) == (
        "task", "Prepare a tour", "property_manager", "low", None,
    )  # fmt: skip
    assert {t.rule_id for t in (follow_up, task)} == {rule}
    notices = world.rows("SELECT recipient, subject FROM domiq_sync.notification ORDER BY recipient")
    assert [n.recipient for n in notices] == ["desk@example.com", "property_manager"]
    assert {n.subject for n in notices} == {"Juniper Flats: a lead is now qualified"}
    assert len(moves(world, conversation)) == 2
    assert run(world).by_property == {}
    assert len(tasks(world)) == 2


def test_a_loop_is_stopped_and_on_record(world: World) -> None:
    property_id = world.property()
    add_rule(world, property_id, "new", "contacted")
    add_rule(world, property_id, "contacted", "qualified")
    add_rule(world, property_id, "qualified", "contacted")
    conversation = world.conversation(property_id, "new")

    run_rules(world.engine)

    assert [m[1] for m in moves(world, conversation)] == ["new", "contacted", "qualified", "contacted"]
    assert decisions(world, conversation)[-1] == (
        "contacted", "stopped", "a loop: it ran earlier in the same chain of changes",
    )  # fmt: skip
    depths = world.rows("SELECT chain_depth FROM domiq_sync.change ORDER BY seq")
    assert [d[0] for d in depths] == [0, 1, 2, 3]


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


@contextmanager
def killed_at(engine: Engine, step: int) -> Iterator[None]:
    """Cuts the connection and ends everything at the step-th statement, commit or rollback to come; half of
    the statements before they reach the server, half after they were carried out."""
    steps = count(1)
    cut: list[int] = []

    def end(connection: Any, *_: Any) -> None:
        if next(steps) == step:
            raw = connection.connection.dbapi_connection
            cut.append(raw.info.backend_pid)
            raw.pgconn.finish()
            raise Killed

    watched = [(name, end) for name in ("before_cursor_execute", "after_cursor_execute", "commit")]
    for name, listener in watched:
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in watched:
            event.remove(engine, name, listener)
        with engine.connect() as connection:
            # A busy server may notice only later that its client is gone, and keep its locks until then.
            for pid in cut:
                connection.execute(text("SELECT pg_terminate_backend(:pid, 30000)"), {"pid": pid})


@pytest.mark.parametrize("careful", [False, True], ids=["as a whole", "with care"])
def test_killed_between_any_two_steps_each_rule_runs_once(world: World, careful: bool) -> None:
    property_id = world.property(time_zone="UTC")
    add_rule(
        world, property_id, "contacted", "qualified", {"lead_score": 10},
        [
            action("update_lead_score", add=1),
            action("create_task"),
            action("send_notification", recipients=["property_manager"]),
        ],
    )  # fmt: skip
    add_rule(world, property_id, "qualified", None, None, [action("schedule_follow_up")])
    add_rule(world, property_id, "contacted", None, {"lead_score": {"gt": 10}}, [action("create_task")])
    if careful:
        world.do(DOMIQ_REFUSES_TASKS)
        add_rule(world, property_id, "contacted", None, None, [action("create_task", title="Refused")])
    expected = {
        "score": 11, "kinds": ["follow_up", "task"], "notices": 1, "moves": ["contacted", "qualified"],
        "outcomes": ["ran", "not_held", *(["failed"] if careful else []), "ran"],
    }  # fmt: skip
    killed, stride = 0, 5 if careful and not SOAK_MINUTES else 1
    for step in count(1, stride):
        conversation = world.conversation(property_id, "active", lead_score=10)
        world.change(conversation, status="contacted")
        try:
            with killed_at(world.engine, step):
                run(world)
        except (Killed, OperationalError):  # the latter where the dead connection was to be rolled back
            killed += 1
            run(world)
        assert found_for(world, conversation) == expected, f"killed at step {step}"
        if killed * stride < step:
            break
    assert killed * stride > 40
    assert world.rows("SELECT FROM domiq_sync.change WHERE ruled_at IS NULL") == []


def test_a_session_that_is_ended_in_the_middle_of_a_rule_is_no_fault_of_the_rule_s(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends one that stands still in a transaction, which is no OperationalError."""
    property_id = world.property(time_zone="UTC")
    world.do(DOMIQ_REFUSES_TASKS)
    add_rule(world, property_id, "contacted", None, None, [action("create_task", title="Refused")])
    conversation = world.conversation(property_id, "contacted")
    do = RuleExecutor._do

    def stand_still(self: RuleExecutor, *given: Any) -> Any:
        if self._careful:
            self._connection.invalidate()
            raise InternalError("", {}, IdleInTransactionSessionTimeout(), connection_invalidated=True)
        return do(self, *given)

    monkeypatch.setattr(RuleExecutor, "_do", stand_still)
    with pytest.raises(InternalError) as lost:
        run(world)
    assert is_lost_database(lost.value)
    assert world.rows("SELECT FROM domiq_sync.trouble") == []
    monkeypatch.undo()
    run(world)
    assert [outcome for _, outcome, _ in decisions(world, conversation)] == ["failed"]


DOMIQ_REFUSES_TASKS = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.title = 'Refused' THEN RAISE EXCEPTION 'no: ada@example.com'; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON domiq_sync.task FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def found_for(world: World, conversation: Any) -> dict[str, Any]:
    """All that the rules did for one conversation."""
    of = {"c": conversation}
    notices = (
        "SELECT FROM domiq_sync.notification n JOIN domiq_sync.change c USING (change_id) "
        "WHERE c.conversation_id = :c"
    )
    return {
        "score": world.value("SELECT lead_score FROM conversation WHERE id = :c", **of),
        "kinds": sorted(
            world.value("SELECT array_agg(kind) FROM domiq_sync.task WHERE conversation_id = :c", **of) or []
        ),
        "notices": len(world.rows(notices, **of)),
        "moves": [m[1] for m in moves(world, conversation)],
        "outcomes": [d[1] for d in decisions(world, conversation)],
    }


def test_two_workers_at_once_do_everything_once_and_in_order(world: World) -> None:
    property_id = world.property(time_zone="UTC")
    add_rule(world, property_id, "new", "contacted", None, [action("update_lead_score", add=1)])
    add_rule(world, property_id, "contacted", "qualified", None, [action("create_task")])
    conversations = [world.conversation(property_id, "new", lead_score=0) for _ in range(60)]
    with ThreadPoolExecutor(4) as pool:
        done = [f.result() for f in [pool.submit(run, world) for _ in range(4)]]
    run(world)
    assert sum(d.total("changes") for d in done) <= 180
    for conversation in conversations:
        assert [m[1] for m in moves(world, conversation)] == ["new", "contacted", "qualified"]
        assert world.value("SELECT lead_score FROM conversation WHERE id = :c", c=conversation) == 1
    assert len(tasks(world)) == 60


def test_a_stale_change_moves_nothing_and_runs_no_action(world: World) -> None:
    property_id = world.property()
    add_rule(world, property_id, "contacted", "lost", None, [action("create_task")])
    add_rule(world, property_id, "contacted", "tour_scheduled", None, [action("update_lead_score", add=1)])
    conversation = world.conversation(property_id, "new")
    world.change(conversation, status="contacted")
    world.change(conversation, status="tour_scheduled")
    run(world)
    assert world.status(conversation) == "tour_scheduled"
    assert tasks(world) == []
    assert decisions(world, conversation) == [
        ("contacted", "skipped",
         "the lead has gone on to tour_scheduled, so neither its move nor its actions were made"),
        ("contacted", "ran", "its conditions hold"),
    ]  # fmt: skip
    assert world.value("SELECT lead_score FROM conversation WHERE id = :c", c=conversation) == 1


def test_what_happened_before_the_property_was_connected_is_no_news(world: World) -> None:
    property_id = world.property(connected=False)
    add_rule(world, property_id, "new", None, None, [action("create_task")])
    world.conversation(property_id, "new")
    world.connect(property_id)
    assert run(world).by_property == {}
    world.conversation(property_id, "new")
    assert run(world).total("tasks") == 1


def test_a_status_from_resman_runs_rules_too_and_a_rule_does_not_fight_it(world: World) -> None:
    property_id = world.property()
    add_rule(world, property_id, "lost", "contacted", None, [action("create_task", title="Win back")])
    conversation = world.conversation(property_id, "contacted")
    world.sync(2)
    lead = world.lead_of(conversation)["prospectId"]
    world.standin.edit(lead, status="Lost")
    world.sync()
    assert moves(world, conversation)[-2:] == [
        ("contacted", "lost", "resman_user"), ("lost", "contacted", "system"),
    ]  # fmt: skip
    world.standin.edit(lead, status="Lost")
    world.sync(3)
    assert world.status(conversation) == "lost"
    assert [d for d in decisions(world, conversation) if d[0] == "lost"] == [
        ("lost", "ran", "its conditions hold"),
        ("lost", "stopped", "a loop: it ran earlier in the same chain of changes"),
    ]
    assert len(tasks(world)) == 1


def test_without_the_capture_trigger_a_move_is_logged_once_and_pushed(world: World) -> None:
    migrate(world.engine, capture_trigger=False)
    property_id = world.property()
    add_rule(world, property_id, "contacted", "qualified")
    conversation = world.conversation(property_id, "contacted")
    world.sync(2)
    assert moves(world, conversation) == [
        (None, "contacted", "system"), ("contacted", "qualified", "system"),
    ]  # fmt: skip
    assert world.last(conversation).sync_status == "success"
    assert world.reconcile().uncaptured.total() == 0


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"conditions": {"moon_phase": 1}}, "unknown condition 'moon_phase'"),
        ({"conditions": {"lead_score": {"above": 1}}}, "lead_score: unknown operator 'above'"),
        ({"actions": [{"type": "send_pigeon"}]}, "unknown action 'send_pigeon'"),
        (
            {"actions": [{"type": "update_lead_score"}]},
            "action 1 (update_lead_score): give either add or set",
        ),
        ({"target": "sold"}, "target_status 'sold' is no lead status"),
    ],
    ids=str,
)
def test_an_invalid_rule_does_not_run_and_is_on_record(
    world: World, rule: dict[str, Any], problem: str
) -> None:
    property_id = world.property()
    add_rule(world, property_id, "contacted", **{"target": "qualified", **rule})
    add_rule(world, property_id, "contacted", None, None, [action("create_task")])
    conversation = world.conversation(property_id, "contacted")
    run(world)
    assert world.status(conversation) == "contacted"
    assert decisions(world, conversation) == [
        ("contacted", "invalid", problem), ("contacted", "ran", "its conditions hold"),
    ]  # fmt: skip
    with world.engine.connect() as connection:
        found = check_rules(connection)
    assert [f.text for f in found.problems] == [problem]


def test_a_rule_that_ends_in_an_error_is_named_and_stops_no_other(world: World) -> None:
    property_id = world.property()
    world.do(DOMIQ_REFUSES_TASKS)
    add_rule(
        world, property_id, "contacted", "qualified", None,
        [action("update_lead_score", add=5), action("create_task", title="Refused")],
    )  # fmt: skip
    add_rule(world, property_id, "contacted", None, None, [action("create_task", title="Fine")])
    conversation = world.conversation(property_id, "contacted", lead_score=1)
    other = world.conversation(property_id, "new")
    run(world)
    assert world.status(conversation) == "contacted"
    assert world.value("SELECT lead_score FROM conversation WHERE id = :c", c=conversation) == 1
    assert [t.title for t in tasks(world)] == ["Fine"]
    (failed, ran) = decisions(world, conversation)
    assert failed[1:] == ("failed", "nothing was done, after an error: RaiseException (SQLSTATE P0001)")
    assert ran[1] == "ran"
    assert world.rows("SELECT FROM domiq_sync.change WHERE ruled_at IS NULL") == []
    assert decisions(world, other) == []
    with world.engine.connect() as connection:
        (trouble,) = check_rules(connection).troubles
    assert trouble.text.startswith("failed 1 times in the last day, last for change ")


def test_a_conversation_that_somebody_is_changing_is_left_for_the_next_run(world: World) -> None:
    property_id = world.property()
    add_rule(world, property_id, "contacted", "qualified")
    busy, free = world.conversation(property_id, "contacted"), world.conversation(property_id, "contacted")
    with world.engine.begin() as application:
        application.execute(text("UPDATE conversation SET source = 'web' WHERE id = :c"), {"c": busy})
        done = run(world)
    assert (done.left, world.status(busy), world.status(free)) == (1, "contacted", "qualified")
    run(world)
    assert world.status(busy) == "qualified"


def test_changes_wait_while_a_rule_needs_a_time_zone_that_is_not_known(world: World) -> None:
    property_id = world.property()
    add_rule(
        world, property_id, "contacted", "qualified", {"time_of_day": {"between": ["00:00", "23:59:59"]}}
    )
    conversation = world.conversation(property_id, "contacted")
    (sentence,) = run(world).waiting
    assert "juniper-flats has no time zone yet" in sentence
    assert world.status(conversation) == "contacted"
    world.sync()
    assert world.status(conversation) == "qualified"


def test_at_a_property_that_takes_statuses_from_resman_alone_nothing_is_moved(world: World) -> None:
    property_id = world.property(sync_direction="from_resman")
    add_rule(world, property_id, "contacted", "qualified")
    conversation = world.conversation(property_id, "contacted")
    world.log(conversation, "contacted", sync_direction="from_resman", sync_status="success")
    run(world)
    assert world.status(conversation) == "contacted"
    assert [d[1] for d in decisions(world, conversation)] == ["skipped"]


def test_a_conversation_that_cannot_be_read_waits_and_the_others_are_ruled(world: World) -> None:
    """D2, C: a value that nobody can walk through."""
    ill, well = world.property(0), world.property(1)
    world.do("ALTER TABLE conversation ADD COLUMN moved_out JSONB")
    add_rule(world, ill, "new", None, {"moved_out": {"exists": True}})
    add_rule(world, well, "new", "contacted")
    add_rule(world, ill, "new", "contacted")
    spoiled = world.conversation(ill, "new", moved_out="[" * 3000 + "]" * 3000)
    others = [world.conversation(property_id, "new") for property_id in (ill, ill, well)]
    for _ in range(2):
        found = run(world)
        assert [world.status(c) for c in (spoiled, *others)] == ["new", *["contacted"] * 3]
        assert [p for p in found.problems if str(spoiled) in p] == found.problems != []
    (noted,) = world.rows("SELECT kind, key, sentence, times FROM domiq_sync.trouble")
    assert (noted.kind, noted.key, noted.times) == ("ruling", str(spoiled), 2)
    assert noted.sentence.startswith("unreadable: ")

    world.change(spoiled, moved_out='"2026-01-01"')
    assert run(world).problems == []
    assert world.status(spoiled) == "contacted"
    assert world.rows("SELECT FROM domiq_sync.trouble") == []


@pytest.mark.parametrize("sqlstate", ["55P03", "40001"], ids=["a lock", "a conflict of transactions"])
def test_what_may_pass_but_is_met_at_each_run_is_noted_too(world: World, sqlstate: str) -> None:
    """D2: a trigger of DomIQ's that refuses one lead with an error after which others try again."""
    property_id = world.property()
    add_rule(world, property_id, "new", "contacted")
    spoiled, beside = world.conversation(property_id, "new"), world.conversation(property_id, "new")
    world.do(
        f"CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = '{spoiled}' THEN "
        f"RAISE EXCEPTION 'busy' USING ERRCODE = '{sqlstate}'; END IF; RETURN NEW; END $$"
    )
    world.do("CREATE TRIGGER busy BEFORE UPDATE ON conversation FOR EACH ROW EXECUTE FUNCTION busy()")
    for times in (1, 2):
        (problem,) = run(world).problems
        assert str(spoiled) in problem and sqlstate in problem
        (noted,) = world.rows("SELECT kind, key, times FROM domiq_sync.trouble")
        assert (noted.kind, noted.key, noted.times) == ("ruling", str(spoiled), times)
    assert [world.status(c) for c in (spoiled, beside)] == ["new", "contacted"]
    world.do("DROP TRIGGER busy ON conversation")
    assert run(world).problems == []
    assert world.status(spoiled) == "contacted"
    assert world.rows("SELECT FROM domiq_sync.trouble") == []


def test_a_score_that_is_no_integer_is_changed_too(world: World) -> None:
    property_id = world.property()
    world.do("ALTER TABLE conversation ALTER lead_score TYPE NUMERIC(6, 2)")
    add_rule(world, property_id, "new", None, {"lead_score": 1.5}, [action("update_lead_score", add=1)])
    conversation = world.conversation(property_id, "new", lead_score=1.5)
    assert run(world).total("score_changes") == 1
    assert float(world.value("SELECT lead_score FROM conversation WHERE id = :c", c=conversation)) == 2.5


def test_without_a_table_message_a_rule_that_counts_them_is_invalid(world: World) -> None:
    property_id = world.property()
    world.do("DROP TABLE message")
    add_rule(world, property_id, "new", "contacted", {"message_count": 0})
    conversation = world.conversation(property_id, "new")
    run(world)
    assert decisions(world, conversation) == [
        ("new", "invalid",
         "message_count cannot be told: there is no table message with a conversation_id here"),
    ]  # fmt: skip


def test_messages_are_counted_up_to_the_change(world: World) -> None:
    property_id = world.property()
    add_rule(world, property_id, "new", None, {"message_count": {"eq": 2}})
    conversation = world.conversation(property_id, "active")
    for when in ("-1 min", "-1 s", "1 h"):
        world.do(
            "INSERT INTO message (conversation_id, sender_type, \"timestamp\") "
            "VALUES (:c, 'user', now() + CAST(:w AS interval))", c=conversation, w=when,
        )  # fmt: skip
    world.change(conversation, status="new")
    run(world)
    assert [d[1] for d in decisions(world, conversation)] == ["ran"]


def test_explain_tells_what_each_rule_decided_and_names_nobody(world: World) -> None:
    property_id = world.property()
    rule = add_rule(world, property_id, "contacted", "qualified", None, [action("create_task")])
    add_rule(world, property_id, "contacted", None, {"ai_intent_summary": "tour"})
    conversation = world.conversation(property_id, "contacted", ai_intent_summary="Ada Example wants a loft")
    run(world)
    with world.engine.connect() as connection:
        cause, move = explain(connection, str(conversation)).changes
    assert [(r["outcome"], r["why"], r["done"]) for r in cause["rules"]] == [
        ("ran", "its conditions hold", {"moved": ["contacted", "qualified"], "tasks": 1}),
        ("not_held", "ai_intent_summary is not 'tour'", {}),
    ]
    assert (move["cause_rule_id"], move["caused_by"]) == (rule, cause["change_id"])


def test_a_batch_reads_its_own_changes_however_many_wait_for_the_rules(world: World) -> None:
    """C11: a backlog that came faster than statistics, of a table that was empty when they were made. For
    each of a batch's conversations the property's whole backlog was gone through."""
    flats = world.property()
    world.sync()
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE domiq_sync.change"))
    first = world.conversation(flats, "new")
    world.do(
        "INSERT INTO conversation "
        "SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid()))).* "
        "FROM conversation c, generate_series(1, 1000) WHERE c.id = :c",
        c=first,
    )
    since, of_batch = datetime(2020, 1, 1, tzinfo=UTC), 100
    with world.engine.connect() as connection:
        claimed = claim_conversations(connection, flats, since, most=of_batch)
        asked = {"conversations": claimed, "property_id": flats, "connected_at": since, "most": of_batch}
        found = connection.execute(CHANGES.unruled_changes, asked).all()
        read = connection.scalar(
            text(
                "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables "
                "WHERE relid = 'domiq_sync.change'::regclass"
            )
        )
    assert (len(claimed), len(found)) == (of_batch, of_batch)
    assert read < of_batch * 10
