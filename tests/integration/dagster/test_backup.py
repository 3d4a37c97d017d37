"""Dagster's own database, dumped and restored as the runbook says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from domiq_dagster.db.embedded_programs import programs_for
from domiq_dagster.runtime.files import shipped
from domiq_dagster.runtime.supervise import free_port
from tests.e2e.dev_program import OURS
from tests.fixtures.commands import eventually

RUNS = """
{ runsOrError { ... on Runs { results { runId status jobName } } } }
"""
EVENTS = """
query ($run: ID!) {
  logsForRun(runId: $run) {
    ... on EventConnection { events { ... on MaterializationEvent { partition } } }
  }
}
"""


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="property"))
def leads() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"read": 3})


@dg.asset
def broken() -> None:
    raise dg.Failure("as a run may end")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text(shipped("dagster.yaml").read_text())
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    return tmp_path


@contextmanager
def instance_on(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_PG_URL", url)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@contextmanager
def program(home: Path, url: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of Dagster's programs on the database; it is ended with the block."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    own = {"DAGSTER_HOME": str(home), "DOMIQ_HOME": str(home), "DAGSTER_PG_URL": url}
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**kept, **own, "DAGSTER_DISABLE_TELEMETRY": "yes"},
            cwd=home,
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked(port: int, query: str, **variables: Any) -> Any:
    """The webserver's answer; None where it does not answer yet."""
    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.post(
            f"http://127.0.0.1:{port}/graphql", json={"query": query, "variables": variables}, timeout=60
        )
    except requests.ConnectionError:
        return None
    assert answer.ok, answer.text
    return answer.json()["data"]


def run_in(instance: dg.DagsterInstance, assets: Sequence[Any], partition: str | None = None) -> str:
    done = dg.materialize(assets, instance=instance, partition_key=partition, raise_on_error=False)
    return done.run_id


@pytest.mark.slow
def test_what_was_restored_is_shown_and_dagster_goes_on_with_it(
    home: Path, make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_database(), make_database()
    programs, dump = programs_for(home).directory, home / "dagster.dump"
    with instance_on(first, home, monkeypatch) as instance:
        instance.add_dynamic_partitions("property", ["juniper-flats", "willow-lofts"])
        good, bad = run_in(instance, [leads], "juniper-flats"), run_in(instance, [broken])
        subprocess.run([programs / "pg_dump", "-Fc", "-d", first, "-f", dump], check=True)
        run_in(instance, [leads], "willow-lofts")  # after the copy
    restore = [str(programs / "pg_restore"), "--exit-on-error", "-d", second, str(dump)]
    subprocess.run(restore, check=True, capture_output=True)

    with instance_on(second, home, monkeypatch) as instance:
        ended = {run.run_id: run.status for run in instance.get_runs()}
        assert ended == {good: dg.DagsterRunStatus.SUCCESS, bad: dg.DagsterRunStatus.FAILURE}
        assert instance.get_materialized_partitions(dg.AssetKey("leads")) == {"juniper-flats"}
        assert set(instance.get_dynamic_partitions("property")) == {"juniper-flats", "willow-lofts"}

        port = free_port()
        serving = ("dagster_webserver", "--empty-workspace", "-h", "127.0.0.1", "-p", str(port))
        with program(home, second, *serving):
            eventually(lambda: asked(port, RUNS), 120)
            shown = {r["runId"]: r["status"] for r in asked(port, RUNS)["runsOrError"]["results"]}
            assert shown == {good: "SUCCESS", bad: "FAILURE"}
            events = asked(port, EVENTS, run=good)["logsForRun"]["events"]
            assert {"partition": "juniper-flats"} in events

        restored_at = time.time()
        daemon = ("domiq_dagster.cli", "daemon", "--standby", "-w", str(home / "workspace.yaml"))
        with program(home, second, *daemon) as process:
            wanted = set(instance.get_required_daemon_types())

            def goes_on() -> bool:
                assert process.poll() is None, (home / "said").read_text()
                beats = instance.get_daemon_heartbeats()
                return {kind for kind, beat in beats.items() if beat.timestamp > restored_at} >= wanted

            eventually(goes_on, 120)
            assert [b.errors for b in instance.get_daemon_heartbeats().values() if b.errors] == []

        again = run_in(instance, [leads], "willow-lofts")
        assert {run.run_id for run in instance.get_runs()} == {good, bad, again}
        assert instance.get_materialized_partitions(dg.AssetKey("leads")) == {"juniper-flats", "willow-lofts"}
