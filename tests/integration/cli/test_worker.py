"""`domiq-sync worker` as a process: its probes, its end, and what it says where something is missing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from domiq_dagster.runtime.supervise import free_port
from tests.e2e.dev_program import OURS, PROGRAM
from tests.fake_servers.collector import collecting
from tests.fixtures.world import World


@contextmanager
def worker(world: World, home: Path, *options: str, **env: str) -> Iterator[tuple[Any, str]]:
    """The process, and where its probes are. What it says goes to `home`/said."""
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    resman = {
        "RESMAN_V1_URL": world.standin.url, "RESMAN_V2_URL": world.standin.url,
        "RESMAN_PARTNER_ID": "standin-partner", "RESMAN_API_KEY": "standin-key",
    }  # fmt: skip
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(
            [PROGRAM, "worker", "--http", f"127.0.0.1:{port}", *options],
            env={**kept, **resman, "DOMIQ_DATABASE_URL": world.url, "DOMIQ_HOME": str(home), **env},
            stdout=said,
            stderr=said,
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def ask(url: str) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    return session.get(url, timeout=10)


def ready(process: Any, url: str) -> requests.Response:
    """The first answer of /readyz."""
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < until, "it does not answer"
        try:
            return ask(f"{url}/readyz")
        except requests.ConnectionError:
            time.sleep(0.1)


def test_it_pushes_answers_its_probes_and_ends_well_on_sigterm(world: World, tmp_path: Path) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    with worker(world, tmp_path) as (process, url):
        answer = ready(process, url)
        assert (answer.status_code, answer.text) == (200, "ready\n")
        world.change(conversation, status="qualified")
        until = time.monotonic() + 20
        while world.last(conversation).sync_status != "success":
            assert time.monotonic() < until
            time.sleep(0.05)
        assert ask(f"{url}/healthz").status_code == 200
        metrics = ask(f"{url}/metrics").text
        assert 'domiq_sync_deliveries_total{result="success"} 1.0' in metrics
        assert "bo@example.com" not in metrics
        assert ask(f"{url}/").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    said = (tmp_path / "said").read_text()
    assert "DAGSTER_PG_URL is not set: the worker works" in said
    assert "Traceback" not in said
    assert world.rows("SELECT FROM domiq_sync.worker") == []
    assert world.told(conversation) == ["Contact", "Other"]


def test_what_it_cannot_report_to_dagster_it_says_and_works_all_the_same(
    world: World, tmp_path: Path
) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/dagster"
    with worker(world, tmp_path, DAGSTER_PG_URL=nowhere) as (process, url):
        ready(process, url)
        world.change(conversation, status="qualified")
        until = time.monotonic() + 60
        while (answer := ask(f"{url}/readyz")).status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert "cannot be reported to Dagster" in answer.text
        assert world.last(conversation).sync_status == "success"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("options", "env", "says"),
    [
        (("--http", "nonsense"), {}, "write host:port"),
        (("--http", "127.0.0.1:99999"), {}, "write host:port"),
        (("--accounts", "0"), {}, "worker --help"),
        ((), {"RESMAN_API_KEY": ""}, "RESMAN_API_KEY must be set"),
        ((), {"DOMIQ_DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "cannot be used"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    world: World, tmp_path: Path, options: tuple[str, ...], env: dict[str, str], says: str
) -> None:
    with worker(world, tmp_path, *options, **env) as (process, _):
        assert process.wait(60) == 2
    said = (tmp_path / "said").read_text()
    assert says in said
    assert "Traceback" not in said


def test_two_at_one_address_are_told_so(world: World, tmp_path: Path) -> None:
    with worker(world, tmp_path) as (process, url):
        ready(process, url)
        other = tmp_path / "other"
        other.mkdir()
        with worker(world, other, "--http", url.removeprefix("http://")) as (second, _):
            assert second.wait(60) == 2
        assert "Nothing can listen at" in (other / "said").read_text()


def test_with_json_logs_each_line_is_an_object_and_those_of_a_delivery_have_its_change(
    world: World, tmp_path: Path
) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    world.change(conversation, status="qualified")
    with worker(world, tmp_path, "--no-pull", DOMIQ_LOG_FORMAT="json", DOMIQ_LOG_LEVEL="DEBUG") as (
        process,
        url,
    ):
        ready(process, url)
        until = time.monotonic() + 60
        while world.last(conversation).sync_status != "success":
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    said = (tmp_path / "said").read_text()
    lines = [json.loads(line) for line in said.splitlines()]
    assert len({line["run_id"] for line in lines}) == 1
    change = str(world.last(conversation).id)
    assert {line["change_id"] for line in lines if "change_id" in line} == {change}
    assert any("has ended" in line["message"] and "change_id" not in line for line in lines)
    assert "bo@example.com" not in said


def test_a_format_of_the_log_that_is_none_is_refused(world: World, tmp_path: Path) -> None:
    with worker(world, tmp_path, DOMIQ_LOG_FORMAT="xml") as (process, _):
        assert process.wait(60) == 2
    assert "DOMIQ_LOG_FORMAT is no format: set it to one of text, json" in (tmp_path / "said").read_text()


def test_a_worker_sends_what_waits_of_its_traces_when_it_ends_and_its_log_has_their_ids(
    world: World, tmp_path: Path
) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    world.change(conversation, status="qualified")
    with collecting() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
        with worker(
            world, tmp_path, "--no-pull", DOMIQ_LOG_FORMAT="json", DOMIQ_LOG_LEVEL="DEBUG", **env
        ) as (process, url):
            ready(process, url)
            until = time.monotonic() + 60
            while world.last(conversation).sync_status != "success":
                assert time.monotonic() < until
                time.sleep(0.05)
            assert 'domiq_sync_spans_total{result="sent"} 0.0' in ask(f"{url}/metrics").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        (attempt,), (change,) = collector.named("attempt"), collector.named("change")
    assert attempt.parent_id == change.span_id
    lines = [json.loads(line) for line in (tmp_path / "said").read_text().splitlines()]
    told = {(line["trace_id"], line["span_id"]) for line in lines if "trace_id" in line}
    assert told == {(attempt.trace_id, attempt.span_id)}
    assert attempt.trace_id == world.last(conversation).id.hex


def test_a_collector_that_never_answers_holds_up_neither_the_work_nor_the_end(
    world: World, tmp_path: Path
) -> None:
    conversation = world.conversation(world.property(), "contacted", email="bo@example.com")
    world.sync(2)
    world.change(conversation, status="qualified")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
        with worker(world, tmp_path, "--no-pull", **env) as (process, url):
            ready(process, url)
            until = time.monotonic() + 60
            while world.last(conversation).sync_status != "success":
                assert time.monotonic() < until
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    said = (tmp_path / "said").read_text()
    assert "spans could not be sent before the end" in said
    assert "Traceback" not in said
