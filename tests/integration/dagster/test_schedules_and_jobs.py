"""The clock's side: what each schedule asks for, and that the jobs select what they promise."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    build_schedule_context,
)

from domiq_dagster import schedules
from domiq_dagster.definitions import defs
from domiq_dagster.ranges import RANGE_END, RANGE_START
from domiq_dagster.resources import all_resources
from tests.fixtures.dagster_instance import Harness
from tests.fixtures.world import World
from tests.integration.dagster.test_sensors import under_way

NIGHT = datetime(2026, 3, 5, 0, 15, tzinfo=UTC)


@pytest.fixture
def harness(environment: World, tmp_path: Path) -> Iterator[Harness]:
    """A harness whose Dagster keeps its records in files: a schedule's context wants an instance that
    stays."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Harness(environment, instance)


def ask(harness: Harness, schedule: ScheduleDefinition) -> RunRequest | SkipReason:
    """One tick at a quarter past midnight."""
    with build_schedule_context(
        harness.instance, scheduled_execution_time=NIGHT, resources=all_resources()
    ) as context:
        answer = schedule(context)
    assert isinstance(answer, RunRequest | SkipReason)
    return answer


@pytest.mark.parametrize("schedule", [schedules.pull_every_10_minutes, schedules.full_reread_nightly])
def test_a_pull_by_the_clock_is_one_run_over_all_properties(
    harness: Harness, schedule: ScheduleDefinition
) -> None:
    assert isinstance(nothing := ask(harness, schedule), SkipReason)
    assert nothing.skip_message == "no property is connected"
    harness.connect(2, 0, 1)

    asked = ask(harness, schedule)

    assert isinstance(asked, RunRequest)
    assert {RANGE_START: "copper-ridge", RANGE_END: "the-larkspur"}.items() <= asked.tags.items()
    harness.run(schedule.job_name, request=asked)
    assert harness.done("resman_leads") == harness.done("inbound_status_changes") == set(harness.keys())
    read = harness.world.rows("SELECT full_read FROM domiq_sync.pull")
    assert [row.full_read for row in read] == 3 * [schedule is schedules.full_reread_nightly]


@pytest.mark.parametrize("schedule", [schedules.pull_every_10_minutes, schedules.full_reread_nightly])
def test_a_pull_by_the_clock_waits_for_the_last_one_and_for_no_backfill(
    harness: Harness, schedule: ScheduleDefinition
) -> None:
    harness.connect(0)
    under_way(harness, schedule.job_name, DagsterRunStatus.STARTED, {"domiq/reason": "gap"})
    assert isinstance(ask(harness, schedule), RunRequest)
    under_way(harness, schedule.job_name, DagsterRunStatus.QUEUED, {"dagster/schedule_name": schedule.name})
    assert isinstance(skipped := ask(harness, schedule), SkipReason)
    assert skipped.skip_message == "the last one is still under way"


def test_the_live_pull_is_left_to_workers_that_keep_every_property_up_to_date(harness: Harness) -> None:
    harness.connect(0, 1)
    harness.world.pulled()
    assert isinstance(ask(harness, schedules.pull_every_10_minutes), RunRequest)
    harness.world.do("INSERT INTO domiq_sync.worker (name, job) VALUES ('one', 'service')")
    assert isinstance(skipped := ask(harness, schedules.pull_every_10_minutes), SkipReason)
    assert skipped.skip_message == "worker one is at it, and every property was pulled lately"
    assert isinstance(ask(harness, schedules.full_reread_nightly), RunRequest)

    harness.world.do(
        "UPDATE domiq_sync.watermark SET last_pull_at = last_pull_at - interval '11 minutes' "
        "WHERE property_id = (SELECT min(property_id::text)::uuid FROM domiq_sync.watermark)"
    )
    assert isinstance(ask(harness, schedules.pull_every_10_minutes), RunRequest)
    harness.world.do(
        "UPDATE domiq_sync.watermark SET last_pull_at = clock_timestamp(), failing_since = now()"
    )
    assert isinstance(ask(harness, schedules.pull_every_10_minutes), RunRequest)


