"""The machines, told to look for a bug with one seed: `pytest tests/drill/search.py --hypothesis-seed=7`.

Not collected with the suite; see run.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from domiq_dagster.db.embedded import EmbeddedServer
from tests.machine.delivery_machine import DeliveryMachine
from tests.machine.harness import Harness, harness_at, migrated
from tests.machine.two_sided_machine import TwoSidedMachine


def _search(examples: int, steps: int) -> settings:
    # Whether it is there, not its smallest form: nothing is shrunk.
    return settings(
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def harness(pg_server: EmbeddedServer) -> Iterator[Harness]:
    with harness_at(migrated(pg_server, "drill")) as harness:
        yield harness


def _run(machine: type[RuleBasedStateMachine], harness: Harness, how: settings) -> None:
    run_state_machine_as_test(type("Machine", (machine,), {"harness": harness}), settings=how)


def test_the_way_out(harness: Harness) -> None:
    _run(DeliveryMachine, harness, _search(12, 30))


def test_both_ways(harness: Harness) -> None:
    _run(TwoSidedMachine, harness, _search(10, 25))
