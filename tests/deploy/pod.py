"""A container of a manifest as a process on this machine: its command, its variables, and its mounts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.deploy.chart import ROOT, Manifest

_OF_THE_IMAGE = ("PYTHONPATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""What a process needs for its libraries here, where an image has them in their places."""


class Pod:
    """Files of a pod, and its containers as processes.

    Args:
        folder: where its volumes are made.
        secrets: by key, what is in the Secrets that it mounts.
        moved: what stands in its command is replaced, as a port is by one that is free here.
    """

    def __init__(
        self, folder: Path, secrets: Mapping[str, str], moved: Mapping[str, str] | None = None
    ) -> None:
        self._folder, self._secrets, self._moved = folder, secrets, moved or {}
        self._folder.mkdir(exist_ok=True)
        self._places = {"/opt/domiq/dagster_home": str(self._folder / "image")}

    @property
    def said(self) -> str:
        return (self._folder / "said").read_text()

    @contextmanager
    def running(self, spec: Manifest, name: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """The container of that name in a pod's spec, or the only one, until the end of the block."""
        (container,) = [c for c in spec["containers"] if name in (None, c["name"])]
        self._make(spec, container)
        self._image()
        words = [self._here(word) for word in [*container["command"], *container["args"]]]
        environment = self._environment(container["env"])
        program = shutil.which(words[0], path=environment["PATH"])
        assert program is not None, words[0]
        with (self._folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [program, *words[1:]], env=environment, stdout=said, stderr=said, cwd=self._folder
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _make(self, spec: Manifest, container: Manifest) -> None:
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            place = self._folder / mount["name"]
            place.mkdir(exist_ok=True)
            self._places[mount["mountPath"]] = str(place)
            for item in volumes[mount["name"]].get("secret", {}).get("items", []):
                (place / item["path"]).write_text(self._secrets[item["key"]] + "\n")

    def _image(self) -> None:
        """What deploy/Containerfile puts into DAGSTER_HOME."""
        image = self._folder / "image"
        image.mkdir(exist_ok=True)
        parts = [ROOT / "dagster.yaml", ROOT / "deploy/dagster/directories.yaml"]
        text = "".join(part.read_text() for part in parts)
        state = self._places.get("/var/lib/domiq", "/var/lib/domiq")
        (image / "dagster.yaml").write_text(text.replace("/var/lib/domiq", state))

    def _environment(self, variables: list[dict[str, Any]]) -> dict[str, str]:
        """That of the manifest and nothing else, but for what an image brings."""
        programs = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        own = {name: os.environ[name] for name in _OF_THE_IMAGE if name in os.environ}
        tmp = self._places["/tmp"]
        given = {variable["name"]: variable for variable in variables}
        told = {
            name: self._here(variable["value"]) if "value" in variable else self._from_secret(variable)
            for name, variable in given.items()
        }
        return {**own, "PATH": programs, "HOME": tmp, "TMPDIR": tmp, **told}

    def _from_secret(self, variable: Mapping[str, Any]) -> str:
        reference = variable["valueFrom"]["secretKeyRef"]
        return self._secrets[reference["key"]]

    def _here(self, word: str) -> str:
        for there, here in {**self._places, **self._moved}.items():
            if word == there or word.startswith(f"{there}/"):
                return here + word.removeprefix(there)
        return word
