"""Alerts: a property that turns bad is told of once and once more when it is well, several properties with
one cause as one, and all of it from the tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from domiq_dagster.sync.alerts import evaluate as alerts_module
from domiq_dagster.sync.alerts.evaluate import Evaluation, evaluate
from domiq_dagster.sync.alerts.incidents import Transition
from domiq_dagster.sync.alerts.listing import in_alert, list_alerts
from domiq_dagster.sync.alerts.readings import database_time, read_all
from domiq_dagster.sync.alerts.thresholds import Threshold, load_thresholds, set_threshold
from domiq_dagster.sync.alerts.watched import Reading, TroubleKind
from tests.fixtures.world import World


def settled(
    world: World, property_id: UUID, success: int, failed: int, reason: str = "unknown_source"
) -> None:
    """So many settled changes of a property, as the application or the sync may have logged them."""
    conversation = world.conversation(property_id, "active")
    for status, n in (("success", success), ("failed", failed)):
        world.do(
            "INSERT INTO status_sync_log"
            "(conversation_id, new_status, sync_direction, sync_status, context_data) "
            "SELECT :c, 'new', 'to_resman', :s, CAST(:x AS jsonb) FROM generate_series(1, :n)",
            c=conversation, s=status, n=n, x=f'{{"sync": {{"outcome": "{reason}"}}}}',
        )  # fmt: skip


class Watch:
    """Evaluates the world, at times that follow the database's clock."""

    def __init__(self, world: World, base: Threshold | None = None) -> None:
        self.world, self.base = world, base
        with world.engine.connect() as connection:
            self.now = database_time(connection)

    def __call__(self, minutes: float = 0, **options: Any) -> Evaluation:
        self.now += timedelta(minutes=minutes)
        return evaluate(self.world.engine, self.base, now=self.now, **options)

    def notices(self, minutes: float = 0) -> list[tuple[str, str]]:
        return [(n.transition.value, n.subject.kind) for n in self(minutes).notices]

    def over(self, minutes: int, every: int = 1) -> list[tuple[int, str, str]]:
        """Evaluates every so many minutes; what people were told, with the minute."""
        found = []
        for n in range(every, minutes + 1, every):
            found += [(n, *notice) for notice in self.notices(every)]
        return found


def properties(world: World, count: int, pulled_ago: str = "-1 day") -> list[UUID]:
    """So many properties whose pulls are no trouble for a day, or that were pulled so long ago."""
    made = [world.property(n) for n in range(count)]
    pulled(world, pulled_ago)
    return made


def pulled(world: World, ago: str = "0 s", key: str | None = None) -> None:
    world.do(
        "INSERT INTO domiq_sync.watermark (property_id, last_pull_at) "
        "SELECT property_id, clock_timestamp() - CAST(:ago AS interval) FROM domiq_sync.integration "
        "WHERE partition_key = :k OR CAST(:k AS text) IS NULL "
        "ON CONFLICT (property_id) DO UPDATE SET last_pull_at = EXCLUDED.last_pull_at, "
        "failing_since = NULL, last_error = NULL",
        ago=ago, k=key,
    )  # fmt: skip


def readings(world: World, kind: TroubleKind, **threshold: Any) -> dict[str, Reading]:
    with world.engine.connect() as connection:
        settings = load_thresholds(connection, Threshold(**threshold))
        found = read_all(connection, settings, database_time(connection), {kind})
    return {r.watched.partition_key: r for r in found.readings}


def notices(world: World) -> list[str]:
    found = world.rows(
        "SELECT body FROM domiq_sync.notification WHERE alert_id IS NOT NULL AND channel = 'in_app' "
        "ORDER BY created_at, subject"
    )
    return [row.body for row in found]


