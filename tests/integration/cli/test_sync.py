"""sync: one pass, what it says, and with which code it ends."""

import re

import pytest

from domiq_dagster.runtime.supervise import free_port
from tests.fake_servers.collector import collecting
from tests.fixtures.commands import Run
from tests.fixtures.world import POST, World


def test_sync_does_one_pass_and_its_figures_are_those_of_the_tables(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats, ridge = world.property(0), world.property(1)
    world.lead(0, "Lost", email="a@example.com")
    lost = world.conversation(flats, "contacted", email="a@example.com", age="1 day")
    world.conversation(ridge, "qualified")

    done = run("sync", "--json", **env)

    assert (done.code, done.err) == (0, "")
    assert world.status(lost) == "lost"
    assert done.result["ok"] is True
    assert re.search(r"^ *juniper-flats +1 +1 ", done.out, re.MULTILINE)
    by_key = {row["property"]: row for row in done.result["properties"]}
    assert by_key["juniper-flats"]["this_pass"]["applied"] == 1
    assert by_key["copper-ridge"]["this_pass"]["pushed"] == 1
    totals = done.result["totals"]
    assert totals["pending"] == totals["failed"] == totals["diverged"] == 0
    for name, direction in (("applied", "from_resman"), ("pushed", "to_resman")):
        in_log = world.value(
            "SELECT count(*) FROM status_sync_log WHERE sync_status = 'success' AND sync_direction = :d",
            d=direction,
        )
        assert totals[name] == in_log


def test_sync_of_one_property_leaves_the_others_alone(run: Run, world: World, env: dict[str, str]) -> None:
    flats, ridge = world.property(0), world.property(1)
    for each in (flats, ridge):
        world.conversation(each, "new")
    done = run("sync", "--property", "copper-ridge", "--json", **env)
    assert (done.code, [row["property"] for row in done.result["properties"]]) == (0, ["copper-ridge"])
    assert [row.property_id for row in world.rows("SELECT property_id FROM domiq_sync.delivery")] == [flats]
    assert run("sync", "--property", flats, **env).code == 0
    assert world.rows("SELECT FROM domiq_sync.delivery") == []


def test_sync_ends_with_1_when_rows_failed(run: Run, world: World, env: dict[str, str]) -> None:
    flats = world.property(0)
    world.conversation(flats, "new")
    world.standin.faults({"kind": "refuse", "endpoint": POST})
    done = run("sync", "--json", **env)
    assert (done.code, done.result["ok"], done.result["totals"]["failed"]) == (1, False, 1)


def test_sync_ends_with_1_when_only_some_properties_could_be_pulled(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)
    world.property(1)
    broken = world.at_resman[0]["propertyId"]
    world.standin.faults({"kind": "status", "status": 503, "endpoint": "Prospects", "property_id": broken})
    done = run("sync", "--json", **env)
    assert (done.code, list(done.result["pull_errors"])) == (1, ["juniper-flats"])
    assert "not pulled juniper-flats: server_fault" in done.out


def test_sync_names_the_prospect_that_it_could_not_read_and_ends_with_1(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)
    odd, good = (world.lead(0, email=f"{n}@example.com")["prospectId"] for n in "ab")
    world.standin.odd(odd, values={"lastModified": None})
    done = run("sync", "--json", **env)
    assert (done.code, done.err, done.result["pull_errors"]) == (1, "", {})
    (row,) = done.result["properties"]
    assert row["this_pass"]["unreadable"] == {odd: "has no readable lastModified"}
    assert (row["this_pass"]["stored"], row["pulled"]) == (1, 1)
    assert f"not read juniper-flats: prospect {odd} has no readable lastModified" in done.out
    assert [r.prospect_id for r in world.rows("SELECT prospect_id FROM domiq_sync.resman_lead")] == [good]
    status = run("status", "--json", **env)
    (row,) = status.result["properties"]
    assert (status.code, [r["id"] for r in row["records_in_trouble"]]) == (1, [odd])
    assert f"juniper-flats prospect {odd} has no readable lastModified (for " in status.out
    doctor = run("doctor", "--json", **env)
    bad = [f["answer"] for f in doctor.result["findings"] if not f["ok"]]
    told = f"juniper-flats: prospect {odd} has no readable lastModified (prospect: each pull asks "
    assert (doctor.code, bad) == (1, [f"{told}ResMan for it again; correct it there)"])
    world.standin.odd(odd)
    assert run("sync", "--json", **env).code == 0
    assert run("status", "--json", **env).result["ok"] is True


def test_sync_with_nothing_connected_is_done_at_once(run: Run, env: dict[str, str]) -> None:
    done = run("sync", "--json", **env)
    assert (done.code, done.result["properties"]) == (0, [])


@pytest.mark.parametrize("disabled", [False, True])
def test_sync_with_wrong_credentials_could_not_run(
    run: Run, world: World, env: dict[str, str], disabled: bool
) -> None:
    world.property(0)
    if disabled:
        world.property(1, sync_enabled=False)
    done = run("sync", **{**env, "RESMAN_API_KEY": "wrong-key-of-example"})
    assert done.sentence.startswith("No property could be pulled (`domiq-sync doctor` asks each account): ")
    assert "bad_credentials" in done.sentence
    assert "wrong-key-of-example" not in done.out + done.err


def test_sync_against_a_resman_that_is_not_there_could_not_run(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = run("sync", **{**env, "RESMAN_V1_URL": nowhere, "RESMAN_V2_URL": nowhere})
    assert re.match(r"No property could be pulled .*: unreachable: .* no connection was made", done.sentence)


def test_sync_traces_what_it_delivers_where_a_collector_is_named(
    run: Run, world: World, env: dict[str, str]
) -> None:
    conversation = world.conversation(world.property(0), "contacted")
    with collecting() as collector:
        done = run("sync", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **env)
        (change,) = collector.named("change")
    assert (done.code, done.err) == (0, "")
    assert change.trace_id == world.last(conversation).id.hex


def test_sync_does_its_pass_where_the_collector_is_gone(run: Run, world: World, env: dict[str, str]) -> None:
    conversation = world.conversation(world.property(0), "contacted")
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = run("sync", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=nowhere, **env)
    assert (done.code, done.err, done.result["ok"]) == (0, "", True)
    assert world.last(conversation).sync_status == "success"
