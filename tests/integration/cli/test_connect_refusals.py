"""D15, F5: what ResMan says it does not have is refused, with what it has; --force connects it even so."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.fixtures.commands import Run, resman_options
from tests.fixtures.world import World


@pytest.fixture
def flats(world: World) -> UUID:
    found = world.property(0, connected=False)
    world.conversation(found, "contacted")
    return found


def stored(world: World) -> list[Any]:
    return world.rows("SELECT resman_account_id, resman_property_id, agent_id FROM domiq_sync.integration")


@pytest.mark.parametrize("way", [[], ["--yes"]], ids=["a script", "--yes"])
def test_a_property_that_the_account_does_not_have_is_refused_with_those_that_it_has(
    run: Run, world: World, env: dict[str, str], flats: UUID, way: list[str]
) -> None:
    account = world.at_resman[0]["accountId"]
    wanted = ("connect", "--property", flats, "--account", account, "--resman-property", "foo")
    said = run(*wanted, *way, **env).sentence
    assert f"account {account} has no property foo" in said
    for there in world.at_resman:
        listed = f"{there['name']} is {there['propertyId']}" in said
        assert listed == (there["accountId"] == account)
    assert "--force" in said
    assert stored(world) == []
    tried = run(*wanted, "--dry-run", "--json", **env)
    assert (tried.code, tried.result["ok"], tried.result["forecast"]) == (1, False, None)
    assert "no property foo" in tried.result["objections"][0]
    assert run(*wanted, *way, "--force", **env).code == 0
    assert stored(world) == [(account, "foo", None)]


def test_an_account_that_the_credentials_do_not_reach_is_refused(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    there = world.at_resman[0]["propertyId"]
    wanted = ("connect", "--property", flats, "--account", "987654", "--resman-property", there, "--yes")
    assert "account 987654 is not one that ResMan lets these credentials use" in run(*wanted, **env).sentence
    assert stored(world) == []
    assert run(*wanted, "--force", **env).code == 0


@pytest.mark.parametrize("option", ["--agent", "--source", "--lost-reason"])
def test_an_id_that_the_account_does_not_have_is_refused_with_those_that_it_has(
    run: Run, world: World, env: dict[str, str], flats: UUID, option: str
) -> None:
    wanted = ("connect", "--property", flats, *resman_options(world), "--yes")
    nobody = uuid4()
    said = run(*wanted, option, nobody, **env).sentence
    word = option.removeprefix("--").replace("-", " ")
    assert f"has no {word} {nobody} (it has: " in said
    assert stored(world) == []
    # One of those that it names is taken, however it is written.
    offered = said.split("it has: ")[1].split(" is ")[1].split(",")[0].split(")")[0]
    assert run(*wanted, option, f"{{{offered.upper()}}}", **env).code == 0


def test_what_cannot_be_asked_is_no_objection(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    world.standin.faults(entitlements={"Properties": False, "GetEmployees": False})
    done = run("connect", "--property", flats, *resman_options(world), "--agent", "any", "--yes", **env)
    assert (done.code, done.err) == (0, "")
    assert stored(world)[0].agent_id == "any"


def test_a_property_that_could_not_be_read_is_forecast_nothing(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    world.standin.faults({"kind": "status", "status": 400, "endpoint": "Prospects"})
    done = run("connect", "--property", flats, *resman_options(world), "--dry-run", "--json", **env)
    forecast = done.result["forecast"]
    assert forecast["error"]
    assert not any(value for name, value in forecast.items() if name not in ("property", "error"))


def test_of_a_move_to_another_property_there_nothing_is_forecast_from_the_old_links(
    run: Run, world: World, env: dict[str, str], flats: UUID
) -> None:
    """B11: the links that it has are to end with the move."""
    world.connect(flats, 0)
    wanted = ("connect", "--property", flats, *resman_options(world, 1), "--dry-run", "--json")
    done = run(*wanted, **env)
    assert "another property at ResMan until now" in done.result["forecast"]["error"]
    assert stored(world)[0].resman_property_id == world.at_resman[0]["propertyId"]
