"""`domiq-sync dev`, as a user runs it: nobody touches Dagster, and changes reach ResMan all the same, also
after everything was killed at once. The tests share one home, since a start takes half a minute."""

import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.rows import DictRow

from domiq_dagster.runtime.dev_home import LOG
from tests.e2e.dev_program import PROPERTIES, Dev, DevHome, change_status, home, some_lead
from tests.fake_servers.smtp import SmtpServer

pytestmark = pytest.mark.slow
# Long before the hour for which Dagster holds a dead run to be alive. That it is a minute is a sum of
# patiences, held in tests/unit/sync/test_patience.py: a loaded machine may take its time to start Dagster.
LONG_BEFORE = 240.0


@pytest.fixture(scope="module")
def dev_home() -> Iterator[DevHome]:
    with SmtpServer() as mailbox, home() as directory:
        dev_home = DevHome(directory, f"{mailbox.url}&to=ops@example.com")
        try:
            yield dev_home
        finally:
            dev_home.close()


def test_changes_and_new_properties_are_taken_up_by_themselves(dev_home: DevHome) -> None:
    dev = dev_home.running()
    with dev.database() as database:
        settings = _disconnect(database, "summit-row")
        dev.until("the others are partitions", lambda: len(dev.partitions()) == PROPERTIES - 1, 60)
        assert "summit-row" not in dev.partitions()
        lead = dev.until("leads are linked and agreed", lambda: some_lead(database), 120)

        changed_at = time.time()
        change = change_status(database, lead["conversation_id"])
        _connect(database, settings)
        mark = f"[DQ-{change.hex[:12]}]"
        dev.until("it is at ResMan", lambda: mark in dev.comments_at_resman(lead["prospect_id"]), 120)
        pushes = "conversation_status_pushes"
        dev.until("Dagster shows the push", lambda: dev.materialised(pushes, changed_at), 120)
        assert _status(database, change) == "success"
        dev.until("the new partition is there", lambda: "summit-row" in dev.partitions(), 60)
        for asset in ("resman_leads", "inbound_status_changes"):
            dev.until(
                f"the new partition of {asset} is backfilled",
                lambda asset=asset: dev.materialised(asset, changed_at, "summit-row"),  # type: ignore[misc]
                120,
            )

    assert "Traceback" not in dev.said()
    noise = [line for line in dev.said().splitlines() if re.search(r" - (DEBUG|ERROR|CRITICAL) - ", line)]
    assert noise == []


def test_its_screen_is_quiet_and_its_ports_stay_from_start_to_start(dev_home: DevHome) -> None:
    """F14: whatever the programs say is in its log."""
    dev = dev_home.running()
    shown = dev.output.read_text()
    standin = dev.exported("RESMAN_V2_URL")
    for noise in (" | ", "WARNING", "INFO", "socket"):
        assert noise not in shown, shown
    assert standin in shown and str(dev.home / LOG) in shown
    dev_home.close()
    assert dev_home.running().exported("RESMAN_V2_URL") == standin