class TestFailedSync:
    @pytest.mark.parametrize(
        ("success", "failed", "past"),
        [(99, 1, False), (98, 2, True), (0, 9, False), (0, 10, True), (0, 0, False), (2100, 21, True)],
    )
    def test_the_threshold(self, world: World, success: int, failed: int, past: bool) -> None:
        settled(world, world.property(), success, failed)
        (reading,) = readings(world, TroubleKind.FAILED_SYNC).values()
        assert reading.bad is past
        assert (reading.figures["success"], reading.figures["failed"]) == (success, failed)
        assert reading.reason == ("unknown_source" if failed else None)

    def test_the_figures_are_those_that_a_plain_query_over_the_log_gives(self, world: World) -> None:
        made = properties(world, 4)
        for n, (property_id, counts) in enumerate(zip(made, [(40, 3), (7, 0), (0, 12), (0, 0)], strict=True)):
            settled(world, property_id, *counts, reason=f"reason_{n}")
        settled(world, made[0], 0, 2, reason="refused")
        settled(world, made[2], 0, 13, reason="refused")
        world.log(world.conversation(made[1], "active"), "new", sync_status="pending")
        world.log(None, "new", sync_status="failed")
        old = world.conversation(made[0], "active")
        moved = world.log(old, "new", sync_status="failed", created_at=datetime.now(UTC) - timedelta(days=2))
        world.do(
            "UPDATE domiq_sync.change c SET logged_at = g.created_at FROM status_sync_log g "
            "WHERE g.id = c.change_id AND g.id = :id", id=moved,
        )  # fmt: skip
        plain = world.rows("""
            SELECT b.property_id,
                   count(*) FILTER (WHERE g.sync_status = 'success') AS success,
                   count(*) FILTER (WHERE g.sync_status = 'failed') AS failed,
                   mode() WITHIN GROUP (ORDER BY g.context_data #>> '{sync,outcome}')
                       FILTER (WHERE g.sync_status = 'failed') AS main_reason
            FROM status_sync_log g JOIN conversation c ON c.id = g.conversation_id
            JOIN chatbot b ON b.id = c.chatbot_id
            WHERE g.created_at >= now() - interval '24 hours' GROUP BY 1""")
        expected = {r.property_id: (r.success, r.failed, r.main_reason) for r in plain}
        found = {
            r.watched.property_id: (r.figures["success"], r.figures["failed"], r.figures["main_reason"])
            for r in readings(world, TroubleKind.FAILED_SYNC).values()
        }
        assert found == {**dict.fromkeys(made, (0, 0, None)), **expected}
        assert found[made[0]] == (40, 5, "reason_0")
        assert found[made[2]] == (0, 25, "refused")

    def test_one_notice_an_incident_and_one_when_it_is_over(self, world: World) -> None:
        bad, good = properties(world, 2)
        settled(world, good, 20, 0)
        settled(world, bad, 0, 10)
        watch = Watch(world)
        assert watch.notices() == [("opened", "failed_sync")]
        assert watch.over(20, 5) == []
        (alert,) = world.rows("SELECT * FROM domiq_sync.alert")
        assert (alert.property_id, alert.phase, alert.closed_at) == (bad, "open", None)
        assert (alert.figures["failed"], alert.figures["main_reason"]) == (10, "unknown_source")
        assert notices(world) == [
            "Juniper Flats: 10 of 10 status syncs of the last 24 h failed, mostly unknown_source (10). "
            "See `domiq-sync failures --property juniper-flats`; after mending: "
            "`domiq-sync retry --property juniper-flats`."
        ]
        settled(world, bad, 5000, 0)
        assert watch.over(15, 1) == [(11, "recovered", "failed_sync")]
        assert notices(world)[1] == "Juniper Flats: status syncs succeed again. It lasted 31 min."
        settled(world, bad, 0, 100)
        assert watch.notices(30) == [("reopened", "failed_sync")]
        assert len(world.rows("SELECT FROM domiq_sync.alert")) == 1

    def test_the_window_forgets(self, world: World) -> None:
        settled(world, world.property(), 0, 10)
        watch = Watch(world)
        watch.now += timedelta(hours=25)
        assert not watch(kinds={TroubleKind.FAILED_SYNC}).bad(TroubleKind.FAILED_SYNC)

    def test_a_property_s_own_threshold_wins_field_by_field(self, world: World) -> None:
        own, other = properties(world, 2)
        for property_id in (own, other):
            settled(world, property_id, 95, 5)
        with world.engine.begin() as connection:
            set_threshold(connection, None, {"lowest_success_rate": 90.0, "window_hours": 48.0}, "test")
            set_threshold(connection, own, {"lowest_success_rate": 96.0}, "test")
        found = readings(world, TroubleKind.FAILED_SYNC, least_volume=5)
        assert [found[k].bad for k in ("juniper-flats", "copper-ridge")] == [True, False]
        assert {r.figures["window_hours"] for r in found.values()} == {48.0}
        with world.engine.begin() as connection:
            set_threshold(connection, own, {"lowest_success_rate": None}, "test")
        assert not readings(world, TroubleKind.FAILED_SYNC)["juniper-flats"].bad

    def test_a_property_that_is_switched_off_is_not_watched_and_its_alert_ends_without_a_notice(
        self, world: World
    ) -> None:
        (bad,) = properties(world, 1)
        settled(world, bad, 0, 10)
        watch = Watch(world)
        assert watch.notices() == [("opened", "failed_sync")]
        world.do("UPDATE domiq_sync.integration SET sync_enabled = FALSE")
        assert watch.notices(1) == []
        assert world.rows("SELECT phase, closed_at IS NULL FROM domiq_sync.alert") == [("closed", False)]
        assert len(notices(world)) == 1

    def test_three_properties_with_one_reason_are_one_alert_which_names_them(self, world: World) -> None:
        made = properties(world, 4)
        for property_id in made[:3]:
            settled(world, property_id, 10, 5, "refused")
        watch = Watch(world)
        assert watch.notices() == [("opened", "shared:failed_sync:refused")]
        (body,) = notices(world)
        assert body.startswith("3 properties in the same trouble (refused). Copper Ridge: 5 of 15 ")
        settled(world, made[3], 10, 5, "refused")
        assert watch.over(20, 5) == [(15, "widened", "shared:failed_sync:refused")]
        # It ends with the last of them.
        for property_id in made[:3]:
            settled(world, property_id, 1500, 0)
        assert watch.over(20, 5) == []
        settled(world, made[3], 1500, 0)
        assert watch.over(20, 5) == [(15, "recovered", "shared:failed_sync:refused")]
        assert notices(world)[-1].startswith("At 4 properties: status syncs succeed again.")


