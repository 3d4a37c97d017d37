"""Whatever the supervisor starts, it ends: with real processes, real signals, and once with real Dagster."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster._utils.interrupts import capture_interrupts

from domiq_dagster.runtime.supervise import STOP_SIGNALS, http_ready, interruptible, port_open, told_to_stop

# A supervisor of its own process, which a signal can be sent to. Arguments: the specification, the directory.
DRIVER = """
import json, os, sys
from pathlib import Path
from domiq_dagster.runtime.supervise import Program, run

spec, place = json.loads(sys.argv[1]), Path(sys.argv[2])

def program(name, ready=False, **options):
    made = {key: options.pop(key) for key in ("at_once", "finishes", "ready_timeout") if key in options}
    argv = [sys.executable, "-S", str(place / "child.py"), name, str(place), json.dumps(options)]
    test = (place / f"{name}.ready").exists if ready else None
    return Program(name, argv, dict(os.environ), ready=test, **made)

def on_ready():
    (place / "all.ready").touch()
    if spec.get("on_ready_fails"):
        raise RuntimeError("on_ready has failed")

programs = [program(**each) for each in spec["programs"]]
if spec.get("missing"):
    programs.append(Program("missing", [str(place / "no-such-program")], {}))
sys.exit(run(programs, on_ready=on_ready, out=sys.stdout, grace=spec.get("grace", 10)))
"""

# A program. Its options: what it does besides living on.
CHILD = """
import json, os, signal, subprocess, sys, time
from pathlib import Path

name, place, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])

def leave(number, frame):
    os.write(1, f"leaves on {signal.Signals(number).name}\\n".encode())
    os._exit(0)

signal.signal(signal.SIGTERM, signal.SIG_IGN if options.get("stubborn") else leave)
if options.get("family"):
    live = "import time; time.sleep(600)"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + live
    near = [sys.executable, "-S", "-c", deaf if options.get("stubborn") else live]
    for away, argv in ((False, near), (True, [sys.executable, "-S", "-c", live])):
        process = subprocess.Popen(argv, start_new_session=away)
        (place / f"{process.pid}.pid").touch()
(place / f"{os.getpid()}.pid").touch()
seen = sorted(path.stem for path in place.glob("*.ready") if path.stem != "all")
os.write(1, f"starts, seeing {','.join(seen) or 'nothing'}\\n".encode())
if "after" in options:
    while not (place / options["after"]).exists():
        time.sleep(0.01)
(place / f"{name}.ready").touch()
if "exit" in options:
    os.write(1, b"no newline at the end")
    sys.exit(options["exit"])
while options.get("chatty"):
    print("x" * 1000)
