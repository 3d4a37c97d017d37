"""What capture could not log, as while the disk is full: counted, alerted, found by reconciliation, and shown
by the check. Row D13 of the table of faults."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import AssetCheckEvaluation, ExecuteInProcessResult

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.sync.alerts.evaluate import Evaluation, evaluate
from domiq_dagster.sync.alerts.listing import in_alert
from domiq_dagster.sync.alerts.readings import database_time
from domiq_dagster.sync.queue.capture_misses import account_for, outstanding, recent_gaps
from domiq_dagster.sync.repair import reconcile as reconcile_module
from domiq_dagster.sync.repair.reconcile import MISSED, UNCAPTURED, reconcile
from domiq_dagster.sync.setup.doctor import examine
from tests.fixtures.dagster_instance import Harness, plain
from tests.fixtures.domiq_shapes import run
from tests.fixtures.world import World


@contextmanager
def nothing_logged(world: World) -> Iterator[None]:
    """The log takes nothing, as on a full disk."""
    world.do(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$; "
        "CREATE TRIGGER full_disk BEFORE INSERT ON status_sync_log FOR EACH ROW EXECUTE FUNCTION full_disk()"
    )
    yield
    world.do("DROP TRIGGER full_disk ON status_sync_log; DROP FUNCTION full_disk()")


def ill(world: World) -> list[str]:
    """What doctor finds wrong."""
    return [f["answer"] for f in examine(world.engine, world.client) if not f["ok"]]


def missed(world: World) -> int:
    with world.engine.connect() as connection:
        return outstanding(connection).changes


def told(found: Evaluation) -> list[tuple[str, str]]:
    return [(n.transition.value, n.text.body) for n in found.notices if n.subject.kind == "capture_misses"]


def in_minutes(world: World, minutes: float) -> list[tuple[str, str]]:
    """What an evaluation of so many minutes later tells people of it."""
    with world.engine.connect() as connection:
        now = database_time(connection)
    return told(evaluate(world.engine, now=now + timedelta(minutes=minutes)))


def test_what_could_not_be_logged_is_counted_noted_once_and_found(world: World) -> None:
    """D13: the log takes nothing, as on a full disk."""
    conversation = world.conversation(world.property(0), "contacted")
    world.sync(2)
    world.do(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$; "
        "CREATE TRIGGER full_disk BEFORE INSERT ON status_sync_log FOR EACH ROW EXECUTE FUNCTION full_disk()"
    )
    world.change(conversation, status="qualified")
    world.change(conversation, status="tour_scheduled", tour_datetime="2027-02-03 15:00")
    world.do("DROP TRIGGER full_disk ON status_sync_log")
    (answer,) = ill(world)
    assert answer.startswith("2 could not be logged")
    found = world.sync().reconciled
    assert found is not None
    assert (found.findings[MISSED], found.findings[UNCAPTURED]) == (2, 1)
    assert world.told(conversation)[-1] == "Appointment"
    assert world.reconcile().findings[MISSED] == 0


class TestAlert:
    def test_it_opens_with_the_count_and_is_over_when_a_whole_sweep_has_found_what_became_of_them(
        self, world: World
    ) -> None:
        """D13: a sweep of one property tells nothing of the others, and a dry run writes nothing."""
        flats = world.property(0)
        world.property(1)
        conversation = world.conversation(flats, "contacted")
        world.sync(2)
        assert in_minutes(world, 0) == []
        with nothing_logged(world):
            world.change(conversation, status="qualified")
            world.change(conversation, status="tour_scheduled", tour_datetime="2027-02-03 15:00")
        ((transition, body),) = in_minutes(world, 0)
        assert transition == "opened"
        assert body.startswith("2 status changes could not be logged when made since 20")
        assert "Reconciliation has yet to find what became of them" in body
        assert "reconcile_pending" in body
        with world.engine.connect() as connection:
            assert in_alert(connection) == {i.partition_key: ["capture_misses"] for i in world.integrations()}
        assert reconcile(world.engine, dry_run=True).findings[MISSED] == 2
        assert reconcile(world.engine, property_ids=[flats]).findings[MISSED] == 0
        assert missed(world) == 2
        assert in_minutes(world, 15) == []

        world.reconcile()
        assert missed(world) == 0
        assert in_minutes(world, 16) == []
        ((transition, body),) = in_minutes(world, 27)
        assert transition == "recovered"
        assert body.startswith("2 status changes could not be logged. Reconciliation has gone over every")

    def test_people_are_told_also_where_a_sweep_came_before_the_evaluation(self, world: World) -> None:
        """D13: sweeps come every ten minutes, and what lay between is lost however soon one came."""
        conversation = world.conversation(world.property(0), "contacted")
        world.sync(2)
        assert in_minutes(world, 0) == []
        with nothing_logged(world):
            world.change(conversation, status="qualified")
        world.sync()
        ((transition, body),) = in_minutes(world, 0)
        assert transition == "opened"
        assert body.startswith("1 status change could not be logged when made since 20")
        assert "Reconciliation has gone over every property since" in body
        assert [t for t, _ in in_minutes(world, 1)] == []
        assert [t for t, _ in in_minutes(world, 12)] == ["recovered"]

    def test_it_needs_no_connected_property(self, world: World) -> None:
        """D13: what is counted is counted for all of DomIQ's conversations."""
        elsewhere = world.property(0, connected=False)
        with nothing_logged(world):
            world.conversation(elsewhere, "new")
        assert [t for t, _ in in_minutes(world, 0)] == ["opened"]
        world.reconcile()
        assert [t for t, _ in [n for m in (1, 2, 13) for n in in_minutes(world, m)]] == ["recovered"]

    def test_that_it_cannot_be_read_is_said_and_the_others_are(self, world: World) -> None:
        """D13: nobody can tell then, so that it neither opens nor ends."""
        world.property(0)
        with nothing_logged(world):
            world.conversation(world.property(1), "new")
        assert [t for t, _ in in_minutes(world, 0)] == ["opened"]
        world.do("ALTER TABLE domiq_sync.capture_gap RENAME TO another")
        found = evaluate(world.engine)
        assert found.notices == []
        (problem,) = found.problems
        assert problem.startswith("capture_misses could not be read: ")
        assert found.readings.readings
        world.do("ALTER TABLE domiq_sync.another RENAME TO capture_gap")