class TestWaiting:
    def test_a_change_that_waits_too_long_is_told_of_but_not_one_that_waits_for_a_person(
        self, world: World
    ) -> None:
        property_id, _ = properties(world, 2)
        world.do("UPDATE domiq_sync.integration SET conflict_policy = 'manual_review'")
        for _ in range(3):
            world.conversation(property_id, "new")
        world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '45 min'")
        assert readings(world, TroubleKind.OLDEST_PENDING)["juniper-flats"].bad
        world.do("UPDATE domiq_sync.delivery SET state = 'waiting', last_outcome = 'conflict'")
        world.change(world.value("SELECT lane FROM domiq_sync.delivery LIMIT 1"), status="qualified")
        found = readings(world, TroubleKind.OLDEST_PENDING)["juniper-flats"]
        assert (found.bad, found.figures) == (False, {"oldest_seconds": 0.0, "pending": 4})
        world.do(
            "UPDATE domiq_sync.delivery SET state = 'unknown', last_outcome = 'in_doubt', posted_at = now()"
        )
        assert not readings(world, TroubleKind.OLDEST_PENDING)["juniper-flats"].bad
        world.do("UPDATE domiq_sync.delivery SET decided = 'arrived'")  # now the next push is waited for
        assert readings(world, TroubleKind.OLDEST_PENDING)["juniper-flats"].bad
        world.do(
            "UPDATE domiq_sync.delivery SET state = 'waiting', last_outcome = 'not_configured: source_id'"
        )
        assert readings(world, TroubleKind.OLDEST_PENDING)["juniper-flats"].bad

    def test_changes_that_are_due_while_nothing_is_sent(self, world: World) -> None:
        property_id, other = properties(world, 2)
        world.conversation(property_id, "new")
        world.do("UPDATE domiq_sync.delivery SET next_attempt_at = now() - interval '20 min'")
        assert Watch(world).notices() == [("opened", "no_push")]
        assert notices(world)[0].startswith(
            "Juniper Flats: changes are due, and nothing was sent for 20 min."
        )
        # The account is being asked, so this one waits for its turn.
        done = world.log(world.conversation(other, "active"), "new", sync_status="success")
        world.do(
            "INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, "
            "duration_ms) VALUES (:c, 1, 'w', 'tell', 'ok', now() - interval '2 min', 5)", c=done,
        )  # fmt: skip
        assert not readings(world, TroubleKind.NO_PUSH)["juniper-flats"].bad

    @pytest.mark.parametrize("outcome", ["account_busy", "request_in_doubt", "slot_lost", "not_asked"])
    def test_an_attempt_that_was_kept_from_asking_sends_nothing(self, world: World, outcome: str) -> None:
        (property_id,) = properties(world, 1)
        world.conversation(property_id, "new")
        world.do("UPDATE domiq_sync.delivery SET next_attempt_at = now() - interval '20 min'")
        world.do(
            "INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, "
            "duration_ms) SELECT change_id, 1, 'w', 'search_by_email', :o, now(), 5 FROM domiq_sync.delivery",
            o=outcome,
        )
        assert readings(world, TroubleKind.NO_PUSH)["juniper-flats"].bad

    def test_divergence_counts_what_has_lasted_as_the_comparison_has_it(self, world: World) -> None:
        property_id, other = properties(world, 2)
        pairs = [
            ("qualified", "Prospect"), ("lost", "Prospect"), ("contacted", "Lost"), ("leased", "Applicant"),
            ("active", "Lost"), ("application", "Prospect"), ("new", "Moved"), ("engaged", "Resident"),
        ]  # fmt: skip
        for at, number in ((property_id, 0), (other, 1)):
            for n, (ours, theirs) in enumerate(pairs):
                chat = world.conversation(at, "active")
                world.do(
                    "WITH l AS (INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, "
                    "linked_by, agreed_domiq_status, agreed_resman_status) VALUES (:c, :p, :n, 'email', "
                    "CASE WHEN :ours = 'application' THEN :ours END, :theirs)) "
                    "INSERT INTO domiq_sync.resman_lead (property_id, prospect_id, status, effective_status, "
                    "content_hash, read_at, stored_at) VALUES (:p, :n, :theirs, :theirs, '', now(), "
                    "now() - interval '1 h')",
                    c=chat, p=at, n=f"{number}-{n}", ours=ours, theirs=theirs,
                )  # fmt: skip
                world.do(
                    "SET LOCAL session_replication_role = replica; UPDATE conversation SET status = "
                    f"'{ours}', updated_at = now() - interval '1 h' WHERE id = '{chat}'"
                )
        world.do(
            "INSERT INTO domiq_sync.resman_status_map VALUES (:p, 'Lost', '{contacted,lost}', 'lost')",
            p=other,
        )
        diverged = world.rows(
            "SELECT partition_key, count(*) FILTER (WHERE verdict = 'diverged') AS leads "
            "FROM domiq_sync.compared_leads() JOIN domiq_sync.integration USING (property_id) GROUP BY 1"
        )
        counts = {row.partition_key: row.leads for row in diverged}
        found = readings(world, TroubleKind.DIVERGENCE, most_diverged=2)
        assert {k: r.figures["diverged"] for k, r in found.items()} == counts
        # "Moved" is a word without a meaning: shown as such, and no divergence.
        assert counts == {"juniper-flats": 4, "copper-ridge": 3}
        assert not any(r.bad for r in readings(world, TroubleKind.DIVERGENCE).values())
        assert all(r.bad for r in found.values())
        assert not any(
            r.bad
            for r in readings(world, TroubleKind.DIVERGENCE, most_diverged=2, diverged_minutes=61).values()
        )


