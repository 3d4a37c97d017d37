"""What everything together costs while nothing happens: processor time and bytes, with real processes.

One JSON line. `domiq-sync dev` runs with its made-up world of 12 properties: PostgreSQL, the code server,
the daemon, the webserver, the worker where there is one, and the stand-in, which is ResMan's side and not
counted. Once no run is under way and nothing is due, `--minutes` are measured.

Processor time is what the processes used themselves, by role, as percent of one core: what else the machine
does is not in it. A run is a process of its own; `runs` is what those cost that the schedules started
meanwhile. PostgreSQL's is that of the server and all its sessions, whoever asked.

Bytes are the growth of the tables of Dagster and of domiq_sync, with their indexes, each cleared of dead
rows (VACUUM) before and after. `ticks` is Dagster's table of what sensors and schedules said: it is given a
day's worth before, so that as many are cleared away as come. `rest` is all else. WAL is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

LIMIT_CPU_PERCENT, LIMIT_MB_A_DAY = 3.0, 5.0
QUIET_SECONDS = 60.0
"""For so long nothing may have been under way before the measuring begins."""
_ROLES = {
    "domiq_dagster.resman.standin": "standin",
    "dagster._daemon": "daemon",
    "dagster_webserver": "webserver",
    "multiprocessing.spawn": "runs",
    "multiprocessing.resource_tracker": "code",
    "dagster code-server": "code",
    "dagster api grpc": "code",
    "processes.py": "supervisor",
    "main() dev": "supervisor",
    " worker": "worker",
}
_DOMIQ_SYNC = "from domiq_dagster.cli.main import main; main()"


class Database:
    """Both databases of the embedded server, looked at from outside."""

    def __init__(self, home: Path) -> None:
        pid_file = (home / "pg" / "postmaster.pid").read_text().splitlines()
        self.postmaster, self._socket = int(pid_file[0]), pid_file[4].strip()

    def ask(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        with self._connect(database) as connection:
            return connection.execute(sql).fetchall()

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=self._socket, port=5432, user="postgres", dbname=database, autocommit=True
        )

    def sizes(self) -> dict[str, int]:
        """Bytes by table, with indexes, once dead rows are cleared."""
        found: dict[str, int] = {}
        for database, schema in (("dagster", "public"), ("domiq", "domiq_sync")):
            with self._connect(database) as connection:
                connection.execute("VACUUM")
                rows = connection.execute(
                    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
                    "WHERE relkind IN ('r', 'p') AND relnamespace = %s::regnamespace",
                    [schema],
                )
                found |= {f"{schema}.{name}": size for name, size in rows}
        return found

    def wal(self) -> int:
        return int(self.ask("postgres", "SELECT pg_current_wal_lsn() - '0/0'")[0][0])

    def sessions(self) -> int:
        """How many sessions were opened since the statistics began."""
        return int(self.ask("postgres", "SELECT sum(sessions) FROM pg_stat_database")[0][0])

    def transactions(self) -> int:
        return int(
            self.ask(
                "postgres",
                "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname <> ''",
            )[0][0]
        )

    def ticks(self) -> int:
        return int(self.ask("dagster", "SELECT last_value FROM job_ticks_id_seq")[0][0])

    def live_through_yesterday(self) -> None:
        """Puts a day of ticks there, as many as there were a minute just now: those whose time is over are
        cleared away from now on, as on every day but the first."""
        self.ask(
            "dagster",
            """
            WITH seen AS (
                SELECT selector_id, count(*) * 60
                       / EXTRACT(EPOCH FROM max(timestamp) - min(timestamp))::float AS rate
                FROM job_ticks WHERE timestamp > (now() AT TIME ZONE 'UTC') - interval '5 minutes'
                GROUP BY 1 HAVING count(*) > 1),
            one AS (
                SELECT DISTINCT ON (selector_id) t.* FROM job_ticks t
                WHERE status = 'SKIPPED' ORDER BY selector_id, id DESC)
            INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)
            SELECT o.job_origin_id, o.selector_id, o.status, o.type,
                   o.timestamp - n * 60 / s.rate * interval '1 second', o.tick_body
            FROM one o JOIN seen s USING (selector_id), generate_series(1, (s.rate * 1800)::int) n
            ORDER BY n DESC RETURNING 0""",
        )
        # The place of those that were cleared away is free, as autovacuum leaves it.
        self.ask(
            "dagster",
            "DELETE FROM job_ticks WHERE timestamp < (now() AT TIME ZONE 'UTC') - interval '1 day' "
            "RETURNING 0",
        )

    def runs(self) -> int:
        return int(self.ask("dagster", "SELECT count(*) FROM runs")[0][0])

    def busy(self) -> bool:
        under_way = self.ask(
            "dagster", "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
        )
        due = self.ask(
            "domiq",
            "SELECT count(*) FROM domiq_sync.delivery WHERE next_attempt_at <= now() + interval '5 minutes'",
        )
        to_come = self.ask(
            "domiq",
            "SELECT count(*) FROM domiq_sync.integration i "
            "LEFT JOIN domiq_sync.watermark w USING (property_id) "
            "WHERE i.sync_enabled AND w.last_pull_at IS NULL",
        )
        # The first sweep logs what DomIQ's conversations had become before the sync came.
        swept = self.ask("domiq", "SELECT count(*) FROM domiq_sync.whole_sweep")
        return bool(under_way[0][0] or due[0][0] or to_come[0][0] or not swept[0][0])


def role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((name for words, name in _ROLES.items() if words in line), "other")


def cpu(dev: int, postmaster: int) -> dict[str, float]:
    """Seconds of processor time by role; a process that is gone counts with whoever waited for it."""
    spent: defaultdict[str, float] = defaultdict(float)
    for root, fixed in ((dev, None), (postmaster, "postgres")):
        top = psutil.Process(root)
        for process in [top, *top.children(recursive=True)]:
            try:
                times, name = process.cpu_times(), fixed or role(process)
            except psutil.NoSuchProcess:
                continue
            spent[name] += times.user + times.system
            gone = times.children_user + times.children_system
            # What the code server has waited for are runs.
            spent["runs" if name == "code" else name] += gone
    return spent


@contextmanager
def dev(home: Path) -> Iterator[subprocess.Popen[str]]:
    """`domiq-sync dev`, ready."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    env = {k: v for k, v in os.environ.items() if k not in ("DOMIQ_DATABASE_URL", "DAGSTER_PG_URL")}
    env["DOMIQ_HOME"] = str(home)
    log = home / "dev.log"
    home.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", _DOMIQ_SYNC, "dev", "--port", str(port)],
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 300
            while "Ready." not in log.read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"dev did not become ready:\n{log.read_text()[-3000:]}")
                time.sleep(0.5)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def settle(database: Database, most: float) -> None:
    """Waits until nothing was under way for a while."""
    deadline = time.monotonic() + most
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        if database.busy():
            quiet_since = time.monotonic()
        if time.monotonic() > deadline:
            raise SystemExit("it does not come to rest")
        time.sleep(2)


