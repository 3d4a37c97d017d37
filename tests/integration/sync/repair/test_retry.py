"""Failed changes go back into the queue as chosen, which is on record in each of them."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from domiq_dagster.sync.repair.reconcile import UNDELIVERED
from domiq_dagster.sync.repair.retry import CannotRetry, Choice, put_back
from tests.fixtures.world import World


def failed(world: World, property_id: UUID, reason: str | None, **columns: Any) -> UUID:
    """A change that has failed of this."""
    context = None if reason is None else f'{{"sync": {{"outcome": "{reason}", "reason": "so it is"}}}}'
    conversation = world.conversation(property_id, "active")
    found: UUID = world.log(
        conversation, "contacted", **{"sync_status": "failed", "context_data": context, **columns}
    )
    return found


def pending(world: World) -> set[UUID]:
    rows = world.rows("SELECT id FROM status_sync_log WHERE sync_status = 'pending'")
    return {r.id for r in rows}


def test_changes_are_chosen_by_property_time_and_reason(world: World) -> None:
    flats, ridge = world.property(0), world.property(1)
    source, refused, plain = (failed(world, flats, r) for r in ("unknown_source", "refused", None))
    other = failed(world, ridge, "refused")
    world.do(
        "UPDATE domiq_sync.change SET logged_at = now() - interval '1 day' WHERE change_id = :c", c=other
    )
    yesterday = datetime.now(UTC) - timedelta(hours=23)

    def would(**choice: Any) -> dict[tuple[str, str], int]:
        return dict(put_back(world.engine, Choice(**choice), dry_run=True).counts)

    before = world.versions()
    assert would(reason="refused") == {("juniper-flats", "refused"): 1, ("copper-ridge", "refused"): 1}
    assert would(property_id=ridge) == {("copper-ridge", "refused"): 1}
    assert would(since=yesterday, reason="refused") == {("juniper-flats", "refused"): 1}
    assert would(property_id=ridge, since=yesterday) == {}
    assert len(would()) == 4
    assert world.versions() == before

    assert put_back(world.engine, Choice(flats, reason="refused")).counts == {("juniper-flats", "refused"): 1}
    assert pending(world) == {refused}
    assert put_back(world.engine, Choice(reason="(none)")).total == 1
    assert pending(world) == {refused, plain}
    assert put_back(world.engine, Choice(since=yesterday)).total == 1
    assert pending(world) == {refused, plain, source}
    assert put_back(world.engine).total == 1
    assert put_back(world.engine).total == 0
    assert world.conservation() == []


def test_who_asked_and_what_for_is_on_record_each_time(world: World) -> None:
    flats = world.property()
    change = failed(world, flats, "refused", context_data='{"sync": {"outcome": "refused"}, "mine": 1}')
    since = datetime(2026, 3, 1, tzinfo=UTC)
    put_back(world.engine, Choice(flats, since, "refused"), by="ada@desk")
    world.do("UPDATE status_sync_log SET sync_status = 'failed'")
    world.do("DELETE FROM domiq_sync.delivery")
    put_back(world.engine, Choice())
    context = world.value("SELECT context_data FROM status_sync_log WHERE id = :c", c=change)
    first, second = context.pop("retries")
    assert context == {"mine": 1}
    assert (first["by"], first["property"], first["reason"]) == (
        "ada@desk",
        "juniper-flats",
        "refused",
    )
    assert (first["since"], first["after"]) == ("2026-03-01T00:00:00+00:00", {"outcome": "refused"})
    assert (second["by"], second["property"], second["since"], second["after"]) == (None, None, None, None)
    assert first["at"] < second["at"]


@pytest.mark.parametrize(
    ("context", "kept"), [('["a list"]', {"original": ["a list"]}), ("7", {"original": 7}), (None, {})]
)
def test_what_the_application_wrote_stays(world: World, context: str | None, kept: dict[str, Any]) -> None:
    failed(world, world.property(), None, context_data=context)
    assert put_back(world.engine).total == 1
    found = world.value("SELECT context_data FROM status_sync_log")
    assert len(found.pop("retries")) == 1
    assert found == kept


def test_changes_of_one_conversation_go_in_their_order_and_overtaken_ones_stay(world: World) -> None:
    flats = world.property()
    chat, overtaken = world.conversation(flats, "active"), world.conversation(flats, "active")
    for status in ("new", "contacted", "qualified"):
        world.log(chat, status, sync_status="failed")
    world.log(overtaken, "new", sync_status="failed")
    world.log(overtaken, "contacted", sync_status="success")
    world.log(overtaken, "qualified", sync_status="failed")
    done = put_back(world.engine, Choice())
    assert (done.total, done.overtaken) == (4, 1)
    heads = world.rows("SELECT seq, is_head FROM domiq_sync.delivery WHERE lane = :l ORDER BY seq", l=chat)
    assert [h.is_head for h in heads] == [True, False, False]
    world.sync()
    told = [re.findall(r"-> (\w+)\.", e["comments"]) for e in world.lead_of(chat)["events"]]
    assert told == [["new"], ["contacted"], ["qualified"]]


def test_two_operators_at_once_put_each_change_back_once(world: World) -> None:
    """The second one chose the same change, and waits for the first one's transaction."""
    change = failed(world, world.property(), "refused")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    with ThreadPoolExecutor(1) as pool:
        with world.engine.begin() as first:
            first.execute(
                text("UPDATE status_sync_log SET sync_status = 'pending' WHERE id = :c"), {"c": change}
            )
            second = pool.submit(put_back, world.engine, Choice())
            deadline = time.monotonic() + 10
            while not world.value(waiting):
                assert time.monotonic() < deadline
        assert second.result().total == 0
    context = world.value("SELECT context_data FROM status_sync_log")
    assert "retries" not in context
    assert world.reconcile().found[UNDELIVERED].total() == 1  # the first one's, made by hand here


def test_a_choice_that_makes_no_sense_is_refused_with_what_there_is(world: World) -> None:
    flats = world.property()
    assert put_back(world.engine, Choice(reason="unknwon_source")).total == 0  # nothing has failed
    for reason in ("refused", "refused", "unknown_source"):
        failed(world, flats, reason)
    with pytest.raises(CannotRetry) as wrong:
        put_back(world.engine, Choice(reason="unknwon_source"))
    assert str(wrong.value) == (
        "No change has failed of unknwon_source. Changes have failed of: refused (2), unknown_source (1)."
    )
    with pytest.raises(CannotRetry, match=r"^2199-01-01 00:00:00 UTC is in the future: no change was logged"):
        put_back(world.engine, Choice(since=datetime(2199, 1, 1, tzinfo=UTC)))
    assert pending(world) == set()
