"""A plan says what a run would do, writes nothing, and the reference's examples are rules that work."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domiq_dagster.sync.rules.check import check_rules
from domiq_dagster.sync.rules.plan import PropertyPlan, plan_rules, read_rule_file
from domiq_dagster.sync.rules.rule_file import RuleFileError
from tests.depth import examples
from tests.fixtures.rules import action, add_rule, moves, run
from tests.fixtures.world import World

pytestmark = pytest.mark.soaked

DOCS = Path(__file__).resolve().parents[4] / "docs" / "rules.md"
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
SQL = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
WORDS = ["new", "contacted", "qualified", "tour_scheduled", "application", "leased", "lost"]


def plan(world: World, content: Any = None, **options: Any) -> list[PropertyPlan]:
    tried = []
    if content is not None:
        with world.engine.connect() as connection:
            tried = read_rule_file(content if isinstance(content, str) else json.dumps(content), connection)
    since = options.pop("since", datetime.now(UTC) - timedelta(days=14))
    return plan_rules(world.engine, since=since, tried=tried, **options)


def test_a_new_rule_is_planned_and_nothing_is_written(world: World) -> None:
    property_id, other = world.property(0, time_zone="UTC"), world.property(1)
    add_rule(world, property_id, "qualified", None, None, [action("create_task")])
    add_rule(world, property_id, "contacted", None, None, [action("create_task")])
    for score in (80, 70, 60, None):
        world.change(world.conversation(property_id, "new", lead_score=score), status="contacted")
    world.conversation(other, "contacted")
    run(world)
    before = world.versions()
    recipients = ["property_manager", "leasing_agent"]
    new = {
        "property": "juniper-flats", "trigger_status": "contacted", "target_status": "qualified",
        "conditions": {"lead_score": 70},
        "actions": [action("send_notification", recipients=recipients), action("update_lead_score", add=1)],
    }  # fmt: skip

    (found,) = plan(world, new)

    assert world.versions() == before
    assert (found.partition_key, found.changes) == ("juniper-flats", 8)
    follower, planned = found.rules
    assert (planned.asked, dict(planned.moves), planned.without_value) == (
        4,
        {"contacted -> qualified": 2},
        1,
    )
    assert dict(planned.done) == {"notifications": 4, "score_changes": 2}
    assert dict(planned.outcomes) == {"ran": 2, "not_held": 2}
    # What another rule would then have done counts too, but not what it did anyhow.
    assert (follower.from_file, dict(follower.done)) == (False, {"tasks": 2})


def test_an_edited_rule_stands_for_the_one_in_the_table(world: World) -> None:
    property_id = world.property()
    rule = add_rule(world, property_id, "contacted", "lost", {"lead_score": 90})
    world.change(world.conversation(property_id, "new", lead_score=80), status="contacted")
    (now,) = plan(world)
    assert [dict(r.moves) for r in now.rules] == [{}]
    edited = {"id": str(rule), "trigger_status": "contacted", "target_status": "lost"}
    (then,) = plan(world, {**edited, "conditions": {"lead_score": 80}})
    assert [(r.rule.id, r.from_file, dict(r.moves)) for r in then.rules] == [
        (rule, True, {"contacted -> lost": 1})
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "the rule file is not JSON"),
        ("[]", "the rule file has no rule in it"),
        ("[1]", "rule 1 of the file is not a JSON object"),
        ('{"triger": 1}', "rule 1 of the file: unknown triger"),
        ('{"property": "nowhere"}', "rule 1 of the file: no connected property is called nowhere"),
        ('{"trigger_status": 1}', "rule 1 of the file: trigger_status and target_status are texts"),
        ('{"id": "x"}', "rule 1 of the file: its id is no UUID"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(world: World, content: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=re.escape(sentence)):
        plan(world, content)


rule_sets = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.none() | st.sampled_from(WORDS),
        st.sampled_from(
            [None, {"lead_score": 50}, {"updated_by": "chatbot"}, {"not": {"old_status": "new"}}]
        ),
        st.sampled_from([None, [{"type": "create_task"}]]),
    ),
    max_size=12,
)


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=rule_sets, log=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(WORDS)), max_size=6))
def test_a_plan_of_the_log_gives_the_moves_that_the_run_made(
    world: World, rules: list[Any], log: list[tuple[int, str]]
) -> None:
    world.do('TRUNCATE company, "user" CASCADE')
    property_id = world.property(time_zone="UTC")
    conversations = [world.conversation(property_id, "active", lead_score=s) for s in (40, 60)]
    for rule in rules:
        add_rule(world, property_id, *rule)
    for conversation, word in log:
        world.change(conversations[conversation], status=word)
        run(world)
    found = world.rows(
        "SELECT c.cause_rule_id, g.old_status || ' -> ' || g.new_status, count(*) FROM domiq_sync.change c "
        "JOIN status_sync_log g ON g.id = c.change_id WHERE c.cause_rule_id IS NOT NULL GROUP BY 1, 2"
    )
    (planned,) = plan(world)
    assert {(r[0], r[1]): r[2] for r in found} == {
        (p.rule.id, move): times for p in planned.rules for move, times in p.moves.items()
    }
    tasks = world.rows("SELECT rule_id, count(*) FROM domiq_sync.task GROUP BY 1")
    assert {r[0]: r[1] for r in tasks} == {
        p.rule.id: p.done["tasks"] for p in planned.rules if p.done["tasks"]
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_of_the_reference_is_a_rule_that_runs(world: World, example: str) -> None:
    property_id = world.property(time_zone="America/Chicago")
    rule = json.loads(example)
    (planned,) = plan(world, example)
    assert [r.rule.problems for r in planned.rules] == [()]
    trigger = rule["trigger_status"]
    add_rule(world, property_id, trigger, rule.get("target_status"), rule["conditions"], rule["actions"])
    conversation = world.conversation(property_id, trigger, lead_score=95, has_pets=False, source="web")
    done = run(world)
    assert done.total("failed") == done.total("invalid") == 0
    assert done.total("ran") + done.total("not_held") >= 1
    assert moves(world, conversation)[0][1] == trigger
    with world.engine.connect() as connection:
        assert check_rules(connection).ok


def test_the_reference_has_examples_of_everything() -> None:
    text = "\n".join(EXAMPLES)
    for kind in ("send_notification", "schedule_follow_up", "create_task", "update_lead_score", "any", "not"):
        assert f'"{kind}"' in text


def test_domiq_reads_and_closes_tasks_as_the_reference_says(world: World) -> None:
    property_id = world.property(time_zone="America/Chicago")
    add_rule(world, property_id, "new", None, None, [action("create_task", delay_days=1, at="09:00")])
    world.conversation(property_id, "new")
    run(world)
    read, close = (s.strip() for s in SQL[0].split(";") if s.strip())
    (task,) = world.rows(read.replace("$1", ":p"), p=property_id)
    assert (task.due_locally.hour, task.kind) == (9, "task")
    world.do(close.replace("$1", ":t"), t=task.id)
    assert world.rows(read.replace("$1", ":p"), p=property_id) == []


def test_the_check_names_loops_moves_out_of_order_and_rules_without_a_property(world: World) -> None:
    property_id, apart = world.property(0), world.property(1, connected=False)
    add_rule(world, property_id, "contacted", "qualified")
    back = add_rule(world, property_id, "qualified", "contacted")
    lost = add_rule(world, None, "new", "lost")
    far = add_rule(world, apart, "new", "lost")
    add_rule(world, property_id, "new", "lost", {"moon": 1}, active=False)
    with world.engine.connect() as connection:
        found = check_rules(connection)
    assert [(f.rule_id, f.text) for f in found.problems] == [
        (lost, "it names no property, so it applies to none")
    ]
    (loop,) = found.loops
    assert loop.text.startswith("a loop, contacted -> qualified -> contacted, by the rules ")
    assert {(f.property, f.rule_id, f.text) for f in found.warnings} == {
        ("juniper-flats", back, "qualified -> contacted is out of DomIQ's order; it is moved all the same"),
        ("(not connected)", far, "its property is not connected, so it does not run"),
    }
    assert not found.ok