def measure(process: subprocess.Popen[str], database: Database, minutes: float) -> dict[str, Any]:
    before, sessions, transactions = database.sizes(), database.sessions(), database.transactions()
    wal, ticks, runs = database.wal(), database.ticks(), database.runs()
    began, spent = time.monotonic(), cpu(process.pid, database.postmaster)
    while time.monotonic() - began < minutes * 60:
        time.sleep(min(5.0, max(0.1, minutes * 60 - (time.monotonic() - began))))
    used = cpu(process.pid, database.postmaster)
    seconds = time.monotonic() - began
    figures = {
        "sessions_a_minute": round((database.sessions() - sessions) / seconds * 60, 1),
        "transactions_a_minute": round((database.transactions() - transactions) / seconds * 60, 1),
        "ticks_a_minute": round((database.ticks() - ticks) / seconds * 60, 1),
        "runs_started": database.runs() - runs,
        "wal_mb_a_day": round((database.wal() - wal) / 2**20 / seconds * 86_400, 1),
    }
    after = database.sizes()
    grown = {name: size - before.get(name, 0) for name, size in after.items()}
    a_day = 86_400 / seconds / 2**20
    percent = {
        name: round(100 * (total - spent.get(name, 0.0)) / seconds, 2) for name, total in sorted(used.items())
    }
    counted = sum(p for name, p in percent.items() if name not in ("standin", "runs"))
    rest = sum(size for name, size in grown.items() if name != "public.job_ticks")
    return {
        "benchmark": "idle",
        "minutes": round(seconds / 60, 2),
        "properties": len(database.ask("domiq", "SELECT FROM domiq_sync.integration")),
        "cpu_percent": percent,
        "idle_percent": round(counted, 2),
        "idle_and_runs_percent": round(counted + percent.get("runs", 0.0), 2),
        "limit_percent": LIMIT_CPU_PERCENT,
        **figures,
        "ticks_mb": round(after["public.job_ticks"] / 2**20, 1),
        "ticks_mb_a_day": round(grown["public.job_ticks"] * a_day, 2),
        "rest_mb_a_day": round(rest * a_day, 2),
        "limit_mb_a_day": LIMIT_MB_A_DAY,
        "grown_kb": {n: s // 1024 for n, s in sorted(grown.items(), key=lambda g: -g[1]) if s > 0},
        "mib": memory(process.pid),
    }


def memory(root: int) -> dict[str, float]:
    """Resident mebibytes by role, PostgreSQL apart, whose sessions share most of theirs."""
    top = psutil.Process(root)
    found: Counter[str] = Counter()
    for process in [top, *top.children(recursive=True)]:
        try:
            found[role(process)] += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return {name: round(size / 2**20, 1) for name, size in sorted(found.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long is measured")
    parser.add_argument("--settle", type=float, default=1200.0, help="the most seconds until it is at rest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="domiq-idle-") as directory:
        Path(directory).chmod(0o755)
        home = Path(directory) / "home"
        with dev(home) as process:
            database = Database(home)
            settle(database, options.settle)
            database.live_through_yesterday()
            print("at rest ...", file=sys.stderr)
            print(json.dumps(measure(process, database, options.minutes)))


if __name__ == "__main__":
    main()
