"""A run whose process is gone holds nothing up: the tables say who is at work, not Dagster's status of a
run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import DagsterRunStatus, RunRequest, RunsFilter, SkipReason
from sqlalchemy import text

from domiq_dagster import run_liveness as liveness
from domiq_dagster import schedules, sensors
from domiq_dagster.ranges import all_properties
from domiq_dagster.schedules import SCHEDULE_NAME
from domiq_dagster.sync import workers
from domiq_dagster.sync.workers import Presence, runs_seen
from tests.fixtures.dagster_instance import Harness
from tests.integration.dagster.test_schedules_and_jobs import ask as ask_schedule
from tests.integration.dagster.test_sensors import ask, requested, under_way


@pytest.fixture
def harness(stored_harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """The start of the database counts as a word of everybody, and it was a moment ago: nobody is given
    long."""
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 0.5)
    return stored_harness


def at_work(harness: Harness, run_id: str, job: str, silent_for: float) -> None:
    """The process of a run said so long ago that it lives."""
    harness.world.do(
        "INSERT INTO domiq_sync.worker (name, job, run_id, seen_at) "
        "VALUES (:r, :j, :r, clock_timestamp() - :s * interval '1 second')",
        r=run_id, j=job, s=silent_for,
    )  # fmt: skip


def started_long_ago(harness: Harness, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own clock is not ours to set: its records are looked at later instead."""
    del run_id

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(minutes=10)

    monkeypatch.setattr(liveness, "datetime", Later)


DEAD, ALIVE = 31.0, -3600.0


def test_a_dead_push_does_not_hold_the_next_one_up(harness: Harness) -> None:
    (flats,) = harness.connect(0)
    harness.world.conversation(flats, "new")
    run = under_way(harness, "push", DagsterRunStatus.STARTED)
    at_work(harness, run, "push", ALIVE)
    assert isinstance(ask(harness, sensors.pending_changes), SkipReason)
    harness.world.do("UPDATE domiq_sync.worker SET seen_at = seen_at - interval '2 hours'")
    assert isinstance(ask(harness, sensors.pending_changes), RunRequest)


def test_dead_runs_are_marked_as_failed_and_live_ones_are_left(harness: Harness) -> None:
    harness.connect(0)
    jobs = ("push", "notify", "pull", "reconcile_pending")
    dead = [under_way(harness, job, DagsterRunStatus.STARTED) for job in jobs]
    for run, job in zip(dead, jobs, strict=True):
        at_work(harness, run, job, DEAD)
    alive = under_way(harness, "push", DagsterRunStatus.STARTED)
    at_work(harness, alive, "push", ALIVE)
    assert isinstance(told := ask(harness, sensors.dead_runs), SkipReason)
    assert told.skip_message == "4 dead runs"
    states = {run: harness.instance.get_run_by_id(run) for run in (*dead, alive)}
    assert {run: found.status.value for run, found in states.items() if found} == {
        **dict.fromkeys(dead, "FAILURE"),
        alive: "STARTED",
    }
    assert isinstance(told := ask(harness, sensors.dead_runs), SkipReason)
    assert told.skip_message == "0 dead runs"


def test_the_dead_of_a_backfill_and_a_gap_leave_their_places(harness: Harness) -> None:
    """D1: Dagster lets one run of a gap, and two of backfills, run at a time, by their status."""
    harness.connect(0)
    tags = ({"dagster/backfill": "b"}, {sensors.REASON: "gap"})
    for tag in tags:
        at_work(harness, under_way(harness, "pull", DagsterRunStatus.STARTED, tag), "pull", DEAD)
    assert ask(harness, sensors.dead_runs).skip_message == "2 dead runs"  # type: ignore[union-attr]
    for tag in tags:
        filters = RunsFilter(tags=tag, statuses=liveness.UNDER_WAY)
        assert harness.instance.get_runs_count(filters) == 0


