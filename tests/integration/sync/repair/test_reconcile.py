"""What the ordinary way missed is found, said by kind and property, and mended, once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from domiq_dagster.db.migrate import migrate
from domiq_dagster.db.sqlfile import read_queries
from domiq_dagster.sync.queue import change_log, queue
from domiq_dagster.sync.repair import reconcile
from domiq_dagster.sync.repair.reconcile import MENDED, SEEN
from tests.fixtures.world import World

POST = {"endpoint": "PostLeadManagement4_0"}
UNTRACKED = "ALTER TABLE {} DISABLE TRIGGER USER"
TRACKED = "ALTER TABLE {} ENABLE TRIGGER USER"


def found(world: World) -> dict[tuple[str, str], int]:
    """One sweep, by kind and property; its totals by kind must say the same."""
    result = world.reconcile()
    counts = {(f["kind"], f["property"]): f["count"] for f in result.by_property}
    for kind, total in result.findings.items():
        assert total == sum(count for (k, _), count in counts.items() if k == kind)
    assert all(f["then"] == SEEN.get(f["kind"], "mended") for f in result.by_property)
    return counts


def mended(world: World) -> dict[tuple[str, str], int]:
    return {k: n for k, n in found(world).items() if k[0] in MENDED}


def untracked(world: World, table: str, sql: str, **values: Any) -> Any:
    """Something done while the triggers of a table are off: a bulk load, a restored backup."""
    with world.engine.begin() as c:
        c.execute(text(UNTRACKED.format(table)))
        done = c.execute(text(sql), values)
        value = done.scalar() if done.returns_rows else None
        c.execute(text(TRACKED.format(table)))
    return value


def test_every_kind_is_said_by_property_and_found_once(world: World) -> None:
    flats, ridge = world.property(0), world.property(1)
    elsewhere = world.property(2, connected=False)
    linked = [world.conversation(flats, "contacted") for _ in range(2)]
    world.sync()
    lost = world.conversation(ridge, "new")
    world.do("DELETE FROM domiq_sync.delivery WHERE lane = :c", c=lost)
    headless = world.conversation(ridge, "new")
    world.do("UPDATE domiq_sync.delivery SET is_head = FALSE WHERE lane = :c", c=headless)
    by_hand = world.conversation(elsewhere, "new")
    world.do("UPDATE status_sync_log SET sync_status = 'success' WHERE conversation_id = :c", c=by_hand)
    killed(world, world.conversation(flats, "new"))
    world.log(None, "qualified")
    untracked(
        world, "status_sync_log",
        "INSERT INTO status_sync_log (conversation_id, new_status, sync_direction, sync_status) "
        "VALUES (:c, 'contacted', 'to_resman', 'pending')",
        c=world.conversation(ridge, "new"),
    )  # fmt: skip
    untracked(
        world, "conversation", "UPDATE conversation SET status = 'qualified' WHERE id = :c", c=linked[0]
    )
    world.log(linked[1], "contacted", sync_status=None)
    world.standin.edit(world.lead_of(linked[1])["prospectId"], status="Lost")
    world.pull()
    world.do("ALTER TABLE chatbot ALTER property_id DROP NOT NULL")  # DomIQ allows it in other versions
    bot = world.value("INSERT INTO chatbot (name) VALUES ('homeless') RETURNING id")
    homeless = world.value(
        "INSERT INTO conversation (chatbot_id, status) VALUES (:b, 'new') RETURNING id", b=bot
    )

    assert found(world) == {
        ("changes without a place in the order", "copper-ridge"): 1,
        ("pending changes without a delivery", "copper-ridge"): 1,
        ("expired leases", "juniper-flats"): 1,
        ("changes without a conversation", "(none)"): 1,
        ("deliveries without a pending change", "(not connected)"): 1,
        ("lanes without a head", "copper-ridge"): 1,
        ("statuses without a change", "juniper-flats"): 1,
        # The change that was adopted says contacted, the conversation new.
        ("statuses without a change", "copper-ridge"): 1,
        ("statuses of ResMan applied", "juniper-flats"): 1,
        ("unknown outcomes", "juniper-flats"): 1,
        ("pending changes without a property", "(none)"): 1,
        ("rows nobody can act on", "juniper-flats"): 1,
    }
    before = world.versions()
    assert found(world) == {
        ("unknown outcomes", "juniper-flats"): 1,
        ("pending changes without a property", "(none)"): 1,
        ("rows nobody can act on", "juniper-flats"): 1,
    }
    assert world.versions() == before

    world.do(
        "UPDATE conversation c SET chatbot_id = b.id FROM chatbot b WHERE b.property_id = :p AND c.id = :c",
        p=ridge, c=homeless,
    )  # fmt: skip
    assert mended(world) == {("changes that lacked their property", "copper-ridge"): 1}
    assert mended(world) == {}


def test_a_change_whose_trigger_failed_is_queued_later(world: World) -> None:
    property_id = world.property()
    world.sync()
    world.do(UNTRACKED.format("status_sync_log"))
    conversation = world.conversation(property_id, "qualified")
    world.do(TRACKED.format("status_sync_log"))
    assert [p["problem"] for p in world.conservation()] == ["change without a place in the order"]
    assert mended(world) == {("changes without a place in the order", "juniper-flats"): 1}
    world.push()
    assert world.last(conversation).sync_status == "success"
    assert found(world) == {}


@pytest.mark.parametrize("linked", [False, True], ids=["unlinked", "linked"])
def test_a_status_that_was_not_captured_is_found(world: World, linked: bool) -> None:
    migrate(world.engine, capture_trigger=False)
    property_id = world.property()
    conversation = world.conversation(property_id, "contacted")
    if linked:
        world.sync(2)
        world.change(conversation, status="application")
    world.sync()
    world.deliver(2)
    status = "application" if linked else "contacted"
    change = world.last(conversation)
    assert (change.new_status, change.updated_by, change.sync_status) == (status, "system", "success")
    assert "found by reconciliation" in change.status_reason
    count = len(world.changes(conversation))
    world.sync(2)
    assert len(world.changes(conversation)) == count


def test_a_status_that_resman_covers_is_told_too_where_the_log_says_otherwise(world: World) -> None:
    """As it would have been, had it been captured: a restored backup must not leave the log behind."""
    conversation = world.conversation(world.property(), "contacted")
    world.sync(2)
    untracked(
        world, "conversation", "UPDATE conversation SET status = 'qualified' WHERE id = :c", c=conversation
    )
    world.pull()
    world.apply()  # both sides agree: Prospect covers qualified
    assert world.verdicts() == ["agrees"]
    assert mended(world) == {("statuses without a change", "juniper-flats"): 1}
    change = world.last(conversation)
    assert (change.old_status, change.new_status, change.sync_status) == ("contacted", "qualified", "pending")
    assert change.resman_lead_id == world.lead_of(conversation)["prospectId"]
    world.push()
    assert world.last(conversation).sync_status == "success"
    assert "contacted -> qualified" in world.standin.comments()[-1]
    assert found(world) == {}


def test_an_uncaptured_status_that_resman_covers_needs_no_change(world: World) -> None:
    migrate(world.engine, capture_trigger=False)
    property_id = world.property()
    world.lead(email="bo@example.com", last="Example1")
    conversation = world.conversation(property_id, "qualified", email="bo@example.com")
    world.sync(2)
    assert world.changes(conversation) == []
    assert world.verdicts() == ["agrees"]


def test_a_conversation_without_a_lead_has_no_end_to_tell(world: World) -> None:
    migrate(world.engine, capture_trigger=False)
    property_id = world.property()
    world.pulled()
    for status in ("lost", "leased"):
        world.conversation(property_id, status)
    user = world.user("Bo", "Example", "bo@example.com")
    older = world.conversation(property_id, "qualified", user=user, age="9 days")
    newer = world.conversation(property_id, "contacted", user=user)
    world.conversation(property_id, "new", user=world.user("Cy", "Example"))
    assert mended(world) == {("statuses without a change", "juniper-flats"): 1}
    assert (len(world.changes(older)), len(world.changes(newer))) == (0, 1)


def test_a_property_that_only_takes_from_resman_tells_it_nothing(world: World) -> None:
    world.conversation(world.property(sync_direction="from_resman"), "contacted")
    assert found(world) == {}


def test_a_status_is_logged_once_by_whoever_comes_first(world: World) -> None:
    """What the application is changing is left for later; what another sweep has logged stays one change."""
    migrate(world.engine, capture_trigger=False)
    flats = world.property()
    world.pulled()
    first, second = world.conversation(flats, "new"), world.conversation(flats, "new")
    with world.engine.connect() as application, application.begin():
        application.execute(text("SELECT FROM conversation WHERE id = :c FOR UPDATE"), {"c": first})
        assert mended(world) == {("statuses without a change", "juniper-flats"): 1}
    uncaptured = read_queries(reconcile.__package__, "reconcile.sql")["uncaptured_conversations"]
    with world.engine.begin() as late:
        ids = late.scalars(text(uncaptured), {"property_id": flats}).all()
        assert ids == [first]
        assert mended(world) == {("statuses without a change", "juniper-flats"): 1}
        assert change_log.log_uncaptured(late, [first, second]) == []
    assert [len(world.changes(c)) for c in (first, second)] == [1, 1]


def test_a_batch_is_logged_in_the_order_in_which_the_conversations_began(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_BATCH", 2)
    migrate(world.engine, capture_trigger=False)
    flats = world.property()
    world.pulled()
    began = [world.conversation(flats, "new", age=f"{n} days") for n in (1, 4, 2, 5, 3)]
    assert mended(world) == {("statuses without a change", "juniper-flats"): 5}
    logged = world.rows("SELECT conversation_id FROM domiq_sync.change ORDER BY seq")
    assert [r.conversation_id for r in logged] == [began[n] for n in (3, 1, 4, 2, 0)]


def killed(world: World, lane: UUID) -> None:
    """A worker that was killed held the first change of this lane, and its lease has run out."""
    world.do(
        "UPDATE domiq_sync.delivery SET state = 'in_flight', worker = 'killed', "
        "lease_token = nextval('domiq_sync.lease_token'), next_attempt_at = now() - interval '1 s' "
        "WHERE lane = :l AND is_head",
        l=lane,
    )


def test_an_expired_lease_is_given_up_and_asked_about_before_anything_is_sent(world: World) -> None:
    """The killed worker's post had arrived."""
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.standin.faults({"kind": "drop_after", **POST, "count": 1})
    world.push()
    killed(world, conversation)
    assert found(world) == {("expired leases", "juniper-flats"): 1, ("unknown outcomes", "juniper-flats"): 1}
    given_up = world.delivery()
    assert (given_up.state, given_up.worker, given_up.lease_token) == ("unknown", None, None)
    assert found(world) == {("unknown outcomes", "juniper-flats"): 1}
    world.push()
    assert world.last(conversation).outcome == "confirmed_by_read"
    assert len(world.standin.posts()) == 1
    assert found(world) == {}


