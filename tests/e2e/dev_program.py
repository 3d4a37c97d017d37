"""`domiq-sync dev` as a process, with its two ends as an outsider reaches them: what the tests with Dagster's
daemon share."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import requests
from psycopg.rows import DictRow, dict_row

from domiq_dagster.runtime.dev_home import LOG, running_environment
from domiq_dagster.runtime.supervise import free_port

T = TypeVar("T")
PROGRAM = str(Path(sys.executable).with_name("domiq-sync"))
OURS = ("DOMIQ_", "RESMAN_", "DAGSTER_")
PROPERTIES = 12
_SMALL = ("--conversations", "240", "--prospects", "180")
MATERIALISATIONS = """
query ($asset: [String!]!, $partitions: [String!]) {
  assetNodeOrError(assetKey: {path: $asset}) {
    ... on AssetNode {
      assetMaterializations(partitions: $partitions, limit: 1) { timestamp }
    }
  }
}
"""
PARTITIONS = """
{ assetNodeOrError(assetKey: {path: ["resman_leads"]}) { ... on AssetNode { partitionKeys } } }
"""


class Dev:
    """The running program, and its two ends as an outsider reaches them.

    Args:
        size: how large a world.
    """

    def __init__(self, home: Path, operator: str, *options: str, size: Sequence[str] = _SMALL) -> None:
        self.home, self.options = home, options
        self.port = free_port()
        self.output = home / "output.txt"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "dev", "--port", str(self.port), *size, *options],
                env={**environment, "DOMIQ_HOME": str(home), "DOMIQ_OPERATOR_ADDRESS": operator},
                cwd=home,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.http = requests.Session()
        self.http.trust_env = False

    def end(self) -> None:
        """Ends it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
            self.process.kill()
        self.http.close()

    def said(self) -> str:
        """What it has on its screen, and what its programs said."""
        log = self.home / LOG
        programs = log.read_text(errors="replace") if log.exists() else ""
        return self.output.read_text(errors="replace") + programs

    def until(self, what: str, look: Callable[[], T], seconds: float) -> T:
        """Looks until there is something to see; fails with the program's last words."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            alive = self.process.poll() is None
            assert alive and time.monotonic() < deadline, f"{what}: not seen\n{self.said()[-4000:]}"
            time.sleep(0.2)
        return found

    def exported(self, name: str) -> str:
        """What it tells other terminals to export."""
        return running_environment(self.home)[name]

    def graphql(self, query: str, **variables: Any) -> Any:
        answer = self.http.post(
            f"http://127.0.0.1:{self.port}/graphql",
            json={"query": query, "variables": variables},
            timeout=30,
        )
        data = answer.json()
        assert "errors" not in data, data
        return data["data"]["assetNodeOrError"]

    def partitions(self) -> set[str]:
        return set(self.graphql(PARTITIONS)["partitionKeys"])

    def materialised(self, asset: str, after: float, partition: str | None = None) -> bool:
        """Whether an asset was materialised since that time (in seconds)."""
        chosen = [partition] if partition else None
        found = self.graphql(MATERIALISATIONS, asset=[asset], partitions=chosen)
        return any(int(m["timestamp"]) >= after * 1000 for m in found["assetMaterializations"])

    def database(self) -> psycopg.Connection[DictRow]:
        return psycopg.connect(self.exported("DOMIQ_DATABASE_URL"), autocommit=True, row_factory=dict_row)

    def control(self, path: str, data: dict[str, Any]) -> None:
        """Sets something at the stand-in."""
        url = self.exported("RESMAN_V2_URL")
        self.http.post(f"{url}/_standin/{path}", json=data, timeout=10).raise_for_status()

    def comments_at_resman(self, prospect_id: str) -> str:
        url = self.exported("RESMAN_V2_URL")
        prospect = self.http.get(f"{url}/_standin/prospects/{prospect_id}", timeout=10).json()
        return " ".join(e["comments"] or "" for e in prospect["events"])

    def postmaster(self) -> psutil.Process:
        """The main process of the database."""
        return _postmaster(self.home)

    def processes(self) -> set[psutil.Process]:
        """All that belong to it: its descendants, and whoever works in its home or for it."""
        mine = set(psutil.Process(self.process.pid).children(recursive=True))
        for each in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if each.environ().get("DOMIQ_HOME") == str(self.home):
                    mine.add(each)
        server = self.postmaster()
        return mine | {server, *server.children()}


@contextmanager
def home() -> Iterator[Path]:
    """An empty directory to run in. A database that a killed program left running in it is ended."""
    with tempfile.TemporaryDirectory(prefix="domiq-dev-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)  # if root runs the tests, the server runs under another account
        try:
            yield path
        finally:
            with suppress(FileNotFoundError, psutil.NoSuchProcess):
                server = _postmaster(path)
                server.send_signal(signal.SIGINT)
                server.wait(30)


def _postmaster(home: Path) -> psutil.Process:
    """The main process of the home's database."""
    return psutil.Process(int((home / "pg" / "postmaster.pid").read_text().splitlines()[0]))


class DevHome:
    """A home in which the program runs, one after the other.

    Args:
        operator: the address to which alerts go. Whatever a test breaks is told there, and an alert that
            cannot be sent fails its sensor's tick.
    """

    def __init__(self, home: Path, operator: str) -> None:
        self._home, self._operator = home, operator
        self._dev: Dev | None = None

    def running(self, *options: str) -> Dev:
        """The program with these options, ready for use: the one that runs, else another one in the same
        home."""
        if self._dev is not None and (self._dev.process.poll() is not None or self._dev.options != options):
            self.close()
        if self._dev is None:
            self._dev = Dev(self._home, self._operator, *options)
        dev = self._dev
        dev.until("ready", lambda: "Ready." in dev.said(), 180)
        return dev

    def close(self) -> None:
        """Ends the one that runs as Ctrl-C ends it."""
        if (dev := self._dev) is None:
            return
        self._dev = None
        dev.end()


def some_lead(database: psycopg.Connection[DictRow], *, anywhere: bool = False) -> DictRow | None:
    """An early lead of another property, or of any, about whose status both sides have agreed."""
    return database.execute(
        "SELECT l.conversation_id, l.prospect_id FROM domiq_sync.lead_link l "
        "JOIN conversation c ON c.id = l.conversation_id "
        "JOIN domiq_sync.integration i ON i.property_id = l.property_id "
        "WHERE l.is_current AND l.agreed_resman_status = 'Prospect' AND c.status IN ('new', 'contacted') "
        "AND (i.partition_key = 'juniper-flats' OR %s) "
        "ORDER BY i.partition_key = 'juniper-flats' DESC LIMIT 1",
        [anywhere],
    ).fetchone()


def change_status(database: psycopg.Connection[DictRow], conversation_id: Any) -> Any:
    """What the chatbot does; the id of the logged change."""
    database.execute("UPDATE conversation SET status = 'qualified' WHERE id = %s", [conversation_id])
    row = database.execute(
        "SELECT id FROM status_sync_log WHERE conversation_id = %s AND new_status = 'qualified'",
        [conversation_id],
    ).fetchone()
    assert row is not None
    return row["id"]
