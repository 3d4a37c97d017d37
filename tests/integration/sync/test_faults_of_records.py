"""What is wrong with one record, of whatever kind, is its own: it is named, and what is beside it goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection

from domiq_dagster.cli.views.results import pass_result, retry_result
from domiq_dagster.sync import passes
from domiq_dagster.sync import take_up as taking_up
from domiq_dagster.sync.alerts import evaluate as evaluating
from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.alerts.watched import TroubleKind
from domiq_dagster.sync.delivery import push as pushing
from domiq_dagster.sync.dry_run import forecast_push
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.notifications.notify import notify_changes
from domiq_dagster.sync.repair import reconcile as reconciling
from domiq_dagster.sync.repair.retry import Retried
from domiq_dagster.sync.rules.check import check_rules
from domiq_dagster.sync.rules.plan import plan_rules
from domiq_dagster.sync.setup import fill_settings
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.sync.take_up import take_up
from tests.fixtures.rules import action, add_rule, decisions, run, tasks
from tests.fixtures.world import World

DEEP = '{"any": ' * 3_000 + "[]" + "}" * 3_000
DIGITS = '{"lead_score": ' + "9" * 5_000 + "}"
UNREADABLE = pytest.mark.parametrize("document", [DEEP, DIGITS], ids=["3,000 deep", "5,000 digits"])
SECRET = "secret.canary@example.com"
TASK = action("create_task", title="Look")


def in_trouble(world: World) -> list[tuple[str, str]]:
    return [tuple(r) for r in world.rows("SELECT kind, key FROM domiq_sync.trouble ORDER BY 1, 2")]


def prefer(world: World, property_id: UUID, recipients: str) -> None:
    """Whoever is named in this JSON is told in DomIQ of any change."""
    world.do(
        "INSERT INTO status_notification_preferences "
        "(property_id, status_type, notification_method, recipients) "
        "VALUES (:p, 'any', 'in_app', CAST(:r AS jsonb))",
        p=property_id,
        r=recipients,
    )


def is_ok(world: World) -> bool:
    """Whether the command `sync` would end with exit code 0 after one more pass."""
    report = world.sync()
    with world.engine.connect() as connection:
        return bool(pass_result(report, property_figures(connection))["ok"])


def fails_at(spoiled: UUID, real: Callable[..., Any]) -> Callable[..., Any]:
    """A function that raises where one of its arguments is, or is of, this property."""

    def fail(*given: Any, **named: Any) -> Any:
        if any(spoiled in (each, getattr(each, "property_id", None)) for each in given):
            raise ZeroDivisionError(SECRET)
        return real(*given, **named)

    return fail


@UNREADABLE
def test_a_rule_that_cannot_be_read_is_invalid_and_the_others_run(world: World, document: str) -> None:
    """D2: conditions, and actions, that Python cannot read."""
    property_id = world.property()
    spoiled = [add_rule(world, property_id, "contacted", actions=[TASK]) for _ in range(2)]
    add_rule(world, property_id, "contacted", actions=[TASK])
    for rule, column in zip(spoiled, ("conditions", "actions"), strict=True):
        world.do(
            f"UPDATE status_workflow_rules SET {column} = CAST(:d AS jsonb) WHERE id = :r", d=document, r=rule
        )
    conversation = world.conversation(property_id, "contacted")
    assert run(world).problems == []
    assert [outcome for _, outcome, _ in decisions(world, conversation)] == ["invalid", "invalid", "ran"]
    assert len(tasks(world)) == 1
    with world.engine.connect() as connection:
        found = check_rules(connection)
    assert {f.rule_id for f in found.problems} == set(spoiled)
    assert all("cannot be read" in f.text for f in found.problems)


@UNREADABLE
def test_a_log_row_that_cannot_be_read_waits_for_the_rules_and_is_sent_and_told(
    world: World, document: str
) -> None:
    """D2: context_data that Python cannot read; rules are never decided as if it said nothing."""
    property_id = world.property()
    add_rule(world, property_id, "contacted", actions=[TASK])
    prefer(world, property_id, '["desk"]')
    spoiled, beside = (world.conversation(property_id, "contacted") for _ in range(2))
    world.do(
        "UPDATE status_sync_log SET context_data = CAST(:d AS jsonb) WHERE conversation_id = :c",
        d=document, c=spoiled,
    )  # fmt: skip
    assert not is_ok(world)
    assert [t.conversation_id for t in tasks(world)] == [beside]
    assert [world.last(c).sync_status for c in (spoiled, beside)] == ["success", "success"]
    assert in_trouble(world) == [("ruling", str(spoiled))]
    states = world.rows("SELECT state FROM domiq_sync.notification ORDER BY state")
    assert [s.state for s in states] == ["delivered", "undeliverable"]
    (plan,) = plan_rules(world.engine)
    assert (plan.unreadable, plan.problem) == (1, None)

    (doctor,) = [f for f in examine(world.engine, world.client) if "record" in f["question"]]
    assert str(spoiled) in doctor["answer"] and "run of the rules" in doctor["answer"]
    world.do("UPDATE status_sync_log SET context_data = '{}' WHERE conversation_id = :c", c=spoiled)
    ((done),) = take_up(world.engine)
    assert (done.kind, done.records, done.left) == ("ruling", 1, 0)
    assert len(tasks(world)) == 2
    assert in_trouble(world) == []


@UNREADABLE
def test_a_preference_that_cannot_be_read_tells_nobody_and_the_others_do(world: World, document: str) -> None:
    """D2: recipients that Python cannot read."""
    property_id = world.property()
    for recipients in (document, '["desk"]'):
        prefer(world, property_id, recipients)
    world.conversation(property_id, "contacted")
    assert notify_changes(world.engine).problems == []
    found = world.rows("SELECT recipient, state, state_reason FROM domiq_sync.notification ORDER BY state")
    assert [(n.recipient, n.state) for n in found] == [("desk", "delivered"), ("(nobody)", "undeliverable")]
    assert found[1].state_reason.startswith("recipients cannot be read")


def test_a_change_whose_notices_the_database_refuses_waits_and_the_others_are_told(world: World) -> None:
    """A2, D2: whatever keeps a notice from being written."""
    property_id = world.property()
    prefer(world, property_id, '["desk"]')
    conversations = [world.conversation(property_id, "contacted") for _ in range(3)]
    spoiled = world.last(conversations[1]).id
    world.do(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NEW.change_id = '{spoiled}' THEN RAISE EXCEPTION '{SECRET}'; END IF; RETURN NEW; END $$"
    )
    world.do(
        "CREATE TRIGGER refuse BEFORE INSERT ON domiq_sync.notification "
        "FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    for times in (1, 2):
        found = notify_changes(world.engine)
        assert len(found.problems) == 1 and SECRET not in found.problems[0]
        assert world.value("SELECT count(*) FROM domiq_sync.notification") == 2
        assert world.value("SELECT times FROM domiq_sync.trouble WHERE kind = 'notices'") == times
    assert in_trouble(world) == [("notices", str(spoiled))]
    world.do("DROP TRIGGER refuse ON domiq_sync.notification")
    ((done),) = take_up(world.engine)
    assert (done.kind, done.left) == ("notices", 0)
    assert world.value("SELECT count(*) FROM domiq_sync.notification") == 3
    assert in_trouble(world) == []


def test_a_kind_that_cannot_be_taken_up_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2: the rules fail as a whole, and what comes after them is dealt with all the same."""
    property_id = world.property()
    prospect = uuid4()
    for kind, key in (("ruling", "x"), ("notices", str(uuid4())), ("prospect", str(prospect))):
        world.do(
            "INSERT INTO domiq_sync.trouble VALUES (:k, :key, :p, 'refused', now() - interval '1 h')",
            k=kind, key=key, p=property_id,
        )  # fmt: skip

    def fails(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(taking_up, "run_rules", fails)
    done = {found.kind: found for found in take_up(world.engine)}
    assert (done["notices"].left, done["prospect"].left, done["ruling"].left) == (0, 1, 1)
    assert (done["notices"].problem, done["prospect"].problem) == (None, None)
    assert "ZeroDivisionError" in str(done["ruling"].problem) and SECRET not in str(done["ruling"].problem)
    assert world.value("SELECT seen_at = since FROM domiq_sync.trouble WHERE kind = 'prospect'")
    result = retry_result(Retried(), list(done.values()), dry_run=False)
    assert not result["ok"]


def test_a_status_that_the_log_refuses_is_noted_and_the_others_are_logged(world: World) -> None:
    """A2: the batch that logs what was not captured is done again one by one."""
    property_id = world.property()
    world.pulled()
    for event in ("insert", "update"):
        world.do(f"DROP TRIGGER domiq_sync_capture_{event} ON conversation")
    conversations = [world.conversation(property_id, "contacted") for _ in range(4)]
    world.do(
        f"ALTER TABLE status_sync_log ADD CONSTRAINT refused CHECK (conversation_id <> '{conversations[2]}')"
    )
    assert len(world.reconcile().problems) == 1
    assert [len(world.changes(c)) for c in conversations] == [1, 1, 0, 1]
    assert in_trouble(world) == [("status", str(conversations[2]))]
    ((tried),) = take_up(world.engine)
    assert (tried.kind, tried.left) == ("status", 1)
    world.do("ALTER TABLE status_sync_log DROP CONSTRAINT refused")
    assert world.reconcile().problems == []
    assert in_trouble(world) == []


def test_a_change_that_cannot_be_given_its_place_is_noted_and_the_others_are(world: World) -> None:
    """D2: whatever of DomIQ's or ours refuses it."""
    property_id = world.property()
    conversations = [world.conversation(property_id, "contacted") for _ in range(3)]
    spoiled = str(world.last(conversations[1]).id)
    world.do("DELETE FROM domiq_sync.delivery")
    world.do("DELETE FROM domiq_sync.change")
    world.do(f"ALTER TABLE domiq_sync.change ADD CONSTRAINT refused CHECK (change_id <> '{spoiled}')")
    found = world.reconcile()
    (problem,) = found.problems
    assert problem.startswith(f"change {spoiled}: database_error: ")
    assert found.findings[reconciling.UNADOPTED] == 2
    assert in_trouble(world) == [("change", spoiled)]
    ((tried),) = take_up(world.engine)
    assert (tried.kind, tried.left) == ("change", 1)
    world.do("ALTER TABLE domiq_sync.change DROP CONSTRAINT refused")
    assert world.reconcile().problems == []
    assert in_trouble(world) == []
    assert world.value("SELECT count(*) FROM domiq_sync.delivery") == 3


@pytest.mark.parametrize(
    ("module", "name", "part"),
    [
        (fill_settings, "_fill", "settings"),
        (pushing, "load_status_map", "status map"),
        (reconciling, "_mend_property", "reconciliation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_of_ours_at_one_property_is_that_property_s(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    module: Any,
    name: str,
    part: str,
) -> None:
    spoiled, well = world.property(0), world.property(1)
    conversations = [world.conversation(p, "contacted") for p in (spoiled, well)]
    with monkeypatch.context() as patched, caplog.at_level(logging.DEBUG):
        patched.setattr(module, name, fails_at(spoiled, getattr(module, name)))
        assert not is_ok(world)
        assert ("property", part) in in_trouble(world)
        assert world.last(conversations[1]).sync_status == "success"
    assert SECRET not in caplog.text and "ZeroDivisionError" in caplog.text
    world.later()
    assert is_ok(world)
    assert in_trouble(world) == []
    assert world.last(conversations[0]).sync_status == "success"


@pytest.mark.parametrize(
    ("name", "part"), [("complete_settings", "filling in settings"), ("pull_all", "the pull")]
)
def test_a_part_of_a_pass_that_fails_as_a_whole_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, part: str
) -> None:
    """D2."""
    conversation = world.conversation(world.property(), "contacted")
    world.pulled()

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(passes, name, fails)
    (problem,) = world.sync().problems
    assert problem.startswith(f"{part} failed: fault: ZeroDivisionError") and SECRET not in problem
    assert world.last(conversation).sync_status == "success"


def test_an_alert_that_cannot_be_evaluated_keeps_no_other_from_people(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One subject, one kind that cannot be read; and records in trouble are alerted at the second time."""
    spoiled, well = world.property(0), world.property(1)
    for property_id in (spoiled, well):
        world.do(
            "INSERT INTO domiq_sync.trouble VALUES ('lead', 'x', :p, 'refused', now(), now(), 1)",
            p=property_id,
        )
    assert evaluate(world.engine).notices == []
    world.do("UPDATE domiq_sync.trouble SET times = 2")
    real = evaluating.compose

    def compose(case: Any, *rest: Any) -> Any:
        if case.subject.property_id == spoiled:
            raise ZeroDivisionError(SECRET)
        return real(case, *rest)

    def dies(self: Any) -> Any:
        raise KeyError(SECRET)

    reader = evaluating.read_all.__globals__["_Reader"]
    with monkeypatch.context() as patched:
        patched.setattr(evaluating, "compose", compose)
        patched.setattr(reader, "_divergence", dies)
        found = evaluate(world.engine)
    assert [(n.subject.kind, n.subject.property_id) for n in found.notices] == [(TroubleKind.RECORDS, well)]
    assert len(found.problems) == 2 and SECRET not in str(found.problems)
    assert ("property", "alerts") in in_trouble(world)
    assert "retry --property" in found.notices[0].text.body
    later = evaluate(world.engine)
    assert [n.subject.property_id for n in later.notices] == [spoiled]
    assert ("property", "alerts") not in in_trouble(world)


def test_a_dry_run_foresees_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    property_id = world.property()
    for _ in range(2):
        world.conversation(property_id, "contacted")
    spoiled = world.conversation(property_id, "tour_scheduled", tour_datetime="9999-12-31 23:59:59")
    world.do("UPDATE domiq_sync.integration SET time_zone = 'America/Chicgo'")
    (integration,) = world.integrations()
    forecast = forecast_push(world.engine, integration)
    assert spoiled and forecast.error is None
    assert (forecast.would_create, sum(forecast.waits.values())) == (2, 1)


def test_a_lost_database_is_nobody_s_fault_and_ends_the_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domiq_dagster.db.errors import DatabaseUnavailable

    def gone(connection: Connection, *rest: Any) -> Any:
        raise DatabaseUnavailable("The database is gone.")

    world.property()
    monkeypatch.setattr(pushing, "load_status_map", gone)
    with pytest.raises(DatabaseUnavailable):
        world.push()
    assert in_trouble(world) == []
