"""Changes that no rule has looked at: each conversation is claimed by one worker, and marked once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domiq_dagster.sync.queue.ruled_changes import (
    RuledChange,
    RuleMove,
    claim_conversations,
    mark_ruled,
    record_move,
)
from tests.fixtures.world import World

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_a_conversation_is_one_worker_s_until_its_changes_are_marked(world: World) -> None:
    property_id = world.property()
    first, second = (world.conversation(property_id, "new") for _ in range(2))
    world.change(first, status="contacted")
    with world.engine.begin() as one, world.engine.begin() as other:
        assert claim_conversations(one, property_id, LONG_AGO, most=1) == [first]
        assert claim_conversations(other, property_id, LONG_AGO, most=5) == [second]
        mark_ruled(one, [RuledChange(world.changes(first)[0].id, None, 0)])
    with world.engine.begin() as later:
        # Its second change is yet to be looked at.
        assert claim_conversations(later, property_id, LONG_AGO, skipped=[second], most=5) == [first]
        marks = [RuledChange(c.id, None, 0) for chat in (first, second) for c in world.changes(chat)]
        mark_ruled(later, marks)
    with world.engine.begin() as later:
        assert claim_conversations(later, property_id, LONG_AGO, most=5) == []


@pytest.mark.parametrize("captured", [True, False])
def test_a_move_is_one_pending_change_that_names_its_cause(world: World, captured: bool) -> None:
    property_id = world.property()
    conversation = world.conversation(property_id, "contacted")
    (cause,) = world.changes(conversation)
    seq = world.value("SELECT seq FROM domiq_sync.change WHERE change_id = :c", c=cause.id)
    if not captured:
        world.do("DROP TRIGGER domiq_sync_capture_update ON conversation")
    world.do(
        "SELECT set_config('domiq_sync.updated_by', 'system', true); "
        f"UPDATE conversation SET status = 'qualified' WHERE id = '{conversation}'"
    )
    move = RuleMove(conversation, property_id, "contacted", "qualified", seq, cause.id, uuid4(), depth=1)
    with world.engine.begin() as connection:
        change_id = record_move(connection, move)
    moved = world.last(conversation)
    assert (moved.id, moved.old_status, moved.new_status, moved.sync_status) == (
        change_id, "contacted", "qualified", "pending",
    )  # fmt: skip
    assert moved.context_data["workflow_rule"] == {
        "rule_id": str(move.rule_id),
        "after_change": str(cause.id),
    }
    assert len(world.changes(conversation)) == 2
    assert world.value("SELECT count(*) FROM domiq_sync.delivery WHERE change_id = :c", c=change_id) == 1