def test_a_lease_that_has_not_run_out_is_left_alone_and_a_late_worker_finds_its_own_gone(
    world: World,
) -> None:
    property_id = world.property()
    world.conversation(property_id, "new")
    with world.engine.connect() as c:
        (late,) = queue.claim(c, property_id, "slow", 60.0)
        assert mended(world) == {}
        assert world.delivery().lease_token == late.lease_token
        world.later()
        assert mended(world) == {("expired leases", "juniper-flats"): 1}
        assert not queue.postpone(c, late, state="ready", outcome="x", seconds=0, counted=True, attempts=[])
    assert world.delivery().last_outcome == "lease_expired"


def test_a_change_settled_by_hand_is_not_sent(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "qualified")
    world.do("UPDATE status_sync_log SET sync_status = 'success'")
    assert [p["problem"] for p in world.conservation()] == ["delivery without pending change"]
    assert mended(world) == {("deliveries without a pending change", "juniper-flats"): 1}
    world.push()
    assert world.standin.posts() == []
    world.change(conversation, status="lost")
    world.push()
    assert world.last(conversation).sync_status == "success"


def test_a_change_settled_by_hand_while_a_worker_died_over_it_lets_the_next_one_go(world: World) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "new")
    world.change(conversation, status="qualified")
    world.do("UPDATE status_sync_log SET sync_status = 'failed' WHERE new_status = 'new'")
    killed(world, conversation)
    assert mended(world) == {
        ("expired leases", "juniper-flats"): 1,
        ("deliveries without a pending change", "juniper-flats"): 1,
        ("lanes without a head", "juniper-flats"): 1,
    }
    world.push()
    assert [c.sync_status for c in world.changes(conversation)] == ["failed", "success"]