def test_the_nightly_count_is_of_the_day_that_ended_and_of_the_one_before_in_one_run(
    harness: Harness,
) -> None:
    """What was logged late on the day before has been settled since."""
    asked = ask(harness, schedules.count_daily)
    assert isinstance(asked, RunRequest)
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == ("2026-03-03", "2026-03-04")
    harness.run("daily", request=asked)
    assert harness.done("status_sync_daily") == {"2026-03-03", "2026-03-04"}


def test_the_weekly_report_is_made_and_sent_on_mondays(harness: Harness) -> None:
    monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert schedules.report_weekly.cron_schedule == "0 15 * * 1"
    with build_schedule_context(
        harness.instance, scheduled_execution_time=monday, resources=all_resources()
    ) as context:
        (asked,) = schedules.report_weekly.evaluate_tick(context).run_requests or []
    assert asked.run_config["ops"]["status_sync_report"]["config"]["send"] is True
    harness.connect(0)
    harness.run("report", request=asked)
    assert harness.metadata("status_sync_report")["sent"] == 0, "nobody has asked"


def test_reconciliation_by_the_clock_runs_without_any_property(harness: Harness) -> None:
    with build_schedule_context(
        harness.instance, scheduled_execution_time=NIGHT, resources=all_resources()
    ) as context:
        (asked,) = schedules.reconcile_every_10_minutes.evaluate_tick(context).run_requests or []
    harness.run(schedules.reconcile_every_10_minutes.job_name, request=asked)


def test_whatever_runs_by_itself_is_on_from_the_start() -> None:
    asked = {s.name: s.default_status for s in [*(defs.schedules or []), *(defs.sensors or [])]}
    assert {job for s in defs.schedules or [] if (job := s.job_name)} == {
        "pull",
        "full_reread",
        "reconcile_pending",
        "recount_log",
        "daily",
        "report",
        "housekeeping",
    }
    assert asked == {
        **dict.fromkeys(
            [
                *("pull_every_10_minutes", "full_reread_nightly", "reconcile_every_10_minutes"),
                *("recount_nightly", "count_daily", "report_weekly"),
                "housekeeping_nightly",
            ],
            DefaultScheduleStatus.RUNNING,
        ),
        **dict.fromkeys(
            [
                "pending_changes",
                "pending_notices",
                "connected_properties",
                "pull_gaps",
                "missing_days",
                "alerts",
                "checks_by_the_clock",
                "dead_runs",
            ],
            DefaultSensorStatus.RUNNING,
        ),
    }


@pytest.mark.parametrize(
    ("job", "assets", "checks"),
    [
        (
            "pull",
            {"resman_leads", "inbound_status_changes"},
            {"pull_gaps", "divergence", "records_in_trouble"},
        ),
        (
            "full_reread",
            {"resman_leads", "inbound_status_changes"},
            {"pull_gaps", "divergence", "records_in_trouble"},
        ),
        (
            "push",
            {
                "conversation_status_pushes",
                "status_sync_log",
                "status_sync_success_rate",
                "status_workflow_actions",
                "status_notifications",
            },
            {
                "oldest_pending_change",
                "standstill",
                "conflicts_waiting",
                "event_log_growth",
                "conservation",
                "capture_misses",
                "failed_sync_threshold",
                "success_rate_totals",
                "rules_valid",
                "notifications_delivered",
            },
        ),
        ("notify", {"status_notifications"}, {"notifications_delivered"}),
        ("daily", {"status_sync_daily"}, set()),
        ("report", {"status_sync_report"}, set()),
    ],
)
def test_each_job_takes_its_assets_and_their_checks(job: str, assets: set[str], checks: set[str]) -> None:
    layer = defs.resolve_job_def(job).asset_layer
    assert {key.to_user_string() for key in layer.selected_asset_keys} == assets
    assert {key.name for key in layer.asset_graph.asset_check_keys} == checks
