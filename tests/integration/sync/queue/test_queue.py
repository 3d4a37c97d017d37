"""Order, isolation, leases and fencing of the delivery queue."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.worker import DeliveryWorker
from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.queue.queue import Attempt, Settlement
from domiq_dagster.sync.repair.retry import put_back
from domiq_dagster.sync.status_map import load_status_map
from tests.fixtures.world import World

POST = {"endpoint": "PostLeadManagement4_0"}


def claim(world: World, worker: str = "w", lease: float = 150.0) -> Any:
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        claimed = queue.claim(c, integration.property_id, worker, lease)
        return claimed[0] if claimed else None


def statuses_told(world: World, conversation: UUID) -> list[str]:
    """The DomIQ statuses that the lead's events tell, in the order in which they were posted."""
    comments = [e["comments"] or "" for e in world.lead_of(conversation)["events"]]
    return [c.split("-> ")[1].split(".")[0] for c in comments if "-> " in c]


def test_changes_of_one_transaction_are_told_in_their_order(world: World) -> None:
    property_id = world.property()
    with world.engine.begin() as c:
        user = c.scalar(
            text(
                'INSERT INTO "user"(first_name, last_name, email) '
                "VALUES ('Bo', 'Example', 'bo@example.com') RETURNING id"
            )
        )
        conversation = c.scalar(
            text(
                "INSERT INTO conversation(chatbot_id, user_id, status) "
                "SELECT id, :u, 'new' FROM chatbot WHERE property_id = :p RETURNING id"
            ),
            {"u": user, "p": property_id},
        )
        for status in ("contacted", "qualified", "application"):
            c.execute(
                text("UPDATE conversation SET status = :s WHERE id = :c"), {"s": status, "c": conversation}
            )
    world.sync()
    assert statuses_told(world, conversation) == ["new", "contacted", "qualified", "application"]
    assert {c.sync_status for c in world.changes(conversation)} == {"success"}


def test_nothing_is_claimed_at_a_property_from_the_moment_it_is_switched_off(world: World) -> None:
    """A worker goes on claiming where it knows of something due, and asks anew only when that is done."""
    property_id = world.property()
    world.sync()
    world.conversation(property_id, "new")
    (integration,) = world.integrations()
    for off, on in (
        ("sync_enabled = false", "sync_enabled = true"),
        ("sync_direction = 'from_resman'", "sync_direction = 'both'"),
    ):
        world.do(f"UPDATE domiq_sync.integration SET {off}")
        with world.engine.connect() as c:
            assert queue.claim(c, integration.property_id, "w", 150.0) == []
        world.do(f"UPDATE domiq_sync.integration SET {on}")
    assert claim(world) is not None


