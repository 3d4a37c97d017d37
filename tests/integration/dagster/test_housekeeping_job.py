"""The nightly housekeeping in Dagster, and which of Dagster's runs it deletes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, RunsFilter

from domiq_dagster.jobs import all_jobs
from domiq_dagster.run_retention import ForgottenRuns, forget_old_runs, holds_newest
from tests.fixtures.dagster_instance import Harness
from tests.fixtures.world import World

JOBS = [job.name for job in all_jobs]
LATER = datetime.now(UTC) + timedelta(days=40)


@pytest.fixture
def harness(environment: World, tmp_path: Path) -> Iterator[Harness]:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Harness(environment, instance)


def forget(
    harness: Harness, *, days: float = 30, seconds: float = 60, now: datetime = LATER
) -> ForgottenRuns:
    return forget_old_runs(harness.instance, JOBS, days=days, failed_days=90, seconds=seconds, now=now)


def runs(harness: Harness) -> int:
    return harness.instance.get_runs_count(RunsFilter())


def newest(harness: Harness, asset: str, partition: str | None) -> int | None:
    asked = AssetRecordsFilter(asset_key=AssetKey(asset), asset_partitions=[partition] if partition else None)
    found = harness.instance.fetch_materializations(asked, limit=1).records
    return found[0].storage_id if found else None


def test_a_run_that_holds_the_newest_of_an_asset_or_partition_stays(harness: Harness) -> None:
    harness.connect(0, 1)
    first, second = harness.keys()
    for keys in ([first, second], [first], [first]):
        harness.run("pull", keys=keys)
    harness.run("push")
    harness.run("push")
    before = {
        (asset, p): newest(harness, asset, p)
        for asset, partitions in (("resman_leads", (first, second)), ("conversation_status_pushes", (None,)))
        for p in partitions
    }
    assert None not in before.values()
    assert forget(harness, now=LATER - timedelta(days=20)) == ForgottenRuns()
    assert forget(harness) == ForgottenRuns(deleted=2, kept=3)
    assert {(a, p): newest(harness, a, p) for a, p in before} == before
    assert harness.instance.get_materialized_partitions(AssetKey("resman_leads")) == {first, second}
    assert forget(harness) == ForgottenRuns(deleted=0, kept=3)


def test_runs_that_failed_stay_longer_and_those_of_others_stay(harness: Harness) -> None:
    harness.connect(0)
    for _ in range(3):  # the first holds what was observed of the sources, the last what it found
        harness.run("reconcile_pending")
    (run, _, _) = harness.instance.get_runs()
    harness.instance.report_run_failed(run) if not run.is_finished else None
    assert (
        forget_old_runs(harness.instance, ["push"], days=30, failed_days=90, seconds=60, now=LATER)
        == ForgottenRuns()
    )
    assert forget(harness).deleted == 1


def test_it_stops_when_its_time_is_over(harness: Harness) -> None:
    harness.connect(0)
    harness.run("reconcile_pending")
    assert forget(harness, seconds=-1.0) == ForgottenRuns(whole=False)
    assert runs(harness) == 1


def test_an_asset_without_a_later_event_is_held(harness: Harness) -> None:
    harness.connect(0)
    harness.run("reconcile_pending")
    (run,) = harness.instance.get_runs()
    assert holds_newest(harness.instance, run.run_id)


def test_the_job_keeps_house_and_tells_what_went(harness: Harness) -> None:
    harness.connect(0)
    result = harness.run("housekeeping")
    (event,) = result.get_asset_observation_events()
    metadata = event.asset_observation_data.asset_observation.metadata
    assert {"gone_attempts", "gone_pulls", "gone_notices", "gone_runs"} <= metadata.keys()
    assert "gone_log" not in metadata
    result = harness.run("housekeeping", resources={"retention": {"archive_after_days": 40.0}})
    (event,) = result.get_asset_observation_events()
    assert "gone_log" in event.asset_observation_data.asset_observation.metadata


def test_a_retention_that_is_too_short_fails_the_run_with_its_sentence(harness: Harness) -> None:
    harness.connect(0)
    result = harness.run("housekeeping", fails=True, resources={"retention": {"attempts_days": 2.0}})
    assert not result.success
