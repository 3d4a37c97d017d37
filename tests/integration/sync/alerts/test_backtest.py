"""Replaying thresholds over a log whose past is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.alerts.backtest import Backtest, KindReplay, backtest
from domiq_dagster.sync.alerts.readings import database_time
from domiq_dagster.sync.alerts.thresholds import Threshold
from domiq_dagster.sync.alerts.watched import TroubleKind
from domiq_dagster.sync.integrations import load_integrations
from tests.fixtures.world import World


class Past:
    """Puts changes into the past."""

    def __init__(self, world: World) -> None:
        self.world = world
        with world.engine.connect() as connection:
            self.now: datetime = database_time(connection)
        self.chats: dict[UUID, UUID] = {}

    def changes(
        self, property_id: UUID, days_ago: float, success: int, failed: int, minutes: float = 60
    ) -> None:
        """Settled changes spread evenly over so many minutes from then on, those that failed at the end."""
        chat = self.chats.setdefault(property_id, self.world.conversation(property_id, "active"))
        total = success + failed
        for status, count, first in (("success", success, 0), ("failed", failed, success)):
            self.world.do(
                "WITH logged AS (INSERT INTO status_sync_log "
                "(conversation_id, new_status, sync_direction, sync_status, created_at) "
                "SELECT :c, 'new', 'to_resman', :s, "
                "CAST(:at AS timestamptz) + (:first + n) * CAST(:each AS interval) "
                "FROM generate_series(1, :count) n RETURNING id, created_at) SELECT count(*) FROM logged",
                c=chat, s=status, count=count, first=first, each=timedelta(minutes=minutes / max(total, 1)),
                at=self.now - timedelta(days=days_ago),
            )  # fmt: skip
        self.world.do(
            "UPDATE domiq_sync.change c SET logged_at = g.created_at FROM status_sync_log g "
            "WHERE g.id = c.change_id"
        )

    def tried(self, hours: float) -> None:
        """Every change got its last attempt so long after it was logged."""
        self.world.do(
            "INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, "
            "duration_ms) SELECT change_id, 1, 'w', 'tell', 'ok', logged_at + :h * interval '1 h', 0 "
            "FROM domiq_sync.change", h=hours,
        )  # fmt: skip

    def replay(self, threshold: Threshold | None = None, **options: Any) -> Backtest:
        with self.world.engine.connect() as connection:
            properties = load_integrations(connection)
            settings = {p.property_id: threshold or Threshold() for p in properties}
            return backtest(connection, properties, settings, now=self.now, **options)


@pytest.fixture
def past(world: World) -> Past:
    return Past(world)


def only(done: Backtest, kind: TroubleKind) -> KindReplay:
    return next(k for k in done.kinds if k.kind is kind)


def test_each_bad_stretch_fires_once_for_as_long_as_the_window_remembers_it(world: World, past: Past) -> None:
    bad, good = world.property(0), world.property(1)
    past.changes(bad, 60, 0, 20)
    past.changes(bad, 30, 10, 10)
    past.changes(bad, 29.5, 0, 5)
    past.changes(good, 40, 500, 1, minutes=0)
    past.changes(bad, 100, 0, 50)  # longer ago than is replayed
    done = only(past.replay(days=90), TroubleKind.FAILED_SYNC)
    assert [f.partition_key for f in done.firings] == ["juniper-flats"] * 2
    first, second = (f.firing for f in done.firings)
    # The tenth of twenty changes in an hour makes the least volume; a day later fewer than that are left in
    # the window, and ten minutes after that it is over.
    since = (past.now - timedelta(days=60) - first.at).total_seconds() / -60
    assert 30 <= since <= 36
    assert first.until is not None
    lasted = (first.until - first.at).total_seconds() / 3600
    assert 24.0 <= lasted <= 24.5
    assert [f.more_failures > 0 for f in done.firings] == [True, True]
    assert (done.followed, done.precision) == (2, 1.0)
    assert (done.failures, second.again) == (36, False)


def test_a_change_of_settings_fires_otherwise_and_the_share_that_more_failures_followed_is_told(
    world: World, past: Past
) -> None:
    property_id = world.property(0)
    past.changes(property_id, 50, 95, 5, minutes=0)
    past.changes(property_id, 20, 97, 3, minutes=0)
    past.changes(property_id, 19.98, 100, 30, minutes=0)
    strict = only(past.replay(), TroubleKind.FAILED_SYNC)
    lenient = only(past.replay(Threshold(lowest_success_rate=90.0)), TroubleKind.FAILED_SYNC)
    quiet = only(past.replay(Threshold(lowest_success_rate=90.0, least_failures=34)), TroubleKind.FAILED_SYNC)
    assert quiet.firings == []
    assert (len(strict.firings), len(lenient.firings)) == (2, 1)
    none_after = only(past.replay(follow=timedelta(0)), TroubleKind.FAILED_SYNC)
    assert (none_after.followed, none_after.precision) == (0, 0.0)
    assert only(past.replay(Threshold(least_volume=1000)), TroubleKind.FAILED_SYNC).precision is None


def test_an_evaluation_now_and_the_replay_s_last_observation_agree(world: World, past: Past) -> None:
    property_id = world.property(0)
    past.changes(property_id, 1 / 24, 5, 15, minutes=30)
    (firing,) = only(past.replay(days=1), TroubleKind.FAILED_SYNC).firings
    assert firing.firing.until is None


def test_changes_that_waited_fire_by_their_last_attempt(world: World, past: Past) -> None:
    property_id, other = world.property(0), world.property(1)
    past.changes(property_id, 10, 10, 0)
    past.tried(hours=3)
    past.changes(other, 10, 10, 0)
    done = only(past.replay(), TroubleKind.OLDEST_PENDING)
    (firing,) = done.firings
    assert firing.partition_key == "juniper-flats"
    assert firing.firing.until is not None
    assert 3.3 <= (firing.firing.until - firing.firing.at).total_seconds() / 3600 <= 3.8
    assert only(past.replay(Threshold(oldest_pending_minutes=200)), TroubleKind.OLDEST_PENDING).firings == []
    world.do("UPDATE status_sync_log SET context_data = '{\"retries\": []}'")
    assert only(past.replay(), TroubleKind.OLDEST_PENDING).firings == []


def test_a_change_that_waits_fires_but_not_one_that_waits_for_a_person(world: World, past: Past) -> None:
    world.conversation(world.property(0), "new")
    world.do("UPDATE domiq_sync.delivery SET enqueued_at = now() - interval '3 h'")
    assert len(only(past.replay(), TroubleKind.OLDEST_PENDING).firings) == 1
    world.do("UPDATE domiq_sync.delivery SET state = 'unknown', last_outcome = 'in_doubt'")
    assert only(past.replay(), TroubleKind.OLDEST_PENDING).firings == []


def test_a_gap_in_the_pulls_fires(world: World, past: Past) -> None:
    property_id = world.property(0)
    for hours, error in ((72.0, None), (71.5, None), (69.0, "busy: wait"), (48.0, None), (0.5, "busy: wait")):
        world.do(
            "INSERT INTO domiq_sync.pull (property_id, full_read, modified_since, started_at, finished_at, "
            "fetched, stored, linked, error) SELECT :p, FALSE, now(), at, at + interval '5 s', 0, 0, 0, :e "
            "FROM (SELECT CAST(:now AS timestamptz) - :h * interval '1 h' AS at) AS moment",
            p=property_id, h=hours, e=error, now=past.now,
        )  # fmt: skip
    first, second = only(past.replay(), TroubleKind.NO_PULL).firings
    assert first.firing.until is not None
    assert 22.4 <= first.firing.seconds(past.now) / 3600 <= 22.8
    assert second.firing.until is None


def test_a_replay_writes_nothing(world: World, past: Past) -> None:
    past.changes(world.property(0), 5, 0, 20)
    before = world.versions()
    past.replay()
    assert world.versions() == before
