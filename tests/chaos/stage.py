"""What the run stands on: a PostgreSQL that can be restarted, the stand-in, and the proxies before both."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.embedded_programs import programs_for
from domiq_dagster.demo.stage import API_KEY, PARTNER_ID, standin
from tests.chaos.proxy import Beyond, Proxy, proxies

DATABASE = "chaos"
_REAPER = Path(__file__).resolve().parents[1] / "reaper.py"


class Database:
    """The embedded server, which may be stopped and started under everybody's feet."""

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self._directory = directory
        self._durable = durable
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
            programs_for(self._directory).run(
                "pg_ctl", "stop", "-m", "immediate", "-w", "-s", "-t", "30", "-D", str(self._directory)
            )
        else:
            self._server.stop()
        self._server = self._start()

    def stop(self) -> None:
        self._server.stop()


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
        with standin(seed, None, prospects=0) as url:
            database = Database(base / "pg", durable=durable)
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
