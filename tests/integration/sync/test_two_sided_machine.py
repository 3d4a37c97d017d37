"""Both sides under everything that may happen: see tests/machine/two_sided_machine.py."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from domiq_dagster.db.embedded import EmbeddedServer
from tests.depth import SOAK_MINUTES
from tests.machine.harness import Harness, harness_at, migrated
from tests.machine.two_sided_machine import TwoSidedMachine
from tests.machine.two_sided_stories import EARLY, MANUAL_STORIES, SECOND_CHAT, STORIES, slow_pull, told

pytestmark = pytest.mark.soaked

_EVERYDAY = settings(derandomize=True, database=None, max_examples=5, stateful_step_count=15)
"""The same steps each time: what is new is looked for by `make soak`."""
_SOAK = settings(max_examples=40, stateful_step_count=40, print_blob=True)


@pytest.fixture(scope="module")
def url(pg_server: EmbeddedServer) -> str:
    return migrated(pg_server, "two_sided")


@pytest.fixture
def harness(url: str) -> Iterator[Harness]:
    with harness_at(url) as harness:
        yield harness


def run(harness: Harness, how: settings) -> None:
    machine = type("Machine", (TwoSidedMachine,), {"harness": harness})
    run_state_machine_as_test(
        machine, settings=settings(how, deadline=None, suppress_health_check=list(HealthCheck))
    )


@pytest.mark.skipif(SOAK_MINUTES > 0, reason="a soak takes other steps each time")
def test_whatever_happens_both_sides_agree_and_writes_stop(harness: Harness) -> None:
    run(harness, _EVERYDAY)


@pytest.mark.skipif(SOAK_MINUTES == 0, reason="only under make soak")
def test_they_do_so_for_minutes(url: str) -> None:
    """By turns with one thread at an account, whose failures can be repeated, and with two."""
    ends, abreast = time.monotonic() + SOAK_MINUTES * 60, 1
    while time.monotonic() < ends:
        with harness_at(url, abreast=abreast) as harness:
            run(harness, _SOAK)
        abreast = 3 - abreast


@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_random_steps_seldom_tell(harness: Harness, name: str) -> None:
    told(harness, STORIES[name])


@pytest.mark.parametrize("name", MANUAL_STORIES)
def test_a_story_in_which_a_person_decides(harness: Harness, name: str) -> None:
    told(harness, MANUAL_STORIES[name], policy="manual_review")


@pytest.mark.parametrize("policy", ["resman_wins", "furthest_progress"])
def test_what_one_chat_told_resman_is_no_news_for_the_next(harness: Harness, policy: str) -> None:
    told(
        harness,
        SECOND_CHAT,
        policy=policy,
        first=("new", "new", "completed", "new"),
        known=(None, "Lost"),
    )


def test_a_property_that_was_never_pulled_is_told_what_happened_since(harness: Harness) -> None:
    """A7."""
    told(harness, EARLY, early=True)


def test_a_slow_pull_overwrites_nothing_that_a_quick_one_brought(harness: Harness) -> None:
    for moment in range(1, 11) if SOAK_MINUTES else range(5, 8):
        told(harness, slow_pull(moment))
