"""Whatever ResMan or the network does: each change arrives exactly once, and an outage costs no attempts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.queue import queue
from domiq_dagster.sync.repair.retry import put_back
from tests.fixtures.world import World

POST = {"endpoint": "PostLeadManagement4_0"}


def settled_world(world: World, status: str = "contacted", **settings: Any) -> UUID:
    """A conversation whose lead both sides agree about."""
    conversation: UUID = world.conversation(world.property(**settings), status, email="bo@example.com")
    world.sync(2)
    assert world.verdicts() == ["agrees"]
    return conversation


def told_once(world: World, conversation: UUID, outcome: str) -> None:
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("success", outcome)
    assert world.repeated_markers() == []
    assert f"[DQ-{change.id.hex[:12]}" in " ".join(world.standin.comments())


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "drop_after"}, "confirmed_by_read"),
        ({"kind": "truncate"}, "confirmed_by_read"),
        ({"kind": "html", "commit": True}, "confirmed_by_read"),
        ({"kind": "status", "status": 502, "commit": True}, "confirmed_by_read"),
        ({"kind": "hang", "commit": True}, "confirmed_by_read"),
        ({"kind": "drop_before"}, "sent"),
        ({"kind": "html"}, "sent"),
        ({"kind": "status", "status": 503}, "sent"),
        ({"kind": "hang"}, "sent"),
    ],
    ids=str,
)
def test_an_unknown_outcome_is_read_back_before_it_is_sent_again(
    world: World, fault: dict[str, Any], outcome: str
) -> None:
    """D7: one that has not arrived is looked for more than once before it is sent again."""
    conversation = settled_world(world)
    impatient = world.make_client(read_timeout=0.2)
    looks = 1 if outcome == "confirmed_by_read" else 2
    for number, status in enumerate(("qualified", "lost"), 2):
        world.change(conversation, status=status)
        world.standin.faults({**fault, **POST, "count": 1})
        world.push(impatient)
        delivery = world.delivery()
        assert (delivery.state, delivery.attempts, delivery.postponements) == ("unknown", 0, 1)
        searches = len(world.standin.requests("SearchProspects"))
        world.deliver()
        assert len(world.standin.requests("SearchProspects")) == searches + looks
        told_once(world, conversation, outcome)
        assert len(world.told(conversation)) == number


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_creation_of_unknown_outcome_makes_no_second_lead_and_keeps_domiq_s_status(
    world: World, kind: str
) -> None:
    property_id = world.property()
    world.sync()
    ids = {}
    for status in ("new", "qualified", "application", "lost"):
        ids[status] = world.conversation(property_id, status, email=f"{status}@example.com")
        world.standin.faults({"kind": kind, **POST, "count": 1})
        world.push()
        assert world.delivery().state == "unknown"
        world.deliver()
    for _ in range(2):
        for status, conversation in ids.items():
            assert world.status(conversation) == status
            assert [c.sync_direction for c in world.changes(conversation)] == ["to_resman"]
            assert world.last(conversation).sync_status == "success"
            assert len(world.told(conversation)) == (1 if status == "new" else 2)
        assert world.repeated_markers() == []
        assert len(world.standin.prospects()) == 4
        world.sync()


STORIES = [(None, "application"), (None, "lost"), ("lost", "application"), ("lost", "qualified")]
EVENTS = {"application": "Application", "lost": "Cancel", "qualified": "Other"}


def posts_until_the_second_fails(world: World, fault: dict[str, Any]) -> int:
    """A push whose second post meets a fault. Gives the number of posts."""
    post, posted = world.client.post_lead, []

    def fail_the_second(*args: Any) -> Any:
        posted.append(args)
        if len(posted) == 2:
            world.standin.faults(fault)
        return post(*args)

    world.client.post_lead = fail_the_second
    world.push()
    del world.client.post_lead
    return len(posted)


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 429}, {"kind": "drop_after"}, {"kind": "drop_before"}], ids=str
)
def test_a_second_post_that_fails_does_not_repeat_the_first(world: World, fault: dict[str, Any]) -> None:
    property_id = world.property()
    world.sync()
    for start, status in STORIES:
        conversation = world.conversation(property_id, start or status)
        if start:
            world.sync(2)
            world.change(conversation, status=status)
        assert posts_until_the_second_fails(world, {**fault, **POST, "count": 1}) == 2
        world.later()
        world.pull()  # what it brings of our own half-way doing must not be taken for ResMan's
        world.apply()
        world.deliver()
        assert (world.status(conversation), world.last(conversation).sync_status) == (status, "success")
        assert world.told(conversation)[-2:] == ["ReActivate" if start else "Contact", EVENTS[status]]
    assert world.repeated_markers() == []
    assert len(world.standin.prospects()) == len(STORIES)
    assert world.rows("SELECT FROM status_sync_log WHERE sync_direction = 'from_resman'") == []


@pytest.mark.parametrize("status", ["qualified", "application"])
def test_a_stop_between_two_posts_does_not_repeat_the_first(world: World, status: str) -> None:
    conversation = settled_world(world)
    world.change(conversation, status="lost")
    world.deliver()
    world.change(conversation, status=status)
    before = len(world.standin.posts())
    world.push(stop=lambda: len(world.standin.posts()) > before)
    assert (len(world.standin.posts()), world.delivery().last_outcome) == (before + 1, "stopped")
    world.deliver()
    assert world.told(conversation)[-2:] == ["ReActivate", EVENTS[status]]
    assert world.repeated_markers() == []
    assert (world.last(conversation).sync_status, world.last(conversation).outcome) == ("success", "sent")


def test_what_arrived_is_not_called_superseded_for_a_newer_conversation(world: World) -> None:
    property_id = world.property()
    user = world.user("Bo", "Example", "bo@example.com")
    older = world.conversation(property_id, "contacted", user=user, age="1 day")
    world.sync(2)
    world.change(older, status="qualified")
    world.standin.faults({"kind": "drop_after", **POST, "count": 1})
    world.push()
    world.conversation(property_id, "contacted", user=user)
    world.deliver()
    assert world.last(older).outcome == "confirmed_by_read"
    assert world.repeated_markers() == []


@pytest.mark.parametrize("start", [None, "lost"])
def test_a_second_post_that_is_refused_is_no_news_from_resman(world: World, start: str | None) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, start or "application")
    if start:
        world.sync(2)
        world.change(conversation, status="application")
    assert posts_until_the_second_fails(world, {"kind": "refuse", **POST, "count": 1}) == 2
    assert world.last(conversation).sync_status == "failed"
    world.sync(2)
    assert world.status(conversation) == "application"
    assert [c.sync_direction for c in world.changes(conversation)].count("from_resman") == 0


def test_a_crash_after_the_claim_is_probed_by_the_next_worker(world: World) -> None:
    conversation = settled_world(world)
    world.change(conversation, status="qualified")
    (integration,) = world.integrations()
    with world.engine.connect() as c:
        assert queue.claim(c, integration.property_id, "dead", 150.0)
    world.push()
    assert world.delivery().worker == "dead"  # its lease still runs: nobody takes it
    searches = len(world.standin.requests("SearchProspects"))
    world.deliver()
    assert len(world.standin.requests("SearchProspects")) == searches + 1
    told_once(world, conversation, "sent")


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("status", ["new", "lost", "application"])
def test_a_crash_after_the_creation_makes_no_second_lead(world: World, status: str) -> None:
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, status, email="bo@example.com")
    post = world.client.post_lead

    def post_and_die(*args: Any) -> Any:
        post(*args)
        raise Crash

    world.client.post_lead = post_and_die
    with pytest.raises(Crash):
        world.push()
    del world.client.post_lead
    assert (world.delivery().state, len(world.standin.prospects())) == ("in_flight", 1)
    world.deliver()
    assert len(world.standin.prospects()) == 1
    assert world.status(conversation) == status
    assert world.last(conversation).sync_status == "success"
    assert world.repeated_markers() == []


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ({"kind": "status", "status": 429, "retry_after": 40}, 40),
        ({"kind": "status", "status": 502, "retry_after": 70}, 70),
    ],
    ids=str,
)
def test_a_hint_to_wait_is_obeyed_by_the_delivery_and_the_account(
    world: World, fault: dict[str, Any], wait: int
) -> None:
    conversation = settled_world(world)
    world.change(conversation, status="qualified")
    world.standin.faults({**fault, **POST})
    world.push()
    row = world.rows(
        "SELECT EXTRACT(EPOCH FROM d.next_attempt_at - clock_timestamp()) AS delivery, d.attempts, "
        "EXTRACT(EPOCH FROM a.open_until - clock_timestamp()) AS account "
        "FROM domiq_sync.delivery d, domiq_sync.account a"
    )[0]
    assert row.attempts == 0
    assert wait - 5 < row.delivery <= wait
    assert wait - 5 < row.account <= wait
    world.standin.faults()
    world.deliver()
    told_once(world, conversation, "sent")


def test_a_long_outage_costs_no_attempts_and_ends_with_everything_delivered_once(world: World) -> None:
    property_id = world.property()
    world.sync()
    ids = [world.conversation(property_id, "qualified", email=f"p{n}@example.com") for n in range(4)]
    kinds = ("status", "drop_before", "drop_after", "html", "truncate")
    world.standin.faults(*({"kind": kind, "rate": 0.5} for kind in kinds))
    for _ in range(8):
        world.later()
        world.push()
    rows = world.rows("SELECT attempts, state FROM domiq_sync.delivery")
    assert {r.attempts for r in rows} <= {0}
    world.standin.faults()
    world.deliver(8)
    assert [world.last(i).sync_status for i in ids] == ["success"] * 4
    assert world.repeated_markers() == []
    assert len(world.standin.prospects()) == 4
    assert [world.told(i) for i in ids] == [["Contact", "Other"]] * 4


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "unauthorized", "code": 20001}, "not_entitled"),
        ({"kind": "unauthorized", "code": None}, "bad_credentials"),
    ],
    ids=["not this endpoint", "bad key"],
)
def test_a_401_is_the_account_s_trouble_and_not_the_change_s(
    world: World, fault: dict[str, Any], outcome: str
) -> None:
    conversation = settled_world(world)
    world.change(conversation, status="qualified")
    world.standin.faults({**fault, **POST})
    for _ in range(3):
        world.later()
        world.push()
    assert (world.delivery().attempts, world.delivery().last_outcome) == (0, outcome)
    world.standin.faults()
    world.deliver()
    told_once(world, conversation, "sent")


def test_an_unknown_source_fails_in_resman_s_words_and_a_retry_brings_it_back(world: World) -> None:
    property_id = world.property(source_id="00000000-0000-0000-0000-000000000000")
    conversation = world.conversation(property_id, "qualified")
    world.sync()
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("failed", "unknown_source")
    assert "Transaction Source could not be found" in change.reason
    good = world.at_resman[0]["sources"][0]["transactionSourceId"]
    world.connect(property_id, source_id=good)
    world.sync()
    assert world.last(conversation).sync_status == "failed"
    assert put_back(world.engine).total == 1
    assert world.last(conversation).sync_status == "pending"
    world.sync()
    told_once(world, conversation, "sent")
    (retry,) = world.last(conversation).context_data["retries"]
    assert retry["after"]["outcome"] == "unknown_source"
    assert put_back(world.engine).total == 0


def test_a_stale_failure_is_not_retried_over_what_resman_has_since(world: World) -> None:
    conversation = settled_world(world)
    world.standin.faults({"kind": "refuse", **POST})
    world.change(conversation, status="lost")
    world.push()
    assert world.last(conversation).sync_status == "failed"
    world.standin.faults()
    prospect = world.lead_of(conversation)["prospectId"]
    world.standin.edit(prospect, status="Resident")
    world.sync()
    assert world.status(conversation) == "leased"
    assert put_back(world.engine).total == 0
    world.sync()
    assert world.standin.prospect(prospect)["status"] == "Resident"


def test_a_resident_is_never_lost_by_a_push(world: World) -> None:
    conversation = settled_world(world)
    prospect = world.lead_of(conversation)["prospectId"]
    world.standin.edit(prospect, status="Resident")
    world.sync()
    assert world.status(conversation) == "leased"
    world.change(conversation, status="lost")
    world.push()
    assert world.standin.prospect(prospect)["status"] == "Resident"
    world.sync(2)
    assert world.status(conversation) == "leased"
    assert world.rows("SELECT FROM domiq_sync.delivery") == []


def test_a_tour_in_the_future_does_not_make_resman_the_newer_one(world: World) -> None:
    """An old lead was lost with a tour still in its calendar; now the person chats again."""
    property_id = world.property()
    tour = {"type": "Appointment", "date": "2099-01-01T10:00:00Z"}
    lost = {"type": "Cancel", "date": "2026-02-01T10:00:00Z"}
    lead = world.lead(
        email="bo@example.com", status="Lost", events=[tour, lost], lastModified="2026-02-01T10:00:00Z"
    )
    conversation = world.conversation(property_id, "qualified", email="bo@example.com")
    world.push()  # no pull was there yet: the lead's events are what tells
    world.deliver()
    assert world.standin.prospect(lead["prospectId"])["status"] == "Prospect"
    assert world.status(conversation) == "qualified"
