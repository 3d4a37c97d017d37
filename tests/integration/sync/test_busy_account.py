"""An account that others keep busy is left after one wait."""

from __future__ import annotations

from typing import Any

import pytest

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.account_gate import AccountGate, BreakerRules
from domiq_dagster.sync.pull.pulls import pull_all
from tests.fixtures.world import World


@pytest.fixture
def impatient(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[ResManClient, list[str]]:
    """A client that waits for a slot for a moment only, and the accounts whose slots it waited for in
    vain."""
    client = world.make_client(gate_wait_ms=20, rules=BreakerRules(longest_wait=0.1))
    gate, in_vain = client._v2.transport._guard, []

    def busy(account_id: str) -> Any:
        in_vain.append(account_id)
        return AccountGate._busy(gate, account_id)

    monkeypatch.setattr(gate, "_busy", busy)
    return client, in_vain


def test_a_push_leaves_an_account_that_others_keep_busy(
    world: World, impatient: tuple[ResManClient, list[str]]
) -> None:
    """Each thread there waits for one change, and not for each further one anew."""
    client, in_vain = impatient
    property_id = world.property()
    world.sync()
    for _ in range(8):
        world.conversation(property_id, "contacted")
    with world.client.together("400"):
        report = world.push(client)
    assert 1 <= len(in_vain) <= 2
    assert report.outages == {"400": "account_busy"}
    assert report.ended == "others keep account 400 busy"
    assert world.rows("SELECT FROM domiq_sync.delivery WHERE attempts > 0") == []


def test_a_pull_leaves_an_account_that_others_keep_busy(
    world: World, impatient: tuple[ResManClient, list[str]]
) -> None:
    client, in_vain = impatient
    for number in range(3):
        world.property(number)
    with world.client.together("400"):
        pulled, errors = pull_all(world.engine, client, world.integrations())
    assert in_vain == ["400"]
    assert pulled == {}
    assert [getattr(error, "kind", None) for error in errors.values()] == ["account_busy"] * 3
