"""Posts of which nobody knows whether they arrived: looked for until nothing can come any more, and then sent
again, or left to a person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import UnreadableRecord
from domiq_dagster.sync.delivery import doubt
from domiq_dagster.sync.monitoring.explain import explain
from domiq_dagster.sync.queue.doubts import open_doubts
from domiq_dagster.sync.repair.conflicts import NoSuchConflict, resolve_doubt
from domiq_dagster.sync.repair.retry import put_back
from tests.fixtures.world import POST, SEARCH, World


class Killed(BaseException):
    """The process ends here."""


def settled(world: World, status: str = "contacted") -> UUID:
    conversation: UUID = world.conversation(world.property(), status, email="bo@example.com")
    world.sync(2)
    return conversation


def lose_answer(world: World, **how: Any) -> None:
    world.standin.faults({"kind": "drop_after", "endpoint": POST, "count": 1, **how})


def pass_until_quiet(world: World, step: float = 30.0, rounds: int = 40) -> int:
    """Returns how many seconds passed until nothing was pending."""
    for n in range(rounds):
        world.push()
        if not world.rows("SELECT FROM domiq_sync.delivery"):
            return int(n * step)
        world.pass_time(step)
    pytest.fail(f"still pending: {world.delivery().last_outcome}")


@pytest.mark.parametrize("status", ["qualified", "lost"])
@pytest.mark.parametrize(("late", "killed"), [(55, True), (90, False), (299, True), (299, False)])
def test_a_post_that_takes_effect_minutes_later_is_not_sent_again(
    world: World, late: int, killed: bool, status: str
) -> None:
    """D7: ResMan commits after 55 s and the worker was killed at 2 s; after 90 s, and nobody was."""
    conversation = settled(world)
    world.change(conversation, status=status)
    lose_answer(world, commit_after=late)
    if killed:
        kill_after_posting(world)
    assert pass_until_quiet(world) >= late - 30
    assert world.told(conversation) == ["Contact", "Cancel" if status == "lost" else "Other"]
    assert world.last(conversation).sync_status == "success"


@pytest.mark.parametrize("killed", [True, False])
def test_a_creation_that_takes_effect_minutes_later_makes_one_lead(world: World, killed: bool) -> None:
    """D7."""
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "qualified", email="bo@example.com")
    lose_answer(world, commit_after=290)
    if killed:
        kill_after_posting(world)
    pass_until_quiet(world)
    assert len(world.standin.prospects()) == 1
    assert world.told(conversation) == ["Contact", "Other"]


def kill_after_posting(world: World) -> None:
    post = world.client.post_lead

    def post_and_die(*args: Any) -> Any:
        try:
            return post(*args)
        finally:
            raise Killed

    world.client.post_lead = post_and_die
    with pytest.raises(Killed):
        world.push()
    del world.client.post_lead
    assert world.delivery().state == "in_flight"


def test_what_never_left_is_sent_as_soon_as_the_lease_is_over(world: World) -> None:
    """A worker that died between its claim and its post leaves no doubt: nobody waits for minutes."""
    conversation = settled(world)
    world.change(conversation, status="qualified")

    def die(*_: Any) -> Any:
        raise Killed

    world.client.post_lead = die
    with pytest.raises(Killed):
        world.push()
    del world.client.post_lead
    assert pass_until_quiet(world) <= 60
    assert world.told(conversation) == ["Contact", "Other"]


def test_a_post_that_did_not_arrive_is_looked_for_over_more_than_five_minutes(world: World) -> None:
    """B10: before a second post."""
    conversation = settled(world)
    world.change(conversation, status="qualified")
    world.standin.faults({"kind": "drop_before", "endpoint": POST, "count": 1})
    searches = len(world.standin.requests("SearchProspects"))
    assert 300 < pass_until_quiet(world) < 600
    assert len(world.standin.requests("SearchProspects")) - searches >= 3
    assert world.told(conversation) == ["Contact", "Other"]
    assert world.last(conversation).outcome == "sent"


def in_doubt(world: World, kind: str) -> UUID:
    """A change of which no answer shows whether it has arrived."""
    conversation = settled(world)
    world.change(conversation, status="qualified")
    world.standin.faults({"kind": kind, "endpoint": POST, "count": 1}, events_left_out="all")
    world.standin.odd(world.lead_of(conversation)["prospectId"], values={"communicationLog": None})
    for _ in range(20):
        world.push()
        world.pass_time(60)
    assert (world.delivery().state, world.delivery().last_outcome) == ("unknown", "in_doubt")
    return conversation


@pytest.mark.parametrize(
    ("kind", "word", "outcome"),
    [("drop_after", "arrived", "confirmed_by_person"), ("drop_before", "send_again", "sent")],
)
def test_where_nothing_can_be_known_a_person_decides(
    world: World, kind: str, word: Any, outcome: str
) -> None:
    """B10: it stays unknown until then, is listed with what is known, and the decision is on record."""
    conversation = in_doubt(world, kind)
    with world.engine.connect() as c:
        (listed,) = open_doubts(c)
    assert listed.conversation_id == conversation and listed.event_type == "Other"
    assert "events out" in (listed.sentence or "") and listed.read_backs >= 2
    resolve_doubt(world.engine, listed.change_id, word, by="Casey", dry_run=True)
    resolve_doubt(world.engine, listed.change_id, word, by="Casey")
    world.push()
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("success", outcome)
    assert change.context_data["sync"]["decision"] == {"outcome": word, "by": "Casey"}
    assert world.told(conversation) == ["Contact", "Other"]
    with world.engine.connect() as c:
        assert open_doubts(c) == []
        (*_, story) = explain(c, str(change.id)).changes
    assert ("decision", word) in [(s["action"], s["outcome"]) for s in story["steps"]]
    with pytest.raises(NoSuchConflict, match="is not in doubt"):
        resolve_doubt(world.engine, listed.change_id, word, by="Casey")


@pytest.mark.parametrize(("word", "outcome"), [("arrived", "confirmed_by_person"), ("send_again", "sent")])
def test_what_a_person_decides_is_carried_out_though_the_lead_cannot_be_read(
    world: World, word: Any, outcome: str
) -> None:
    """B10: else nothing would ever end it."""
    conversation = settled(world)
    world.change(conversation, status="lost")
    lose_answer(world)
    world.push()
    world.standin.faults({"kind": "refuse", "endpoint": SEARCH, "description": "No such thing"})
    for _ in range(12):
        world.later()
        world.push()
    assert (world.delivery().state, world.delivery().last_outcome) == ("unknown", "in_doubt")
    with world.engine.connect() as c:
        (listed,) = open_doubts(c)
    assert "Reading it back fails each time" in (listed.sentence or "")
    resolve_doubt(world.engine, listed.change_id, word, by="Casey")
    world.push()
    assert (world.last(conversation).sync_status, world.last(conversation).outcome) == ("success", outcome)
    world.standin.faults()
    posts = len(world.standin.posts())
    world.sync(3)
    assert len(world.standin.posts()) == posts
    assert (world.status(conversation), world.verdicts()) == ("lost", ["agrees"])


def test_a_decision_that_cannot_be_carried_out_is_asked_for_again(world: World) -> None:
    """B10: of a creation nobody can say which lead it is; the change stays on the list."""
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    lose_answer(world)
    world.push()
    world.standin.faults({"kind": "refuse", "endpoint": SEARCH, "description": "No such thing"})
    for _ in range(2):
        for _ in range(12):
            world.later()
            world.push()
        with world.engine.connect() as c:
            (listed,) = open_doubts(c)
        resolve_doubt(world.engine, listed.change_id, "arrived", by="Casey")
    said = world.rows("SELECT detail ->> 'sentence' AS it FROM domiq_sync.attempt WHERE outcome = 'in_doubt'")
    assert sum("could not be carried out" in row.it for row in said) == 1
    world.standin.faults()
    world.deliver()
    assert world.last(conversation).sync_status == "success"
    assert len(world.standin.prospects()) == 1


def test_a_lead_that_cannot_be_read_back_is_listed_for_a_person(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B10: a record that cannot be read tells nothing, and is not asked for without end."""
    world.change(settled(world), status="qualified")
    lose_answer(world)
    world.push()

    def unreadable(*_: Any) -> Any:
        raise UnreadableRecord("it shows no id")

    monkeypatch.setattr(ResManClient, "search_by_id", unreadable)
    for _ in range(20):
        world.later()
        world.push()
    assert (world.delivery().state, world.delivery().last_outcome) == ("unknown", "in_doubt")
    with world.engine.connect() as c:
        assert len(open_doubts(c)) == 1


