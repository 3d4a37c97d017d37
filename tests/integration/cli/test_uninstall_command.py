"""domiq-sync uninstall, as somebody at a shell has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.workers import Presence
from tests.fixtures.commands import Run
from tests.fixtures.domiq_shapes import differences, whole_catalog
from tests.fixtures.world import World


@pytest.fixture
def env(world: World, tmp_path: Path) -> dict[str, str]:
    world.conversation(world.property(), "new")
    world.engine.dispose()  # its sessions would be in the way
    return {
        "DOMIQ_DATABASE_URL": world.url,
        "DOMIQ_HOME": str(tmp_path / "home"),
        "DOMIQ_ACTOR": "grace",
    }


def test_what_would_go_is_said_and_nothing_goes(world: World, run: Run, env: dict[str, str]) -> None:
    before = whole_catalog(world.url)
    done = run("uninstall", "--dry-run", "--json", **env)
    assert (done.code, done.err) == (0, "")
    for words in (
        "  schema domiq_sync: ",
        "  trigger domiq_sync_capture_update on conversation\n",
        "  index idx_status_sync_log_conversation\n",
        "With the sync go 1 connected property with its settings.",
        "1 change stays pending in the log, and nobody sends what is pending.",
        "Nothing was changed.",
    ):
        assert words in done.out
    assert (done.result["counts"]["pending"], done.result["alive"]) == (1, [])
    assert differences(before, whole_catalog(world.url)) == []


def test_it_asks_first_and_where_nobody_can_answer_it_wants_yes(
    world: World, run: Run, env: dict[str, str]
) -> None:
    before = whole_catalog(world.url)
    for arguments in ((), ("--json",)):
        sentence = run("uninstall", *arguments, **env).sentence
        assert sentence.startswith("Nobody can be asked here: give --yes. With the sync go 1 connected")
        assert "1 change stays pending in the log" in sentence
    assert differences(before, whole_catalog(world.url)) == []


def test_who_did_it_is_said_since_the_database_forgets(world: World, run: Run, env: dict[str, str]) -> None:
    done = run("uninstall", "--yes", "--why", "moved to another sync", "--json", **env)
    assert done.code == 0, done
    assert "Uninstalled by grace at " in done.out
    assert "UTC, since: moved to another sync. The database keeps no record of it." in done.out
    assert (done.result["by"], done.result["why"]) == ("grace", "moved to another sync")
    assert "set up in this database" in run("status", **env).sentence
    assert "nothing of the sync in this database" in run("uninstall", "--yes", **env).sentence
    migrate(world.engine)


def test_a_change_that_may_have_arrived_is_left_in_doubt_only_where_that_is_asked_for(
    world: World, run: Run, env: dict[str, str]
) -> None:
    world.do("UPDATE domiq_sync.delivery SET state = 'unknown'")
    world.engine.dispose()
    sentence = run("uninstall", "--yes", **env).sentence
    assert sentence.startswith("1 change may have arrived at ResMan")
    assert "domiq-sync conflicts" in sentence and "--leave-doubts" in sentence
    done = run("uninstall", "--yes", "--leave-doubts", **env)
    assert "nobody sends what is pending (1 may have arrived at ResMan)" in done.out.replace("\n", " ")
    migrate(world.engine)


def test_it_is_refused_in_one_sentence_while_a_worker_lives(
    world: World, run: Run, env: dict[str, str]
) -> None:
    with Presence(world.engine, "host-1-abc", "service", leaves=True):
        sentence = run("uninstall", "--yes", **env).sentence
        assert sentence.startswith("The sync is at work: service host-1-abc (seen ")
        assert "End workers, Dagster's daemon and its runs" in sentence
        dry = run("uninstall", "--dry-run", **env)
        assert (dry.code, "In the way, since at work: service host-1-abc" in dry.out) == (1, True)
    assert run("status", **env).code == 0
