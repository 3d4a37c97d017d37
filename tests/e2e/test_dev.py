"""`domiq-sync dev`, as a user runs it: nobody touches Dagster, and changes reach ResMan all the same."""

import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.e2e.dev_program import PROPERTIES, Dev, change_status, home, running_dev, some_lead

pytestmark = pytest.mark.slow


@pytest.fixture
def dev() -> Iterator[Dev]:
    with home() as directory, running_dev(directory) as dev:
        yield dev


def test_changes_and_new_properties_are_taken_up_by_themselves_and_all_of_it_ends_when_told(
    dev: Dev,
) -> None:
    dev.until("ready", lambda: "Ready." in dev.said(), 180)
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
    family = dev.processes()
    assert len(family) > 8

    dev.process.send_signal(signal.SIGTERM)

    assert dev.process.wait(60) == 0, dev.said()[-4000:]
    left = [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    assert not (dev.home / "pg" / "postmaster.pid").exists()
    assert mark in (dev.home / "standin.json").read_text()


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
