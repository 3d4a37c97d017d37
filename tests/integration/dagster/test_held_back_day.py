"""Pulls stand still for a day, and start again: what ResMan's staff did meanwhile arrives, once, and nobody
has to do anything for it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dagster import SkipReason

from domiq_dagster import schedules, sensors
from tests.fixtures.dagster_instance import Harness
from tests.integration.dagster.test_sensors import ask, cursor_of, pull_at, requested

EDITS = 300
STATUSES = {"Lost": "lost", "Applicant": "application", "Resident": "leased"}


def three_zones(harness: Harness) -> list[int]:
    """A property in each of three time zones."""
    by_zone: dict[str, int] = {}
    for number, at_resman in enumerate(harness.world.at_resman):
        by_zone.setdefault(at_resman["timeZone"], number)
    assert len(by_zone) >= 3
    return list(by_zone.values())[:3]


def zones(harness: Harness) -> set[Any]:
    return {r.time_zone for r in harness.world.rows("SELECT time_zone FROM domiq_sync.integration")}


def test_a_held_back_day_arrives_whole_and_once_through_the_sensor(harness: Harness) -> None:
    world = harness.world
    properties = three_zones(harness)
    ids = harness.connect(*properties)
    now = datetime.now(UTC)
    leads = []
    for n in range(EDITS):
        property_id = properties[n % 3]
        made = world.lead(property_id, email=f"lead{n}@example.com")
        leads.append(made["prospectId"])
        world.conversation(ids[n % 3], "contacted", email=f"lead{n}@example.com", age="3 days")
    old = (now - timedelta(days=2)).isoformat()
    world.standin.control("edits", {"edits": [{"prospectId": i, "lastModified": old} for i in leads]})
    harness.run("pull", keys=harness.keys())
    harness.run("push")
    assert world.verdicts() == EDITS * ["agrees"]
    # Our own posts moved them as well: as far as the pulls know, all is two days old.
    world.standin.control("edits", {"edits": [{"prospectId": i, "lastModified": old} for i in leads]})
    world.do("UPDATE domiq_sync.resman_lead SET touched_at = now() - interval '2 days'")
    world.do("UPDATE domiq_sync.watermark SET watermark = now() - interval '2 days'")
    assert zones(harness) == {world.at_resman[n]["timeZone"] for n in properties}

    # A day in which nothing is pulled, and in which staff go on, past midnight.
    world.standin.faults(modified_since_granularity="day")
    keys = harness.keys()
    for key in keys:
        pull_at(harness, key, timedelta(hours=25))
    edits = []
    for n, prospect in enumerate(leads):
        moment = now - timedelta(hours=24) * (EDITS - n) / EDITS
        status = list(STATUSES)[n % 9 // 3]
        edits.append({"prospectId": prospect, "status": status, "lastModified": moment.isoformat()})
    days = [
        {
            datetime.fromisoformat(e["lastModified"]).astimezone(ZoneInfo(zone)).date()
            for n, e in enumerate(edits)
            if n % 3 == property_id
        }
        for property_id, zone in zip(range(3), sorted(zones(harness)), strict=True)
    ]
    # In a zone where it is just past midnight they all lie in one day; never so in all three.
    assert {len(of_property) for of_property in days} <= {1, 2} and max(map(len, days)) == 2
    world.standin.control("edits", {"edits": edits})

    answer = ask(harness, sensors.pull_gaps)
    (request,) = requested(answer)
    harness.run("pull", request=request)

    expected = {p: STATUSES[str(e["status"])] for p, e in zip(leads, edits, strict=True)}
    found = world.rows(
        "SELECT l.prospect_id, c.status FROM domiq_sync.lead_link l "
        "JOIN conversation c ON c.id = l.conversation_id"
    )
    assert {row.prospect_id: row.status for row in found} == expected
    once = "SELECT conversation_id FROM status_sync_log WHERE sync_direction = 'from_resman'"
    applied = world.rows(once)
    assert len(applied) == len(set(applied)) == EDITS
    assert harness.done("inbound_status_changes") == set(harness.keys())

    # The live pull, the sweep and the sensor find nothing more.
    assert isinstance(ask(harness, sensors.pull_gaps, cursor_of(answer)), SkipReason)
    before = world.versions()
    harness.run(schedules.pull_every_10_minutes.job_name, keys=harness.keys())
    harness.run("reconcile_pending")
    assert world.versions() == before
    assert world.rows("SELECT FROM domiq_sync.delivery") == []
