"""Thousands of properties through real Dagster runs: what Dagster keeps of them, and how long it takes.

One JSON line for each of `--properties`. Daemon, code server, webserver and PostgreSQL are processes of their
own, as in production; runs are asked for through the UI's own interface (GraphQL).
  first      the run that the sensor asks for when all properties are connected at once: it marks every one
  empty      runs as the schedule starts them, over all properties, when nothing has changed
  changed    one, after one prospect changed at 1 % of the properties
  backfill   of all partitions of both inbound assets, as one starts it in the UI
`rows` and `mb` are what one run adds to Dagster's tables, indexes included, without the ticks. `mb_a_day` is
144 runs a day: one that marks all, 72 empty ones and 71 of which each finds 1 % changed; at 2,000 properties
it is to stay within 50. `ticks` are the seconds that the sensors took, by their own clock, while all of that
went on. None is to take over 1 s, save the one that is told of all properties at once: that took
`onboarding_seconds`, the wait for its turn included. `pages` are the seconds that the UI's questions take:
the code location, the assets, and one asset with its partitions. `mib` is the memory of each process after a
run, and `run_peak_mib` that of the run at its highest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests
from sqlalchemy import text
from world import World, world

from domiq_dagster.demo.stage import standin_environment
from domiq_dagster.runtime.dagster_home import environment, prepare
from domiq_dagster.runtime.supervise import free_port

ACCOUNTS = 20
SCHEDULE = "pull_every_10_minutes"
LIMIT_MB_A_DAY, LIMIT_TICK_SECONDS = 50.0, 1.0
_RUN_SECONDS = 3600.0
_LONG_AGO = datetime.now(UTC) - timedelta(days=3)
_ASSETS = ("resman_leads", "inbound_status_changes")
_PROCESSES = """
import json, os, signal, sys
from pathlib import Path
from domiq_dagster.runtime.dagster_home import programs
from domiq_dagster.runtime.supervise import run
env = dict(os.environ)
def ready():
    print("Ready.", file=sys.stderr, flush=True)
sys.exit(run(programs(env, webserver_port=int(sys.argv[1])), on_ready=ready, out=sys.stderr))
"""


def guid(kind: str, n: int) -> str:
    return f"{kind * 8}-0000-4000-8000-{n:012d}"


def prospect(n: int, status: str, modified: datetime) -> dict[str, Any]:
    person = {"personId": guid("d", n), "firstName": "Ada", "lastName": f"Bench{n}", "isMainContact": True}
    return {
        "prospectId": guid("c", n),
        "propertyId": guid("b", n),
        "status": status,
        "lastModified": modified.isoformat(),
        "people": [{**person, "email": f"ada.{n}@example.com"}],
    }


def fill_standin(w: World, properties: int, lost: int) -> None:
    """One prospect a property; those of the first `lost` properties are lost, just now."""
    places = [
        {
            "propertyId": guid("b", n),
            "accountId": str(1000 + n % ACCOUNTS),
            "name": f"Residences at Maple Creek {n}",
            "timeZone": "America/Chicago",
        }
        for n in range(properties)
    ]
    prospects = [
        prospect(n, "Lost", datetime.now(UTC)) if n < lost else prospect(n, "Prospect", _LONG_AGO)
        for n in range(properties)
    ]
    accounts = [str(1000 + n) for n in range(ACCOUNTS)]
    body = {"world": {"accounts": accounts, "properties": places, "prospects": prospects}}
    requests.post(f"{w.standin_url}/_standin/reset", json=body, timeout=600).raise_for_status()


class Ui:
    """The webserver, asked as a browser asks it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        answer = requests.post(self.url, json={"query": query, "variables": variables}, timeout=600).json()
        if "errors" in answer:
            raise SystemExit(f"GraphQL: {answer['errors'][:2]}")
        return answer["data"]

    def seconds(self, query: str, **variables: Any) -> float:
        began = time.perf_counter()
        self.ask(query, **variables)
        return round(time.perf_counter() - began, 3)

    def launch(self, first: str, last: str, tags: dict[str, str]) -> str:
        """A run of the job `pull` over a range; its id."""
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
            **tags,
        }
        found = self.ask(
            _LAUNCH,
            params={
                "selector": {**_REPOSITORY, "jobName": "pull"},
                "runConfigData": {},
                "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
            },
        )["launchRun"]
        if "run" not in found:
            raise SystemExit(f"the run was not started: {found}")
        return str(found["run"]["runId"])

    def stop_schedules(self) -> None:
        """So that nothing runs but what is measured."""
        found = self.ask(_SCHEDULES, selector=_REPOSITORY)["schedulesOrError"]["results"]
        for schedule in found:
            self.ask(_STOP, id=schedule["scheduleState"]["id"])

    def backfill(self, keys: list[str]) -> str:
        found = self.ask(
            _BACKFILL,
            params={
                "partitionNames": keys,
                "assetSelection": [{"path": [a]} for a in _ASSETS],
                "tags": [],
            },
        )["launchPartitionBackfill"]
        if "backfillId" not in found:
            raise SystemExit(f"the backfill was not started: {found}")
        return str(found["backfillId"])

    def pages(self) -> dict[str, float]:
        found = {
            "code_location": self.seconds(_WORKSPACE),
            "assets": self.seconds(_CATALOGUE),
        }
        for asset in _ASSETS:
            found[asset] = self.seconds(_ASSET, key={"path": [asset]})
        return found