class TestCauses:
    def test_an_account_that_does_not_answer_is_one_alert_for_all_its_properties(self, world: World) -> None:
        made = properties(world, 3, "0 s")
        elsewhere = world.property(7)
        pulled(
            world,
            "-1 day",
            key=world.value(
                "SELECT partition_key FROM domiq_sync.integration WHERE property_id = :p", p=elsewhere
            ),
        )
        for property_id in made:
            world.conversation(property_id, "new")
        world.do(
            "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 day', "
            "open_reason = 'unreachable', consecutive_failures = 9 WHERE resman_account_id = '400'"
        )
        watch = Watch(world)
        assert watch.over(4) == []
        assert watch.over(120, 2) == [(2, "opened", "resman_down")]
        (body,) = notices(world)
        assert body.startswith(
            "ResMan does not answer account 400 (unreachable). No status goes either way at 3 "
        )
        with world.engine.connect() as connection:
            affected = in_alert(connection)
            (listed,) = list_alerts(connection, since=watch.now)
        assert set(affected) == {"copper-ridge", "juniper-flats", "the-larkspur"}
        assert set(map(tuple, affected.values())) == {("resman_down",)}
        assert (listed["open"], listed["notices"], listed["cause"]) == (True, 1, "resman_down")
        # It answers, and its properties catch up one after the other: no word of any of them meanwhile.
        world.do("UPDATE domiq_sync.account SET open_until = NULL, consecutive_failures = 0")
        pulled(world, "-124 min", key="juniper-flats")
        assert watch.over(30, 5) == []
        pulled(world, "-200 min")
        world.do("DELETE FROM domiq_sync.delivery")
        world.do("UPDATE status_sync_log SET sync_status = 'success'")
        assert watch.over(20, 5) == [(15, "recovered", "resman_down")]
        assert "what waited at 3 properties has gone across" in notices(world)[1]

    def test_recovered_is_said_only_when_what_was_due_has_gone_and_all_was_pulled_again(
        self, world: World
    ) -> None:
        """F1: four minutes without an answer: no property's pull is late by then, and one answer closes the
        breaker."""
        made = properties(world, 3, "10 min")
        world.conversation(made[0], "new")
        world.do(
            "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 min', opened_at = "
            "clock_timestamp(), open_reason = 'unreachable' WHERE resman_account_id = '400'"
        )
        watch = Watch(world)
        assert watch.over(6) == [(6, "opened", "resman_down")]
        world.do("UPDATE domiq_sync.account SET open_until = NULL, open_reason = NULL")
        assert watch.over(20, 2) == []
        pulled(world, "-1 day")  # a change from then still waits, after another try that met the outage
        world.do("UPDATE domiq_sync.delivery SET last_outcome = 'breaker_open', postponements = 1")
        assert watch.over(20, 2) == []
        pulled(world, "10 min", key="juniper-flats")  # it has gone, but one property was not pulled since
        world.do("DELETE FROM domiq_sync.delivery")
        world.do("UPDATE status_sync_log SET sync_status = 'success'")
        assert watch.over(20, 2) == []
        pulled(world, "-1 day")
        assert watch.over(20, 2) == [(12, "recovered", "resman_down")]

    def test_a_property_that_fails_for_a_reason_of_its_own_does_not_keep_an_account_s_alert(
        self, world: World
    ) -> None:
        properties(world, 2)
        pulled(world, "10 min", key="juniper-flats")
        world.do(
            "UPDATE domiq_sync.account SET open_until = clock_timestamp(), opened_at = clock_timestamp(), "
            "open_reason = 'unreachable' WHERE resman_account_id = '400'"
        )
        watch = Watch(world)
        assert watch.over(6) == [(6, "opened", "resman_down")]
        world.do("UPDATE domiq_sync.account SET open_until = NULL, open_reason = NULL")
        world.do(
            "UPDATE domiq_sync.watermark SET last_error = 'bad_request: no such property' "
            "WHERE last_pull_at < clock_timestamp() - interval '5 min'"
        )
        assert watch.over(20, 2) == [(12, "recovered", "resman_down")]

    def test_refused_credentials_say_so_and_a_second_account_is_told_of_as_well(self, world: World) -> None:
        world.property(0)
        world.property(7)
        pulled(world, "-1 day")
        revoke = (
            "UPDATE domiq_sync.account SET open_until = now(), open_reason = 'bad_credentials' "
            "WHERE resman_account_id = :a"
        )
        world.do(revoke, a="400")
        watch = Watch(world)
        assert watch.notices() == []
        assert watch.notices(2) == [("opened", "credentials")]
        assert "RESMAN_API_KEY" in notices(world)[0]
        world.do(revoke, a="401")
        assert watch.notices(20) == [("widened", "credentials")]
        assert "accounts 400 (bad_credentials), 401 (bad_credentials)" in notices(world)[1]

    def test_a_sync_that_has_silently_stopped_is_one_alert(self, world: World) -> None:
        properties(world, 3, "0 s")
        watch = Watch(world)
        assert watch.over(50, 10) == []
        assert watch.notices(11) == [("opened", "standstill")]
        (body,) = notices(world)
        assert body.startswith("The status sync stands still at 3 properties (Copper Ridge, Juniper Flats, ")
        pulled(world, "-70 min")
        assert watch.over(12, 1) == [(11, "recovered", "standstill")]

    def test_the_first_evaluation_after_a_dead_daemon_says_for_how_long_nobody_watched(
        self, world: World
    ) -> None:
        properties(world, 1, "0 s")
        watch = Watch(world)
        assert watch.notices() == []
        assert watch.notices(300) == [("opened", "standstill")]
        (body,) = notices(world)
        assert "Nothing looked after it from" in body
        pulled(world, "-301 min")
        assert watch.over(12) == [(11, "recovered", "standstill")]

    def test_one_property_whose_pulls_fail_is_told_with_its_error(self, world: World) -> None:
        properties(world, 3)
        pulled(world, "2 hours", key="juniper-flats")
        world.do(
            "UPDATE domiq_sync.watermark SET failing_since = now(), last_error = "
            "'not_entitled: This partner may not use Prospects.' WHERE last_pull_at < now() - interval '1 h'"
        )
        assert Watch(world).notices() == [("opened", "no_pull")]
        assert notices(world) == [
            "Juniper Flats: no pull from ResMan has succeeded for 2 h 0 min; the last one failed "
            "(not_entitled: This partner may not use Prospects). `domiq-sync doctor` asks ResMan and says "
            "what is wrong."
        ]


