"""A lock ends with the work that it was taken for, however that ends, and whoever keeps the exception."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from domiq_dagster.db.errors import DatabaseUnavailable
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.delivery.attempts import AttemptLog
from domiq_dagster.sync.passes import sync_pass
from domiq_dagster.sync.pull import pull as pulling
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.sync.pull.pulls import pull_all
from domiq_dagster.sync.setup.survey import survey
from tests.fixtures.world import World

Break = Callable[[pytest.MonkeyPatch, type[BaseException]], list[int]]


def in_the_middle(owner: Any, name: str) -> Break:
    """Breaks a method off at its third call, with an exception of this kind."""

    def broken(patched: pytest.MonkeyPatch, kind: type[BaseException]) -> list[int]:
        real, calls = getattr(owner, name), [0]

        def method(*given: Any, **named: Any) -> Any:
            calls[0] += 1
            if calls[0] == 3:
                raise kind("broken off")
            return real(*given, **named)

        patched.setattr(owner, name, method)
        return calls

    return broken


PLACES: dict[str, Break] = {
    "prospects as they stream": in_the_middle(pulling.UnreadableProspects, "note"),
    "what is staged": in_the_middle(pulling.Stage, "store"),
    "posts": in_the_middle(ResManClient, "post_lead"),
    "searches by e-mail": in_the_middle(ResManClient, "search_by_email"),
    "what an attempt came to": in_the_middle(AttemptLog, "call"),
}


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What only the garbage collector would end does not end."""
    gc.disable()
    yield
    gc.enable()


def busy_world(world: World) -> None:
    """Two properties with something to pull, to read badly, and to push."""
    for number in range(2):
        property_id = world.property(number)
        for n in range(4):
            lead = world.lead(number, email=f"p{number}.{n}@example.com", last=f"Number{n}")["prospectId"]
            if n:
                world.standin.odd(lead, values={"status": None})
        for _ in range(3):
            world.conversation(property_id, "qualified")


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    ("place", "kind"),
    [
        *((place, KeyboardInterrupt) for place in PLACES),
        *((place, KeyError) for place in ("prospects as they stream", "posts")),
        *((place, DatabaseUnavailable) for place in ("prospects as they stream", "posts")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_no_advisory_lock_outlives_a_pass(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, kind: type[BaseException]
) -> None:
    """A1: a pull broken off, a push stopped, a fault of ours in the middle of either."""
    busy_world(world)
    kept: list[BaseException] = []
    with monkeypatch.context() as patched:
        calls = PLACES[place](patched, kind)
        try:
            world.sync(2)
        except BaseException as error:
            kept.append(error)
        assert calls[0] >= 3
    assert [type(error) for error in kept] == ([] if kind is KeyError else [kind])
    assert world.kept_locks() == []
    # Nobody waits for a lock that is still had: the next pass does everything.
    world.later()
    world.do("UPDATE domiq_sync.delivery SET next_attempt_at = now()")
    world.sync()
    assert world.kept_locks() == []


@pytest.mark.usefixtures("without_collector")
def test_none_outlives_a_push_that_is_stopped(world: World) -> None:
    """A1: between any two steps of any delivery."""
    busy_world(world)
    for most in range(1, 8):
        asked = [0]

        def stop(asked: list[int] = asked, most: int = most) -> bool:
            asked[0] += 1
            return asked[0] >= most

        world.push(stop=stop)
        assert world.kept_locks() == []


@pytest.mark.usefixtures("without_collector")
def test_none_outlives_whoever_looks_at_the_first_prospects_only(world: World) -> None:
    """A1: a stream that nobody reads to its end, with the exception that ended it kept."""
    busy_world(world)
    account, there = world.at_resman[0]["accountId"], world.at_resman[0]["propertyId"]
    survey(world.client, account, there)
    assert world.kept_locks() == []

    def breaks(integration: Any, result: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as kept:
        pull_all(world.engine, world.client, world.integrations(), PullOptions(), on_property=breaks)
    assert kept.value is not None
    assert world.kept_locks() == []
    assert sync_pass(world.engine, world.client).pull_errors == {}
