"""One machine's compose file, brought up as docs/one-machine.md says, with its trial's world."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import yaml

from domiq_dagster.runtime.supervise import free_port
from tests.deploy.podman import ROOT, health_checked, our_image, podman, postgres_image, run

pytestmark = pytest.mark.deploy
T = TypeVar("T")
COMPOSE = Path(sys.executable).with_name("podman-compose")
# In the order of their start. The other two end when they are done.
LASTING = ("postgres_1", "standin_1", "code_1", "worker_1", "worker_2", "webserver_1", "daemon_1")
_COMES_UP_SECONDS = 240.0
# An early lead about whose status both sides have agreed.
_FIND = """
SELECT l.conversation_id, l.prospect_id FROM domiq_sync.lead_link l
JOIN conversation c ON c.id = l.conversation_id
WHERE l.is_current AND l.agreed_resman_status = 'Prospect' AND c.status IN ('new', 'contacted')
ORDER BY l.conversation_id LIMIT 1
"""
_LAUNCH = """
mutation($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_RUN = "query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"


class Machine:
    """A project of podman-compose, in a directory of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        self.name = f"domiq-sync-test-{os.getpid()}"
        images = {"DOMIQ_IMAGE": our_image(), "POSTGRES_IMAGE": postgres_image()}
        settings = {**images, "DOMIQ_LOG_DRIVER": "k8s-file", "DOMIQ_UI_PORT": str(self.port)}
        trial = (place / "trial.env").read_text()
        (place / "trial.env").write_text(trial + "".join(f"{k}={v}\n" for k, v in settings.items()))
        self.http = requests.Session()
        self.http.trust_env = False

    def compose(self, *argv: str, seconds: float = 300) -> str:
        return run(
            COMPOSE, "-p", self.name, "--env-file", "trial.env", *argv, cwd=self.place, seconds=seconds
        )

    def container(self, name: str) -> str:
        return f"{self.name}_{name}"

    def state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(podman("inspect", self.container(name)))[0]["State"]
        return found

    def is_well(self, name: str) -> bool:
        state = self.state(name)
        health = (state.get("Health") or state.get("Healthcheck") or {}).get("Status", "")
        return bool(state["Running"]) and health == "healthy"

    def all_well(self, when: str) -> None:
        self.until(f"all are well {when}", lambda: all(self.is_well(name) for name in LASTING))

    def kill(self, name: str) -> None:
        """Its first process gets SIGKILL, as from the kernel, not from podman, who would take it for an
        order. Returns once there is another."""
        before = self.state(name)["Pid"]
        os.kill(before, signal.SIGKILL)
        self.until(f"{name} is another", lambda: self.state(name)["Pid"] not in (0, before))

    def inside(self, name: str, *command: str) -> str:
        return podman("exec", self.container(name), *command)

    def said(self, name: str) -> str:
        both = subprocess.run(
            ["podman", "logs", self.container(name)], capture_output=True, text=True, check=True
        )
        return both.stdout + both.stderr

    def rows(self, query: str) -> list[list[str]]:
        """What DomIQ's database says, as text."""
        psql = ["psql", "-h", "/tmp", "-U", "postgres", "-d", "domiq", "-At", "-F", "|", "-c", query]
        return [line.split("|") for line in self.inside("postgres_1", *psql).splitlines()]

    def comments_at_resman(self, prospect_id: str) -> str:
        ask = "import sys, urllib.request as h; print(h.urlopen(sys.argv[1], timeout=30).read().decode())"
        address = f"http://127.0.0.1:8090/_standin/prospects/{prospect_id}"
        prospect = json.loads(self.inside("standin_1", "python3", "-c", ask, address))
        return " ".join(event["comments"] or "" for event in prospect["events"])

    def graphql(self, query: str, **variables: Any) -> Any:
        answer = self.http.post(
            f"http://127.0.0.1:{self.port}/graphql", json={"query": query, "variables": variables}, timeout=60
        )
        return answer.json()["data"]

    def until(self, what: str, look: Callable[[], T], seconds: float = _COMES_UP_SECONDS) -> T:
        ends = time.monotonic() + seconds
        while True:
            try:
                if found := look():
                    return found
            except (AssertionError, requests.RequestException, KeyError, ValueError) as error:
                why: object = error  # a container that is not there yet, or answers nothing yet
            else:
                why = "not yet"
            assert time.monotonic() < ends, f"{what}: {why}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if not COMPOSE.exists():
        pytest.skip("no podman-compose")
    machine = Machine(Path(shutil.copytree(ROOT / "deploy", tmp_path_factory.mktemp("vm") / "deploy")))
    run("./secrets.sh", "--trial", cwd=machine.place)
    with health_checked():
        try:
            machine.compose("up", "-d", "--no-deps")
            machine.all_well("after the start")
            yield machine
        finally:
            machine.compose("down", "--volumes", "--timeout", "40")


def test_it_comes_up_by_itself_and_says_how_things_stand(machine: Machine) -> None:
    machine.until("the world is made", lambda: "The made-up world is set up." in machine.said("migrate_1"))
    status = machine.until("all is pulled", lambda: _pulled(machine))
    assert len(status["properties"]) == 12
    assert machine.http.get(f"http://127.0.0.1:{machine.port}/server_info", timeout=30).ok
    for name in LASTING:
        assert "Traceback" not in machine.said(name), machine.said(name)[-3000:]


def test_no_secret_is_in_what_the_containers_are_made_of_or_say(machine: Machine) -> None:
    drawn = [(machine.place / "secrets" / name).read_text().strip() for name in _drawn(machine)]
    assert len(drawn) >= 4 and all(len(secret) == 32 for secret in drawn)
    for name in (*LASTING, "migrate_1", "dagster-migrate_1"):
        shown = podman("inspect", machine.container(name)) + machine.said(name)
        assert [secret for secret in drawn if secret in shown] == []


def test_a_change_of_status_is_told_to_resman(machine: Machine) -> None:
    _told(machine)


def test_a_run_of_dagster_goes_its_way(machine: Machine) -> None:
    _succeeds(machine)


def test_whichever_container_is_killed_it_comes_back_and_the_work_goes_on(machine: Machine) -> None:
    for name in LASTING:
        machine.kill(name)
        machine.all_well(f"after {name} was killed")
        _told(machine)
    _succeeds(machine)


def test_it_ends_in_order(machine: Machine) -> None:
    machine.compose("stop", "--timeout", "60")
    codes = {name: machine.state(name)["ExitCode"] for name in LASTING}
    assert {name for name, code in codes.items() if code == 137} == set(), codes  # 137: it had to be killed
    assert machine.state("worker_1")["ExitCode"] == 0 and "has ended" in machine.said("worker_1")


def test_each_image_is_named_by_a_version_and_each_secret_is_made_by_the_script(machine: Machine) -> None:
    project = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    made = {path.name for path in (machine.place / "secrets").iterdir()}
    assert made == set(project["secrets"])
    for service in project["services"].values():
        name = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["image"])
        assert re.search(r":(v?\d[\w.]*|latest)$", name), name
        assert name.startswith("localhost/") or not name.endswith(":latest")


