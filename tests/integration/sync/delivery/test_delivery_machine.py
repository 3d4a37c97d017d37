"""The delivery of changes under everything that may happen: see tests/machine/delivery_machine.py."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from domiq_dagster.db.embedded import EmbeddedServer
from tests.depth import SOAK_MINUTES
from tests.machine.delivery_machine import DeliveryMachine
from tests.machine.harness import Harness, harness_at, migrated
from tests.machine.stories import (
    STORIES,
    Step,
    late_creators,
    late_tellers,
    later,
    operator,
    pushed,
    told,
    two_chats,
)

pytestmark = pytest.mark.soaked

_EVERYDAY = settings(derandomize=True, database=None, max_examples=8, stateful_step_count=30)
"""The same steps each time: what is new is looked for by `make soak`."""
_SOAK = settings(max_examples=40, stateful_step_count=50, print_blob=True)


def moments(everyday: list[int]) -> list[int]:
    """At which a worker freezes on its way: in a soak at each (a creation has no more than twelve)."""
    return list(range(1, 13)) if SOAK_MINUTES else everyday


@pytest.fixture(scope="module")
def url(pg_server: EmbeddedServer) -> str:
    return migrated(pg_server, "machine")


@pytest.fixture
def harness(url: str) -> Iterator[Harness]:
    with harness_at(url) as harness:
        yield harness


def run(harness: Harness, how: settings) -> None:
    machine = type("Machine", (DeliveryMachine,), {"harness": harness})
    run_state_machine_as_test(
        machine, settings=settings(how, deadline=None, suppress_health_check=list(HealthCheck))
    )


def play(harness: Harness, name: str, steps: list[Step], first: list[str], known: str | None = None) -> None:
    try:
        told(harness, steps, first=first, known=known)
    except AssertionError as error:
        error.add_note(f"The story: {name}")
        raise


@pytest.mark.skipif(SOAK_MINUTES > 0, reason="a soak takes other steps each time")
def test_whatever_happens_each_change_arrives_once_and_in_order(harness: Harness) -> None:
    run(harness, _EVERYDAY)


@pytest.mark.skipif(SOAK_MINUTES == 0, reason="only under make soak")
def test_it_does_so_for_minutes(url: str) -> None:
    """By turns with one thread at an account, whose failures can be repeated, and with two."""
    ends, abreast = time.monotonic() + SOAK_MINUTES * 60, 1
    while time.monotonic() < ends:
        with harness_at(url, abreast=abreast) as harness:
            run(harness, _SOAK)
        abreast = 3 - abreast


@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_random_steps_seldom_tell(harness: Harness, name: str) -> None:
    play(harness, name, STORIES[name], ["new"] * 4)


def test_an_overtaken_worker_that_told_of_a_lead_changes_nothing(harness: Harness) -> None:
    for moment in moments([3, 4]):
        play(harness, f"frozen at {moment}", late_tellers(moment), ["lost"])


def test_an_overtaken_worker_that_created_a_lead_changes_nothing(harness: Harness) -> None:
    for moment in moments([8, 9, 10]):
        play(harness, f"frozen at {moment}", late_creators(moment), ["lost"])


def test_an_overtaken_worker_that_found_a_lost_lead_changes_nothing(harness: Harness) -> None:
    for moment in moments([4, 5, 7]):
        play(harness, f"frozen at {moment}", late_creators(moment), ["qualified"], known="Lost")


def test_what_a_slow_worker_read_of_a_lead_is_not_taken_for_news(harness: Harness) -> None:
    for moment in moments([4, 5]):
        play(harness, f"frozen at {moment}", two_chats(moment), ["new", "new", "completed"])


@pytest.mark.parametrize("fault", ["unreachable", "refused"])
@pytest.mark.parametrize("then", ["reconcile", "second try"])
def test_a_lead_that_no_pull_has_seen_yet_is_decided_by_what_was_read(
    harness: Harness, fault: str, then: str
) -> None:
    """An old lead that was lost, and its person chats again."""
    after = [operator("reconcile")] if then == "reconcile" else [operator("retry"), later(10.0), pushed()]
    play(harness, f"{fault}, {then}", [pushed(fault), *after], ["new"], known="Lost")
