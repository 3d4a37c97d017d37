"""rules check and rules plan: what whoever writes the rules is told before they do anything."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fixtures.commands import Run
from tests.fixtures.rules import action, add_rule
from tests.fixtures.world import World


def test_check_names_what_is_wrong_and_says_so_in_its_exit_code(
    run: Run, world: World, env: dict[str, str]
) -> None:
    property_id, other = world.property(0), world.property(1)
    add_rule(world, property_id, "new", "contacted")
    fine = run("rules", "check", "--json", **env)
    assert (fine.code, fine.result["ok"], fine.result["rules"]) == (0, True, 1)
    assert "1 active rules, nothing wrong with them." in fine.out
    bad = add_rule(world, property_id, "new", None, {"moon_phase": 1})
    found = run("rules", "check", "--json", **env)
    assert found.code == 1
    assert found.result["problems"] == [
        {"property": "juniper-flats", "rule": str(bad), "problem": "unknown condition 'moon_phase'"}
    ]
    assert "cannot be understood, so it does not run" in found.out
    key = next(i.partition_key for i in world.integrations() if i.property_id == other)
    assert run("rules", "check", "--property", key, **env).code == 0


def test_plan_shows_what_a_rule_of_a_file_would_have_done(
    run: Run, world: World, env: dict[str, str], tmp_path: Path
) -> None:
    property_id = world.property()
    world.conversation(property_id, "contacted", lead_score=80)
    rule = {
        "trigger_status": "contacted", "target_status": "qualified", "conditions": {"lead_score": 70},
        "actions": [action("send_notification", recipients=["leasing_agent"]), action("create_task")],
    }  # fmt: skip
    file = tmp_path / "rule.json"
    file.write_text(json.dumps(rule))
    done = run("rules", "plan", "--rule-file", file, "--days", 3, "--json", **env)
    assert (done.code, done.err) == (0, "")
    ((planned,),) = (p["rules"] for p in done.result["properties"])
    figures = (planned["asked"], planned["ran"], planned["notifications"], planned["tasks"])
    assert (planned["moves"], figures) == ({"contacted -> qualified": 1}, (1, 1, 1, 1))
    assert "Nothing was sent or written." in done.out
    assert world.rows("SELECT FROM domiq_sync.notification") == []

    file.write_text(json.dumps({**rule, "conditions": {"moon": 1}}))
    wrong = run("rules", "plan", "--rule-file", file, **env)
    assert (wrong.code, "unknown condition 'moon'" in wrong.out) == (1, True)
    file.write_text("{")
    assert run("rules", "plan", "--rule-file", file, **env).sentence.startswith("the rule file is not JSON")
    absent = run("rules", "plan", "--rule-file", tmp_path / "none.json", **env).sentence
    assert "cannot be read" in absent
