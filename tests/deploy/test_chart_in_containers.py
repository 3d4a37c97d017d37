"""The Helm chart's containers in the real image, confined as their manifests say: its user, no capability,
and a root file system that cannot be written."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from domiq_dagster.db.embedded import EmbeddedServer
from tests.deploy.chart import Manifest, named, rendered
from tests.deploy.podman import our_image, podman

pytestmark = pytest.mark.deploy
_SECONDS = 180
_READY = "import urllib.request as http; print(http.urlopen('http://127.0.0.1:9273{path}', timeout=9).status)"


class Confined:
    """Containers of manifests.

    Args:
        folder: where Secrets are written; `secrets`: what is in them, by key.
        server: PostgreSQL's socket, which they find in /run/postgresql.
    """

    def __init__(self, image: str, folder: Path, secrets: Mapping[str, str], server: Path) -> None:
        self._image, self._folder, self._secrets, self._server = image, folder, secrets, server

    def to_its_end(self, spec: Manifest, name: str) -> str:
        """What a container said that ended well."""
        return podman("run", "--rm", *self._options(spec, name), seconds=_SECONDS)

    @contextmanager
    def running(self, spec: Manifest, name: str) -> Iterator[str]:
        """The name of a container that goes on until the end of the block."""
        called = f"domiq-sync-test-{uuid.uuid4().hex[:12]}"
        podman("run", "--detach", "--name", called, *self._options(spec, name))
        try:
            yield called
        finally:
            podman("rm", "--force", "--time", "0", called)

    def _options(self, spec: Manifest, name: str) -> list[str]:
        (container,) = [c for c in spec["containers"] if c["name"] == name]
        of_pod, own = spec["securityContext"], container["securityContext"]
        user, group = of_pod["runAsUser"], of_pod["runAsGroup"]
        assert own["readOnlyRootFilesystem"]
        assert not own["allowPrivilegeEscalation"]
        options = ["--network=none", "--read-only", "--read-only-tmpfs=false", f"--user={user}:{group}"]
        options += [f"--cap-drop={capability}" for capability in own["capabilities"]["drop"]]
        options += [
            "--security-opt=no-new-privileges",
            f"--volume={self._server}:/run/postgresql/{self._server.name}",
        ]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            if secret := volumes[mount["name"]].get("secret"):
                files = self._written(secret["items"], name)
                options.append(f"--volume={files}:{mount['mountPath']}:ro")
            else:
                options.append(f"--mount=type=tmpfs,destination={mount['mountPath']},tmpfs-mode=1777")
        options += [f"--env={variable['name']}={variable['value']}" for variable in container["env"]]
        return [*options, f"--entrypoint={json.dumps(container['command'])}", self._image, *container["args"]]

    def _written(self, items: list[dict[str, str]], name: str) -> Path:
        files = self._folder / name
        files.mkdir(exist_ok=True)
        for item in items:
            (files / item["path"]).write_text(self._secrets[item["key"]])
        return files


def inside(container: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", "exec", container, *command], capture_output=True, text=True, timeout=60, check=False
    )


def until(container: str, *command: str) -> None:
    """Waits until a command inside a container ends well."""
    end = time.monotonic() + _SECONDS
    while (done := inside(container, *command)).returncode:
        assert time.monotonic() < end, (done.stdout, done.stderr, podman("logs", container))
        time.sleep(1)


def test_each_container_does_its_work_as_confined_as_its_manifest_says(
    pg_server: EmbeddedServer, make_database: Callable[..., str], tmp_path: Path
) -> None:
    here = str(pg_server.socket_dir)
    (socket,) = Path(here).glob(".s.PGSQL.*[0-9]")
    socket.chmod(0o777)  # for the user of the image; its directory lets nobody by
    secrets = {
        "DOMIQ_DATABASE_URL": make_database().replace(here, "/run/postgresql"),
        "DAGSTER_PG_URL": make_database().replace(here, "/run/postgresql"),
        "RESMAN_PARTNER_ID": "nobody",
        "RESMAN_API_KEY": "none",
    }
    tmp_path.chmod(0o755)
    manifests = rendered()
    pods = Confined(our_image(), tmp_path, secrets, socket)

    def spec(kind: str, name: str) -> Manifest:
        return dict(named(manifests, kind, f"domiq-sync-{name}")["spec"]["template"]["spec"])

    assert "Schema at revision" in pods.to_its_end(spec("Job", "migrate"), "migrate")
    pods.to_its_end(spec("Job", "migrate"), "dagster")
    with (
        pods.running(spec("Deployment", "worker"), "worker") as worker,
        pods.running(spec("Deployment", "code"), "code") as code,
    ):
        until(worker, "python3", "-c", _READY.format(path="/readyz"))
        until(code, "dagster", "api", "grpc-health-check", "-p", "4000")
        assert inside(worker, "domiq-sync", "status").returncode == 0
        assert "Read-only file system" in inside(worker, "touch", "/opt/domiq/x").stderr
        # What Dagster's own chart starts its programs with, and the arguments of its runs.
        for program in ("/bin/bash", "/usr/bin/env", "/opt/domiq/venv/bin/dagster-daemon"):
            assert inside(code, "test", "-x", program).returncode == 0, program
        assert inside(code, "python3", "-c", "import dagster_k8s").returncode == 0
        for container in (worker, code):
            podman("stop", "--time", "60", container)
            ended = podman("inspect", "--format", "{{.State.ExitCode}}", container)
            assert ended == "0", podman("logs", container)
