"""The state machine catches an engine that is broken in one way or another: tests/machine/variants.py. Each
test names the invariant that catches it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from domiq_dagster.db.embedded import EmbeddedServer
from tests.machine import variants
from tests.machine.checks import Broken
from tests.machine.delivery_machine import DeliveryMachine
from tests.machine.harness import Harness, harness_at, migrated
from tests.machine.stories import PUT_BACK_BEFORE, STORIES, told

_SEARCH = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    max_examples=60,
    stateful_step_count=30,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def harness(pg_server: EmbeddedServer) -> Iterator[Harness]:
    with harness_at(migrated(pg_server, "broken")) as harness:
        yield harness


def caught(harness: Harness, invariant: str) -> None:
    """The machine, as it is, breaks on this invariant. Its threads wait for each other by the clock: what a
    busy machine does not repeat is looked for anew."""
    machine = type("Machine", (DeliveryMachine,), {"harness": harness})
    for tries_left in (4, 3, 2, 1, 0):
        try:
            with pytest.raises(Broken, match=f"^{invariant}: "):
                run_state_machine_as_test(machine, settings=_SEARCH)
        except Flaky:
            if not tries_left:
                raise
        else:
            return


def test_without_fencing_a_late_worker_overwrites_its_successor(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants.no_fencing(monkeypatch)
    caught(harness, "fencing")


def test_without_a_probe_a_lost_answer_doubles_the_post(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants.no_probe(monkeypatch)
    caught(harness, "duplicate")


def test_a_claim_by_creation_time_alone_loses_the_order(
    domiq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with harness_at(domiq_url) as harness:
        harness.do(variants.FREE_LANES)
        variants.no_order(monkeypatch)
        caught(harness, "order")


def test_a_claim_that_looks_at_none_out_of_turn_loses_the_order(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a story: random steps seldom tell it."""
    variants.no_look_aside(monkeypatch)
    with pytest.raises(Broken, match=r"^order: "):
        told(harness, STORIES[PUT_BACK_BEFORE], first=["new"] * 4, known=None)


def test_attempts_that_outages_burn_are_noticed(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    variants.burnt_attempts(monkeypatch)
    caught(harness, "outage")
