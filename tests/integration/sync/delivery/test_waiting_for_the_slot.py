"""A post that waits for its account's slot is not on record as one that ResMan may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from domiq_dagster.resman import deadline
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync import patience
from domiq_dagster.sync.queue.queue import SEND_AGAIN
from domiq_dagster.sync.repair.conflicts import resolve_doubt
from tests.fixtures.world import POST, World


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


@contextmanager
def killed_while_a_post_waits(world: World) -> Iterator[ResManClient]:
    """A client whose process ends at the third look while it waits for the slot of a post."""
    waiter, other = world.make_client(gate_wait_ms=20), world.make_client()
    gate, post = waiter._v2.transport._guard._engine, waiter.post_lead
    looks: list[str] = []

    def look(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "domiq_sync.delivery" in statement:
            looks.append(statement)
            if len(looks) == 3:
                raise Killed

    def post_to_a_busy_account(account_id: str, *given: Any) -> Any:
        with other.together(account_id):
            event.listen(gate, "after_cursor_execute", look)
            return post(account_id, *given)

    waiter.post_lead = post_to_a_busy_account  # type: ignore[method-assign]
    with pytest.raises(Killed):
        yield waiter
    event.remove(gate, "after_cursor_execute", look)


def known_lead(world: World) -> UUID:
    chat = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    world.change(chat, status="qualified")
    return chat


def test_a_worker_that_dies_while_it_waits_leaves_no_doubt(world: World) -> None:
    chat = known_lead(world)
    with killed_while_a_post_waits(world) as waiter:
        world.push(waiter)
    assert (world.delivery().state, world.delivery().posted_at) == ("in_flight", None)
    world.later()
    assert world.push().by_outcome == {"sent": 1}
    assert world.last(chat).outcome == "sent"


def test_what_a_person_decided_is_kept_while_it_waits(world: World) -> None:
    chat = known_lead(world)
    world.standin.faults({"kind": "status", "status": 500, "endpoint": POST, "count": 1})
    world.push()
    in_doubt = world.delivery()
    assert in_doubt.posted_at is not None
    world.do("UPDATE domiq_sync.delivery SET last_outcome = 'in_doubt'")
    resolve_doubt(world.engine, in_doubt.change_id, SEND_AGAIN, by="Casey")
    with killed_while_a_post_waits(world) as waiter:
        world.push(waiter)
    waiting = world.delivery()
    assert (waiting.decided, waiting.posted_at, waiting.posted) == (
        SEND_AGAIN,
        in_doubt.posted_at,
        in_doubt.posted,
    )
    world.later()
    assert world.push().by_outcome == {"sent": 1}
    assert world.repeated_markers() == []
    assert world.last(chat).outcome == "sent"


def test_that_a_post_leaves_is_noted_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long its answer takes: meanwhile it is only looked whether the lease still holds."""
    monkeypatch.setattr(patience, "HEAR", 0.05)
    monkeypatch.setattr(deadline, "LOOK_SECONDS", 0.05)
    known_lead(world)
    world.standin.faults({"kind": "latency", "seconds": 0.5, "endpoint": POST})
    writes: list[bool] = []

    def look(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "domiq_sync.delivery" in statement:
            writes.append("UPDATE" in statement)

    gate = world.client._v2.transport._guard._engine
    event.listen(gate, "after_cursor_execute", look)
    assert world.push().by_outcome == {"sent": 1}
    event.remove(gate, "after_cursor_execute", look)
    assert writes[0]
    assert writes[1:] and not any(writes[1:])
