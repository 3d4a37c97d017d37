"""A run that is cancelled while it pushes: the request in flight ends, and nothing stays held."""

import os
import signal
import threading
import time

from dagster import DagsterRunStatus, RunsFilter

from tests.integration.dagster.conftest import POST, House
from tests.integration.held import held


def test_a_cancelled_run_lets_the_request_in_flight_end_and_leaves_nothing_held(house: House) -> None:
    flats, lofts = house.connect(0, 7)
    house.run("pull", keys=house.keys())
    chats = [house.world.conversation(place, "new") for place in (flats, flats, flats, lofts, lofts)]
    house.world.standin.faults({"kind": "latency", "seconds": 0.4, "endpoint": POST})

    def cancel() -> None:
        """What Dagster's run launcher does: it notes the wish, and sends the run's process a signal."""
        deadline = time.monotonic() + 20
        while not house.world.standin.requests(POST) and time.monotonic() < deadline:
            time.sleep(0.02)
        (run,) = house.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        house.instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    run = house.run("push", fails=True)
    canceller.join()

    asked = house.world.standin.requests()
    assert held(house.world) == []
    done = house.instance.get_run_by_id(run.run_id)
    assert done is not None
    assert done.status is DagsterRunStatus.CANCELED
    posted = [r for r in asked if r["endpoint"] == POST]
    assert 1 <= len(posted) <= 2  # one at each account
    assert {r["status"] for r in posted} == {200}
    assert house.world.standin.requests() == asked

    house.world.standin.faults()
    house.run("push")
    assert {house.world.last(chat).sync_status for chat in chats} == {"success"}
    assert house.world.repeated_markers() == []
