"""Which partitions a pull marks, so that what Dagster keeps is bounded, and what the UI shows is right."""

from datetime import timedelta

import pytest
from dagster import AssetKey, DagsterEventType, PartitionsDefinition
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from domiq_dagster.partitions import properties
from domiq_dagster.ranges import SCHEDULE_NAME
from tests.fixtures.dagster_instance import Harness

SCHEDULED = {SCHEDULE_NAME: "pull_every_10_minutes"}
OUTAGE = {"kind": "status", "status": 503, "endpoint": "Prospects"}
BOTH = ("resman_leads", "inbound_status_changes")


def events(harness: Harness, asset: str, kind: DagsterEventType) -> int:
    """How many events of a kind there are of an asset."""
    logged = [
        entry.dagster_event
        for run in harness.instance.get_runs()
        for entry in harness.instance.all_logs(run.run_id, of_type=kind)
    ]
    return sum(event is not None and event.asset_key == AssetKey(asset) for event in logged)


def marks(harness: Harness) -> list[int]:
    return [events(harness, asset, DagsterEventType.ASSET_MATERIALIZATION) for asset in BOTH]


def statuses(harness: Harness, asset: str) -> dict[str, set[str]]:
    """The partitions by what the UI shows of them."""
    definition: PartitionsDefinition[str] = properties
    found = get_and_update_asset_status_cache_value(harness.instance, AssetKey(asset), definition)
    assert found is not None
    subsets = {
        "materialised": found.serialized_materialized_partition_subset,
        "failed": found.serialized_failed_partition_subset,
        "under way": found.serialized_in_progress_partition_subset,
    }
    return {
        name: set(definition.deserialize_subset(text).get_partition_keys()) if text else set()
        for name, text in subsets.items()
    }


def scheduled(harness: Harness, **options: object) -> None:
    harness.run("pull", keys=harness.keys(), tags=SCHEDULED, **options)


def test_a_pull_that_brings_nothing_marks_nothing_a_second_time(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(*range(8))
    scheduled(harness)
    assert marks(harness) == [8, 8]
    scheduled(harness)
    scheduled(harness)
    assert marks(harness) == [8, 8]
    assert statuses(harness, "resman_leads")["materialised"] == set(harness.keys())


def test_a_range_is_planned_by_one_event_an_asset(stored_harness: Harness) -> None:
    stored_harness.connect(*range(8))
    scheduled(stored_harness)
    for asset in BOTH:
        assert events(stored_harness, asset, DagsterEventType.ASSET_MATERIALIZATION_PLANNED) == 1


def test_a_pull_that_brings_something_marks_that_property(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0, 1, 7)
    scheduled(harness)
    harness.world.lead(0)
    scheduled(harness)
    assert marks(harness) == [4, 4]
    assert harness.metadata("resman_leads", "juniper-flats")["stored"] == 1


def test_a_property_that_fails_shows_as_failed_alone_and_is_said_to_once(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0, 1, 7)
    scheduled(harness)
    broken = harness.world.value(
        "SELECT resman_property_id FROM domiq_sync.integration WHERE partition_key = 'juniper-flats'"
    )
    harness.world.standin.faults({**OUTAGE, "property_id": broken})
    for _ in range(2):
        scheduled(harness, fails=True)
        for asset in BOTH:
            found = statuses(harness, asset)
            assert (found["failed"], found["under way"]) == ({"juniper-flats"}, set())
            assert found["materialised"] == set(harness.keys())
    planned = [events(harness, asset, DagsterEventType.ASSET_MATERIALIZATION_PLANNED) for asset in BOTH]
    assert planned == [4, 4]
    harness.world.standin.faults()
    scheduled(harness)
    assert marks(harness) == [4, 4]
    for asset in BOTH:
        assert statuses(harness, asset)["failed"] == set()


def test_a_day_later_it_is_marked_again(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0, 1)
    scheduled(harness)
    harness.world.do(
        "UPDATE domiq_sync.partition_mark SET marked_at = marked_at - :age "
        "WHERE partition_key = 'juniper-flats'",
        age=timedelta(days=1),
    )
    scheduled(harness)
    assert marks(harness) == [3, 3]


def test_a_property_that_is_switched_off_is_said_to_be_once(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0, 1)
    scheduled(harness)
    harness.world.do("UPDATE domiq_sync.integration SET sync_enabled = FALSE WHERE partition_key LIKE 'c%'")
    scheduled(harness)
    scheduled(harness)
    assert marks(harness) == [3, 3]
    assert harness.metadata("resman_leads", "copper-ridge") == {"switched_off": True}


@pytest.mark.parametrize("tags", [{}, {"dagster/backfill": "abc"}, {"domiq/reason": "gap"}])
def test_a_run_that_somebody_asked_for_marks_all_of_its_partitions(
    stored_harness: Harness, tags: dict[str, str]
) -> None:
    harness = stored_harness
    harness.connect(0, 1, 7)
    scheduled(harness)
    harness.run("pull", keys=harness.keys()[:2], tags=tags)
    assert marks(harness) == [5, 5]


def test_where_dagster_plans_each_partition_all_are_marked(harness: Harness) -> None:
    """Or those that are not would show as failed when another one fails."""
    harness.connect(0, 1)
    scheduled(harness)
    scheduled(harness)
    assert marks(harness) == [4, 4]


def test_a_pull_does_not_fail_for_want_of_what_was_last_marked(stored_harness: Harness) -> None:
    harness = stored_harness
    harness.connect(0, 1)
    harness.world.do("ALTER TABLE domiq_sync.partition_mark RENAME TO elsewhere")
    for _ in range(2):
        scheduled(harness)
    assert marks(harness) == [4, 4]
