"""The delivery of changes under everything that may happen: see tests/machine/delivery_machine.py."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.depth import SOAK_MINUTES
from tests.machine.delivery_machine import DeliveryMachine
from tests.machine.house import House, house_at
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

_EVERYDAY = settings(derandomize=True, database=None, max_examples=8, stateful_step_count=30)
"""The same steps each time: what is new is looked for by `make soak`."""
_SOAK = settings(max_examples=100, stateful_step_count=50, print_blob=True)
open_defects = pytest.mark.skipif(
    SOAK_MINUTES == 0, reason="some of these show defects that are open: DOMIQ_SOAK_MINUTES=1 runs them"
)
_MOMENTS = range(1, 13)
"""At which a worker may freeze on its way: a creation has no more."""


@pytest.fixture
def house(domiq_url: str) -> Iterator[House]:
    with house_at(domiq_url) as house:
        yield house


def run(house: House, how: settings) -> None:
    machine = type("Machine", (DeliveryMachine,), {"house": house})
    run_state_machine_as_test(
        machine, settings=settings(how, deadline=None, suppress_health_check=list(HealthCheck))
    )


def play(house: House, name: str, steps: list[Step], first: list[str], known: str | None = None) -> None:
    try:
        told(house, steps, first=first, known=known)
    except AssertionError as error:
        error.add_note(f"The story: {name}")
        raise


@pytest.mark.skipif(SOAK_MINUTES > 0, reason="a soak takes other steps each time")
def test_whatever_happens_each_change_arrives_once_and_in_order(house: House) -> None:
    run(house, _EVERYDAY)


@pytest.mark.skipif(SOAK_MINUTES == 0, reason="only under make soak")
def test_it_does_so_for_minutes(domiq_url: str) -> None:
    """By turns with one thread at an account, whose failures can be repeated, and with two."""
    ends, abreast = time.monotonic() + SOAK_MINUTES * 60, 1
    while time.monotonic() < ends:
        with house_at(domiq_url, abreast=abreast) as house:
            run(house, _SOAK)
        abreast = 3 - abreast


@open_defects
@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_random_steps_seldom_tell(house: House, name: str) -> None:
    play(house, name, STORIES[name], ["new"] * 4)


@open_defects
@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_worker_that_was_overtaken_changes_nothing(house: House, moment: int) -> None:
    play(house, "a reactivation", late_tellers(moment), ["lost"])
    play(house, "a creation", late_creators(moment), ["lost"])
    play(house, "a lead that is known as lost", late_creators(moment), ["qualified"], known="Lost")


@open_defects
@pytest.mark.parametrize("moment", _MOMENTS)
def test_what_a_slow_worker_read_is_not_taken_for_news(house: House, moment: int) -> None:
    play(house, "two chats of one person", two_chats(moment), ["new", "new", "completed"])


@open_defects
def test_a_lead_that_only_its_own_delivery_has_seen_is_decided_as_it_decided(house: House) -> None:
    """No pull has told yet how old the lead's status is."""
    play(house, "a second try", [pushed("unreachable"), later(10.0), pushed()], ["new"], known="Lost")
    play(house, "outage", [pushed("unreachable"), operator("reconcile")], ["new"], known="Lost")
    play(house, "refusal", [pushed("refused"), operator("reconcile")], ["new"], known="Lost")