def test_a_lost_delivery_and_a_lost_head_are_mended(world: World) -> None:
    property_id = world.property()
    world.sync()
    one, two = world.conversation(property_id, "new"), world.conversation(property_id, "new")
    world.change(two, status="contacted")
    world.do("DELETE FROM domiq_sync.delivery WHERE lane = :l", l=one)
    world.do("UPDATE domiq_sync.delivery SET is_head = FALSE")
    assert mended(world) == {
        ("pending changes without a delivery", "juniper-flats"): 1,
        ("lanes without a head", "juniper-flats"): 1,
    }
    world.push()
    assert {c.sync_status for i in (one, two) for c in world.changes(i)} == {"success"}


def test_what_nobody_can_act_on_is_shown_until_somebody_mends_it(world: World) -> None:
    conversation = world.conversation(world.property(), "active")
    world.log(conversation, "qualified", sync_status=None)
    world.log(conversation, "qualified", sync_direction=None)
    world.log(conversation, "qualified", sync_direction="from_resman")
    world.sync()
    for _ in range(2):
        assert found(world) == {("rows nobody can act on", "juniper-flats"): 3}
    assert world.standin.posts() == []


def test_rows_of_before_the_machinery_are_adopted_by_a_migration(world: World) -> None:
    property_id = world.property()
    world.do(UNTRACKED.format("status_sync_log"))
    conversation = world.conversation(property_id, "qualified")
    world.do(TRACKED.format("status_sync_log"))
    migrate(world.engine)
    assert world.conservation() == []
    world.sync()
    assert world.last(conversation).sync_status == "success"
