"""`domiq-sync dev`, as a user runs it: nobody touches Dagster, and changes reach ResMan all the same, also
after everything was killed at once. The tests share one home, since a start takes half a minute."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.e2e.dev_program import PROPERTIES, Dev, DevHome, change_status, home, some_lead

pytestmark = pytest.mark.slow
LIMIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def dev_home() -> Iterator[DevHome]:
    with home() as directory:
        dev_home = DevHome(directory)
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
    assert not re.search(r" - (DEBUG|ERROR|CRITICAL) - ", dev.said())


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


def test_the_next_push_begins_within_a_minute_of_a_restart_after_everything_was_killed(
    dev_home: DevHome,
) -> None:
    """The database lives. Of the run that was killed Dagster says for an hour that it is under way."""
    dev = dev_home.running()
    with dev.database() as database:
        lead = dev.until("leads are linked and agreed", lambda: some_lead(database), 120)
        dev.control("faults", {"switches": {"latency_ms": 4000}})
        change = change_status(database, lead["conversation_id"])
        dev.until("a push is in the middle of it", lambda: _in_flight(database, change), 60)
    _kill_all_but_the_database(dev)

    restarted = datetime.now(UTC)
    dev = dev_home.running()

    dev.control("faults", {"switches": {"latency_ms": 0}})  # it came back with it
    with dev.database() as database:
        begun = dev.until("a push begins", lambda: _pushes_since(database, restarted), LIMIT_SECONDS + 20)
        assert (begun - restarted).total_seconds() < LIMIT_SECONDS, dev.said()[-4000:]
        dev.until("the change is settled", lambda: _status(database, change) == "success", 120)
        dev.until("the dead run is marked as failed", lambda: "marked as failed" in dev.said(), 60)
        mark = f"[DQ-{change.hex[:12]}]"
        assert dev.comments_at_resman(lead["prospect_id"]).count(mark) == 1
    assert "Traceback" not in dev.said()


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


def _pushes_since(database: psycopg.Connection[DictRow], moment: datetime) -> datetime | None:
    row = database.execute(
        "SELECT min(started_at) AS begun FROM domiq_sync.worker WHERE job = 'push' AND started_at > %s",
        [moment],
    ).fetchone()
    assert row is not None
    found: datetime | None = row["begun"]
    return found


def _kill_all_but_the_database(dev: Dev) -> None:
    server = dev.postmaster()
    spared = {server, *server.children(recursive=True)}
    doomed = {psutil.Process(dev.process.pid), *dev.processes()} - spared
    for process in doomed:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(doomed, timeout=10)
    dev.process.wait(10)
    assert server.is_running()