def test_a_lead_that_staff_made_meanwhile_does_not_prove_that_ours_arrived(world: World) -> None:
    """B10: the same person's card, by other hands, has nothing of what was posted."""
    property_id = world.property()
    world.sync()
    conversation = world.conversation(property_id, "contacted", email="bo@example.com")
    world.standin.faults({"kind": "drop_before", "endpoint": POST, "count": 1})
    world.push()
    assert world.delivery().state == "unknown"
    world.lead(email="bo@example.com")
    pass_until_quiet(world)
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("success", "sent")
    assert len(world.standin.prospects()) == 1
    assert any(f"[DQ-{change.id.hex[:12]}]" in comment for comment in world.standin.comments())


def test_a_lead_that_staff_made_active_again_does_not_prove_that_we_did(world: World) -> None:
    """B10, D7: what the reactivation was to tell is told after all."""
    conversation = settled(world, "lost")
    lead = world.lead_of(conversation)["prospectId"]
    world.change(conversation, status="contacted")
    # an event of staff's in the same second would look like ours
    world.do("UPDATE status_sync_log SET created_at = created_at - interval '1 minute'")
    world.standin.faults({"kind": "drop_before", "endpoint": POST, "count": 1})
    world.push()
    assert world.delivery().posted["name"] == "reactivate"
    world.standin.edit(lead, status="Prospect")
    pass_until_quiet(world)
    change = world.last(conversation)
    assert (change.sync_status, change.outcome) == ("success", "sent")
    assert any(f"[DQ-{change.id.hex[:12]}]" in comment for comment in world.standin.comments())


