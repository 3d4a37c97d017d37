"""B4: the application logs its own changes and moves the conversation, in whichever order and however many
transactions: one move is one change, with one post, its rules once and its notices once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise, product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from tests.fixtures.world import World

Step = Callable[[Connection], None]
ORDERS = list(product(["log first", "log last"], ["one transaction", "two transactions"]))
LIKE = {"all told": {}, "no old_status": {"old_status": None}, "no created_at": {"created_at": None}}


@contextmanager
def transactions(world: World, count: str) -> Iterator[Callable[[Step], None]]:
    """Runs steps in one transaction, or each in its own."""
    if count == "two transactions":

        def run(step: Step) -> None:
            with world.engine.begin() as own:
                step(own)

        yield run
        return
    with world.engine.begin() as connection:
        yield lambda step: step(connection)


@contextmanager
def locked(world: World, table: str) -> Iterator[None]:
    """Somebody else has a table of the machinery for himself."""
    with world.engine.begin() as others:
        others.execute(text(f"LOCK TABLE domiq_sync.{table} IN ACCESS EXCLUSIVE MODE"))
        yield


def moves(
    world: World,
    conversation: UUID,
    old: str,
    new: str,
    order: tuple[str, str],
    *,
    shut: str = "",
    **row: Any,
) -> None:
    """What the application does: it logs the change and moves the conversation.

    Args:
        shut: the steps during which nothing can be queued: the first, the last or both.
    """
    values = {
        "old_status": old, "new_status": new, "sync_direction": "to_resman", "sync_status": "pending",
        "updated_by": "chatbot", "context_data": '{"conversation_summary": "Wants two rooms"}', **row,
    }  # fmt: skip
    names = ", ".join(values)

    def log(connection: Connection) -> None:
        connection.execute(
            text(
                f"INSERT INTO status_sync_log (conversation_id, {names}) "
                f"VALUES (:conversation, {', '.join(':' + n for n in values)})"
            ),
            {"conversation": conversation, **values},
        )

    def move(connection: Connection) -> None:
        connection.execute(
            text("UPDATE conversation SET status = :s WHERE id = :c"), {"s": new, "c": conversation}
        )

    first, last = (log, move) if order[0] == "log first" else (move, log)
    with (
        locked(world, "delivery") if shut == "both" else nullcontext(),
        transactions(world, order[1]) as run,
    ):
        for step, name in ((first, "first"), (last, "last")):
            with locked(world, "delivery") if shut == name else nullcontext():
                run(step)


def begun(world: World) -> UUID:
    """A conversation that ResMan knows of, with everybody told of it."""
    conversation = world.conversation(world.property(), "new")
    world.sync(2)
    assert world.told(conversation) == ["Contact"]
    return conversation


def unseen(world: World) -> list[Any]:
    """The statuses of changes that rules have yet to look at, and of those that notices have."""
    return [
        [
            r.new_status
            for r in world.rows(
                "SELECT g.new_status FROM domiq_sync.change ch JOIN status_sync_log g ON g.id = ch.change_id "
                f"WHERE ch.{column} IS NULL ORDER BY ch.seq"
            )
        ]
        for column in ("ruled_at", "notified_at")
    ]


@pytest.mark.parametrize("like", LIKE)
@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_each_of_quick_moves_there_and_back_is_told_once(
    world: World, order: tuple[str, str], like: str
) -> None:
    conversation = begun(world)
    path = ["new", "tour_scheduled", "qualified", "tour_scheduled", "qualified"]
    for old, new in pairwise(path):
        moves(world, conversation, old, new, order, **LIKE[like])
    assert unseen(world) == [path[1:], path[1:]]
    world.sync(2)
    world.deliver()
    assert world.told(conversation) == ["Contact", "Other", "Other", "Other", "Other"]
    assert len([c for c in world.standin.comments() if "Wants two rooms" in c]) == 4
    assert world.status(conversation) == "qualified"
    assert world.conservation() == world.repeated_markers() == []
    kept = [c.id for c in world.changes(conversation) if "conversation_summary" in (c.context_data or {})]
    assert len(kept) == 4
    posts = len(world.standin.posts())
    world.sync()
    assert len(world.standin.posts()) == posts


def test_moves_that_are_logged_later_all_together_are_told_once_each(world: World) -> None:
    conversation = begun(world)
    path = ["tour_scheduled", "qualified", "tour_scheduled"]
    for status in path:
        world.change(conversation, status=status)
    for status in path:
        world.log(conversation, status)
    assert unseen(world) == [path, path]
    world.deliver()
    for status in path:
        world.log(conversation, "contacted" if status == "qualified" else "qualified")
    for status in ("qualified", "contacted", "qualified"):
        world.change(conversation, status=status)
    world.deliver()
    assert world.told(conversation) == ["Contact", *["Other"] * 3, "Other", "Contact", "Other"]


@pytest.mark.parametrize("at", ["claimed", "sent"])
def test_the_captured_change_may_be_on_its_way_when_the_application_logs_it(world: World, at: str) -> None:
    conversation = begun(world)
    world.change(conversation, status="lost")
    if at == "sent":
        world.push()
    else:
        world.do(
            "UPDATE domiq_sync.delivery SET state = 'in_flight', lease_token = 1, worker = 'other', "
            "next_attempt_at = clock_timestamp() + interval '45 s'"
        )
    late = world.log(conversation, "lost", old_status="new", context_data='{"urgency_level": "low"}')
    world.deliver()
    assert world.told(conversation) == ["Contact", "Cancel"]
    last = world.last(conversation)
    assert (last.id, last.sync_status, last.outcome) == (late, "success", "same_move")
    assert last.context_data["urgency_level"] == "low"
    assert last.resman_lead_id == world.lead_of(conversation)["prospectId"]


@pytest.mark.parametrize("settled", ["success", "failed", None])
@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_a_row_that_the_application_settled_itself_is_told_all_the_same(
    world: World, order: tuple[str, str], settled: str | None
) -> None:
    conversation = begun(world)
    moves(world, conversation, "new", "lost", order, sync_status=settled)
    assert unseen(world) == [["lost"], ["lost"]]
    world.deliver()
    assert world.told(conversation) == ["Contact", "Cancel"]
    (own,) = [
        c for c in world.changes(conversation) if c.context_data and "conversation_summary" in c.context_data
    ]
    assert (own.sync_status, own.context_data) == (settled, {"conversation_summary": "Wants two rooms"})


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_what_the_application_took_from_resman_itself_is_not_sent_back(
    world: World, order: tuple[str, str]
) -> None:
    conversation = begun(world)
    lead = world.lead_of(conversation)["prospectId"]
    world.standin.edit(lead, status="Lost")
    row = {"sync_direction": "from_resman", "sync_status": "success", "updated_by": "resman_user"}
    moves(world, conversation, "new", "lost", order, **row)
    assert unseen(world) == [["lost"], ["lost"]]
    posts = len(world.standin.posts())
    world.deliver()
    world.sync(2)
    assert len(world.standin.posts()) == posts
    assert (world.status(conversation), world.verdicts(), world.conservation()) == ("lost", ["agrees"], [])


def test_a_move_that_was_announced_is_waited_for(world: World) -> None:
    """Between its two transactions nothing takes back what the application logged first."""
    conversation = begun(world)
    world.log(conversation, "lost", old_status="new")
    world.sync(2)
    assert [c.new_status for c in world.changes(conversation)] == ["new", "lost"]
    world.change(conversation, status="lost")
    world.sync(2)
    assert [c.new_status for c in world.changes(conversation)] == ["new", "lost"]
    assert (world.told(conversation), world.verdicts()) == (["Contact", "Cancel"], ["agrees"])


def test_a_move_that_never_comes_is_not_waited_for_for_ever(world: World) -> None:
    conversation = begun(world)
    world.log(conversation, "lost", old_status="new")
    world.do("UPDATE domiq_sync.change SET logged_at = logged_at - interval '2 minutes'")
    world.sync(2)
    assert world.lead_of(conversation)["status"] == "Prospect"
    assert world.verdicts() == ["agrees"]


def test_logging_waits_for_nobody_who_works_on_the_change(world: World) -> None:
    """Rules, notices and a worker have the earlier row locked for as long as they like."""
    conversation = begun(world)
    announced = world.log(conversation, "qualified", old_status="new")
    with world.engine.begin() as others:
        for table in ("change", "delivery"):
            others.execute(
                text(f"SELECT FROM domiq_sync.{table} WHERE change_id = :c FOR UPDATE"), {"c": announced}
            )
        others.execute(
            text("UPDATE status_sync_log SET sync_status = 'success' WHERE id = :c"), {"c": announced}
        )
        with world.engine.begin() as application:
            application.execute(text("SET LOCAL lock_timeout = '50ms'"))
            application.execute(text("UPDATE conversation SET status = 'qualified'"))
    assert [c.new_status for c in world.changes(conversation)] == ["new", "qualified"]
    world.change(conversation, status="lost")
    captured = world.last(conversation).id
    with world.engine.begin() as others:
        others.execute(text("SELECT FROM domiq_sync.change WHERE change_id = :c FOR UPDATE"), {"c": captured})
        world.log(conversation, "lost", old_status="qualified")
    world.deliver()
    assert world.told(conversation)[-1] == "Cancel"
    assert world.told(conversation).count("Cancel") == 1


SHUT = [
    *((order, "both") for order in ORDERS),
    *((order, step) for order in ORDERS if order[1] == "two transactions" for step in ("first", "last")),
]


@pytest.mark.parametrize("settled", ["pending", "success"])
@pytest.mark.parametrize(("order", "steps"), SHUT, ids=str)
def test_a_move_whose_rows_found_the_queue_shut_is_one_change_all_the_same(
    world: World, order: tuple[str, str], steps: str, settled: str
) -> None:
    """B4, D14: its rows get their places later, and are told once."""
    conversation = begun(world)
    moves(world, conversation, "new", "lost", order, sync_status=settled, shut=steps)
    world.reconcile()
    assert unseen(world) == [["lost"], ["lost"]]
    world.sync(2)
    world.deliver()
    assert world.told(conversation) == ["Contact", "Cancel"]
    assert world.conservation() == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (["tour_scheduled", "qualified", "lost"], ["Contact", "Cancel"]),
        (["qualified", "contacted", "qualified"], ["Contact", "Other", "Other"]),
    ],
)
def test_what_gets_its_place_after_a_later_change_is_not_told_over_it(
    world: World, path: list[str], told: list[str]
) -> None:
    """D14."""
    conversation = begun(world)
    with locked(world, "delivery"):
        for status in path[:-1]:
            world.change(conversation, status=status)
    world.change(conversation, status=path[-1])
    world.sync(3)
    world.deliver()
    assert world.told(conversation) == told
    assert (world.verdicts(), world.status(conversation), world.conservation()) == (["agrees"], path[-1], [])


def test_what_gets_its_place_later_is_the_same_only_as_what_stands_next_to_it(world: World) -> None:
    """B4: there, back and there again are each a move, however late the last gets its place."""
    conversation = begun(world)
    world.do("ALTER TABLE conversation DISABLE TRIGGER USER")
    path = ["new", "tour_scheduled", "qualified", "tour_scheduled", "qualified"]
    for old, new in pairwise(path[:-1]):
        world.log(conversation, new, old_status=old)
    with locked(world, "delivery"):
        world.log(conversation, path[-1], old_status=path[-2])
        world.log(conversation, path[-1], old_status=path[-2])
    world.do("UPDATE conversation SET status = 'qualified'")
    world.reconcile()
    assert unseen(world) == [path[1:], path[1:]]
