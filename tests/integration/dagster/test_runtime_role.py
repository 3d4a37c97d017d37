"""Every asset and job under a role that may do no more than sql/roles/runtime.sql grants."""

from collections.abc import Iterator

import pytest

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.runtime.files import shipped
from tests.fixtures.dagster_instance import Harness
from tests.fixtures.domiq_shapes import as_role, run
from tests.fixtures.rules import action, add_rule, decisions


@pytest.fixture
def runtime_role(pg_server: EmbeddedServer, domiq_url: str) -> Iterator[str]:
    """A role that inherits the script's, and owns nothing."""
    run(domiq_url, (shipped("sql") / "roles/runtime.sql").read_text())
    run(domiq_url, "CREATE ROLE runner LOGIN BYPASSRLS IN ROLE domiq_sync_runtime")
    yield "runner"
    run(pg_server.url("postgres"), "DROP ROLE runner")


def test_every_asset_is_materialised_by_a_role_with_the_script_s_grants_alone(
    harness: Harness, domiq_url: str, runtime_role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F7: pull, push, rules, notices, the daily count and the sweep."""
    monkeypatch.setenv("DOMIQ_DATABASE_URL", as_role(domiq_url, runtime_role))
    world = harness.world
    (flats,) = harness.connect(0)
    world.lead(0, "Lost", email="b@example.com")
    moved = world.conversation(flats, "contacted", email="b@example.com", age="2 days")
    told = world.conversation(flats, "qualified")
    world.do(
        "INSERT INTO status_notification_preferences "
        "(property_id, status_type, notification_method, recipients) "
        """VALUES (:p, 'any', 'in_app', '["front-notice_world"]')""",
        p=flats,
    )
    actions = [action("create_task", title="Call"), action("update_lead_score", add=7)]
    add_rule(world, flats, "qualified", actions=actions)
    world.change(told, status="contacted")
    world.change(told, status="qualified")
    harness.run("pull", keys=harness.keys())
    harness.run("push")
    harness.run("reconcile_pending")
    harness.run("daily", partition=str(world.value("SELECT max(logged_at)::date FROM domiq_sync.change")))
    assert world.status(moved) == "lost"
    assert world.last(told).sync_status == "success"
    assert {outcome for _, outcome, _ in decisions(world, told)} == {"ran"}
    assert world.value("SELECT count(*) FROM domiq_sync.task WHERE conversation_id = :c", c=told) > 0
    assert world.value("SELECT count(*) FROM domiq_sync.notification WHERE state = 'delivered'") > 0
