"""Runs that are no longer kept: Dagster purges the ticks of schedules and sensors by itself (dagster.yaml),
and keeps runs and their events for ever.

Deleting a run takes its materializations and observations along, from which the UI tells how an asset and
its partitions stand. So a run that holds the newest one of an asset, or of one of its partitions, is kept.
Evaluations of asset checks are kept by Dagster in a table of their own: a check still shows its last result.
Events of no run (those that the worker reports) cannot be deleted by what Dagster offers, but for all of an
asset's at once.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED]
_STEP = 50
_KINDS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_OBSERVATION,
}


@dataclass(slots=True)
class ForgottenRuns:
    """What became of old runs.

    Attributes:
        deleted: how many went.
        kept: how many hold the newest event of an asset or partition.
        whole: whether all were looked at; else the time was over.
    """

    deleted: int = 0
    kept: int = 0
    whole: bool = True


def forget_old_runs(
    instance: dg.DagsterInstance,
    jobs: Collection[str],
    *,
    days: float,
    failed_days: float,
    seconds: float,
    now: datetime | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ForgottenRuns:
    """Deletes runs of these jobs that ended long ago, the oldest first.

    Args:
        days: for how long runs are kept.
        failed_days: the same of runs that failed.
        seconds: when no further run is looked at.
    """
    done = ForgottenRuns()
    ends_at = clock() + seconds
    now = now or datetime.now(UTC)
    for job in jobs:
        for statuses, kept_days in ((_ENDED, days), ([dg.DagsterRunStatus.FAILURE], failed_days)):
            filters = dg.RunsFilter(
                job_name=job, statuses=statuses, updated_before=now - timedelta(days=kept_days)
            )
            if not _forget(instance, filters, done, lambda: clock() >= ends_at):
                done.whole = False
                return done
    return done


def _forget(
    instance: dg.DagsterInstance, filters: dg.RunsFilter, done: ForgottenRuns, is_over: Callable[[], bool]
) -> bool:
    """Whether there was time for all of them."""
    cursor: str | None = None
    while True:
        records = instance.get_run_records(filters, limit=_STEP, ascending=True, cursor=cursor)
        stays: str | None = None
        for record in records:
            if is_over():
                return False
            run_id = record.dagster_run.run_id
            if holds_newest(instance, run_id):
                done.kept += 1
                stays = run_id
            else:
                instance.delete_run(run_id)
                done.deleted += 1
        if len(records) < _STEP:
            return True
        # A cursor is a run that is there still: whatever stands before it was looked at.
        cursor = stays or cursor


def holds_newest(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run holds the newest materialization or observation of an asset or of one of its
    partitions."""
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_KINDS, limit=200, ascending=False)
        for record in page.records:
            event = record.event_log_entry.dagster_event
            if event is None or event.asset_key is None:
                continue
            is_observation = event.event_type is dg.DagsterEventType.ASSET_OBSERVATION
            fetch = instance.fetch_observations if is_observation else instance.fetch_materializations
            partitions = None if event.partition is None else [event.partition]
            about = dg.AssetRecordsFilter(asset_key=event.asset_key, asset_partitions=partitions)
            newest = fetch(about, limit=1).records
            # By the run: in some storages an event has another id within its run.
            if not newest or newest[0].event_log_entry.run_id == run_id:
                return True
        if not page.has_more:
            return False
        cursor = page.cursor
