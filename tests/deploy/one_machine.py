"""One machine's compose file, brought up as docs/one-machine.md says, with its trial's world: for tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from domiq_dagster.runtime.supervise import free_port
from tests.deploy.podman import ROOT, health_checked, our_image, podman, postgres_image, run

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
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_RUN = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status tags { key value } } } }"
_RETRIES = """
query($id: String!) {
  runsOrError(filter: {tags: [{key: "dagster/parent_run_id", value: $id}]}) {
    ... on Runs { results { runId status } }
  }
}"""


@contextmanager
def machine(
    place: Path, *files: str, settings: Mapping[str, str] | None = None, lasting: Sequence[str] = LASTING
) -> Iterator[Machine]:
    """The trial of `place`, a copy of deploy/, up and well for the length of the block; then it is removed.

    Args:
        files: compose files besides compose.yaml.
        settings: what they take from the environment.
        lasting: the containers that are to be well.
    """
    if not COMPOSE.exists():
        pytest.skip("no podman-compose")
    it = Machine(place, files, settings or {}, lasting)
    run("./secrets.sh", "--trial", cwd=place)
    with health_checked():
        try:
            it.compose("up", "-d", "--no-deps")
            # A run that Dagster starts before fails, and says so.
            it.until("the world is made", lambda: "The made-up world is set up." in it.said("migrate_1"))
            it.all_well("after the start")
            yield it
        finally:
            it.compose("down", "--volumes", "--timeout", "40")


def copied(place: Path) -> Path:
    """A copy of deploy/, whose secrets are its own."""
    return Path(shutil.copytree(ROOT / "deploy", place / "deploy", ignore=shutil.ignore_patterns("secrets")))


class Machine:
    """A project of podman-compose, in a directory of its own."""

    def __init__(
        self, place: Path, files: Sequence[str], settings: Mapping[str, str], lasting: Sequence[str]
    ) -> None:
        self.place, self.lasting, self.port = place, lasting, free_port()
        self.name = project()
        self._files = [option for file in ("compose.yaml", *files) for option in ("-f", file)]
        own = {
            "DOMIQ_IMAGE": our_image(), "POSTGRES_IMAGE": postgres_image(),
            "DOMIQ_LOG_DRIVER": "k8s-file", "DOMIQ_UI_PORT": str(self.port),
        }  # fmt: skip
        with (place / "trial.env").open("a") as file:
            file.writelines(f"{key}={value}\n" for key, value in {**own, **settings}.items())
        self._http = requests.Session()
        self._http.trust_env = False

    def compose(self, *argv: str) -> str:
        options = ["-p", self.name, "--env-file", "trial.env", *self._files]
        return run(COMPOSE, *options, *argv, cwd=self.place, seconds=300)

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
        for name in self.lasting:
            self.until(f"{name} is well {when}", _told(self.is_well, name))

    def kill(self, name: str) -> None:
        """Its first process gets SIGKILL, as from the kernel; from podman it would be an order to stop.
        Returns once there is another."""
        before = self.state(name)["Pid"]
        os.kill(before, signal.SIGKILL)
        self.until(f"{name} is another", lambda: self.state(name)["Pid"] not in (0, before))

    def inside(self, name: str, *command: str) -> str:
        return podman("exec", self.container(name), *command)

    def said(self, name: str) -> str:
        logs = ["podman", "logs", self.container(name)]
        both = subprocess.run(logs, capture_output=True, text=True, check=True)
        return both.stdout + both.stderr

    def rows(self, query: str) -> list[list[str]]:
        """What DomIQ's database says, as text."""
        psql = ["psql", "-h", "/tmp", "-U", "postgres", "-d", "domiq", "-At", "-F", "|", "-c", query]
        return [line.split("|") for line in self.inside("postgres_1", *psql).splitlines()]

    def get(self, path: str) -> requests.Response:
        """Of Dagster's webserver, from outside."""
        return self._http.get(f"http://127.0.0.1:{self.port}{path}", timeout=60)

    def graphql(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = self._http.post(f"http://127.0.0.1:{self.port}/graphql", json=body, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def until(self, what: str, look: Callable[[], T], seconds: float = _COMES_UP_SECONDS) -> T:
        ends = time.monotonic() + seconds
        while True:
            try:
                if found := look():
                    return found
                why: object = "not yet"
            except (AssertionError, requests.RequestException, KeyError, ValueError) as error:
                why = error  # a container that is not there yet, or answers nothing yet
            assert time.monotonic() < ends, f"{what}: {why}"
            time.sleep(0.5)

    def resman(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the stand-in's control says, asked from inside its container."""
        ask = (
            "import sys, urllib.request as h; r = h.Request(sys.argv[1], (sys.argv[2] or None) and "
            "sys.argv[2].encode(), {'content-type': 'application/json'}); "
            "print(h.urlopen(r, timeout=30).read().decode())"
        )
        url = f"http://127.0.0.1:8090/_standin/{path}"
        said = self.inside("standin_1", "python3", "-c", ask, url, "" if body is None else json.dumps(body))
        return json.loads(said or "null")

    def tells_resman(self) -> None:
        """A change of one lead is made in DomIQ's database, and looked for at ResMan: there, and once."""
        ((conversation, prospect),) = self.until("a lead both sides know", lambda: self.rows(_FIND))
        self.rows(f"UPDATE conversation SET status = 'qualified' WHERE id = '{conversation}'")
        of_it = f"WHERE conversation_id = '{conversation}' AND new_status = 'qualified'"
        ((change, _),) = self.until(
            "it is settled",
            lambda: self.rows(
                f"SELECT id, sync_status FROM status_sync_log {of_it} AND sync_status = 'success'"
            ),
        )
        told = " ".join(event["comments"] or "" for event in self.resman(f"prospects/{prospect}")["events"])
        assert told.count(f"[DQ-{change.replace('-', '')[:12]}]") == 1

    def launches(self, job: str, **tags: str) -> str:
        """Has Dagster start a run, as somebody does in the UI; its id."""
        selector = {
            "repositoryName": "__repository__", "repositoryLocationName": "domiq_dagster",
            "pipelineName": job,
        }  # fmt: skip
        said = [{"key": key, "value": value} for key, value in tags.items()]
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": said}}
        made = self.until("the run is taken", lambda: self.graphql(_LAUNCH, params=params)["launchRun"])
        assert made["__typename"] == "LaunchRunSuccess", made
        return str(made["run"]["runId"])

    def run_status(self, run_id: str) -> str:
        return str(self.graphql(_RUN, id=run_id)["runOrError"]["status"])

    def run_tags(self, run_id: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.graphql(_RUN, id=run_id)["runOrError"]["tags"]}

    def retries(self, run_id: str) -> list[str]:
        """The runs that took a run's place."""
        return [found["runId"] for found in self.graphql(_RETRIES, id=run_id)["runsOrError"]["results"]]

    def ends(self, run_id: str) -> str:
        """How a run ends."""
        ended = ("SUCCESS", "FAILURE", "CANCELED")
        return self.until(f"{run_id} ends", lambda: (now := self.run_status(run_id)) in ended and now)


def project() -> str:
    """The name of this process's project."""
    return f"domiq-sync-test-{os.getpid()}"


def _told(look: Callable[[str], T], name: str) -> Callable[[], T]:
    return lambda: look(name)
