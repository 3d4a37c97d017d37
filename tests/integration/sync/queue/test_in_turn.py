"""Deliveries that joined their lane in turn are claimed without looking through the lane: which ones are, and
that nothing goes out of order, or twice at once, when others come to stand before or beside them."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.delivery import push as push_module
from domiq_dagster.sync.queue import lanes, queue
from domiq_dagster.sync.queue.queue import Claim, Settlement
from domiq_dagster.sync.repair.retry import put_back
from tests.fixtures.world import World


def lane(world: World, conversation: UUID) -> list[Any]:
    return list(world.rows("SELECT * FROM domiq_sync.delivery WHERE lane = :l ORDER BY seq", l=conversation))


def claims(world: World, limit: int = 10) -> list[Claim]:
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        return queue.claim(c, integration.property_id, "w", 150.0, limit=limit)


def settle(world: World, claimed: Claim, how: str = "success") -> None:
    with world.engine.begin() as c:
        assert queue.settle(c, [Settlement(claimed, how, {"outcome": "refused"})]) == {claimed.change_id}


def set_status(c: Connection, conversation: UUID, status: str) -> None:
    c.execute(text("UPDATE conversation SET status = :s WHERE id = :c"), {"s": status, "c": conversation})


def log(c: Connection, conversation: UUID, status: str) -> None:
    c.execute(
        text(
            "INSERT INTO status_sync_log(conversation_id, new_status, sync_direction, sync_status) "
            "VALUES (:c, :s, 'to_resman', 'pending')"
        ),
        {"c": conversation, "s": status},
    )


def in_turn(world: World, conversation: UUID) -> list[bool]:
    return [d.in_turn for d in lane(world, conversation)]


def test_what_the_trigger_captures_is_in_turn_and_what_the_application_logs_is_not(world: World) -> None:
    property_id = world.property()
    one, other = world.conversation(property_id, "new"), world.conversation(property_id, "new")
    world.change(one, status="contacted")
    world.log(one, "qualified")
    with world.engine.begin() as c:
        set_status(c, one, "qualified")
        log(c, other, "qualified")  # it has another conversation locked
        log(c, one, "lost")
    world.log(None, "lost")
    # that it became qualified was logged by the application before, and is not captured
    assert in_turn(world, one) == [True, True, False, False]
    assert in_turn(world, other) == [True, False]
    assert (
        world.rows("SELECT FROM domiq_sync.delivery WHERE lane NOT IN (:a, :b) AND in_turn", a=one, b=other)
        == []
    )


def test_a_lock_that_a_savepoint_gave_back_counts_no_more(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    with world.engine.begin() as c:
        savepoint = c.begin_nested()
        set_status(c, conversation, "contacted")
        savepoint.rollback()
        log(c, conversation, "qualified")
    assert in_turn(world, conversation) == [False]


def test_what_is_put_back_or_found_by_reconciliation_is_not_in_turn(world: World) -> None:
    conversation = world.conversation(world.property(), "new")
    (claimed,) = claims(world)
    settle(world, claimed, "failed")
    assert put_back(world.engine).total == 1
    world.change(conversation, status="contacted")
    assert in_turn(world, conversation) == [False, True]
    world.do("DELETE FROM domiq_sync.delivery")
    world.reconcile()
    assert in_turn(world, conversation) == [False, False]


def test_a_change_in_turn_waits_for_one_put_back_before_it_that_is_postponed(world: World) -> None:
    conversation = world.conversation(world.property(), "new")
    (claimed,) = claims(world)
    settle(world, claimed, "failed")
    world.change(conversation, status="contacted")
    assert put_back(world.engine).total == 1
    first, second = lane(world, conversation)
    assert (first.in_turn, second.in_turn, second.is_head) == (False, True, True)
    world.do("UPDATE domiq_sync.delivery SET next_attempt_at = now() + interval '1 h' WHERE NOT in_turn")
    assert claims(world) == []
    world.later()
    (claimed,) = claims(world)
    assert claimed.change_id == first.change_id
    assert claims(world) == []
    settle(world, claimed)
    assert [h.change_id for h in claims(world)] == [second.change_id]


def test_a_row_logged_before_a_captured_change_and_committed_after_it_goes_first(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    with world.engine.begin() as c:
        log(c, conversation, "new")
        world.change(conversation, status="contacted")
    first, second = lane(world, conversation)
    assert [(first.in_turn, first.is_head), (second.in_turn, second.is_head)] == [(False, True), (True, True)]
    assert [h.change_id for h in claims(world)] == [first.change_id]
    assert claims(world) == []


def test_what_overtook_an_earlier_change_before_its_commit_is_alone_in_flight(world: World) -> None:
    """And once it is settled the earlier change goes, not the one after it."""
    conversation = world.conversation(world.property(), "active")
    with world.engine.begin() as c:
        set_status(c, conversation, "new")
        world.log(conversation, "contacted")
        (overtaker,) = claims(world)
    world.change(conversation, status="qualified")
    first, second, third = lane(world, conversation)
    assert second.change_id == overtaker.change_id
    assert (first.in_turn, first.is_head, second.in_turn, third.in_turn) == (True, True, False, True)
    assert claims(world) == []
    settle(world, overtaker)
    assert [d.is_head for d in lane(world, conversation)] == [True, False]
    (claimed,) = claims(world)
    assert claimed.change_id == first.change_id
    settle(world, claimed)
    assert [h.change_id for h in claims(world)] == [third.change_id]


@pytest.mark.parametrize("limit", [1, 10])
def test_two_heads_in_turn_which_cannot_be_delay_nobody_and_keep_their_order(
    world: World, limit: int
) -> None:
    property_id = world.property()
    broken = world.conversation(property_id, "new")
    world.change(broken, status="contacted")
    world.do("UPDATE domiq_sync.delivery SET is_head = TRUE")
    first, second = lane(world, broken)
    assert first.in_turn and second.in_turn
    others = {world.conversation(property_id, "new") for _ in range(3)}
    claimed = [h for _ in range(6) for h in claims(world, limit)]
    assert {h.lane for h in claimed} == others | {broken}
    assert len(claimed) == 4
    (of_broken,) = [h for h in claimed if h.lane == broken]
    assert of_broken.change_id == first.change_id
    settle(world, of_broken)
    assert [h.change_id for h in claims(world, limit)] == [second.change_id]


def test_a_mark_that_was_missing_comes_forward_behind_what_is_due(world: World) -> None:
    conversation = world.conversation(world.property(), "new")
    world.do("UPDATE domiq_sync.delivery SET is_head = FALSE, next_attempt_at = now() - interval '1 h'")
    before = world.value("SELECT clock_timestamp()")
    with world.engine.begin() as c:
        assert len(lanes.heal_heads(c)) == 1
    (healed,) = lane(world, conversation)
    assert healed.is_head
    assert healed.next_attempt_at >= before


class Claims:
    """Notes where each claim of a push begins, and does something when the first one was made."""

    def __init__(self, patch: pytest.MonkeyPatch, after_the_first: Any = lambda: None) -> None:
        self.begun: list[Any] = []
        self.found: list[Claim] = []
        self._claim, self._after_the_first = queue.claim, after_the_first
        patch.setattr(queue, "claim", self)

    def __call__(self, *args: Any, **options: Any) -> list[Claim]:
        self.begun.append(options["due_from"])
        claimed = self._claim(*args, **options)
        if claimed and not self.found:
            self._after_the_first()
        self.found += claimed
        return claimed


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread at an account."""
    monkeypatch.setattr(push_module, "ABREAST", 1)