def test_a_dead_notify_does_not_hold_the_next_one_up(harness: Harness) -> None:
    """D1."""
    (flats,) = harness.connect(0)
    harness.world.log(harness.world.conversation(flats, "active"), "qualified")
    harness.world.do(
        "INSERT INTO status_notification_preferences (property_id, notification_method, recipients) "
        """VALUES (:p, 'sms', '["+12125550123"]')""",
        p=flats,
    )
    run = under_way(harness, "notify", DagsterRunStatus.STARTED)
    at_work(harness, run, "notify", ALIVE)
    assert isinstance(told := ask(harness, sensors.pending_notices), SkipReason)
    assert told.skip_message == "notices are being sent"
    harness.world.do("UPDATE domiq_sync.worker SET seen_at = seen_at - interval '2 hours'")
    assert isinstance(ask(harness, sensors.pending_notices), RunRequest)


def test_a_run_that_died_before_it_said_a_word_is_given_a_minute(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (flats,) = harness.connect(0)
    harness.world.conversation(flats, "new")
    run = under_way(harness, "push", DagsterRunStatus.STARTED)
    assert isinstance(ask(harness, sensors.pending_changes), SkipReason)
    assert ask(harness, sensors.dead_runs).skip_message == "0 dead runs"  # type: ignore[union-attr]
    started_long_ago(harness, run, monkeypatch)
    assert isinstance(ask(harness, sensors.pending_changes), RunRequest)
    assert ask(harness, sensors.dead_runs).skip_message == "1 dead runs"  # type: ignore[union-attr]


def test_the_run_of_another_code_location_is_not_ours_to_judge(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.connect(0)
    run = under_way(harness, "__ASSET_JOB", DagsterRunStatus.STARTED)
    started_long_ago(harness, run, monkeypatch)
    assert ask(harness, sensors.dead_runs).skip_message == "0 dead runs"  # type: ignore[union-attr]


@pytest.mark.parametrize("schedule", [schedules.pull_every_10_minutes, schedules.full_reread_nightly])
def test_a_pull_by_the_clock_does_not_wait_for_a_dead_one(harness: Harness, schedule: Any) -> None:
    harness.connect(0)
    run = under_way(harness, "pull", DagsterRunStatus.STARTED, {SCHEDULE_NAME: schedule.name})
    at_work(harness, run, "pull", ALIVE)
    assert isinstance(ask_schedule(harness, schedule), SkipReason)
    harness.world.do("UPDATE domiq_sync.worker SET seen_at = seen_at - interval '2 hours'")
    assert isinstance(ask_schedule(harness, schedule), RunRequest)


def test_a_gap_that_a_dead_run_was_to_close_is_asked_about(harness: Harness) -> None:
    harness.connect(0, 1)
    run = under_way(harness, "pull", DagsterRunStatus.STARTED, all_properties(harness.keys()))
    at_work(harness, run, "pull", ALIVE)
    assert isinstance(ask(harness, sensors.pull_gaps), SkipReason)
    harness.world.do("UPDATE domiq_sync.worker SET seen_at = seen_at - interval '2 hours'")
    assert len(requested(ask(harness, sensors.pull_gaps))) == 1


def test_a_run_says_that_it_is_alive_for_as_long_as_it_goes_on(harness: Harness) -> None:
    harness.connect(0)
    run = harness.run("push")
    (row,) = harness.world.rows("SELECT job, run_id, seen_at FROM domiq_sync.worker")
    assert (row.job, row.run_id) == ("push", run.run_id)


def test_while_the_database_was_away_nobody_could_be_seen(harness: Harness) -> None:
    """Its start counts as the last word of everybody: they are given the same time again."""
    at_work(harness, "a run", "push", 3600)
    with harness.world.engine.connect() as connection:
        started = connection.scalar(text("SELECT pg_postmaster_start_time()"))
        up_for = (datetime.now(UTC) - started).total_seconds()
        assert runs_seen(connection, patience=up_for + 60) == {"a run": True}
        assert runs_seen(connection, patience=min(up_for / 2, 1800)) == {"a run": False}


def test_a_presence_is_seen_while_it_lasts(harness: Harness) -> None:
    with Presence(harness.world.engine, "w", "push", run_id="a run", seconds=0.01):
        first = harness.world.value("SELECT seen_at FROM domiq_sync.worker")
        until = datetime.now(UTC) + timedelta(seconds=10)
        while harness.world.value("SELECT seen_at FROM domiq_sync.worker") == first:
            assert datetime.now(UTC) < until
    assert harness.world.value("SELECT count(*) FROM domiq_sync.worker") == 1
