"""Everything killed at once, in the middle of a push: work goes on within a minute of the restart."""

from __future__ import annotations

import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.e2e.dev_program import Dev, change_status, home, running_dev, some_lead

pytestmark = pytest.mark.slow
LIMIT_SECONDS = 60.0


def test_the_next_push_begins_within_a_minute_of_the_restart() -> None:
    """The database lives. Of the run that was killed Dagster says for an hour that it is under way."""
    with home() as directory:
        with running_dev(directory) as dev:
            dev.until("ready", lambda: "Ready." in dev.said(), 180)
            with dev.database() as database:
                lead = dev.until("leads are linked and agreed", lambda: some_lead(database), 120)
                dev.control("faults", {"switches": {"latency_ms": 4000}})
                change = change_status(database, lead["conversation_id"])
                dev.until("a push is in the middle of it", lambda: _in_flight(database, change), 60)
            _kill_all_but_the_database(dev)
        restarted = datetime.now(UTC)
        with running_dev(directory) as dev:
            dev.until("ready", lambda: "Ready." in dev.said(), 180)
            dev.control("faults", {"switches": {"latency_ms": 0}})  # it came back with it
            with dev.database() as database:
                begun = dev.until(
                    "a push begins", lambda: _pushes_since(database, restarted), LIMIT_SECONDS + 20
                )
                assert (begun - restarted).total_seconds() < LIMIT_SECONDS, dev.said()[-4000:]
                dev.until("the change is settled", lambda: _settled(database, change), 120)
                dev.until("the dead run is marked as failed", lambda: "marked as failed" in dev.said(), 60)
                mark = f"[DQ-{change.hex[:12]}]"
                assert dev.comments_at_resman(lead["prospect_id"]).count(mark) == 1
            assert "Traceback" not in dev.said()


def _in_flight(database: psycopg.Connection[DictRow], change: Any) -> bool:
    row = database.execute(
        "SELECT FROM domiq_sync.delivery WHERE change_id = %s AND state = 'in_flight'", [change]
    ).fetchone()
    return row is not None


def _pushes_since(database: psycopg.Connection[DictRow], moment: datetime) -> datetime | None:
    row = database.execute(
        "SELECT min(started_at) AS begun FROM domiq_sync.worker WHERE job = 'push' AND started_at > %s",
        [moment],
    ).fetchone()
    assert row is not None
    found: datetime | None = row["begun"]
    return found


def _settled(database: psycopg.Connection[DictRow], change: Any) -> bool:
    row = database.execute("SELECT sync_status FROM status_sync_log WHERE id = %s", [change]).fetchone()
    return row is not None and row["sync_status"] == "success"


def _kill_all_but_the_database(dev: Dev) -> None:
    server = psutil.Process(int((dev.home / "pg" / "postmaster.pid").read_text().splitlines()[0]))
    spared = {server, *server.children(recursive=True)}
    doomed = {psutil.Process(dev.process.pid), *dev.processes()} - spared
    for process in doomed:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(doomed, timeout=10)
    dev.process.wait(10)
    assert server.is_running()