class TestSweep:
    def test_one_that_dies_on_the_way_accounts_for_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """D13: it may not have come to the property that lacks a change."""
        conversation = world.conversation(world.property(0), "contacted")
        world.sync(2)
        with nothing_logged(world):
            world.change(conversation, status="qualified")

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(reconcile_module, "_mend_property", die)
            with pytest.raises(KeyboardInterrupt):
                world.reconcile()
        assert missed(world) == 1
        assert world.reconcile().findings[UNCAPTURED] == 1
        assert missed(world) == 0

    def test_what_it_cannot_log_either_is_named(self, world: World) -> None:
        """D13: the log's own disk is full still."""
        conversation = world.conversation(world.property(0), "contacted")
        world.sync(2)
        with nothing_logged(world):
            world.change(conversation, status="qualified")
            assert any(str(conversation) in problem for problem in world.reconcile().problems)
        records = "SELECT key FROM domiq_sync.trouble WHERE kind = 'status'"
        assert world.value(records) == str(conversation)
        world.reconcile()
        assert world.rows(records) == []
        assert world.last(conversation).new_status == "qualified"

    def test_two_at_once_note_the_same_misses_once(self, world: World) -> None:
        """D13: and what came after the first had read them is left for the next."""
        conversation = world.conversation(world.property(0), "contacted")
        world.sync(2)
        with nothing_logged(world):
            world.change(conversation, status="qualified")
            with world.engine.connect() as connection:
                both = [outstanding(connection) for _ in range(2)]
            world.change(conversation, status="lost")
        for misses in both:
            with world.engine.begin() as connection:
                account_for(connection, misses)
        with world.engine.connect() as connection:
            (gap,) = recent_gaps(connection)
            left = outstanding(connection)
        assert gap.changes == left.changes == 1
        assert gap.since is not None
        assert left.since == max(misses.read_at for misses in both)
        world.reconcile()


