"""The worker processes: started, killed, asked to stop, and watched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Workers:
    """The workers, by number. A number's process is another one after each start.

    `end_within`: the seconds in which a worker must end after SIGTERM.
    """

    def __init__(
        self, settings: Mapping[str, Any], env: Mapping[str, str], logs: Path, *, end_within: float
    ) -> None:
        self._settings = dict(settings)
        self._env = {**os.environ, **env}
        self._logs = logs
        self._end_within = end_within
        self._running: dict[int, tuple[subprocess.Popen[bytes], Path]] = {}
        self._lock = threading.Lock()
        self.started = 0
        self.problems: list[str] = []
        """Workers that ended by themselves, did not end when asked to, or ended with an error."""

    def start(self, number: int) -> None:
        self.started += 1
        settings = {**self._settings, "seed": self.started}
        log = self._logs / f"worker-{number}-{self.started}.out"
        with log.open("wb") as out, log.with_suffix(".err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker", json.dumps(settings)],
                cwd=ROOT, env=self._env, stdin=subprocess.PIPE, stdout=out, stderr=err,
            )  # fmt: skip
        with self._lock:
            self._running[number] = process, log

    def wait_started(self) -> None:
        """Until every worker has come to its work."""
        with self._lock:
            logs = [log for _, log in self._running.values()]
        for log in logs:
            _wait_said(log)

    def kill(self, number: int) -> None:
        """SIGKILL, wherever it is."""
        process, _ = self._take(number)
        if process.poll() is None:
            process.kill()
        self._expect(process, number, -signal.SIGKILL)

    def freeze(self, number: int, seconds: float) -> None:
        """SIGSTOP and, later, SIGCONT: the worker goes on as if no time had passed."""
        with self._lock:
            process, _ = self._running[number]
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def terminate(self, number: int) -> float:
        """SIGTERM; returns how many seconds it took to end."""
        process, log = self._take(number)
        _wait_said(log)  # before that it has no handler, and the signal just ends it
        began = time.monotonic()
        process.terminate()
        try:
            process.wait(self._end_within)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGUSR1)  # where its threads are goes to its log
            time.sleep(0.5)
            process.kill()
            self.problems.append(f"worker {number} did not end within {self._end_within:.0f} s of SIGTERM")
            self._reap(process)
            return time.monotonic() - began
        self._expect(process, number, 0)
        return time.monotonic() - began

    def restart_dead(self) -> None:
        """A worker that ended by itself is a problem, and is started again."""
        with self._lock:
            dead = [(n, p) for n, (p, _) in self._running.items() if p.poll() is not None]
        for number, process in dead:
            self._expect(process, number, None)
            self.start(number)

    def terminate_all(self) -> None:
        with self._lock:
            numbers = list(self._running)
        threads = [threading.Thread(target=self.terminate, args=(n,)) for n in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def kill_all(self) -> None:
        """For the way out after an error."""
        with self._lock:
            left, self._running = list(self._running.values()), {}
        for process, _ in left:
            process.kill()
            self._reap(process)

    def said(self) -> Counter[str]:
        """What the workers said of themselves, by kind."""
        found: Counter[str] = Counter()
        for log in self._logs.glob("*.out"):
            for line in log.read_text().splitlines():
                what = json.loads(line)
                found["database_errors"] += "database_error" in what
                found["reconciled"] += "reconciled" in what
        return found

    def _take(self, number: int) -> tuple[subprocess.Popen[bytes], Path]:
        with self._lock:
            return self._running.pop(number)

    def _expect(self, process: subprocess.Popen[bytes], number: int, code: int | None) -> None:
        ended = self._reap(process)
        if ended != code:
            self.problems.append(f"worker {number} (pid {process.pid}) ended with code {ended}")

    def _reap(self, process: subprocess.Popen[bytes]) -> int:
        assert process.stdin is not None
        process.stdin.close()
        return process.wait(10)


def _wait_said(log: Path) -> None:
    ends = time.monotonic() + 30
    while not log.stat().st_size:
        if time.monotonic() > ends:
            raise TimeoutError(f"a worker did not start: see {log.with_suffix('.err')}")
        time.sleep(0.02)
