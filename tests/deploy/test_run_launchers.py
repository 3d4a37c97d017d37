"""Runs of Dagster in containers of their own, and as tasks of Celery: they succeed, and one that is killed is
found, and another takes its place."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.deploy.one_machine import COMPOSE, LASTING, Machine, copied, machine, project
from tests.deploy.podman import ROOT, base_image, podman, redis_image, run

pytestmark = pytest.mark.deploy
PARTITION = "willow-bend"
SLOW = {"switches": {"latency_ms": 20_000}}
FAST = {"switches": {"latency_ms": 0}}
HOME = "/opt/domiq/dagster_home.docker/dagster.yaml"


def test_a_run_has_a_container_of_its_own_and_is_started_again_when_that_is_killed(tmp_path: Path) -> None:
    place = copied(tmp_path)
    _name_the_volume(place)
    with _docker_socket(tmp_path) as socket:
        settings = {
            "DOCKER_SOCKET": str(socket),
            "DOCKER_GROUP": "0",
            "DOMIQ_NETWORK": f"{project()}_default",
        }
        with machine(place, "compose.docker.yaml", "volume.yaml", settings=settings) as vm:
            assert vm.ends(vm.launches("push")) == "SUCCESS"
            run_id = _in_the_middle(vm)
            podman("kill", "--signal=KILL", vm.run_tags(run_id)["docker/container_id"])
            other = _another_takes_its_place(vm, run_id)
            for ended in (run_id, other):
                of_it = f"--filter=label=dagster/run_id={ended}"
                vm.until("its container is gone", _nothing_listed(of_it))


def test_without_the_number_of_the_sockets_group_it_is_said_how_to_find_it(tmp_path: Path) -> None:
    """A name would be looked for in the image, which has no such group."""
    base_image()
    if not COMPOSE.exists():
        pytest.skip("no podman-compose")
    command = [str(COMPOSE), "-f", "compose.yaml", "-f", "compose.docker.yaml", "config"]
    env = {name: value for name, value in os.environ.items() if name != "DOCKER_GROUP"}
    where = copied(tmp_path)
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "stat -c %g /run/docker.sock" in done.stderr
    services = yaml.safe_load(run(*command, cwd=where, env={**env, "DOCKER_GROUP": "998"}))["services"]
    assert [services[name]["group_add"] for name in ("webserver", "daemon")] == [["998"], ["998"]]


def test_a_run_is_a_task_of_celery_and_is_started_again_when_its_worker_is_killed(tmp_path: Path) -> None:
    settings = {"REDIS_IMAGE": redis_image()}
    lasting = (*LASTING, "redis_1")
    with machine(copied(tmp_path), "compose.celery.yaml", settings=settings, lasting=lasting) as vm:
        run_id = vm.launches("push")
        assert vm.ends(run_id) == "SUCCESS"
        assert vm.run_tags(run_id)["dagster-celery/task_id"]
        run_id = _in_the_middle(vm)
        vm.kill("celery_1")
        _another_takes_its_place(vm, run_id)


def test_each_home_of_dagster_is_the_one_dagster_yaml_and_says_nothing_twice() -> None:
    """They are put together as they are: a section that stood twice would be lost without a word."""
    whole = [(ROOT / "dagster.yaml").read_text()]
    whole += [path.read_text() for path in sorted((ROOT / "deploy" / "dagster").glob("*.yaml"))]
    sections = [line for text in whole for line in text.splitlines() if line[:1].isalpha()]
    twice = {section for section in sections if sections.count(section) > 1}
    assert twice == {"run_launcher:"}  # one of the two


def _in_the_middle(vm: Machine) -> str:
    """A run that is in the middle of a slow pull."""
    vm.resman("faults", SLOW)
    run_id = vm.launches("pull", **{"dagster/partition": PARTITION})
    vm.until("the run is at work", lambda: vm.run_status(run_id) == "STARTED")
    return run_id


def _another_takes_its_place(vm: Machine, run_id: str) -> str:
    """The run that does."""
    vm.resman("faults", FAST)
    assert vm.ends(run_id) == "FAILURE"
    (other,) = vm.until("another takes its place", lambda: vm.retries(run_id))
    assert vm.ends(other) == "SUCCESS"
    return other


def _nothing_listed(of_it: str) -> Callable[[], bool]:
    return lambda: podman("ps", "--all", "--quiet", of_it) == ""


def _name_the_volume(place: Path) -> None:
    """The volume of the state has the project's name in its own, and this project has another."""
    parts = [
        ROOT / "dagster.yaml",
        *(place / "dagster" / f"{n}.yaml" for n in ("directories", "launcher.docker")),
    ]
    ours = "".join(part.read_text() for part in parts).replace("domiq-sync_state", f"{project()}_state")
    (place / "home.yaml").write_text(ours)
    mounted = f"volumes: ['./home.yaml:{HOME}:ro']"
    (place / "volume.yaml").write_text(f"services:\n  webserver:\n    {mounted}\n  daemon:\n    {mounted}\n")


@contextmanager
def _docker_socket(place: Path) -> Iterator[Path]:
    """podman answers there as Docker does."""
    socket = place / "docker.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{socket}"])
    try:
        while not socket.exists():
            assert service.poll() is None, "podman's service has ended"
            time.sleep(0.1)
        socket.chmod(0o666)
        yield socket
    finally:
        service.terminate()
        service.wait(30)
