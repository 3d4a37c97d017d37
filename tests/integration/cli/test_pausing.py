"""pause and resume: what a property that is paused is spared, what is kept for it, and who is told."""

from uuid import uuid4

import pytest

from domiq_dagster.assets.conversation_status_pushes import push_metadata
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.monitoring.backlog import load_backlog
from domiq_dagster.sync.monitoring.recently_settled import recently_settled
from tests.fixtures.commands import Run
from tests.fixtures.world import POST, World

WHY = "ResMan moves this account over the weekend"


def test_a_paused_property_is_told_nothing_pulls_nothing_and_takes_no_status_until_it_is_resumed(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """F6: its neighbour goes on; what changed meanwhile is logged, and arrives once it is resumed."""
    flats, lofts = world.property(0), world.property(7)
    known = world.conversation(flats, "new", email="ada@example.com")
    world.sync(2)
    lead = world.lead_of(known)
    paused = run("pause", "juniper-flats", "--because", WHY, "--by", "Grace", "--json", **env)
    assert paused.code == 0
    (row,) = paused.result["paused"]
    assert (row["property"], row["by"], row["because"]) == ("juniper-flats", "Grace", WHY)

    asked = len(world.standin.requests())
    here, there = world.conversation(flats, "new"), world.conversation(lofts, "new")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync(2)

    assert (world.last(here).sync_status, world.last(there).sync_status) == ("pending", "success")
    assert world.status(known) == "new"
    at_flats = world.at_resman[0]["propertyId"].lower()
    assert [r for r in world.standin.requests()[asked:] if at_flats in str(r).lower()] == []

    resumed = run("resume", "juniper-flats", "--by", "Linus", "--json", **env)
    assert [(r["property"], r["paused_by"], r["pending"]) for r in resumed.result["resumed"]] == [
        ("juniper-flats", "Grace", 1)
    ]
    world.sync()
    assert (world.last(here).sync_status, world.status(known)) == ("success", "lost")
    (record,) = world.rows("SELECT * FROM domiq_sync.pause")
    assert (record.paused_by, record.because, record.resumed_by) == ("Grace", WHY, "Linus")
    assert record.paused_at < record.resumed_at
    assert world.conservation() == []


def test_who_paused_it_since_when_and_why_is_said_wherever_its_state_is_shown(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """F6: by status, explain, sync and connect, and in the metadata of the push."""
    flats = world.property(0)
    chat = world.conversation(flats, "new")
    assert run("pause", flats, "--because", f"{WHY}, ask ada@example.com", "--by", "Grace", **env).code == 0
    (record,) = world.rows("SELECT * FROM domiq_sync.pause")
    since = f"{record.paused_at:%Y-%m-%d %H:%M}"
    sentence = f"paused by Grace since {since} UTC: {WHY}"
    told = f"paused by Grace {record.paused_at:%Y-%m-%d %H:%M:%S UTC}: {WHY}"

    status = run("status", "--utc", "--json", **env)
    assert f"juniper-flats {told}, ask ada@example.com; changes that wait for it: 1" in status.out
    (row,) = status.result["properties"]
    assert (row["paused"]["by"], row["switched_off"], row["held"]) == ("Grace", True, 1)
    assert f"its property is {told}" in run("explain", chat, "--utc", **env).out
    assert sentence in run("sync", "--property", "juniper-flats", **env).sentence
    assert "resume juniper-flats first" in run("pause", flats, "--because", "again", **env).sentence
    with world.engine.connect() as connection:
        metadata = push_metadata(
            world.push(), load_backlog(connection), recently_settled(connection), diverged=0
        )
    (told,) = metadata["by_property"].records
    assert told.data["paused"].startswith(sentence)
    assert "ada@example.com" not in told.data["paused"]


def test_all_are_paused_and_those_that_were_are_resumed(run: Run, world: World, env: dict[str, str]) -> None:
    """F6: one that was switched off before is left as it was, and is resumed only by its name."""
    world.property(0)
    world.property(1)
    world.property(2, sync_enabled=False)
    keys = [i.partition_key for i in world.integrations()]

    def enabled() -> list[str]:
        return [i.partition_key for i in world.integrations()]

    would = run("pause", "--all", "--because", WHY, "--dry-run", "--json", **env)
    assert [row["property"] for row in would.result["paused"]] == keys
    assert (enabled(), world.rows("SELECT FROM domiq_sync.pause")) == (keys, [])
    assert run("pause", "--all", "--because", WHY, **env).code == 0
    assert enabled() == []
    assert "no property is switched on" in run("pause", "--all", "--because", WHY, **env).out
    resumed = run("resume", "--all", **env)
    assert (resumed.code, enabled()) == (0, keys)
    assert "No property is paused." in run("resume", "--all", **env).out
    third = world.value("SELECT partition_key FROM domiq_sync.integration WHERE NOT sync_enabled")
    by_name = run("resume", third, **env)
    assert f"{third} is resumed; it was switched off." in by_name.out
    assert len(enabled()) == 3


def test_whoever_switches_a_property_on_ends_its_pause(run: Run, world: World, env: dict[str, str]) -> None:
    """F6: by connect or by SQL; the role that did it goes on record."""
    world.property(0)
    run("pause", "juniper-flats", "--because", WHY, **env)
    world.do("UPDATE domiq_sync.integration SET sync_enabled = TRUE")
    (record,) = world.rows("SELECT p.*, session_user AS me FROM domiq_sync.pause p")
    assert (record.resumed_by, record.resumed_at is None) == (record.me, False)
    assert run("resume", "juniper-flats", **env).sentence == "juniper-flats is not paused."
    assert run("status", "--json", **env).result["properties"][0]["paused"] is None


def test_what_a_pull_brought_is_not_applied_once_its_property_is_paused(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """F6: paused between the pull and its decisions, by whoever had loaded the property before."""
    flats = world.property(0)
    chat = world.conversation(flats, "new")
    world.sync(2)
    world.standin.edit(world.lead_of(chat)["prospectId"], status="Lost")
    world.pull()
    (loaded,) = world.integrations()
    run("pause", "juniper-flats", "--because", WHY, **env)
    assert apply_property(world.engine, loaded).applied == 0
    assert world.status(chat) == "new"
    run("resume", "juniper-flats", **env)
    assert apply_property(world.engine, loaded).applied == 1
    assert world.status(chat) == "lost"


def test_a_change_that_is_being_sent_when_its_property_is_paused_is_told_of(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """F6: one that was claimed before may still arrive; none is claimed afterwards."""
    flats = world.property(0)
    world.sync()
    world.conversation(flats, "new")
    world.do(
        "UPDATE domiq_sync.delivery SET state = 'in_flight', worker = 'w', lease_token = 7, "
        "next_attempt_at = clock_timestamp() + interval '40 s'"
    )
    done = run("pause", "juniper-flats", "--because", WHY, **env)
    assert "Being sent at this moment, which may still arrive: 1." in done.out
    world.do("UPDATE domiq_sync.delivery SET state = 'ready', worker = NULL, lease_token = NULL")
    world.later()
    world.push()
    assert world.standin.requests(POST) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pause", "--because", "x"], "Name properties, or give --all"),
        (["pause", "juniper-flats", "--all", "--because", "x"], "Name properties, or give --all"),
        (["pause", "juniper-flats"], "Say why with --because"),
        (["pause", "juniper-flats", "--because", " "], "Say why with --because"),
        (["pause", "juniper-flats", "--because", "x" * 501], "Say why with --because, in 500 characters"),
        (["pause", "juniper-flats", "--because", "x", "--by", " "], "--by is empty"),
        (["pause", "nowhere", "--because", "x"], "No connected property is called nowhere. Connected: junip"),
        (["pause", str(uuid4()), "--because", "x"], "No connected property is called "),
        (["resume"], "Name properties, or give --all"),
        (["resume", "juniper-flats", "nowhere"], "No connected property is called nowhere."),
        (["resume", "juniper-flats"], "juniper-flats is not paused."),
    ],
)
def test_a_pause_that_makes_no_sense_changes_nothing(
    run: Run, world: World, env: dict[str, str], arguments: list[str], sentence: str
) -> None:
    """F6: one sentence each."""
    world.property(0)
    assert run(*arguments, **env).sentence.startswith(sentence)
    assert (len(world.integrations()), world.rows("SELECT FROM domiq_sync.pause")) == (1, [])
