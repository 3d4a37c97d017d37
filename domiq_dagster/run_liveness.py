"""Which of Dagster's runs are really under way, and what becomes of those that are not.

A run that is queued will run, and one that starts is given a while. One that is started is under way only
while its process says so (`sync.workers`): after a crash of everything its status stays as it was, and
whoever waited for it would wait for an hour.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from domiq_dagster.sync import patience

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
"""The statuses of a run that is still going to do something, if its process lives."""
_MOST_RUNS = 500


def live_runs(
    instance: dg.DagsterInstance,
    seen: Mapping[str, bool],
    *,
    job_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    created_after: datetime | None = None,
) -> list[dg.DagsterRun]:
    """The runs under way, of one job, with these tags, or not there yet at a time. `seen`: see
    `sync.workers.runs_seen`."""
    now = datetime.now(UTC)
    filters = dg.RunsFilter(
        job_name=job_name, tags=dict(tags or {}), created_after=created_after, statuses=UNDER_WAY
    )
    records = instance.get_run_records(filters, limit=_MOST_RUNS)
    return [r.dagster_run for r in records if _is_live(r, seen, now)]


def _is_live(record: dg.RunRecord, seen: Mapping[str, bool], now: datetime) -> bool:
    run = record.dagster_run
    if run.status is dg.DagsterRunStatus.QUEUED or seen.get(run.run_id, False):
        return True
    return run.run_id not in seen and now - _moved_at(record) < timedelta(seconds=patience.LONGEST_RUN_START)


def _moved_at(record: dg.RunRecord) -> datetime:
    """When a run came to the status that it has."""
    if record.start_time is not None:
        return datetime.fromtimestamp(record.start_time, UTC)
    moved = record.update_timestamp
    return moved if moved.tzinfo else moved.replace(tzinfo=UTC)


def bury_dead_runs(
    instance: dg.DagsterInstance, seen: Mapping[str, bool], jobs: Sequence[str]
) -> list[dg.DagsterRun]:
    """Marks runs as failed whose process is dead: that was seen at work and is no longer, or, of these jobs,
    never was. Dagster's retries start them again. Returns them."""
    now = datetime.now(UTC)
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), limit=_MOST_RUNS
    )
    dead = [r.dagster_run for r in records if _is_dead(r, seen, jobs, now)]
    for run in dead:
        instance.report_run_failed(
            run, "The process of this run is gone: it did not say that it is alive. What it did is stored."
        )
    return dead


def _is_dead(record: dg.RunRecord, seen: Mapping[str, bool], jobs: Sequence[str], now: datetime) -> bool:
    run = record.dagster_run
    if run.run_id in seen:
        return not seen[run.run_id]
    silent = now - _moved_at(record) > timedelta(seconds=patience.BURIED)
    return silent and run.job_name in jobs