time.sleep(600)
"""

SECONDS = 20.0


def eventually(happened: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not after {seconds:g} s"
        time.sleep(0.02)


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Supervisor:
    """A supervisor in a process of its own, and everything that descends from it."""

    def __init__(self, property_id: Path, spec: dict[str, Any], driver: str = DRIVER) -> None:
        self.place = property_id
        (property_id / "driver.py").write_text(driver)
        (property_id / "child.py").write_text(CHILD)
        self.process = subprocess.Popen(
            [sys.executable, str(property_id / "driver.py"), json.dumps(spec), str(property_id)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.family: list[psutil.Process] = []

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0]
        return (self.place / "all.ready").exists()

    def meet(self, size: int) -> None:
        """Wait until it is ready, and find its descendants: programs, theirs, and the reaper."""
        eventually(self.is_ready, "ready")
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.family) == size

    def child(self, name: str) -> psutil.Process:
        return next(each for each in self.family if name in each.cmdline())

    def left(self) -> list[psutil.Process]:
        """Who of its family lives: those that were met, and those that lost their parents before that."""
        numbers = [int(path.stem) for path in self.place.glob("*.pid")]
        orphans = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
        return [each for each in {*self.family, *orphans} if not is_gone(each)]

    def finish(self) -> tuple[int, list[str]]:
        """Its exit code and the lines of its output, once it has ended by itself and its family with it."""
        output, _ = self.process.communicate(timeout=SECONDS)
        assert self.left() == []
        return self.process.returncode, output.splitlines()

    def clear(self) -> None:
        """After a failed test."""
        if self.process.poll() is None:
            self.family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
        if self.process.stdout and not self.process.stdout.closed:
            self.process.stdout.close()
        for process in self.left():
            process.kill()


Start = Callable[..., Supervisor]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Supervisor] = []

    def make(*programs: dict[str, Any], **options: Any) -> Supervisor:
        made.append(Supervisor(tmp_path, {"programs": programs, **options}))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.clear()


FAMILY = {"ready": True, "family": True}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_ends_everything_in_reverse_order(start: Start, number: signal.Signals) -> None:
    supervisor = start({"name": "first", **FAMILY}, {"name": "second", **FAMILY})
    supervisor.meet(7)

    supervisor.process.send_signal(number)

    code, lines = supervisor.finish()
    assert code == 0
    assert lines == [
        "first  | starts, seeing nothing",
        "second | starts, seeing first",
        "second | leaves on SIGTERM",
        "first  | leaves on SIGTERM",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the environment of a process may be hidden")
def test_nothing_outlives_a_supervisor_that_is_killed(start: Start) -> None:
    supervisor = start({"name": "first", **FAMILY}, {"name": "second", **FAMILY}, grace=1)
    supervisor.meet(7)

    supervisor.process.kill()

    eventually(lambda: not supervisor.left(), "everything has ended, the reaper too")


def test_the_death_of_one_ends_all_and_is_told(start: Start) -> None:
    supervisor = start({"name": "first", **FAMILY}, {"name": "second", **FAMILY})
    supervisor.meet(7)

    supervisor.child("second").kill()

    code, lines = supervisor.finish()
    assert code == 1
    assert lines[-2:] == [
        "  starts, seeing first",
        "second was killed by SIGKILL; its last lines are above.",
    ]
    assert "first  | leaves on SIGTERM" in lines


def test_one_that_ends_by_itself_has_its_last_words_told(start: Start) -> None:
    code, lines = start({"name": "first", "ready": True}, {"name": "second", "exit": 0}).finish()

    assert code == 1
    assert "second | no newline at the end" in lines
    assert lines[-2:] == [
        "  no newline at the end",
        "second ended with exit code 0; its last lines are above.",
    ]


def test_a_stubborn_one_is_killed_when_its_grace_is_over(start: Start) -> None:
    supervisor = start({"name": "stubborn", "ready": True, "family": True, "stubborn": True}, grace=0.3)
    supervisor.meet(4)

    supervisor.process.terminate()

    assert supervisor.finish() == (0, ["stubborn | starts, seeing nothing"])


def test_a_second_signal_kills_at_once(start: Start) -> None:
    stubborn = {"ready": True, "family": True, "stubborn": True}
    supervisor = start({"name": "first", **stubborn}, {"name": "second", **stubborn}, grace=600)
    supervisor.meet(7)

    supervisor.process.send_signal(signal.SIGINT)
    loose = next(each for each in supervisor.family if os.getsid(each.pid) == each.pid)
    assert not is_gone(loose)
    supervisor.process.send_signal(signal.SIGTERM)

    code, _ = supervisor.finish()
    assert code == 0


def test_one_that_is_not_ready_in_time_ends_all(start: Start) -> None:
    code, lines = start(
        {"name": "first", "ready": True},
        {"name": "slow", "ready": True, "after": "never", "ready_timeout": 0.5},
        {"name": "third"},
    ).finish()

    assert code == 1
    assert lines[-1] == "slow was not ready after 0.5 s; its last lines are above."
    assert "first | leaves on SIGTERM" in lines
    assert not any(line.startswith("third") for line in lines)


def test_a_stop_signal_ends_the_wait_for_readiness(start: Start) -> None:
    supervisor = start({"name": "slow", "ready": True, "after": "never", "ready_timeout": 600})
    eventually(lambda: len(psutil.Process(supervisor.process.pid).children()) == 2, "the program runs")
    supervisor.family = psutil.Process(supervisor.process.pid).children()

    supervisor.process.send_signal(signal.SIGINT)

    code, _ = supervisor.finish()
    assert code == 0


def test_those_that_start_at_once_do_not_wait_and_the_next_one_waits_for_both(start: Start) -> None:
    # Each of the two is ready only when the other one runs.
    supervisor = start(
        {"name": "one", "ready": True, "after": "two.ready"},
        {"name": "two", "ready": True, "at_once": True},
        {"name": "three", "ready": True},
    )
    supervisor.meet(4)

    supervisor.process.terminate()

    code, lines = supervisor.finish()
    assert code == 0
    assert "three | starts, seeing one,two" in lines
    leaving = [line.split()[0] for line in lines if "leaves" in line]
    assert leaving[0] == "three"
    assert sorted(leaving[1:]) == ["one", "two"]


def test_one_that_finishes_lets_the_next_one_start_and_is_not_missed(start: Start) -> None:
    supervisor = start(
        {"name": "prepare", "exit": 0, "finishes": True, "family": True}, {"name": "serve", "ready": True}
    )
    supervisor.meet(2)
    assert len(supervisor.left()) == 3, (
        "the child that left the group of the one that finished is there still"
    )

    supervisor.process.terminate()

    code, lines = supervisor.finish()
    assert code == 0
    assert "serve   | starts, seeing prepare" in lines


def test_one_that_fails_to_finish_keeps_the_next_one_from_starting(start: Start) -> None:
    code, lines = start({"name": "prepare", "exit": 3, "finishes": True}, {"name": "serve"}).finish()

    assert code == 1
    assert lines[-1] == "prepare ended with exit code 3; its last lines are above."
    assert not any(line.startswith("serve") for line in lines)


def test_a_program_that_does_not_exist_is_named(start: Start) -> None:
    code, lines = start({"name": "first", "ready": True}, missing=True).finish()

    assert code == 1
    assert "first   | leaves on SIGTERM" in lines
    assert lines[-1].startswith("missing could not be started: [Errno 2] No such file or directory")


def test_an_exception_of_the_caller_comes_through_after_everything_has_ended(start: Start) -> None:
    code, lines = start({"name": "first", **FAMILY}, on_ready_fails=True).finish()

    assert code == 1
    assert lines[-1] == "RuntimeError: on_ready has failed"
    assert "first | leaves on SIGTERM" in lines


def test_a_reader_that_does_not_read_cannot_keep_it_from_ending(start: Start) -> None:
    supervisor = start({"name": "chatty", "ready": True, "chatty": True})
    supervisor.meet(2)

    supervisor.process.terminate()

    supervisor.process.wait(SECONDS)
    assert supervisor.process.returncode == 0
    assert not supervisor.left()


def test_a_reader_that_goes_away_ends_it(start: Start) -> None:
    supervisor = start({"name": "chatty", "ready": True, "chatty": True})
    supervisor.meet(2)

    assert supervisor.process.stdout is not None
    supervisor.process.stdout.close()

    supervisor.process.wait(SECONDS)
    assert supervisor.process.returncode == 1
    assert not supervisor.left()


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/server_info", "/state?short=true") else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


def test_a_server_is_ready_when_it_answers_200_whatever_proxy_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        assert port_open(port)
        assert http_ready(f"http://127.0.0.1:{port}/server_info")
        assert http_ready(f"http://127.0.0.1:{port}/state?short=true")
        assert not http_ready(f"http://127.0.0.1:{port}/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not port_open(port)
    assert not http_ready(f"http://127.0.0.1:{port}/server_info")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_interruptible_is_cleaned_up_on_any_stop_signal(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), number)

    assert signal.getsignal(number) is before


def test_what_a_script_starts_in_the_background_ends_on_sigterm_after_a_run_of_dagster() -> None:
    """A shell ignores SIGINT for it, and Dagster has SIGTERM do what SIGINT does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible() as received:
            with capture_interrupts():
                pass
            os.kill(os.getpid(), signal.SIGTERM)
        assert received == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_is_told_to_stop_is_not_interrupted_and_not_told_under_nohup() -> None:
    told: list[None] = []
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    with told_to_stop(lambda: told.append(None)):
        for number in STOP_SIGNALS:
            os.kill(os.getpid(), number)
    assert len(told) == len(STOP_SIGNALS)

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with told_to_stop(lambda: told.append(None)):
            os.kill(os.getpid(), signal.SIGHUP)
        assert len(told) == len(STOP_SIGNALS)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])
    assert {number: signal.getsignal(number) for number in STOP_SIGNALS} == before
