"""The process: ready line, state file, exit, a port that is taken, large answers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.fixtures.standin_hand import Hand, Process, Wording

EPOCH = "1970-01-01T00:00:00Z"


def test_state_survives_a_sigterm(
    started: type[Process], hand_on: Callable[[str], Hand], say: type[Wording], tmp_path: Path
) -> None:
    file = tmp_path / "sub" / "state.json"
    first = started("--port", "0", "--prospects", "12", "--seed", "9", "--state", str(file))
    assert first.ready["pid"] == first.child.pid
    hand = hand_on(first.ready["url"])
    hand.property = hand.state()["properties"][0]
    ids = hand.created()
    hand.control("clock", {"advance_seconds": 3600})
    fault = {"kind": "status", "status": 503, "count": 2, "endpoint": "Employees"}
    hand.faults(fault, latency_ms=1)
    assert hand.v2("Employees").status_code == 503
    before = hand.state()
    assert first.stop() == (0, b"")
    assert [p.name for p in file.parent.iterdir()] == ["state.json"]

    second = started("--port", "0", "--state", str(file))
    hand = hand_on(second.ready["url"])
    after = hand.state()
    for key in ("accounts", "properties", "lostReasons", "prospects", "switches"):
        assert after[key] == before[key]
    assert say.instant(after["now"]) > say.instant(before["now"])
    hand.property = after["properties"][0]
    assert [hand.v2("Employees").status_code for _ in range(2)] == [503, 200]
    assert hand.created(email="new@example.com") != ids
    assert len({p["prospectId"] for p in hand.state()["prospects"]}) == 14
    assert second.stop() == (0, b"")


def test_state_is_saved_soon_after_a_change(
    started: type[Process], hand_on: Callable[[str], Hand], tmp_path: Path
) -> None:
    file = tmp_path / "state.json"
    server = started("--port", "0", "--empty", "--state", str(file))
    hand = hand_on(server.ready["url"])
    hand.property = hand.state()["properties"][0]
    ids = hand.created()
    begun = time.monotonic()
    while not (file.exists() and ids[0] in file.read_text()):
        assert time.monotonic() - begun < 20
        time.sleep(0.02)
    server.child.kill()
    server.child.communicate()
    third = started("--port", "0", "--state", str(file))
    assert hand_on(third.ready["url"]).prospect(ids[0])["prospectId"] == ids[0]
    assert third.stop() == (0, b"")


def test_it_stops_fast_on_sigint_even_with_a_request_hanging(
    started: type[Process], hand_on: Callable[[str], Hand]
) -> None:
    server = started("--port", "0", "--empty")
    hand = hand_on(server.ready["url"])
    hand.faults({"kind": "hang", "seconds": 60})
    waiting = requests.Session()
    try:
        waiting.get(hand.url + "/Properties", timeout=0.1)
    except requests.ReadTimeout:
        server.child.send_signal(signal.SIGINT)
    server.child.communicate(timeout=30)
    waiting.close()
    assert server.child.returncode == 0


def test_what_cannot_run_says_why_and_exits_2(server: Process, tmp_path: Path) -> None:
    broken = tmp_path / "state.json"
    broken.write_text("{}")
    port = server.ready["url"].rsplit(":", 1)[1]
    for arguments, reason in (
        (["--port", port], "cannot be used"),
        (["--state", str(broken)], "cannot be loaded"),
    ):
        command = [sys.executable, "-m", "domiq_dagster.resman.standin", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert run.returncode == 2
        assert reason in run.stderr
        assert run.stdout == ""


def test_a_state_file_that_cannot_be_written_ends_the_server(started: type[Process], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = started("--port", "0", "--empty", "--state", str(tmp_path / "file" / "state.json"))
    _, errors = server.child.communicate(timeout=10)
    assert server.child.returncode == 2
    assert b"cannot be saved" in errors


def test_long_answers_are_streamed(hand: Hand) -> None:
    property_id = {"propertyId": "P-1", "accountId": "400", "name": "Large"}
    people = [{"firstName": "Ada", "lastName": "Example"}]
    rows = [{"prospectId": f"A-{n}", "propertyId": "P-1", "people": people} for n in range(1500)]
    hand.reset(world={"properties": [property_id], "prospects": rows})
    answer = hand.v2("Prospects", propertyId="P-1", modifiedSince=EPOCH)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert len({p["prospectId"] for p in answer.json()["prospects"]}) == 1500


def test_answers_do_not_wait_for_acknowledgements(hand: Hand) -> None:
    took = []
    for _ in range(50):
        begun = time.monotonic()
        assert hand.v2("Account/AccountId", subdomain="standin400").status_code == 200
        took.append(time.monotonic() - begun)
    assert min(took[1:]) < 0.03  # Nagle's algorithm would make each 40 ms, on a machine however idle
