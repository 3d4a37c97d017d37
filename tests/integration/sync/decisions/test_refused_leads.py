"""A lead about which DomIQ's database refuses what was decided: it is noted, and everything else goes on."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest

from domiq_dagster.cli.views.results import pass_result
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.repair.conflicts import CannotEnforce, resolve
from domiq_dagster.sync.trouble import records_in_trouble
from tests.fixtures.world import World

NO_APPLICATIONS = "ALTER TABLE conversation ADD CONSTRAINT no_applications CHECK (status <> 'application')"
CANARY = "secret.canary@example.com"


def linked(world: World, property_id: UUID, number: int, email: str) -> tuple[UUID, str]:
    """A conversation and its prospect at the stand-in's property of that number, agreed."""
    prospect = world.lead(number, email=email, last=email.partition("@")[0].title())["prospectId"]
    conversation = world.conversation(property_id, "contacted", email=email)
    world.sync(2)
    return conversation, prospect


def trouble(world: World) -> list[tuple[str, str, str]]:
    with world.engine.connect() as c:
        return [(r.kind, r.key, r.sentence) for r in records_in_trouble(c)]


def test_a_constraint_of_domiq_s_own_keeps_one_lead_back_and_nothing_else(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = world.property(0), world.property(1)
    refused, at_refused = linked(world, first, 0, CANARY)
    beside, at_beside = linked(world, first, 0, "beside@example.com")
    elsewhere, at_elsewhere = linked(world, second, 1, "elsewhere@example.com")
    outward = world.conversation(second, "qualified")
    world.do(NO_APPLICATIONS)
    world.standin.edit(at_refused, status="Applicant")
    world.standin.edit(at_beside, status="Resident")
    world.standin.edit(at_elsewhere, status="Lost")

    with caplog.at_level(logging.DEBUG):
        report = world.sync()

    assert [world.status(c) for c in (refused, beside, elsewhere)] == ["contacted", "leased", "lost"]
    assert world.last(outward).sync_status == "success"
    ((kind, key, why),) = trouble(world)
    assert (kind, key) == ("lead", str(refused))
    assert why == (
        "database_error: the database refused it (SQLSTATE 23514, no_applications of table conversation)"
    )
    with world.engine.connect() as c:
        result = pass_result(report, property_figures(c))
    assert result["ok"] is False
    assert {k: v for row in result["properties"] for k, v in row["this_pass"]["refused"].items()} == {
        key: why
    }
    assert CANARY not in caplog.text and "Failing row" not in caplog.text

    world.do("ALTER TABLE conversation DROP CONSTRAINT no_applications")
    world.sync()
    assert world.status(refused) == "application"
    assert trouble(world) == []


def test_a_trigger_that_names_the_lead_is_not_repeated(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    conversation, prospect = linked(world, world.property(), 0, CANARY)
    world.do(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'not {CANARY}, please'; END $$"
    )
    world.do(
        "CREATE TRIGGER refuse BEFORE UPDATE ON conversation FOR EACH ROW "
        "WHEN (NEW.status = 'leased') EXECUTE FUNCTION refuse()"
    )
    world.standin.edit(prospect, status="Resident")
    with caplog.at_level(logging.DEBUG):
        world.sync()
    assert world.status(conversation) == "contacted"
    assert trouble(world) == [
        ("lead", str(conversation), "database_error: the database refused it (SQLSTATE P0001)")
    ]
    assert CANARY not in caplog.text


def test_a_person_s_decision_that_cannot_be_applied_is_said_to_be_so(world: World) -> None:
    property_id = world.property(conflict_policy="manual_review")
    conversation, prospect = linked(world, property_id, 0, CANARY)
    world.standin.edit(prospect, status="Applicant")
    world.change(conversation, status="lost")
    world.sync()
    world.do(NO_APPLICATIONS)

    with pytest.raises(CannotEnforce, match=r"could not be applied \(database_error: .*no_applications"):
        resolve(world.engine, conversation, "resman", by="ada")

    world.do("ALTER TABLE conversation DROP CONSTRAINT no_applications")
    world.sync()
    assert world.status(conversation) == "application"
