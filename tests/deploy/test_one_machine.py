"""One machine: its compose file brought up, a status told, each container killed once."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.one_machine import LASTING, Machine, copied, machine
from tests.deploy.podman import ROOT, podman

pytestmark = pytest.mark.deploy


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(copied(tmp_path_factory.mktemp("vm"))) as it:
        yield it


def test_it_comes_up_by_itself_and_says_how_things_stand(vm: Machine) -> None:
    vm.until("the world is made", lambda: "The made-up world is set up." in vm.said("migrate_1"))
    status = vm.until("all is pulled", lambda: _pulled(vm))
    assert len(status["properties"]) == 12
    assert vm.get("/server_info").ok
    for name in LASTING:
        assert "Traceback" not in vm.said(name), vm.said(name)[-3000:]


def test_no_secret_is_in_what_the_containers_are_made_of_or_say(vm: Machine) -> None:
    secrets = [
        p.read_text().strip() for p in (vm.place / "secrets").iterdir() if p.name.endswith("_password")
    ]
    assert len(secrets) >= 4 and all(len(secret) == 32 for secret in secrets)
    for name in (*LASTING, "migrate_1", "dagster-migrate_1"):
        shown = podman("inspect", vm.container(name)) + vm.said(name)
        assert [secret for secret in secrets if secret in shown] == []


def test_a_change_of_status_is_told_to_resman(vm: Machine) -> None:
    vm.tells_resman()


def test_a_run_of_dagster_goes_its_way(vm: Machine) -> None:
    assert vm.ends(vm.launches("push")) == "SUCCESS"


def test_whichever_container_is_killed_it_comes_back_and_the_work_goes_on(vm: Machine) -> None:
    for name in LASTING:
        vm.kill(name)
        vm.all_well(f"after {name} was killed")
        vm.tells_resman()
    assert vm.ends(vm.launches("push")) == "SUCCESS"


def test_it_ends_in_order(vm: Machine) -> None:
    vm.compose("stop", "--timeout", "60")
    codes = {name: vm.state(name)["ExitCode"] for name in LASTING}
    assert {name for name, code in codes.items() if code == 137} == set(), codes  # 137: it had to be killed
    assert codes["worker_1"] == 0 and "has ended" in vm.said("worker_1")


def test_each_image_is_named_by_a_version_and_each_secret_is_made_by_the_script(vm: Machine) -> None:
    project = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    assert {path.name for path in (vm.place / "secrets").iterdir()} == set(project["secrets"])
    for service in project["services"].values():
        name = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["image"])
        assert re.search(r":(v?\d[\w.]*|latest)$", name), name
        assert name.startswith("localhost/") or not name.endswith(":latest")


def _pulled(vm: Machine) -> Any:
    status = json.loads(vm.inside("worker_1", "domiq-sync", "status", "--json"))
    return status if all(row["pulled"] for row in status["properties"]) else None