class TestOnce:
    def test_two_evaluations_at_once_tell_once(self, world: World) -> None:
        (bad,) = properties(world, 1)
        settled(world, bad, 0, 10)
        with ThreadPoolExecutor(4) as pool:
            evaluations = list(pool.map(lambda _: evaluate(world.engine), range(4)))
        assert sum(len(found.notices) for found in evaluations) == 1
        assert len(notices(world)) == 1

    def test_a_crash_before_the_end_of_an_evaluation_leaves_nothing_and_the_next_one_tells(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = properties(world, 2)
        settled(world, first, 0, 10, "refused")
        settled(world, second, 0, 10)
        enqueued = []

        def dies(connection: Connection, notice: Any) -> None:
            enqueued.append(notice)
            connection.execute(text("SELECT 1"))
            if len(enqueued) == 2:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(alerts_module, "enqueue_notice", dies)
            with pytest.raises(KeyboardInterrupt):
                evaluate(world.engine)
        assert not world.rows("SELECT FROM domiq_sync.alert UNION ALL SELECT FROM domiq_sync.alert_watch")
        found = [n.transition for n in evaluate(world.engine).notices]
        assert found == [Transition.OPENED, Transition.OPENED]
        assert evaluate(world.engine).notices == []

    def test_where_all_is_well_an_evaluation_writes_nothing_but_that_it_was_made(self, world: World) -> None:
        properties(world, 2)
        evaluate(world.engine)
        before = world.versions()
        evaluate(world.engine)
        after = world.versions()
        assert {t for t in after if after[t] != before[t]} == {"domiq_sync.alert_watch"}
