"""`domiq-sync daemon --standby` with Dagster's real daemon: two stand ready, and one runs at a time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import event

from domiq_dagster.db.daemon_lock import DaemonLock
from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.errors import UnsuitablePooler
from tests.e2e.dev_program import OURS
from tests.fixtures.commands import Run
from tests.fixtures.pgbouncer import PROGRAM as PGBOUNCER
from tests.fixtures.pgbouncer import pgbouncer

_SECONDS = 120


class Pair:
    """Processes of `domiq-sync daemon --standby` on one database, and how many daemons of Dagster's ran."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self._home = url, home
        self._processes: list[subprocess.Popen[bytes]] = []
        self.most, self._over = 0, threading.Event()
        (home / "workspace.yaml").write_text("load_from: []\n")
        self._counting = threading.Thread(target=self._count)
        self._counting.start()

    def start(self, name: str, *options: str, **env: str) -> subprocess.Popen[bytes]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        own = {"DAGSTER_PG_URL": self.url, "DOMIQ_HOME": str(self._home / name)}
        command = [sys.executable, "-m", "domiq_dagster.cli", "daemon", "--grace", "3", *options]
        with (self._home / f"{name}.said").open("wb") as said:
            process = subprocess.Popen(
                [*command, "-w", str(self._home / "workspace.yaml")],
                env={**kept, **own, "DAGSTER_DISABLE_TELEMETRY": "yes", **env},
                stdout=said,
                stderr=said,
            )
        self._processes.append(process)
        return process

    def said(self, name: str) -> str:
        return (self._home / f"{name}.said").read_text()

    def says(self, names: str | tuple[str, ...], what: str, times: int = 1) -> None:
        """Waits until it, or one of several, has said so; of several, so often together."""
        several = (names,) if isinstance(names, str) else names
        until = time.monotonic() + _SECONDS
        while sum(len(re.findall(what, self.said(name))) for name in several) < times:
            assert time.monotonic() < until, [self.said(name) for name in several]
            time.sleep(0.05)

    def daemons(self) -> list[int]:
        """Dagster's daemons on this database that run now."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                is_daemon = "dagster._daemon" in process.cmdline()
                if is_daemon and process.environ().get("DAGSTER_PG_URL") == self.url:
                    found.append(process.pid)
        return found

    def cut_off(self) -> None:
        """Ends the session that has the lock."""
        with psycopg.connect(self.url) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%daemon 20%')"
            ).fetchall()
        assert ended == [(True,)]

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._over.set()
        self._counting.join()

    def _count(self) -> None:
        while not self._over.wait(0.1):
            self.most = max(self.most, len(self.daemons()))


@pytest.fixture
def pair(make_database: Callable[..., str], tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(make_database(), tmp_path)
    try:
        yield pair
    finally:
        pair.end()


@pytest.mark.slow
def test_of_two_that_stand_ready_one_runs_and_the_other_takes_over(pair: Pair) -> None:
    """One is killed, and its daemon does not outlive it; one is cut off, and ends its daemon by itself."""
    first = pair.start("first", "--standby")
    pair.says("first", "runs Dagster's daemon")
    second = pair.start("second", "--standby")
    pair.says("second", r"stands by: \S+ runs the daemon since 20\S+Z")
    (ran,) = pair.daemons()

    first.kill()
    first.wait()
    pair.says("second", "daemon: runs Dagster's daemon")
    assert ran not in pair.daemons()  # its number may stay, where nobody collects what has ended

    third = pair.start("third", "--standby")
    pair.says("third", "stands by")
    pair.cut_off()
    pair.says("second", "lost its session")
    # Whoever asks first has the lock: it may be the second again, which stands by once its daemon has ended.
    pair.says(("second", "third"), "daemon: runs Dagster's daemon", times=2)
    assert len(pair.daemons()) == 1

    for one in (second, third):
        one.send_signal(signal.SIGTERM)
        assert one.wait(_SECONDS) == 0
    pair.end()
    assert pair.daemons() == []
    assert pair.most == 1
    assert "Traceback" not in pair.said("first") + pair.said("second") + pair.said("third")


@pytest.mark.slow
def test_with_json_logs_dagsters_own_lines_are_objects_too(pair: Pair) -> None:
    """It is made to say something: its table of heartbeats is gone."""
    only = pair.start("only", DOMIQ_LOG_FORMAT="json")
    pair.says("only", "runs Dagster's daemon")
    with psycopg.connect(pair.url, autocommit=True) as connection:
        until = time.monotonic() + _SECONDS
        while connection.execute("SELECT to_regclass('daemon_heartbeats')").fetchone() == (None,):
            assert time.monotonic() < until
            time.sleep(0.05)
        connection.execute("ALTER TABLE daemon_heartbeats RENAME TO gone")
    pair.says("only", '"level": "error"')
    only.send_signal(signal.SIGTERM)
    assert only.wait(_SECONDS) == 0
    lines = [json.loads(line) for line in pair.said("only").splitlines()]
    assert all({"time", "level", "logger", "message", "run_id"} <= line.keys() for line in lines)
    assert len({line["run_id"] for line in lines}) == 1
    assert any(line["logger"].startswith("dagster.daemon") and line["level"] == "error" for line in lines)


def test_without_standby_a_second_one_says_who_runs_the_daemon(
    make_database: Callable[..., str], run: Run
) -> None:
    url = make_database()
    lock = DaemonLock(url)
    try:
        assert lock.try_take()
        assert lock.holds()
        sentence = run("daemon", DAGSTER_PG_URL=url).sentence
    finally:
        lock.close()
    assert re.search(r"Already \S+ runs the daemon since 20\S+Z: end that, or give --standby", sentence)


def test_without_dagsters_database_nothing_runs(run: Run) -> None:
    assert "DAGSTER_PG_URL is not set" in run("daemon", "--standby", DAGSTER_PG_URL="").sentence


def test_a_lost_session_is_a_lost_lock_and_another_takes_it(make_database: Callable[..., str]) -> None:
    url = make_database()
    one, other = DaemonLock(url), DaemonLock(url)
    try:
        assert one.try_take()
        assert not other.try_take()
        with psycopg.connect(url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        until = time.monotonic() + 60
        while one.holds():
            assert time.monotonic() < until
            time.sleep(0.05)
        one.let_go()
        assert other.try_take()
        assert not one.try_take()
    finally:
        one.close()
        other.close()


def test_a_database_that_stood_still_leaves_the_lock_lost_and_free(
    make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C12: the answer comes when nobody waits for it any more. No session keeps the lock, not in a pool."""
    url, goes_on, asked = make_database(), threading.Event(), threading.Event()
    one, other = DaemonLock(url), DaemonLock(url)
    monkeypatch.setattr("domiq_dagster.db.daemon_lock.ANSWER_SECONDS", 1.0)

    def stand_still(*_call: object) -> None:
        asked.set()
        goes_on.wait(_SECONDS)

    try:
        assert one.try_take()
        event.listen(one._engine, "before_cursor_execute", stand_still)
        assert asked.wait(_SECONDS)
        until = time.monotonic() + _SECONDS
        while one.holds():
            assert time.monotonic() < until
            time.sleep(0.05)
        watch = one._watch
        assert watch is not None
        one.let_go()
        assert not other.try_take()
        goes_on.set()
        while not other.try_take():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert not watch.is_well()
    finally:
        goes_on.set()
        one.close()
        other.close()


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
def test_the_lock_is_taken_elsewhere_where_dagster_goes_through_such_a_pooler(
    pg_server: EmbeddedServer, make_database: Callable[..., str], run: Run
) -> None:
    url = make_database()
    name = url.partition("@/")[2].partition("?")[0]
    lock = DaemonLock(url)
    with pgbouncer(pg_server.socket_dir, "transaction") as port:
        pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        assert lock.try_take()
        assert "set pool_mode=session" in run("daemon", DAGSTER_PG_URL=pooled).sentence
        sentence = run("daemon", DAGSTER_PG_URL=pooled, DOMIQ_DAEMON_LOCK_URL=url).sentence
    lock.close()
    assert "runs the daemon since" in sentence


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
def test_a_pooler_that_shares_sessions_is_refused(
    pg_server: EmbeddedServer, make_database: Callable[..., str]
) -> None:
    name = make_database().partition("@/")[2].partition("?")[0]
    with pgbouncer(pg_server.socket_dir, "transaction") as port:
        lock = DaemonLock(f"postgresql://postgres@127.0.0.1:{port}/{name}")
        with pytest.raises(UnsuitablePooler, match="set pool_mode=session"):
            lock.try_take()
        lock.close()
