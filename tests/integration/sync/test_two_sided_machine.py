"""Both sides under everything that may happen: see tests/machine/two_sided_machine.py."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from domiq_dagster.db.embedded import EmbeddedServer
from tests.depth import SOAK_MINUTES
from tests.machine.house import House, house_at, migrated
from tests.machine.two_sided_machine import TwoSidedMachine

_EVERYDAY = settings(derandomize=True, database=None, max_examples=8, stateful_step_count=20)
"""The same steps each time: what is new is looked for by `make soak`."""
_SOAK = settings(max_examples=40, stateful_step_count=40, print_blob=True)


@pytest.fixture(scope="module")
def url(pg_server: EmbeddedServer) -> str:
    return migrated(pg_server, "two_sided")


@pytest.fixture
def house(url: str) -> Iterator[House]:
    with house_at(url) as house:
        yield house


def run(house: House, how: settings) -> None:
    machine = type("Machine", (TwoSidedMachine,), {"house": house})
    run_state_machine_as_test(
        machine, settings=settings(how, deadline=None, suppress_health_check=list(HealthCheck))
    )


@pytest.mark.skipif(SOAK_MINUTES > 0, reason="a soak takes other steps each time")
def test_whatever_happens_both_sides_agree_and_writes_stop(house: House) -> None:
    run(house, _EVERYDAY)


@pytest.mark.skipif(SOAK_MINUTES == 0, reason="only under make soak")
def test_they_do_so_for_minutes(url: str) -> None:
    """By turns with one thread at an account, whose failures can be repeated, and with two."""
    ends, abreast = time.monotonic() + SOAK_MINUTES * 60, 1
    while time.monotonic() < ends:
        with house_at(url, abreast=abreast) as house:
            run(house, _SOAK)
        abreast = 3 - abreast
