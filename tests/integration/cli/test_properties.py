"""properties: both sides, and what is connected with what."""

from tests.fixtures.commands import Run
from tests.fixtures.world import World


def test_both_sides_are_listed_with_what_connects_them(run: Run, world: World, env: dict[str, str]) -> None:
    flats = world.property(0)
    ridge = world.property(1, connected=False)
    there = world.at_resman
    done = run("properties", "--json", **env)
    assert (done.code, done.err) == (0, "")
    (connected,) = done.result["connected"]
    assert (connected["property"], connected["property_id"], connected["resman_name"]) == (
        "juniper-flats", str(flats), there[0]["name"],
    )  # fmt: skip
    assert connected["resman_property_id"] == there[0]["propertyId"].lower()
    assert [p["property_id"] for p in done.result["only_domiq"]] == [str(ridge)]
    same_account = [p for p in there if p["accountId"] == there[0]["accountId"]]
    assert len(done.result["only_resman"]) == len(same_account) - 1
    (namesake,) = [p for p in done.result["only_resman"] if p["namesake"]]
    assert namesake["namesake"] == str(ridge)
    command = namesake["then"].split()
    assert command[:2] == ["domiq-sync", "connect"]
    assert run(*command[1:], **env).code == 0
    assert len(run("properties", "--json", **env).result["connected"]) == 2


def test_each_id_is_whole_at_80_columns(run: Run, world: World, env: dict[str, str]) -> None:
    world.property(0)
    world.property(1, connected=False)
    lines = run("properties", COLUMNS="80", **env).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert (
        lines[0] == f"1 connected, 1 only in DomIQ, {sum(' account ' in x for x in lines) - 1} only at ResMan"
    )


def test_a_property_that_resman_does_not_have_and_an_account_that_does_not_answer_are_told(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)
    world.do("UPDATE domiq_sync.integration SET resman_property_id = 'f0000000-0000-4000-8000-000000000000'")
    gone = run("properties", "--json", **env)
    assert (gone.code, gone.result["connected"][0]["gone_at_resman"]) == (1, True)
    assert "account 400 does not have it" in gone.out
    world.standin.faults({"kind": "status", "status": 500, "endpoint": "Properties"})
    silent = run("properties", "--json", **env)
    assert (silent.code, list(silent.result["not_answered"])) == (1, ["400"])
    assert run("properties", "--offline", "--json", **env).code == 0


def test_without_credentials_domiqs_side_is_told(run: Run, world: World, domiq_url: str) -> None:
    world.property(0)
    done = run("properties", "--json", DOMIQ_DATABASE_URL=domiq_url)
    assert (done.code, len(done.result["connected"])) == (0, 1)
    assert "ResMan was not asked: " in done.out