def test_order_holds_when_the_first_of_a_conversation_is_postponed(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.standin.faults({"kind": "status", "status": 503, **POST, "count": 1})
    world.push()
    for status in ("contacted", "qualified", "lost"):
        world.change(conversation, status=status)
    world.push()
    assert world.standin.prospects() == []  # none overtakes the first
    assert len(world.rows("SELECT FROM domiq_sync.delivery")) == 4
    world.deliver()
    assert statuses_told(world, conversation) == ["new", "contacted", "qualified", "lost"]
    assert world.lead_of(conversation)["status"] == "Lost"


def test_a_poison_change_delays_only_its_own_conversation(world: World) -> None:
    property_id = world.property()
    world.sync()
    poison = world.conversation(property_id, "new", user=world.user("Bo", "Example"))
    others = [world.conversation(property_id, "new") for _ in range(5)]
    world.change(poison, status="qualified")
    world.push()
    assert [world.last(o).sync_status for o in others] == ["success"] * 5
    assert [c.sync_status for c in world.changes(poison)] == ["pending", "pending"]
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '15 days'")
    world.deliver(2)
    assert [c.sync_status for c in world.changes(poison)] == ["failed", "failed"]


def test_a_failed_change_lets_the_next_of_its_conversation_go(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    world.log(conversation, "nonsense")
    world.log(conversation, "qualified")
    world.sync()
    assert [c.sync_status for c in world.changes(conversation)] == ["failed", "success"]


def test_a_retried_change_goes_before_the_later_ones_of_its_conversation(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.standin.faults({"kind": "refuse", **POST, "count": 1})
    world.push()
    world.change(conversation, status="qualified")
    assert put_back(world.engine).total == 1
    world.push()
    assert statuses_told(world, conversation)[0] == "new"
    assert [c.sync_status for c in world.changes(conversation)] == ["success", "success"]


def test_a_worker_that_lost_its_lease_changes_nothing(world: World) -> None:
    conversation = world.conversation(world.property(), "qualified")
    late = claim(world, "late", lease=0.0)
    holder = claim(world, "holder")
    assert (late.change_id, late.outcome_unknown) == (holder.change_id, False)
    assert holder.outcome_unknown
    assert holder.lease_token > late.lease_token
    step = Attempt("tell", "ok", {}, late.enqueued_at, 0)
    before = world.delivery()
    with world.engine.connect() as c:
        assert queue.extend_leases(c, [late], 999.0) == set()
        assert not queue.keep_claim(c, late)
        assert not queue.postpone(
            c, late, state="ready", outcome="x", seconds=0, counted=True, attempts=[step]
        )
        assert queue.settle(c, [Settlement(late, "failed", {}, "x", [step])]) == set()
        c.commit()
    assert world.delivery() == before
    assert world.last(conversation).sync_status == "pending"
    assert world.rows("SELECT FROM domiq_sync.attempt") == []


def test_a_worker_whose_lease_ran_out_while_it_read_closes_no_link(world: World) -> None:
    property_id = world.property()
    world.lead(email="ada@example.com")
    conversation = world.conversation(property_id, "contacted", email="ada@example.com")
    world.sync()
    (link,) = world.rows("SELECT prospect_id FROM domiq_sync.lead_link")
    world.change(conversation, status="tour_scheduled")
    # Once already the lead was not there: at the second look that is believed.
    world.do("UPDATE domiq_sync.delivery SET attempts = 1, last_outcome = 'lead_not_found'")
    late = claim(world, "late", lease=0.0)
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        statuses = load_status_map(c, property_id)

    def lose_the_lease(*args: Any) -> None:
        assert claim(world, "holder") is not None

    world.client.search_by_id = lose_the_lease  # type: ignore[method-assign,assignment]
    ended = DeliveryWorker(world.engine, world.client).deliver(late, integration, statuses)
    assert ended.result == "lost_lease"
    assert world.rows("SELECT prospect_id FROM domiq_sync.lead_link") == [link]
    assert world.delivery().worker == "holder"


def test_a_worker_whose_lease_ran_out_while_it_searched_posts_nothing(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "qualified")
    late = claim(world, "late", lease=0.0)
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        statuses = load_status_map(c, property_id)
    search = world.client.search_by_name

    def lose_the_lease(*args: Any) -> Any:
        found = search(*args)
        assert claim(world, "holder") is not None
        return found

    world.client.search_by_name = lose_the_lease
    ended = DeliveryWorker(world.engine, world.client).deliver(late, integration, statuses)
    assert ended.result == "lost_lease"
    assert world.standin.posts() == []
    assert world.delivery().worker == "holder"
    del world.client.search_by_name
    world.deliver()
    assert world.last(conversation).sync_status == "success"


def test_nobody_claims_what_is_claimed_and_a_lane_is_in_flight_once(world: World) -> None:
    property_id = world.property()
    one = world.conversation(property_id, "new")
    world.change(one, status="contacted")
    two = world.conversation(property_id, "new")
    lanes = [claim(world).lane for _ in range(2)]
    assert sorted(lanes) == sorted([one, two])
    assert claim(world) is None


def claims(world: World, limit: int, **options: Any) -> list[queue.Claim]:
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        return queue.claim(c, integration.property_id, "w", 45.0, limit=limit, **options)


def test_several_are_claimed_at_once_the_longest_due_first_and_one_of_each_conversation(world: World) -> None:
    property_id = world.property()
    ids = [world.conversation(property_id, "new") for _ in range(4)]
    for conversation in ids:
        world.change(conversation, status="contacted")
    first = claims(world, 3)
    assert [h.lane for h in first] == ids[:3]
    assert len({h.lease_token for h in first}) == 3
    assert [h.lane for h in claims(world, 3)] == ids[3:]
    assert claims(world, 3) == []


def test_a_claim_that_begins_where_the_last_one_ended_sees_what_was_due_later(world: World) -> None:
    property_id = world.property()
    ids = [world.conversation(property_id, "new") for _ in range(3)]
    (first,) = claims(world, 1)
    world.do(
        "UPDATE domiq_sync.delivery SET next_attempt_at = :at WHERE lane = :lane",
        at=first.was_due_at - timedelta(seconds=1), lane=ids[2],
    )  # fmt: skip
    assert [h.lane for h in claims(world, 5, due_from=first.was_due_at)] == [ids[1]]
    assert [h.lane for h in claims(world, 5)] == [ids[2]]


def test_several_are_settled_at_once_save_what_another_worker_holds(world: World) -> None:
    property_id = world.property()
    ids = [world.conversation(property_id, "new") for _ in range(3)]
    world.change(ids[0], status="qualified")
    late = claims(world, 3)
    world.do(
        "UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() - interval '1 s' WHERE lane = :l",
        l=ids[1],
    )
    (stolen,) = claims(world, 3)
    step = Attempt("tell", "ok", {"n": 1}, late[0].enqueued_at, 7)
    with world.engine.begin() as c:
        kept = queue.settle(c, [Settlement(h, "success", {"outcome": "sent"}, "p", [step]) for h in late])
        # What the caller does in the same transaction joins big tables by key.
        assert c.scalar(text("SHOW enable_nestloop")) == "on"
    assert kept == {h.change_id for h in late if h.lane != ids[1]}
    assert [world.changes(i)[0].sync_status for i in ids] == ["success", "pending", "success"]
    assert {r.change_id for r in world.rows("SELECT change_id FROM domiq_sync.attempt")} == kept
    left = world.rows("SELECT lane, lease_token, is_head FROM domiq_sync.delivery ORDER BY seq")
    assert [(r.lane, r.lease_token, r.is_head) for r in left] == [
        (ids[1], stolen.lease_token, True),
        (ids[0], None, True),  # the next of its conversation has come forward
    ]


def in_threads(*calls: Any) -> None:
    errors: list[BaseException] = []

    def run(call: Any) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def test_two_workers_at_once_deliver_each_change_once(world: World) -> None:
    property_id = world.property()
    world.sync()
    ids = [world.conversation(property_id, "new", email=f"p{n}@example.com") for n in range(10)]
    for conversation in ids:
        world.change(conversation, status="qualified")
    clients = [world.make_client(), world.make_client()]
    in_threads(*(lambda c=c: world.push(c) for c in clients))
    world.deliver()
    assert [statuses_told(world, i) for i in ids] == [["new", "qualified"]] * 10
    assert world.repeated_markers() == []
    assert len(world.standin.prospects()) == 10
    assert world.standin.state()["maxConcurrent"] == {"400": 1}


def test_two_workers_with_one_user_s_conversations_create_one_lead(world: World) -> None:
    property_id = world.property()
    world.sync()
    user = world.user("Bo", "Example", "bo@example.com")
    ids = [world.conversation(property_id, "new", user=user, age=f"{n} days") for n in range(2)]
    both = threading.Barrier(2, timeout=5)

    class Slow(ResManClient):
        """Searches until both workers would have searched."""

        def search_by_name(self, *args: Any) -> Any:
            found = super().search_by_name(*args)
            try:
                both.wait(0.5)
            except threading.BrokenBarrierError:
                both.abort()  # the other worker does not search: that is what we want
            return found

    clients = [world.make_client(kind=Slow), world.make_client(kind=Slow)]
    in_threads(*(lambda c=c: world.push(c) for c in clients))
    world.deliver()
    assert len(world.standin.prospects()) == 1
    assert {world.last(i).sync_status for i in ids} == {"success"}


def test_a_budget_ends_a_push_and_the_rest_stays_due(world: World) -> None:
    property_id = world.property()
    world.sync()
    for _ in range(5):
        world.conversation(property_id, "new")
    report = world.push(budget=Budget(rows=2))
    assert (report.total("success"), report.ended) == (2, "the row budget is used up")
    assert len(world.rows("SELECT FROM domiq_sync.delivery WHERE state = 'ready'")) == 3
    report = world.push(stop=lambda: True)
    assert (report.delivered, report.ended) == (0, "asked to stop")
    ticks = iter([0.0, 0.0, *[9.0] * 99])
    report = world.push(budget=Budget(seconds=5.0), clock=lambda: next(ticks))
    assert (report.delivered, report.ended) == (0, "the time budget is used up")
    assert world.push().total("success") == 3


def test_a_large_property_does_not_keep_a_small_one_waiting(world: World) -> None:
    large, small = world.property(0), world.property(1)
    world.sync()
    for _ in range(4):
        world.conversation(large, "new")
    world.conversation(small, "new")
    world.push(budget=Budget(rows=2))
    done = world.rows(
        "SELECT c.property_id FROM status_sync_log g JOIN domiq_sync.change c ON c.change_id = g.id "
        "WHERE g.sync_status = 'success'"
    )
    assert {r.property_id for r in done} == {large, small}
