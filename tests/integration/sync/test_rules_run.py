"""Each logged change runs its property's rules once, and a rule's move is an ordinary change."""

from __future__ import annotations

from typing import Any

from domiq_dagster.sync.rules import run_rules
from tests.integration.sync.rule_help import action, add_rule, decisions, moves, run, tasks


def test_a_rule_moves_a_lead_and_the_move_goes_out_with_the_same_pass(world: Any) -> None:
    place = world.property()
    rule = add_rule(world, place, "contacted", "qualified", {"lead_score": 70})
    warm = world.conversation(place, "new", lead_score=70)
    cold = world.conversation(place, "new", lead_score=69)
    unknown = world.conversation(place, "new")
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


def test_every_action_is_done_once_in_the_same_transaction(world: Any) -> None:
    place = world.property(time_zone="America/Chicago")
    rule = add_rule(
        world, place, "qualified", None, None,
        [
            action("update_lead_score", add=15),
            action("schedule_follow_up", delay_days=1, at="09:00", message="Ask about the pet."),
            action("create_task", title="Prepare a tour", assignee_role="property_manager", priority="low"),
            action("send_notification", recipients=["property_manager", "desk@example.com"]),
        ],
    )  # fmt: skip
    conversation = world.conversation(place, "contacted", lead_score=90)
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


def test_a_loop_is_stopped_and_on_record(world: Any) -> None:
    place = world.property()
    add_rule(world, place, "new", "contacted")
    add_rule(world, place, "contacted", "qualified")
    add_rule(world, place, "qualified", "contacted")
    conversation = world.conversation(place, "new")

    run_rules(world.engine)

    assert [m[1] for m in moves(world, conversation)] == ["new", "contacted", "qualified", "contacted"]
    assert decisions(world, conversation)[-1] == (
        "contacted", "stopped", "a loop: it ran earlier in the same chain of changes",
    )  # fmt: skip
    depths = world.rows("SELECT chain_depth FROM domiq_sync.change ORDER BY seq")
    assert [d[0] for d in depths] == [0, 1, 2, 3]
