"""What the run stands on: a PostgreSQL that can be restarted, the stand-in, and the proxies before both."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import psycopg
import requests

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.embedded_programs import programs_for
from domiq_dagster.demo.stage import API_KEY, PARTNER_ID, standin
from tests.chaos.proxy import Beyond, Proxy, proxies

DATABASE = "chaos"
_DISK_BYTES = 3 << 30
"""Of a disk of its own, in memory: what a full run's data directory and one copy of it take, three times."""
_REAPER = Path(__file__).resolve().parents[1] / "reaper.py"


class Database:
    """The embedded server, which may be stopped and started under everybody's feet."""

    def __init__(self, directory: Path, *, durable: bool, has_own_disk: bool) -> None:
        self._directory = directory
        self._durable = durable
        self.has_own_disk = has_own_disk
        # A commit that was acknowledged must survive an immediate shutdown, whatever else is fast.
        self._settings = {"shared_buffers": "128MB", "synchronous_commit": "on"}
        self._server = self._start()
        self._server.ensure_database(DATABASE)
        self.url = self._server.url(DATABASE)
        self.socket = self._server.socket_dir / ".s.PGSQL.5432"

    def _start(self) -> EmbeddedServer:
        return EmbeddedServer.start(self._directory, durable=self._durable, settings=self._settings)

    def restart(self, mode: str) -> None:
        """`fast` ends every session, `immediate` is a crash: the next start recovers."""
        if mode == "immediate":
            self._crash()
        else:
            self._server.stop()
        self._server = self._start()

    def copy(self) -> Path:
        """A copy of all of it as a crash would leave it, taken while it is stopped for a moment."""
        kept = self._directory.with_name("copy")
        self._crash()
        shutil.rmtree(kept, ignore_errors=True)
        # Owner and rights as they are: the server refuses a directory that is not its own.
        subprocess.run(["cp", "-a", str(self._directory), str(kept)], check=True)
        self._server = self._start()
        return kept

    def put_back(self, kept: Path) -> None:
        """Restores a copy: what happened since is gone."""
        self._crash()
        shutil.rmtree(self._directory)
        kept.rename(self._directory)
        self._server = self._start()

    def _crash(self) -> None:
        programs_for(self._directory).run(
            "pg_ctl", "stop", "-m", "immediate", "-w", "-s", "-t", "30", "-D", str(self._directory)
        )

    def terminate_some(self, dice: random.Random) -> int:
        """Ends some of the sessions, as an operator or a failover manager does. Returns how many."""
        share = dice.uniform(0.2, 0.8)
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            ended = connection.execute(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = %s AND backend_type = 'client backend' AND random() < %s",
                [DATABASE, share],
            ).fetchone()
        assert ended is not None
        return int(ended[0])

    def fill_disk(self, seconds: float) -> int:
        """Fills the disk that the data directory lies on for so long, if it has one of its own. A server that
        gave up over it is started again.

        Returns:
            How often it was full: 0 where it has none of its own.
        """
        if not self.has_own_disk:
            return 0
        ballast = self._directory.parent / "ballast"
        try:
            with ballast.open("wb") as file:
                _fill(file)
            time.sleep(seconds)
        finally:
            ballast.unlink(missing_ok=True)
        self._server = self._start()
        return 1

    def stop(self) -> None:
        self._server.stop()


def _fill(file: BinaryIO) -> None:
    """Takes what the disk has left, to the last page."""
    for size in (64 << 20, 1 << 20, 4096):
        try:
            while True:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@contextmanager
def _own_disk(base: Path) -> Iterator[bool]:
    """A disk in memory at `base`, small enough to be filled. Yields whether there is one: root may mount."""
    if os.geteuid() != 0:
        yield False
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES},mode=0755", "tmpfs", str(base)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(base)], check=True)


class Standin:
    """A hand on the stand-in's controls, which do not go through the proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._requests: dict[int, dict[str, Any]] = {}
        self._seen = 0
        self._lock = threading.Lock()

    def control(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_standin/{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def faults(self, seed: int, *faults: dict[str, Any]) -> None:
        """Replaces the faults in force; none given: no faults."""
        self.control("faults", {"seed": seed, "faults": list(faults)})

    def state(self) -> dict[str, Any]:
        """Everything; its requests are kept here too, since the stand-in forgets the older ones."""
        with self._lock:
            answer = requests.get(f"{self.url}/_standin/state", params={"since": self._seen}, timeout=60)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            for request in found["requests"]:
                request.pop("parameters")
                self._requests[request["n"]] = request
            under_way = [n for n, r in self._requests.items() if n > self._seen and r["finishedAt"] is None]
            self._seen = min([*(n - 1 for n in under_way), found["requestCount"]])
            return found

    def requests(self) -> list[dict[str, Any]]:
        """Every request since the run began, in the order of their arrival."""
        self.state()
        return [self._requests[n] for n in sorted(self._requests)]


class Stage:
    """All of it, while it stands."""

    def __init__(self, database: Database, standin_: Standin, made: dict[str, Proxy]) -> None:
        self.database = database
        self.standin = standin_
        self.to_database = made["database"]
        self.to_standin = made["standin"]
        self.proxied_url = (
            f"postgresql://postgres@127.0.0.1:{self.to_database.port}/{DATABASE}?sslmode=disable"
        )
        url = f"http://127.0.0.1:{self.to_standin.port}"
        self.worker_env = {
            "RESMAN_V1_URL": url, "RESMAN_V2_URL": url,
            "RESMAN_PARTNER_ID": PARTNER_ID, "RESMAN_API_KEY": API_KEY,
        }  # fmt: skip


@contextmanager
def stage(seed: int, *, durable: bool) -> Iterator[Stage]:
    """Sets it up on a new directory, which goes at the end, also if this process is killed."""
    base = Path(tempfile.mkdtemp(prefix="domiq-chaos-"))
    base.chmod(0o755)  # if root runs this, the server runs under another account
    reaper = subprocess.Popen(
        [sys.executable, str(_REAPER), str(base)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        with _own_disk(base) as has_own_disk, standin(seed, None, prospects=0) as url:
            database = Database(base / "pg", durable=durable, has_own_disk=has_own_disk)
            try:
                beyond = {
                    "database": Beyond(
                        functools.partial(asyncio.open_unix_connection, str(database.socket)), b"COMMIT"
                    ),
                    "standin": Beyond(
                        functools.partial(asyncio.open_connection, "127.0.0.1", urlsplit(url).port),
                        b"PostLeadManagement4_0",
                    ),
                }
                with proxies(beyond) as made:
                    yield Stage(database, Standin(url), made)
            finally:
                database.stop()
    finally:
        reaper.communicate()