@pytest.mark.usefixtures("alone")
def test_each_claim_of_a_push_begins_where_the_last_one_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    property_id = world.property()
    world.sync()
    for _ in range(5):
        world.conversation(property_id, "new")
    made = Claims(monkeypatch)
    assert world.push(clock=lambda: 0.0).total("success") == 5
    due = [h.was_due_at for h in made.found]
    assert made.begun == [due[0], *due]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("tick", "order"), [(0.0, [0, 1, 2]), (2.0, [0, 2, 1])])
def test_what_comes_to_stand_before_where_a_push_has_come_is_found_when_it_looks_again(
    world: World, monkeypatch: pytest.MonkeyPatch, tick: float, order: list[int]
) -> None:
    """When nothing more is due or, as time goes on, before that."""
    property_id = world.property()
    world.sync()
    ids = [world.conversation(property_id, "new") for _ in range(3)]
    due = "UPDATE domiq_sync.delivery SET next_attempt_at = now() + CAST(:t AS interval) WHERE lane = :l"
    world.do(due, l=ids[0], t="-1 h")
    world.do(due, l=ids[2], t="1 h")
    made = Claims(monkeypatch, lambda: world.do(due, l=ids[2], t="-1 h -5 s"))
    ticks = itertools.count()
    assert world.push(clock=lambda: tick * next(ticks)).total("success") == 3
    assert [ids.index(h.lane) for h in made.found] == order


@pytest.mark.usefixtures("alone")
def test_what_an_open_transaction_queued_before_the_push_began_is_delivered_by_it(world: World) -> None:
    property_id = world.property()
    world.sync()
    session = world.engine.connect()
    begun = session.begin()
    early = session.scalar(
        text(
            "INSERT INTO conversation(chatbot_id, user_id, status) "
            "SELECT id, :u, 'new' FROM chatbot WHERE property_id = :p RETURNING id"
        ),
        {"p": property_id, "u": world.user("Bo", "Late", "bo@example.com")},
    )
    world.conversation(property_id, "new")

    class Commits(ResManClient):
        """Commits the application's transaction when the first change is under way."""

        def search_by_name(self, *args: Any) -> Any:
            if begun.is_active:
                begun.commit()
            return super().search_by_name(*args)

    assert world.push(world.make_client(kind=Commits), clock=lambda: 0.0).total("success") == 2
    session.close()
    assert world.last(early).sync_status == "success"
