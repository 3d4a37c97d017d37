"""A run that is cancelled while it pushes: the request in flight ends, and nothing stays held."""

import os
import signal
import threading
import time

from dagster import DagsterRunStatus, RunsFilter

from tests.fixtures.dagster_instance import Harness
from tests.fixtures.world import POST
from tests.integration.leaks import leaks


def test_a_cancelled_run_lets_the_request_in_flight_end_and_leaves_nothing_held(harness: Harness) -> None:
    flats, lofts = harness.connect(0, 7)
    harness.run("pull", keys=harness.keys())
    chats = [
        harness.world.conversation(property_id, "new") for property_id in (flats, flats, flats, lofts, lofts)
    ]
    harness.world.standin.faults({"kind": "latency", "seconds": 0.4, "endpoint": POST})

    def cancel() -> None:
        """What Dagster's run launcher does: it notes the wish, and sends the run's process a signal."""
        deadline = time.monotonic() + 20
        while not harness.world.standin.requests(POST) and time.monotonic() < deadline:
            time.sleep(0.02)
        (run,) = harness.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        harness.instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    run = harness.run("push", fails=True)
    canceller.join()

    asked = harness.world.standin.requests()
    assert leaks(harness.world) == []
    done = harness.instance.get_run_by_id(run.run_id)
    assert done is not None
    assert done.status is DagsterRunStatus.CANCELED
    posted = [r for r in asked if r["endpoint"] == POST]
    assert 1 <= len(posted) <= 2  # one at each account
    assert {r["status"] for r in posted} == {200}
    assert harness.world.standin.requests() == asked

    harness.world.standin.faults()
    harness.run("push")
    assert {harness.world.last(chat).sync_status for chat in chats} == {"success"}
    assert harness.world.repeated_markers() == []