_REPOSITORY = {"repositoryLocationName": "domiq_dagster", "repositoryName": "__repository__"}
_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_SCHEDULES = """query($selector: RepositorySelector!) { schedulesOrError(repositorySelector: $selector) {
  ... on Schedules { results { name scheduleState { id } } } } }"""
_STOP = """mutation($id: String!) { stopRunningSchedule(id: $id) {
  ... on ScheduleStateResult { scheduleState { status } } ... on PythonError { message } } }"""
_WORKSPACE = """{ workspaceOrError { ... on Workspace { locationEntries {
  name loadStatus locationOrLoadError { __typename ... on RepositoryLocation { repositories {
  name jobs { name } sensors { name } schedules { name }
  assetNodes { assetKey { path } isPartitioned } } } } } } } }"""
_CATALOGUE = """{ assetNodes { assetKey { path } groupName isPartitioned partitionStats {
  numMaterialized numPartitions numFailed numMaterializing }
  assetMaterializations(limit: 1) { timestamp } } }"""
_ASSET = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionKeysByDimension { partitionKeys } partitionStats { numMaterialized numPartitions numFailed }
  assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions failedPartitions
  unmaterializedPartitions materializingPartitions } }
  assetMaterializations(limit: 50) { timestamp partition metadataEntries { label } } } } }"""
_STATS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionStats { numMaterialized numPartitions numFailed numMaterializing } } } }"""


class Records:
    """Dagster's own tables."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def one(self, sql: str, *values: Any) -> Any:
        row = self._connection.execute(sql, values or None).fetchone()
        return row[0] if row else None

    def all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values or None).fetchall()

    def bytes(self) -> int:
        """Of all tables but the ticks', once dead rows are cleared."""
        self._connection.execute("VACUUM")
        return int(
            self.one(
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace AND relname NOT IN ('job_ticks', 'instigators')"
            )
        )

    def wait(self, run_id: str) -> float:
        """Until a run has ended well. Returns how long it went on."""
        deadline = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < deadline:
            found = self.all("SELECT status, start_time, end_time FROM runs WHERE run_id = %s", run_id)
            if found and found[0][0] in ("SUCCESS", "FAILURE", "CANCELED"):
                if found[0][0] != "SUCCESS":
                    raise SystemExit(f"run {run_id} ended with {found[0][0]}: {self.why(run_id)}")
                return float(found[0][2] - found[0][1])
            time.sleep(0.5)
        raise SystemExit(f"run {run_id} does not end")

    def why(self, run_id: str) -> str:
        return str(
            self.one(
                "SELECT left(event, 1500) FROM event_logs WHERE run_id = %s "
                "AND dagster_event_type IN ('STEP_FAILURE', 'RUN_FAILURE') ORDER BY id LIMIT 1",
                run_id,
            )
        )

    def rows(self, run_id: str) -> dict[str, int]:
        """Event rows of one run, by type."""
        found = self.all(
            "SELECT COALESCE(dagster_event_type, 'log line'), count(*) FROM event_logs "
            "WHERE run_id = %s GROUP BY 1 ORDER BY 2 DESC",
            run_id,
        )
        return dict(found)

    def ticks(self) -> dict[str, dict[str, float]]:
        """By sensor, how many there were, and how long the longest and the median took."""
        found = self.all(
            "WITH t AS (SELECT tick_body::json AS b FROM job_ticks WHERE status <> 'STARTED'), "
            "s AS (SELECT b ->> 'job_name' AS name, b ->> 'status' AS status, "
            "(b ->> 'end_timestamp')::float - (b ->> 'timestamp')::float AS seconds FROM t) "
            "SELECT name, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), max(seconds), "
            "max(seconds) FILTER (WHERE status LIKE '%SKIPPED%') FROM s WHERE seconds IS NOT NULL "
            "GROUP BY 1 ORDER BY 1"
        )
        return {
            name: {
                "ticks": n,
                "median": round(m, 3),
                "longest": round(most, 3),
                "longest_skipped": round(skipped or 0.0, 3),
            }
            for name, n, m, most, skipped in found
        }


