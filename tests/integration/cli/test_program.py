"""The installed program itself, as a process of its own: signals, output, what it leaves behind."""

import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate
from tests.fixtures.commands import PROGRAM, Done, Run, environment_for, eventually
from tests.fixtures.world import POST, Standin, World
from tests.integration.leaks import leaks


def test_the_installed_program_runs_and_says_what_it_can(tmp_path: Path) -> None:
    done = subprocess.run([PROGRAM, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    listed = re.findall(r"^\W*([a-z][a-z-]+)  ", done.stdout, re.MULTILINE)
    assert listed[listed.index("help") + 1 :] == [
        *("status", "properties", "failures", "lead", "explain", "accounts", "notifications", "duplicates"),
        *("report", "history", "alerts"),
        *("conflicts", "retry", "pause", "resume", "restored", "erase"),
        *("sync", "worker", "daemon"),
        *("migrate", "connect", "doctor", "plan-map", "housekeeping", "uninstall"),
        *("rules", "archive"),
        *("demo", "dev", "standin"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_standin_prints_its_address_keeps_its_state_and_ends_when_told(run: Run, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    command = [PROGRAM, "standin", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        port = url.rpartition(":")[2]
        second = run("standin", "--port", port)
        prospects = len(Standin(url).prospects())
        process.terminate()
        assert (process.wait(10), process.stderr and process.stderr.read()) == (0, "")
    assert f"port {port} of 127.0.0.1 cannot be used" in second.sentence
    assert prospects == len(json.loads(state.read_text())["prospects"]) == 1500


def test_sigterm_during_sync_leaves_no_embedded_postgres_behind(standin: Standin) -> None:
    with tempfile.TemporaryDirectory(prefix="domiq-cli-") as name:
        home = Path(name)
        home.chmod(0o755)  # if root runs the tests, the server runs under another account
        _connected_home(home, standin)
        standin.faults({"kind": "hang", "seconds": 1.5, "endpoint": "Prospects"})
        process = subprocess.Popen(
            [PROGRAM, "sync"],
            env={**os.environ, **environment_for(None, standin.url), "DOMIQ_HOME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(lambda: standin.requests("Prospects"), 30)
            pid_file = home / "pg" / "postmaster.pid"
            server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            family = [server, *server.children()]

            process.send_signal(signal.SIGTERM)

            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
            process.communicate()
        assert Done(process.returncode, out, err).sentence_with(143).startswith("Interrupted; what was done")
        assert not pid_file.exists()
        assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_sigterm_during_a_push_ends_it_after_the_request_in_flight(world: World, env: dict[str, str]) -> None:
    flats, lofts = world.property(0), world.property(7)
    world.sync()
    chats = [world.conversation(property_id, "new") for property_id in (flats, flats, flats, lofts, lofts)]
    world.standin.faults({"kind": "latency", "seconds": 0.7, "endpoint": POST})
    process = subprocess.Popen(
        [PROGRAM, "sync"],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: world.standin.requests(POST), 30)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()

    assert Done(process.returncode, out, err).sentence_with(143).startswith("Interrupted; what was done")
    posted = world.standin.requests(POST)
    assert 1 <= len(posted) <= 2  # one at each account
    assert {r["status"] for r in posted} == {200}
    assert leaks(world) == []
    assert world.conservation() == []
    assert {world.last(chat).sync_status for chat in chats} >= {"pending"}

    world.standin.faults()
    world.deliver()
    assert {world.last(chat).sync_status for chat in chats} == {"success"}
    assert world.repeated_markers() == []


def _connected_home(home: Path, standin: Standin) -> None:
    """An embedded database with one connected property, as last time left it."""
    with running(home / "pg", durable=False) as server:
        server.ensure_database("domiq")
        engine = make_engine(server.url("domiq"))
        migrate(engine)
        there = World(engine, server.url("domiq"), standin)
        there.property(0)
        there.closing.close()
        engine.dispose()
