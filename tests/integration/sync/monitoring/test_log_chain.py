"""The log alone replays every conversation's lead status from its first value to its last."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.depth import examples
from tests.fixtures.log_chain import breaks, replay
from tests.fixtures.world import World

pytestmark = pytest.mark.soaked


def told(world: World, conversation: UUID) -> list[str | None]:
    with world.engine.connect() as c:
        return [s.status for s in replay(c, [conversation])[conversation]]


def broken(world: World) -> list[tuple[str, str | None, str | None]]:
    with world.engine.connect() as c:
        return [(b.kind, b.expected, b.found) for b in breaks(c)]


def agreed(world: World, **settings_: Any) -> tuple[UUID, str]:
    conversation = world.conversation(world.property(**settings_), "contacted")
    world.sync(2)
    return conversation, world.lead_of(conversation)["prospectId"]


def capture(world: World, on: bool) -> None:
    world.do(f"ALTER TABLE conversation {'ENABLE' if on else 'DISABLE'} TRIGGER domiq_sync_capture_update")


def test_both_directions_make_one_chain(world: World) -> None:
    conversation, prospect = agreed(world)
    world.change(conversation, status="qualified")
    world.standin.edit(prospect, status="Applicant")
    world.sync(2)
    world.standin.edit(prospect, status="Lost")
    world.sync(2)
    world.change(conversation, status="contacted")
    world.sync(2)
    assert told(world, conversation) == [None, "contacted", "qualified", "application", "lost", "contacted"]
    assert broken(world) == []


def test_a_status_that_domiq_s_trigger_rewrites_continues_the_chain(world: World) -> None:
    conversation, prospect = agreed(world)
    world.change(conversation, status="contacted", pre_qualified=True)
    world.do(
        "CREATE FUNCTION stubborn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.status = 'lost' THEN NEW.status := 'follow_up_needed'; END IF; RETURN NEW; END $$"
    )
    world.do("CREATE TRIGGER stubborn BEFORE UPDATE ON conversation FOR EACH ROW EXECUTE FUNCTION stubborn()")
    world.standin.edit(prospect, status="Lost")
    world.sync()
    assert told(world, conversation) == [None, "contacted", "qualified", "follow_up_needed"]
    assert broken(world) == []
    applied = world.last(conversation)
    assert (applied.sync_direction, applied.new_status) == ("from_resman", "follow_up_needed")
    assert applied.reason.endswith("a trigger of DomIQ's made it follow_up_needed instead of lost")
    assert world.verdicts() == ["diverged"]
    posts = len(world.standin.posts())
    world.sync(2)
    assert (len(world.changes(conversation)), len(world.standin.posts())) == (3, posts)


def test_a_state_of_the_chat_itself_is_no_value_of_the_lead_s_status(world: World) -> None:
    conversation, _ = agreed(world)
    world.change(conversation, status="active")
    world.change(conversation, status="qualified")
    world.change(conversation, status="completed")
    assert told(world, conversation) == [None, "contacted", "qualified"]
    assert world.last(conversation).old_status == "contacted"
    assert broken(world) == []


def test_a_change_that_was_missed_is_logged_before_the_next_one_that_is_captured(world: World) -> None:
    conversation, _ = agreed(world)
    capture(world, False)
    world.change(conversation, status="qualified")
    capture(world, True)
    assert broken(world) == [("end", "contacted", "qualified")]
    world.change(conversation, status="lost")
    assert told(world, conversation) == [None, "contacted", "qualified", "lost"]
    assert broken(world) == []
    missed = world.changes(conversation)[-2]
    assert (missed.sync_status, missed.outcome, missed.updated_by) == ("success", "superseded", "system")
    world.deliver()
    assert world.told(conversation) == ["Contact", "Cancel"]


def test_a_change_that_was_missed_is_logged_before_resman_s_status_is_applied(world: World) -> None:
    conversation, prospect = agreed(world)
    capture(world, False)
    world.change(conversation, status="qualified")
    capture(world, True)
    world.standin.edit(prospect, status="Applicant")
    world.sync(2)
    assert told(world, conversation) == [None, "contacted", "qualified", "application"]
    assert broken(world) == []


def test_what_reconciliation_finds_closes_the_chain(world: World) -> None:
    conversation, _ = agreed(world)
    capture(world, False)
    world.change(conversation, status="qualified")
    world.change(conversation, status="lost")
    capture(world, True)
    assert broken(world) == [("end", "contacted", "lost")]
    world.sync(2)
    assert told(world, conversation) == [None, "contacted", "lost"]
    assert broken(world) == []


def test_where_only_resman_s_statuses_count_the_chain_holds_with_each_of_them(world: World) -> None:
    conversation, prospect = agreed(world)
    world.do("UPDATE domiq_sync.integration SET sync_direction = 'from_resman'")
    world.change(conversation, status="qualified")
    world.standin.edit(prospect, status="Applicant")
    world.sync(2)
    assert told(world, conversation) == [None, "contacted", "qualified", "application"]
    assert broken(world) == []


@pytest.mark.parametrize("rows", [[("contacted", "qualified")], [(None, "lost")]])
def test_a_row_that_the_application_logs_itself_is_shown_where_it_breaks_the_chain(
    world: World, rows: list[tuple[str | None, str]]
) -> None:
    conversation, _ = agreed(world)
    world.change(conversation, status="qualified")
    for old, new in rows:
        world.log(conversation, new, old_status=old)
    found = broken(world)
    assert found[0] == ("old_status", "qualified", rows[0][0])
    assert [kind for kind, _, _ in found] == ["old_status", *(["end"] if rows[-1][1] == "lost" else [])]


EDITS = st.lists(
    st.one_of(
        st.tuples(
            st.just("domiq"),
            st.sampled_from(["contacted", "qualified", "application", "lost", "engaged", "active"]),
        ),
        st.tuples(st.just("resman"), st.sampled_from(["Prospect", "Applicant", "Resident", "Lost"])),
        st.tuples(st.just("flag"), st.just("pre_qualified")),
        st.tuples(st.just("missed"), st.sampled_from(["contacted", "qualified", "lost"])),
        st.tuples(st.just("sync"), st.just("")),
    ),
    min_size=2,
    max_size=8,
)


@settings(
    max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=EDITS,
    policy=st.sampled_from(["resman_wins", "domiq_wins", "furthest_progress", "manual_review"]),
)
def test_any_edits_under_any_policy_leave_a_log_that_replays(world: World, edits: Any, policy: str) -> None:
    connected = world.integrations()
    property_id = connected[0].property_id if connected else world.property()
    world.do("UPDATE domiq_sync.integration SET conflict_policy = :p", p=policy)
    conversation = world.conversation(property_id, "contacted")
    world.sync()
    prospect = world.lead_of(conversation)["prospectId"]
    for kind, value in edits:
        if kind == "domiq":
            world.change(conversation, status=value)
        elif kind == "flag":
            world.change(conversation, pre_qualified=True)
        elif kind == "missed":
            capture(world, False)
            world.change(conversation, status=value)
            capture(world, True)
        elif kind == "resman":
            world.standin.edit(prospect, status=value)
        else:
            world.sync()
    world.later()
    world.sync(2)
    assert broken(world) == []