class Memory:
    """The resident memory of Dagster's processes, and the highest of any run."""

    def __init__(self, root: int) -> None:
        self._root, self._ended, self.run_peak = psutil.Process(root), threading.Event(), 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for process in self._root.children(recursive=True):
            try:
                line, size = " ".join(process.cmdline()), process.memory_info().rss / 2**20
            except psutil.NoSuchProcess:
                continue
            for words, name in (
                ("multiprocessing.spawn", "run"),
                ("dagster._daemon", "daemon"),
                ("dagster_webserver", "webserver"),
                ("dagster api grpc", "code"),
                ("code-server", "code"),
                ("", "other"),
            ):
                if words in line:
                    found[name] = round(found.get(name, 0.0) + size, 1)
                    break
        return found

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            try:
                self.run_peak = max(self.run_peak, self.now().get("run", 0.0))
            except psutil.NoSuchProcess:
                return


@contextmanager
def dagster(w: World, url: str, home: Path) -> Iterator[tuple[Ui, int]]:
    """Dagster's processes; the UI, and the process that they are children of."""
    port = free_port()
    env = environment(
        os.environ,
        home=home,
        database_url=w.url,
        dagster_pg_url=url,
        resman=standin_environment(w.standin_url),
    )
    prepare(home)
    log = home / "dagster.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROCESSES, str(port)], env=env, stdout=out, stderr=out
        )
        try:
            deadline = time.monotonic() + 300
            while "Ready." not in log.read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"Dagster did not become ready:\n{log.read_text()[-3000:]}")
                time.sleep(0.5)
            yield Ui(port), process.pid
        finally:
            process.terminate()
            process.wait(timeout=90)