def test_all_of_it_ends_when_told(dev_home: DevHome) -> None:
    dev = dev_home.running()
    with dev.database() as database:
        lead = dev.until("leads are linked and agreed", lambda: some_lead(database), 120)
    family = dev.processes()
    assert len(family) > 8

    dev.process.send_signal(signal.SIGTERM)

    assert dev.process.wait(60) == 0, dev.said()[-4000:]
    left = [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    assert not (dev.home / "pg" / "postmaster.pid").exists()
    assert lead["prospect_id"] in (dev.home / "standin.json").read_text()


def test_work_goes_on_soon_after_a_restart_whatever_was_killed(dev_home: DevHome) -> None:
    """D1: first everything but the database is killed, in the middle of a push and of a pull; then
    everything, as by a loss of power. Of the runs that were killed Dagster says for an hour that they are
    under way. Where no worker goes on, runs take the work up; then it is a worker."""
    for power_loss, after in ((False, ["--no-worker"]), (True, [])):
        _crash_and_go_on(dev_home, power_loss=power_loss, after=after)


def _crash_and_go_on(dev_home: DevHome, *, power_loss: bool, after: list[str]) -> None:
    dev = dev_home.running("--no-worker")
    with dev.database() as database:
        dev.until("leads are linked and agreed", lambda: some_lead(database), 120)
        dev.control("faults", {"switches": {"latency_ms": 4000}})
        _fall_behind(database)
        prospects: dict[Any, str] = {}
        under_way = _change_some_lead(database, prospects)
        dev.until("a push is in the middle of it", lambda: _in_flight(database, under_way), 180)
        if not power_loss:
            dev.until("a pull is at work", lambda: _at_work(database, "pull"), 180)
        _change_some_lead(database, prospects)  # that waits, however far the push has come
    _kill(dev, the_database_too=power_loss)

    restarted = datetime.now(UTC)
    dev = dev_home.running(*after)

    dev.control("faults", {"switches": {"latency_ms": 0}})  # it came back with it
    with dev.database() as database:
        dev.until(
            "changes are taken up",
            lambda: _begun_since(database, "push" if after else "service", restarted),
            LONG_BEFORE,
        )
        dev.until("a pull begins", lambda: _pulled_since(database, restarted), LONG_BEFORE)
        dev.until("the dead run is marked as failed", lambda: "marked as failed" in dev.said(), LONG_BEFORE)
        # The one whose request was under way may or may not have arrived, which takes minutes to tell.
        dev.until("one is posted", lambda: _posted_since(database, list(prospects), restarted), LONG_BEFORE)
        for change, prospect_id in prospects.items():
            told = dev.comments_at_resman(prospect_id).count(f"[DQ-{change.hex[:12]}]")
            assert (told, _status(database, change)) in ((0, "pending"), (1, "pending"), (1, "success"))
    said = dev.said()
    assert "Traceback" not in said, said[said.index("Traceback") :][:6000]


def _fall_behind(database: psycopg.Connection[DictRow]) -> None:
    """Nobody has pulled for an hour: a sensor asks for it."""
    database.execute("UPDATE domiq_sync.watermark SET last_pull_at = last_pull_at - interval '1 hour'")


def _at_work(database: psycopg.Connection[DictRow], job: str) -> bool:
    row = database.execute(
        "SELECT FROM domiq_sync.worker WHERE job = %s AND seen_at > clock_timestamp() - interval '6 s'", [job]
    ).fetchone()
    return row is not None


def _change_some_lead(database: psycopg.Connection[DictRow], prospects: dict[Any, str]) -> Any:
    """Changes the status of a lead, whose prospect is kept by the id of the change."""
    lead = some_lead(database, anywhere=True)
    assert lead is not None
    change = change_status(database, lead["conversation_id"])
    prospects[change] = lead["prospect_id"]
    return change


def _posted_since(database: psycopg.Connection[DictRow], changes: Sequence[Any], moment: datetime) -> bool:
    """Whether ResMan was asked, since a time, for one of these changes that is settled."""
    row = database.execute(
        "SELECT FROM domiq_sync.attempt a JOIN status_sync_log g ON g.id = a.change_id "
        "WHERE g.id = ANY (%s) AND g.sync_status = 'success' AND a.started_at > %s LIMIT 1",
        [list(changes), moment],
    ).fetchone()
    return row is not None


def _status(database: psycopg.Connection[DictRow], change: Any) -> str:
    row = database.execute("SELECT sync_status FROM status_sync_log WHERE id = %s", [change]).fetchone()
    assert row is not None
    return str(row["sync_status"])


def _disconnect(database: psycopg.Connection[DictRow], key: str) -> DictRow:
    row = database.execute(
        "DELETE FROM domiq_sync.integration WHERE partition_key = %s "
        "RETURNING property_id, resman_account_id, resman_property_id",
        [key],
    ).fetchone()
    assert row is not None
    return row


def _connect(database: psycopg.Connection[DictRow], settings: DictRow) -> None:
    """As a user does: three values."""
    database.execute(
        "INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id) "
        "VALUES (%(property_id)s, %(resman_account_id)s, %(resman_property_id)s)",
        settings,
    )


def _in_flight(database: psycopg.Connection[DictRow], change: Any) -> bool:
    row = database.execute(
        "SELECT FROM domiq_sync.delivery WHERE change_id = %s AND state = 'in_flight'", [change]
    ).fetchone()
    return row is not None


def _begun_since(database: psycopg.Connection[DictRow], job: str, moment: datetime) -> bool:
    row = database.execute(
        "SELECT FROM domiq_sync.worker WHERE job = %s AND started_at > %s LIMIT 1", [job, moment]
    ).fetchone()
    return row is not None


def _pulled_since(database: psycopg.Connection[DictRow], moment: datetime) -> bool:
    """Whether a run that pulls has begun, or a worker has pulled a property. Where a worker has closed every
    gap no run is asked for."""
    row = database.execute(
        "SELECT WHERE EXISTS (SELECT FROM domiq_sync.worker WHERE job = 'pull' AND started_at > %(since)s) "
        "OR EXISTS (SELECT FROM domiq_sync.watermark WHERE last_pull_at > %(since)s)",
        {"since": moment},
    ).fetchone()
    return row is not None


def _kill(dev: Dev, *, the_database_too: bool) -> None:
    server = dev.postmaster()
    spared = {server, *server.children(recursive=True)}
    doomed = {psutil.Process(dev.process.pid), *dev.processes()} - spared
    if the_database_too:
        server.send_signal(signal.SIGQUIT)  # as pg_ctl stop -m immediate
    for process in doomed:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(doomed, timeout=10)
    dev.process.wait(10)
    if the_database_too:
        server.wait(20)
    assert server.is_running() is not the_database_too
