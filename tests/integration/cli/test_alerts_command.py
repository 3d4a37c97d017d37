"""domiq-sync alerts: what is wrong, when people are told, and when they would have been."""

from datetime import datetime

from tests.fixtures.commands import Run
from tests.fixtures.world import World
from tests.integration.sync.alerts.test_evaluate import properties, settled


def test_look_tells_of_what_turned_and_list_and_status_show_it(
    run: Run, world: World, env: dict[str, str]
) -> None:
    bad, _ = properties(world, 2)
    quiet = run("alerts", "look", "--json", **env)
    assert (quiet.code, quiet.result) == (0, {"ok": True, "problems": [], "told": [], "in_alert": {}})
    assert "No alert." in run("alerts", "list", **env).out
    settled(world, bad, 0, 10)
    # The operator's address is none, so that nobody but DomIQ's own list can be told, and that is an error.
    refused = run("alerts", "look", **env, DOMIQ_OPERATOR_ADDRESS="nonsense").sentence
    assert refused.startswith("Messages of alerts did not go out: 1 by operator undeliverable")
    evaluated = run("alerts", "look", "--json", **env)
    assert evaluated.code == 1
    assert evaluated.result["in_alert"] == {"juniper-flats": ["failed_sync"]}
    listed = run("alerts", "list", "--json", "--property", "juniper-flats", **env)
    assert listed.code == 1
    (alert,) = listed.result["alerts"]
    assert (alert["property"], alert["kind"], alert["open"]) == ("juniper-flats", "failed_sync", True)
    assert alert["figures"]["failed"] == 10
    assert (alert["notices"], alert["unsent_messages"]) == (1, 1)
    assert "open Juniper Flats: failed_sync, opened " in listed.out
    assert "opened: Juniper Flats: 10 of 10 status syncs of the last 24 h failed" in listed.out
    assert run("alerts", "list", "--json", "--property", "copper-ridge", **env).result == {"alerts": []}
    status = run("status", "--json", **env)
    rows = {r["property"]: r["in_alert"] for r in status.result["properties"]}
    assert rows == {"juniper-flats": ["failed_sync"], "copper-ridge": []}
    assert "juniper-flats in alert: failed_sync (domiq-sync alerts list)" in status.out


def test_thresholds_are_shown_with_where_they_come_from_and_set(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)

    def values(*arguments: str) -> dict[str, tuple[float, str]]:
        done = run("alerts", "thresholds", "--json", *arguments, **env)
        assert done.code == 0, done
        return {t["name"]: (t["value"], t["source"]) for t in done.result["thresholds"]}

    of_flats = ("--property", "juniper-flats")
    assert values()["most_failures"] == (20, "shipped")
    tried = values("--set", "most_failures=5", "--dry-run")
    assert tried["most_failures"] == (5, "default")
    assert values()["most_failures"] == (20, "shipped")
    values("--set", "most_failures=5", "--set", "window_hours=12")
    values(*of_flats, "--set", "most_failures=50")
    mine = values(*of_flats)
    assert (mine["most_failures"], mine["window_hours"]) == ((50, "property"), (12.0, "default"))
    assert mine["recover_minutes"] == (10.0, "shipped")
    assert values(*of_flats, "--set", "most_failures=")["most_failures"] == (5, "default")
    shown = run("alerts", "thresholds", "--set", "most_failures=7", "--dry-run", **env).out
    assert "Nothing was changed." in shown
    assert [line.split() for line in shown.splitlines() if "most_failures" in line] == [
        ["most_failures", "7", "default", "5"]
    ]


def test_what_cannot_be_a_threshold_is_said_in_one_sentence(
    run: Run, world: World, env: dict[str, str]
) -> None:
    for setting, sentence in (
        ("colour=red", "There is no threshold 'colour'. There are: lowest_success_rate, most_failures, "),
        ("lowest_success_rate=101", "lowest_success_rate must be a number from 0 to 100, not '101'."),
        ("most_failures=2.5", "most_failures must be a whole number from 0 to 2147483647, not '2.5'."),
        ("window_hours=nan", "window_hours must be a number from 0.01667 to 8760, not 'nan'."),
        ("window_hours", "Write window_hours=VALUE, or window_hours= to take its value away."),
    ):
        assert run("alerts", "thresholds", "--set", setting, **env).sentence.startswith(sentence)
        assert run("alerts", "backtest", "--set", setting, **env).sentence.startswith(sentence)


def test_a_replay_shows_the_settings_in_force_beside_those_proposed(
    run: Run, world: World, env: dict[str, str]
) -> None:
    (bad,) = properties(world, 1)
    settled(world, bad, 92, 8)
    world.do("UPDATE domiq_sync.change SET logged_at = logged_at - interval '10 days'")
    done = run("alerts", "backtest", "--days", 30, "--set", "lowest_success_rate=90", "--json", **env)
    assert done.code == 0
    now, proposed = (
        {k["kind"]: k for k in done.result[name]}["failed_sync"] for name in ("in_force", "proposed")
    )
    assert (now["alerts"], now["failures"], proposed["alerts"]) == (1, 8, 0)
    (fired,) = now["fired"]
    assert fired["property"] == "juniper-flats"
    assert datetime.fromisoformat(fired["at"]) < datetime.fromisoformat(fired["until"])
    assert "With these settings (lowest_success_rate=90.0)" in done.out
    assert "cannot be replayed" in done.out