def _drawn(machine: Machine) -> list[str]:
    return sorted(p.name for p in (machine.place / "secrets").iterdir() if p.name.endswith("_password"))


def _pulled(machine: Machine) -> Any:
    status = json.loads(machine.inside("worker_1", "domiq-sync", "status", "--json"))
    return status if all(row["pulled"] for row in status["properties"]) else None


def _told(machine: Machine) -> None:
    """A change of one lead is made in DomIQ's database, and looked for at ResMan: there, and once."""
    ((conversation, prospect),) = machine.until("a lead both sides know", lambda: machine.rows(_FIND))
    machine.rows(f"UPDATE conversation SET status = 'qualified' WHERE id = '{conversation}'")
    of_it = f"WHERE conversation_id = '{conversation}' AND new_status = 'qualified'"
    ((change,),) = machine.rows(f"SELECT id FROM status_sync_log {of_it}")
    mark = f"[DQ-{change.replace('-', '')[:12]}]"
    machine.until("it is at ResMan", lambda: mark in machine.comments_at_resman(prospect))
    machine.until(
        "it is settled",
        lambda: (
            machine.rows(f"SELECT sync_status FROM status_sync_log WHERE id = '{change}'") == [["success"]]
        ),
    )
    assert machine.comments_at_resman(prospect).count(mark) == 1


def _succeeds(machine: Machine) -> None:
    selector = {
        "repositoryName": "__repository__", "repositoryLocationName": "domiq_dagster", "pipelineName": "push",
    }  # fmt: skip
    made = machine.until("the run is taken", lambda: machine.graphql(_LAUNCH, selector=selector)["launchRun"])
    assert made["__typename"] == "LaunchRunSuccess", made
    ended = ("SUCCESS", "FAILURE", "CANCELED")
    run_id = made["run"]["runId"]
    asked = lambda: machine.graphql(_RUN, id=run_id)["runOrError"]["status"]  # noqa: E731
    assert machine.until("the run ends", lambda: (now := asked()) in ended and now) == "SUCCESS"