@pytest.mark.parametrize("switch", [{}, {"read_comment_length": 12}], ids=["whole", "comments cut"])
def test_what_failed_though_it_may_have_arrived_is_looked_for_when_it_is_put_back(
    world: World, switch: dict[str, Any]
) -> None:
    """B10: as thoroughly as before it failed, and not by its marker alone."""
    conversation = settled(world)
    lead = world.lead_of(conversation)["prospectId"]
    world.change(conversation, status="qualified")
    lose_answer(world)
    world.push()
    world.do("UPDATE status_sync_log SET new_status = 'nonsense' WHERE sync_status = 'pending'")
    for _ in range(3):
        world.later()
        world.push()
    failed = world.last(conversation)
    assert (failed.sync_status, failed.context_data["sync"]["may_have_arrived"]) == ("failed", True)
    world.do("UPDATE status_sync_log SET new_status = 'qualified' WHERE sync_status = 'failed'")
    world.standin.faults(**switch)
    put_back(world.engine, by="Casey")
    assert world.delivery().posted["event_type"] == "Other"
    pass_until_quiet(world)
    assert world.last(conversation).sync_status == "success"
    assert [e["type"] for e in world.standin.prospect(lead)["events"]] == ["Contact", "Other"]


def test_a_read_back_that_faults_again_and_again_does_not_fail_the_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B10: whether it arrived nobody knows then."""
    conversation = settled(world)
    world.change(conversation, status="qualified")
    lose_answer(world)
    world.push()

    def fault(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(doubt, "find_post", fault)
        patch.setattr("domiq_dagster.sync.delivery.deciding.has_arrived", fault)
        for _ in range(8):
            world.later()
            world.push()
    assert (world.delivery().state, world.delivery().last_outcome) == ("unknown", "in_doubt")
    with world.engine.connect() as c:
        assert "Reading it back failed 5 times" in (open_doubts(c)[0].sentence or "")
    world.deliver()
    assert world.last(conversation).outcome == "confirmed_by_read"


@pytest.mark.parametrize("lag", [0, 12])
def test_one_person_with_two_user_rows_is_created_once(world: World, lag: int) -> None:
    """D9: the case of the e-mail and the format of the phone differ, or one of them is another altogether."""
    property_id = world.property()
    world.sync()
    world.standin.faults(read_lag_seconds=lag)
    people = [
        (("bo.tern@example.com", "(512) 736-0101"), ("Bo.Tern@Example.COM ", "+1 512 736 0101")),
        (("cy@example.com", "(512) 736-0102"), ("Cy@example.com", "(512) 736-0103")),
        (("di@example.com", "512-736-0104"), (None, "(512)7360104")),
    ]
    names = ["Bo", "Cy", "Di"]
    chats = [
        world.conversation(property_id, "new", user=world.user(name, f"{name}sen", *row))
        for name, rows in zip(names, people, strict=True)
        for row in rows
    ]
    clients = [world.make_client() for _ in range(2)]
    for _ in range(6):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(world.push, clients))
        world.pass_time(20)
    assert len(world.standin.prospects()) == 3
    assert [world.last(c).sync_status for c in chats] == ["success"] * 6


def test_a_read_that_lags_is_not_taken_for_a_move_of_staff_s(world: World) -> None:
    """B10: it shows the lead as it was before our own last post."""
    conversation = settled(world)
    world.standin.faults(read_lag_seconds=15, activity_reactivates=False)
    world.change(conversation, status="lost")
    world.push()
    world.change(conversation, status="qualified")
    world.push()
    assert world.delivery().last_outcome == "read_lags"
    pass_until_quiet(world, step=20)
    assert world.told(conversation) == ["Contact", "Cancel", "ReActivate", "Other"]
    assert (world.status(conversation), world.lead_of(conversation)["status"]) == ("qualified", "Prospect")


def test_a_pull_that_lags_does_not_take_what_we_have_since_undone_for_news(world: World) -> None:
    """B10: it shows the lead as it was between two posts of ours."""
    conversation = settled(world)
    world.standin.faults(read_lag_seconds=15)
    world.change(conversation, status="lost")
    world.push()
    world.pass_time(30)
    world.change(conversation, status="qualified")
    world.push()
    world.pull()
    world.apply()
    assert world.status(conversation) == "qualified"
    world.pass_time(200)
    world.sync()
    assert (world.status(conversation), world.lead_of(conversation)["status"]) == ("qualified", "Prospect")
    assert [c.sync_direction for c in world.changes(conversation)] == ["to_resman"] * 3
    assert world.verdicts() == ["agrees"]