def say(words: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {words}", file=sys.stderr, flush=True)


def first_run(records: Records, connected_at: float) -> str:
    """The id of the run that the sensor asks for."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if found := records.one(
            "SELECT run_id FROM runs WHERE run_body LIKE '%domiq/reason%' ORDER BY id LIMIT 1"
        ):
            say(f"all partitions known, and a run asked for, after {time.monotonic() - connected_at:.1f} s")
            return str(found)
        time.sleep(0.5)
    raise SystemExit("the sensor asks for no run")


def measure(w: World, url: str, home: Path, properties: int, runs: int) -> dict[str, Any]:
    fill_standin(w, properties, lost=0)
    with dagster(w, url, home) as (ui, pid):
        records, memory = Records(url), Memory(pid)
        ui.stop_schedules()
        time.sleep(15)
        say(f"{properties} properties are connected ...")
        with w.engine.begin() as connection:
            connection.execute(text(_FILL), {"properties": properties, "accounts": ACCOUNTS})
        before, connected_at = records.bytes(), time.monotonic()
        first = first_run(records, connected_at)
        onboarding = time.monotonic() - connected_at
        found: dict[str, Any] = {}

        def note(name: str, run_id: str, grown_from: int) -> int:
            seconds = records.wait(run_id)
            time.sleep(2)  # the daemon's last words about it
            after = records.bytes()
            rows = records.rows(run_id)
            found.setdefault(name, []).append(
                {
                    "seconds": round(seconds, 1),
                    "rows": sum(rows.values()),
                    "mb": round((after - grown_from) / 2**20, 3),
                    "by_type": {kind: n for kind, n in rows.items() if n > 5},
                    "mib": memory.now(),
                    "run_peak_mib": round(memory.run_peak, 1),
                }
            )
            memory.run_peak = 0.0
            say(f"{name}: {found[name][-1]}")
            return after

        size = note("first", first, before)
        keys = [k for (k,) in records.all("SELECT partition FROM dynamic_partitions ORDER BY id")]
        scheduled = {"dagster/schedule_name": SCHEDULE}
        for _ in range(runs):
            size = note("empty", ui.launch(keys[0], keys[-1], scheduled), size)
        fill_standin(w, properties, lost=properties // 100)
        size = note("changed", ui.launch(keys[0], keys[-1], scheduled), size)
        pages = [ui.pages() for _ in range(3)]
        began = time.monotonic()
        backfill = ui.backfill(keys)
        of_it = "SELECT run_id FROM run_tags WHERE key = 'dagster/backfill' AND value = %s"
        while not records.all(of_it, backfill):
            time.sleep(1)
        note("backfill", records.all(of_it, backfill)[0][0], size)
        while records.one("SELECT status FROM bulk_actions WHERE key = %s", backfill) == "REQUESTED":
            time.sleep(2)
            if time.monotonic() - began > _RUN_SECONDS:
                raise SystemExit("the backfill does not end")
        stats = {a: ui.ask(_STATS, key={"path": [a]})["assetNodeOrError"]["partitionStats"] for a in _ASSETS}
        backfilled = {
            "status": records.one("SELECT status FROM bulk_actions WHERE key = %s", backfill),
            "runs": len(set(records.all(of_it, backfill))),
            "seconds": round(time.monotonic() - began, 1),
            "materialised": {a: s["numMaterialized"] for a, s in stats.items()},
        }
        empty = sorted(run["mb"] for run in found["empty"])[len(found["empty"]) // 2]
        changed = found["changed"][0]["mb"]
        a_day = found["first"][0]["mb"] + 72 * empty + 71 * changed
        return {
            "benchmark": "scale",
            "properties": properties,
            "mb_a_day": round(a_day, 1),
            "limit_mb_a_day": LIMIT_MB_A_DAY if properties <= 2000 else None,
            "onboarding_seconds": round(onboarding, 1),
            **{name: found[name] for name in ("first", "empty", "changed", "backfill")},
            "backfilled": backfilled,
            "pages": {name: sorted(p[name] for p in pages)[1] for name in pages[0]},
            "ticks": records.ticks(),
            "limit_tick_seconds": LIMIT_TICK_SECONDS,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--properties", type=int, nargs="*", default=[2000, 5000])
    parser.add_argument("--runs", type=int, default=4, help="how many empty runs")
    options = parser.parse_args()
    for properties in options.properties:
        with world() as w:
            url = w.url.replace("/bench?", "/dagster?")
            with psycopg.connect(w.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE dagster")
            with tempfile.TemporaryDirectory(prefix="domiq-scale-") as home:
                print(json.dumps(measure(w, url, Path(home), properties, options.runs)), flush=True)


_FILL = """
WITH c AS (INSERT INTO public.company (name) VALUES ('Bench') RETURNING id),
p AS (INSERT INTO public.property (company_id, name, address, city, state, zip_code)
      SELECT c.id, 'Residences at Maple Creek ' || n, '1 Main St', 'Austin', 'TX', '78701'
      FROM c, generate_series(0, :properties - 1) n
      RETURNING id, name),
b AS (INSERT INTO public.chatbot (property_id, name) SELECT id, name FROM p)
INSERT INTO domiq_sync.integration (property_id, resman_account_id, resman_property_id, agent_id, source_id,
                                    lost_reason_id, time_zone)
SELECT id, (1000 + n::int % :accounts)::text, 'bbbbbbbb-0000-4000-8000-' || lpad(n, 12, '0'),
       'aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002',
       'aaaaaaaa-0000-4000-8000-000000000003', 'America/Chicago'
FROM (SELECT id, substring(name FROM '[0-9]+$') AS n FROM p) AS numbered
"""

if __name__ == "__main__":
    main()