def verdict(found: ExecuteInProcessResult) -> AssetCheckEvaluation:
    (evaluated,) = [e for e in found.get_asset_check_evaluations() if e.check_name == "capture_misses"]
    return evaluated


def test_the_check_of_the_log_says_how_many_since_when_and_what_to_do(harness: Harness) -> None:
    """D13: the sweep that finds what became of them turns it green."""
    harness.connect(0)
    world = harness.world
    (flats,) = [i.property_id for i in world.integrations()]
    conversation = world.conversation(flats, "contacted")
    harness.run("pull", keys=harness.keys())
    harness.run("reconcile_pending")
    assert verdict(harness.run("push")).passed
    with nothing_logged(world):
        world.change(conversation, status="qualified")
        world.change(conversation, status="lost")

    found = verdict(harness.run("push"))

    figures = plain(found.metadata)
    assert not found.passed
    assert figures["misses"] == 2
    swept = world.value("SELECT began_at FROM domiq_sync.whole_sweep")
    assert figures["since"] == swept.isoformat(timespec="seconds")
    assert str(found.description).startswith(f"2 could not be logged since {figures['since']} (a full disk")
    assert "run the job reconcile_pending" in str(found.description)

    dry = harness.run("reconcile_pending", ops={"reconcile_sweep": {"config": {"dry_run": True}}})
    assert not [e for e in dry.get_asset_check_evaluations() if e.check_name == "capture_misses"]
    found = verdict(harness.run("reconcile_pending"))
    figures = plain(found.metadata)
    assert found.passed
    assert (figures["misses"], figures["accounted_for_lately"]) == (0, 2)
    (row,) = figures["accounted_for"]
    assert row["changes"] == 2
    assert "2 could not be logged when made, in 7 days" in str(found.description)
    harness.run("push")


@pytest.fixture
def small_disk(pg_server: EmbeddedServer, tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB that the server can write to."""
    owner = pg_server.data_dir.stat()
    place = Path(tempfile.mkdtemp(prefix="domiq-small-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size=3m,uid={owner.st_uid},gid={owner.st_gid},mode=700"]
    if os.geteuid() or subprocess.run([*mount, "tmpfs", place], capture_output=True).returncode:
        place.rmdir()
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)
    place.rmdir()


def test_a_disk_that_is_full_for_a_while_fails_no_statement_and_loses_no_status(
    pg_server: EmbeddedServer, world: World, small_disk: Path
) -> None:
    """D13: a real one, on which the log lies."""
    flats = world.property(0)
    conversations = [world.conversation(flats, "contacted") for _ in range(3)]
    world.sync(2)
    run(pg_server.url("postgres"), f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    try:
        run(world.url, "ALTER TABLE status_sync_log SET TABLESPACE small")
        room = subprocess.run(
            ["dd", "if=/dev/zero", f"of={small_disk}/fill", "bs=4k"], capture_output=True, text=True
        )
        assert "No space left" in room.stderr
        # What room its last page has is used up first.
        for status in ["qualified", "contacted"] * 40:
            world.do("UPDATE conversation SET status = :s", s=status)
        world.do("UPDATE conversation SET status = 'lost'")
        assert "could not be logged" in ill(world)[0]
        assert [t for t, _ in in_minutes(world, 0)] == ["opened"]
        (small_disk / "fill").unlink()
        found = world.sync().reconciled
        assert found is not None
        assert found.findings[MISSED] > 0
        assert found.findings[UNCAPTURED] == 3
        world.deliver()
        assert [world.last(c).new_status for c in conversations] == ["lost"] * 3
        assert [t for t, _ in [n for m in (1, 2, 13) for n in in_minutes(world, m)]] == ["recovered"]
        run(world.url, "ALTER TABLE status_sync_log SET TABLESPACE pg_default")
    finally:
        run(pg_server.url("postgres"), "DROP TABLESPACE small")
