"""A run in a container of its own has the settings of the process that starts it."""

from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._serdes import ConfigurableClassData

from domiq_dagster.docker_launcher import DockerRunLauncher, handed_on

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_set_is_handed_on_and_nothing_of_anybody_elses() -> None:
    ours = ["DAGSTER_PG_URL", "DOMIQ_EMAIL_URL", "HTTPS_PROXY", "PGSSLMODE", "RESMAN_API_KEY", "no_proxy"]
    assert handed_on(dict.fromkeys([*ours, "PATH", "AWS_KEY", "HOME"], "x")) == ours


def test_secrets_in_files_are_handed_on_by_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is not in the run's container."""
    file = tmp_path / "key"
    file.write_text("secret\n")
    monkeypatch.setenv("RESMAN_API_KEY_FILE", str(file))
    monkeypatch.delenv("RESMAN_API_KEY", raising=False)
    launcher = DockerRunLauncher(image="localhost/domiq-sync:latest", network="n")
    assert "RESMAN_API_KEY" in launcher.env_vars and "RESMAN_API_KEY_FILE" not in launcher.env_vars


def test_the_home_for_docker_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy = ROOT / "deploy" / "dagster"
    parts = [ROOT / "dagster.yaml", deploy / "directories.yaml", deploy / "launcher.docker.yaml"]
    (tmp_path / "dagster.yaml").write_text("".join(part.read_text() for part in parts))
    settings, _ = dagster_instance_config(str(tmp_path))
    chosen = settings["run_launcher"]
    monkeypatch.setenv("DOMIQ_IMAGE", "localhost/domiq-sync:latest")
    monkeypatch.setenv("DOMIQ_NETWORK", "net")
    made = ConfigurableClassData(
        chosen["module"], chosen["class"], yaml.safe_dump(chosen["config"])
    ).rehydrate(as_type=DockerRunLauncher)
    assert (made.image, made.networks) == ("localhost/domiq-sync:latest", ["net"])
