"""The sensors, asked as the daemon asks them: what they want run, and that they want it once."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import (
    DagsterRunStatus,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)
from dagster import SensorDefinition as Sensor
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from domiq_dagster import sensors
from domiq_dagster.definitions import defs
from domiq_dagster.ranges import RANGE_END, RANGE_START
from domiq_dagster.resources import LimitsResource, ThresholdResource, all_resources
from domiq_dagster.sync.alerts.dispatch import AlertNotSent
from tests.fake_servers.smtp import Mailbox, SmtpServer
from tests.fixtures.dagster_instance import Harness

Answer = RunRequest | SensorResult | SkipReason


def ask(harness: Harness, sensor: Sensor, cursor: str | None = None, **resources: Any) -> Answer:
    """One evaluation. Partitions that it wants added or deleted are, as the daemon would do it."""
    with build_sensor_context(
        harness.instance, cursor=cursor, resources=all_resources() | resources
    ) as context:
        answer = sensor(context)
    assert isinstance(answer, RunRequest | SensorResult | SkipReason)
    for request in (isinstance(answer, SensorResult) and answer.dynamic_partitions_requests) or []:
        for key in request.partition_keys:
            if type(request).__name__.startswith("Add"):
                harness.instance.add_dynamic_partitions("property", [key])
            else:
                harness.instance.delete_dynamic_partition("property", key)
    return answer


def requested(answer: Answer) -> list[RunRequest]:
    """The runs that a sensor asked for."""
    assert isinstance(answer, SensorResult)
    return list(answer.run_requests or [])


def cursor_of(answer: Answer) -> str | None:
    assert isinstance(answer, SensorResult)
    return answer.cursor


def under_way(
    harness: Harness, job: str, status: DagsterRunStatus, tags: dict[str, str] | None = None
) -> str:
    """A run of a job that is in this state; its id."""
    property_id = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("domiq_dagster"), "__repository__")
    origin = RemoteJobOrigin(property_id, job)
    run = harness.instance.create_run_for_job(
        defs.resolve_job_def(job), status=status, remote_job_origin=origin, tags=tags
    )
    found = harness.instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is status
    return run.run_id


def pull_at(harness: Harness, key: str, age: timedelta) -> None:
    """The last good pull of a property was so long ago."""
    harness.world.do(
        "INSERT INTO domiq_sync.watermark (property_id, last_pull_at) "
        "SELECT property_id, clock_timestamp() - :age FROM domiq_sync.integration WHERE partition_key = :k "
        "ON CONFLICT (property_id) DO UPDATE SET last_pull_at = EXCLUDED.last_pull_at",
        k=key, age=age,
    )  # fmt: skip


class TestPendingChanges:
    def test_it_asks_for_a_push_when_changes_are_due_and_not_before(self, harness: Harness) -> None:
        (flats,) = harness.connect(0)
        assert isinstance(nothing := ask(harness, sensors.pending_changes), SkipReason)
        assert nothing.skip_message == "nothing is due (0 pending)"
        harness.world.conversation(flats, "new")
        harness.world.conversation(flats, "new")

        asked = ask(harness, sensors.pending_changes)

        assert isinstance(asked, RunRequest)
        assert (asked.tags, asked.run_key) == ({"domiq/due": "2", "dagster/max_retries": "0"}, None)
        harness.run("push", tags=asked.tags)
        assert isinstance(ask(harness, sensors.pending_changes), SkipReason)

    def test_a_change_that_only_the_rules_wait_for_starts_one_too(self, harness: Harness) -> None:
        (flats,) = harness.connect(0, time_zone="UTC")
        chat = harness.world.conversation(flats, "active")
        harness.world.log(chat, "lost", sync_direction="from_resman", sync_status="success")
        asked = ask(harness, sensors.pending_changes)
        assert isinstance(asked, RunRequest)
        assert asked.tags == {"domiq/due": "0", "domiq/wait_for_rules": "1", "dagster/max_retries": "0"}
        harness.run("push", tags=asked.tags)
        assert isinstance(ask(harness, sensors.pending_changes), SkipReason)

    def test_a_worker_that_is_alive_takes_them_along_and_a_dead_one_does_not(self, harness: Harness) -> None:
        (flats,) = harness.connect(0)
        harness.world.conversation(flats, "new")
        harness.world.do(
            "INSERT INTO domiq_sync.worker (name, job, lag_seconds) VALUES ('host:1', 'service', 0.5)"
        )
        answer = ask(harness, sensors.pending_changes)
        assert isinstance(answer, SkipReason)
        assert answer.skip_message == "worker host:1 is at it, 0.5 s behind"
        harness.world.do("UPDATE domiq_sync.worker SET seen_at = seen_at - interval '26 seconds'")
        assert isinstance(ask(harness, sensors.pending_changes), RunRequest)

    @pytest.mark.parametrize("status", ["QUEUED", "NOT_STARTED", "STARTING", "STARTED"])
    def test_a_push_under_way_takes_them_along(self, harness: Harness, status: str) -> None:
        (flats,) = harness.connect(0)
        harness.world.conversation(flats, "new")
        under_way(harness, "pull", DagsterRunStatus.STARTED)
        assert isinstance(ask(harness, sensors.pending_changes), RunRequest)
        under_way(harness, "push", DagsterRunStatus(status))
        assert isinstance(skipped := ask(harness, sensors.pending_changes), SkipReason)
        assert skipped.skip_message == "a push is under way"

    @pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCELED"])
    def test_a_push_that_ended_does_not_hold_the_next_one_up(self, harness: Harness, status: str) -> None:
        (flats,) = harness.connect(0)
        harness.world.conversation(flats, "new")
        under_way(harness, "push", DagsterRunStatus(status))
        assert isinstance(ask(harness, sensors.pending_changes), RunRequest)

    @pytest.mark.parametrize(
        "obstacle",
        [
            "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 min'",
            "UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() + interval '1 min'",
            "UPDATE domiq_sync.integration SET sync_enabled = FALSE",
            "UPDATE domiq_sync.integration SET sync_direction = 'from_resman'",
        ],
        ids=["breaker open", "postponed", "switched off", "inbound only"],
    )
    def test_it_is_quiet_while_nothing_could_be_sent(self, harness: Harness, obstacle: str) -> None:
        (flats,) = harness.connect(0)
        harness.world.conversation(flats, "new")
        harness.world.do(obstacle)
        assert isinstance(ask(harness, sensors.pending_changes), SkipReason)

    def test_a_breaker_of_one_account_does_not_silence_the_other(self, harness: Harness) -> None:
        flats, lofts = harness.connect(0, 7)
        harness.world.conversation(flats, "new")
        harness.world.conversation(lofts, "new")
        harness.world.do(
            "UPDATE domiq_sync.account SET open_until = 'infinity' WHERE resman_account_id = '400'"
        )
        assert isinstance(asked := ask(harness, sensors.pending_changes), RunRequest)
        assert asked.tags == {"domiq/due": "1", "dagster/max_retries": "0"}


class TestConnectedProperties:
    def test_a_new_property_gets_a_partition_and_one_run_over_all_new_ones(self, harness: Harness) -> None:
        harness.connect(0)
        harness.run("pull", keys=harness.keys())
        pulled = len(harness.world.standin.requests("Prospects"))
        assert isinstance(ask(harness, sensors.connected_properties), SkipReason)
        harness.world.property(2)
        harness.world.property(1)

        answer = ask(harness, sensors.connected_properties)

        assert isinstance(answer, SensorResult)
        assert answer.run_requests is not None
        (request,) = answer.run_requests
        assert list(harness.keys()) == ["juniper-flats", "copper-ridge", "the-larkspur"]
        assert request.tags == {
            RANGE_START: "copper-ridge",
            RANGE_END: "the-larkspur",
            "domiq/reason": "connected",
        }
        harness.run("pull", tags=request.tags)
        assert harness.done("resman_leads") == set(harness.keys())
        assert len(harness.world.standin.requests("Prospects")) == pulled + 2
        assert isinstance(ask(harness, sensors.connected_properties), SkipReason)

    def test_a_property_that_is_switched_off_gets_its_partition_but_no_run(self, harness: Harness) -> None:
        harness.world.property(0, sync_enabled=False)
        answer = ask(harness, sensors.connected_properties)
        assert isinstance(answer, SensorResult)
        assert answer.run_requests == []
        assert list(harness.keys()) == ["juniper-flats"]

    def test_a_property_that_is_gone_loses_its_partition(self, harness: Harness) -> None:
        _flats, ridge = harness.connect(0, 1)
        harness.world.do("DELETE FROM domiq_sync.integration WHERE property_id = :p", p=ridge)
        answer = ask(harness, sensors.connected_properties)
        assert isinstance(answer, SensorResult)
        assert answer.run_requests == []
        assert list(harness.keys()) == ["juniper-flats"]


class TestPullGaps:
    def test_a_gap_is_asked_about_once_in_ten_minutes(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        harness.connect(0, 1, 2, 3)
        keys = harness.keys()
        for key in keys:
            pull_at(harness, key, timedelta(minutes=29))
        assert isinstance(ask(harness, sensors.pull_gaps), SkipReason)
        for key in ("copper-ridge", "juniper-flats"):
            pull_at(harness, key, timedelta(minutes=31))

        first = ask(harness, sensors.pull_gaps)

        assert keys == ["copper-ridge", "harbor-oaks", "juniper-flats", "the-larkspur"]
        assert isinstance(first, SensorResult)
        assert first.run_requests is not None
        (request,) = first.run_requests
        assert request.tags == {
            RANGE_START: "copper-ridge",
            RANGE_END: "juniper-flats",
            "domiq/reason": "gap",
        }
        assert isinstance(ask(harness, sensors.pull_gaps, first.cursor), SkipReason)

        # A new gap is asked about at once, and does not make it forget when it asked about the old ones.
        pull_at(harness, "the-larkspur", timedelta(hours=2))
        second = ask(harness, sensors.pull_gaps, first.cursor)
        assert isinstance(second, SensorResult)
        assert second.run_requests is not None
        (request,) = second.run_requests
        assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("the-larkspur", "the-larkspur")
        assert isinstance(ask(harness, sensors.pull_gaps, second.cursor), SkipReason)

        class Later:
            @staticmethod
            def time() -> float:
                return now() + 601

        now = sensors.time.time
        monkeypatch.setattr(sensors, "time", Later)
        third = ask(harness, sensors.pull_gaps, second.cursor)
        assert isinstance(third, SensorResult)
        assert third.run_requests is not None
        assert third.run_requests[0].tags[RANGE_START] == "copper-ridge"
        assert third.run_requests[0].tags[RANGE_END] == "the-larkspur"

    def test_a_property_that_was_never_pulled_is_a_gap_and_its_run_closes_it(self, harness: Harness) -> None:
        harness.connect(0, 1)
        pull_at(harness, "juniper-flats", timedelta(0))
        answer = ask(harness, sensors.pull_gaps)
        assert isinstance(answer, SensorResult)
        assert answer.run_requests is not None
        harness.run("pull", tags=answer.run_requests[0].tags)
        assert harness.done("resman_leads") == {"copper-ridge"}
        assert isinstance(done := ask(harness, sensors.pull_gaps), SkipReason)
        assert done.skip_message == "0 gaps"

    def test_a_failed_pull_is_asked_for_again_without_the_others_and_less_and_less_often(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        harness.connect(0, 1)
        there = harness.world.at_resman[0]["propertyId"]
        harness.world.standin.faults({"kind": "status", "status": 503, "property_id": there})
        harness.run("pull", keys=harness.keys(), fails=True)
        assert harness.done("inbound_status_changes") == {"copper-ridge"}
        began = sensors.time.time()
        passed = [0.0]

        class Clock:
            @staticmethod
            def time() -> float:
                return began + passed[0]

        monkeypatch.setattr(sensors, "time", Clock)
        cursor, asked_at = None, []
        for minute in range(0, 130, 1):
            passed[0] = minute * 60.0
            answer = ask(harness, sensors.pull_gaps, cursor)
            if isinstance(answer, SensorResult):
                assert answer.run_requests is not None
                (request,) = answer.run_requests
                assert (request.tags[RANGE_START], request.tags[RANGE_END]) == 2 * ("juniper-flats",)
                cursor = answer.cursor
                asked_at.append(minute)
        assert asked_at == [0, 10, 30, 70]

        harness.world.standin.faults()
        before = len(harness.world.standin.requests("Prospects"))
        harness.run("pull", tags=request.tags)
        assert len(harness.world.standin.requests("Prospects")) == before + 1
        assert isinstance(ask(harness, sensors.pull_gaps, cursor), SkipReason)

    def test_while_an_account_does_not_answer_its_gaps_wait_and_after_the_outage_they_are_closed(
        self, harness: Harness
    ) -> None:
        harness.connect(0, 7)
        keys = harness.keys()
        for key in keys:
            pull_at(harness, key, timedelta(hours=9))
        harness.world.do(
            "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 min' "
            "WHERE resman_account_id = '400'"
        )
        answer = ask(harness, sensors.pull_gaps)
        assert [r.tags[RANGE_START] for r in requested(answer)] == ["prairie-lofts"]
        assert isinstance(skipped := ask(harness, sensors.pull_gaps, cursor_of(answer)), SkipReason)
        assert skipped.skip_message == (
            "2 gaps: 1 whose account does not answer, 1 asked about already or being pulled"
        )
        harness.world.later()
        answer = ask(harness, sensors.pull_gaps, cursor_of(answer))
        assert [r.tags[RANGE_START] for r in requested(answer)] == ["juniper-flats"]

    @pytest.mark.parametrize("job", ["pull", "full_reread"])
    def test_what_a_run_under_way_pulls_is_not_asked_for_and_all_else_is(
        self, harness: Harness, job: str
    ) -> None:
        harness.connect(0, 1)
        run_id = under_way(
            harness,
            job,
            DagsterRunStatus.STARTED,
            {RANGE_START: "copper-ridge", RANGE_END: "copper-ridge"},
        )
        answer = ask(harness, sensors.pull_gaps)
        assert [r.tags[RANGE_START] for r in requested(answer)] == ["juniper-flats"]
        harness.instance.delete_run(run_id)
        answer = ask(harness, sensors.pull_gaps, cursor_of(answer))
        assert [r.tags[RANGE_START] for r in requested(answer)] == ["copper-ridge"]

    def test_a_property_that_was_switched_on_again_is_a_gap_though_its_last_pull_looks_recent(
        self, harness: Harness
    ) -> None:
        (flats,) = harness.connect(0)
        harness.run("pull", keys=harness.keys())
        harness.world.do("UPDATE domiq_sync.integration SET sync_enabled = FALSE")
        lead = harness.world.lead(0, email="a@example.com")
        assert isinstance(ask(harness, sensors.pull_gaps), SkipReason)
        harness.world.do("UPDATE domiq_sync.integration SET sync_enabled = TRUE")
        answer = ask(harness, sensors.pull_gaps)
        harness.run("pull", request=requested(answer)[0])
        assert harness.world.value("SELECT prospect_id FROM domiq_sync.resman_lead") == lead["prospectId"]
        assert isinstance(ask(harness, sensors.pull_gaps), SkipReason)

        # Connected to another property at ResMan, it begins anew: how far the old one was read says nothing.
        harness.world.connect(flats, 1)
        assert isinstance(ask(harness, sensors.pull_gaps), SensorResult)

    def test_a_missed_full_read_is_made_up_for_as_one(self, harness: Harness) -> None:
        harness.connect(0, 1)
        harness.run("pull", keys=harness.keys())
        harness.world.do(
            "UPDATE domiq_sync.integration SET connected_at = now() - interval '37 hours' "
            "WHERE partition_key = 'juniper-flats'"
        )
        answer = ask(harness, sensors.pull_gaps)
        harness.run("pull", request=requested(answer)[0])
        read = harness.world.rows("SELECT full_read FROM domiq_sync.pull ORDER BY started_at")
        assert [row.full_read for row in read] == [False, False, True]
        assert isinstance(ask(harness, sensors.pull_gaps), SkipReason)

    def test_a_gap_of_a_property_without_a_partition_is_left_to_the_other_sensor(
        self, harness: Harness
    ) -> None:
        harness.world.property(0)
        assert isinstance(ask(harness, sensors.pull_gaps), SkipReason)

    def test_the_age_that_makes_a_gap_can_be_configured(self, harness: Harness) -> None:
        harness.connect(0)
        pull_at(harness, "juniper-flats", timedelta(minutes=31))
        patient = LimitsResource(pull_gap_minutes=60)
        assert isinstance(ask(harness, sensors.pull_gaps, limits=patient), SkipReason)


class TestAlerts:
    @pytest.fixture
    def mailbox(self, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
        """The operator's."""
        with SmtpServer() as box:
            address = f"mailto://127.0.0.1:{box.port}/ops@example.com?from=notices@domiq.example"
            monkeypatch.setenv("DOMIQ_OPERATOR_ADDRESS", address)
            harness.world.do("UPDATE domiq_sync.channel SET min_interval_ms = 0")
            yield box

    def test_a_tick_whose_message_does_not_go_out_fails_and_the_next_one_sends_it(
        self, harness: Harness, mailbox: Mailbox
    ) -> None:
        (flats,) = harness.connect(0)
        chat = harness.world.conversation(flats, "active")
        for _ in range(10):
            harness.world.log(chat, "new", sync_status="failed")
        mailbox.answers["connect"] = "421 come back later"
        with pytest.raises(AlertNotSent, match="1 by operator wait"):
            ask(harness, sensors.alerts, thresholds=ThresholdResource())
        mailbox.answers.clear()
        harness.world.do("UPDATE domiq_sync.notification SET next_attempt_at = now()")
        harness.world.do("UPDATE domiq_sync.channel SET open_until = NULL")
        for _ in range(2):
            answer = ask(harness, sensors.alerts, thresholds=ThresholdResource())
            assert isinstance(answer, SkipReason)
            assert answer.skip_message == "0 alerts opened, 0 closed"
        assert [m.recipient for m in mailbox.mails] == ["ops@example.com"]

    def test_each_incident_is_told_once_and_so_is_its_end(
        self, harness: Harness, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        (flats,) = harness.connect(0)
        chat = harness.world.conversation(flats, "active")
        for _ in range(10):
            harness.world.log(chat, "new", sync_status="failed")

        def asked() -> str | None:
            answer = ask(harness, sensors.alerts, thresholds=ThresholdResource(recover_minutes=0))
            assert isinstance(answer, SkipReason)
            return answer.skip_message

        assert asked() == "1 alerts opened, 0 closed"
        assert asked() == "0 alerts opened, 0 closed"
        harness.world.do("UPDATE status_sync_log SET sync_status = 'success'")
        assert asked() == "0 alerts opened, 1 closed"
        assert asked() == "0 alerts opened, 0 closed"
        sent = harness.world.rows(
            "SELECT body, recipient, channel, state FROM domiq_sync.notification WHERE channel = 'in_app' "
            "ORDER BY created_at"
        )
        assert [(t.recipient, t.channel, t.state) for t in sent] == 2 * [("operators", "in_app", "delivered")]
        assert sent[0].body.startswith("Juniper Flats: 10 of 10 status syncs of the last 24 h failed.")
        assert sent[1].body.startswith("Juniper Flats: status syncs succeed again. It lasted ")
        assert [m.text.strip() for m in mailbox.mails] == [t.body for t in sent]
        lines = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        assert lines == [
            f"alert {transition}: {t.body}"
            for transition, t in zip(("opened", "recovered"), sent, strict=True)
        ]
        with harness.world.engine.connect() as connection:
            (incident,) = connection.exec_driver_sql("SELECT figures, closed_at FROM domiq_sync.alert").all()
        assert (incident.figures["failed"], incident.figures["settled"]) == (10, 10)
        assert incident.closed_at is not None


def test_notices_are_sent_when_changes_or_messages_wait_and_no_run_takes_them_along_soon(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (property_id,) = harness.connect(0)
    harness.world.log(harness.world.conversation(property_id, "active"), "qualified")
    assert isinstance(ask(harness, sensors.pending_notices), SkipReason)  # nobody wants to be told
    harness.world.do(
        "INSERT INTO status_notification_preferences (property_id, notification_method, recipients) "
        """VALUES (:p, 'sms', '["+12125550123"]')""",
        p=property_id,
    )
    assert isinstance(ask(harness, sensors.pending_notices), RunRequest)
    under_way(harness, "push", DagsterRunStatus.STARTED)
    assert isinstance(ask(harness, sensors.pending_notices), SkipReason)
    monkeypatch.setattr(sensors, "_LONG_PUSH", timedelta(0))
    asked = ask(harness, sensors.pending_notices)
    assert isinstance(asked, RunRequest)
    harness.run("notify", request=asked)
    assert isinstance(ask(harness, sensors.pending_notices), SkipReason)
    notices = harness.metadata("status_notifications")
    assert (notices["changes_looked_at"], notices["undeliverable"]) == (1, 1)
    assert notices["by_channel"] == [{"channel": "sms", "state": "undeliverable", "notices": 1}]
    harness.world.do(
        "UPDATE domiq_sync.notification SET state = 'pending', next_attempt_at = clock_timestamp()"
    )
    assert isinstance(ask(harness, sensors.pending_notices), RunRequest)
    under_way(harness, "notify", DagsterRunStatus.STARTED)
    assert isinstance(ask(harness, sensors.pending_notices), SkipReason)


def test_days_that_nobody_counted_are_asked_for_in_one_run_over_the_range_of_them(harness: Harness) -> None:
    flats, *_ = harness.connect(0)
    chat = harness.world.conversation(flats, "active")
    for days in (9, 7, 3):
        change = harness.world.log(chat, "new", sync_status="success")
        harness.world.do(
            "UPDATE domiq_sync.change SET logged_at = now() - :d * interval '1 day' WHERE change_id = :c",
            d=days, c=change,
        )  # fmt: skip

    answer = ask(harness, sensors.missing_days)
    (asked,) = requested(answer)
    today = datetime.now(UTC).date()
    assert asked.tags[RANGE_START] == str(today - timedelta(days=9))
    assert asked.tags[sensors.REASON] == "missing days"
    again = ask(harness, sensors.missing_days, cursor_of(answer))
    assert isinstance(again, SkipReason), "they are asked for already"

    run = harness.run("daily", request=asked)
    assert len(harness.done("status_sync_daily")) >= 8
    assert harness.instance.get_runs_count() == 1
    assert run.success
    counted = harness.world.rows("SELECT day FROM domiq_sync.daily_figure WHERE changes > 0 ORDER BY day")
    assert [(today - row.day).days for row in counted] == [9, 7, 3]
    done = ask(harness, sensors.missing_days, cursor_of(answer))
    assert isinstance(done, SkipReason)
    assert done.skip_message == "0 days to count: none"


def test_no_days_are_asked_for_while_some_are_being_counted(harness: Harness) -> None:
    flats, *_ = harness.connect(0)
    harness.world.log(harness.world.conversation(flats, "active"), "new", sync_status="success")
    run_id = under_way(harness, "daily", DagsterRunStatus.QUEUED)
    assert isinstance(ask(harness, sensors.missing_days), SkipReason)
    harness.instance.delete_run(run_id)
    assert len(requested(ask(harness, sensors.missing_days))) == 1
