"""What the tests of the command line share: commands run as processes, and how they ended.

Loading the program takes a second, and so does its end, in which Python takes everything apart. So one
process loads it once, forks for each command, and lets the fork go when the command is done. What that could
hide, test_program.py does with the installed program itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sync import conftest as sync_tests

standin_url = sync_tests.standin_url
standin = sync_tests.standin
domiq_url = sync_tests.domiq_url
world = sync_tests.world
World = sync_tests.World
Standin = sync_tests.Standin
POST = sync_tests.POST

PROGRAM = str(Path(sys.executable).with_name("domiq-sync"))
FORKER = """
import atexit, json, os, sys, traceback
from domiq_dagster.cli.main import main

def run():
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if not pid:
        os.environ.clear()
        os.environ.update(job["environment"])
        os.chdir(job["place"])
        for number, path in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["domiq-sync", *job["arguments"]]
        code = run()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """What --json put into the last line."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found

    @property
    def sentence(self) -> str:
        """The one sentence with which a command that could not run must end; no traceback, nothing else."""
        assert self.code == 2, self
        assert "Traceback" not in self.err + self.out
        (line,) = self.err.splitlines()
        assert line.startswith("domiq-sync: ")
        return line.removeprefix("domiq-sync: ")


Run = Callable[..., Done]


@pytest.fixture(scope="session")
def forker() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", FORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate()
    assert process.returncode == 0


@pytest.fixture
def run(forker: subprocess.Popen[str], tmp_path: Path) -> Run:
    """`run(*arguments, **environment)`; without a world it knows of no database and no ResMan."""

    def run(*arguments: object, **environment: str) -> Done:
        assert forker.stdin is not None
        assert forker.stdout is not None
        job = {
            "arguments": [str(a) for a in arguments],
            "environment": {"PATH": os.environ["PATH"], "DOMIQ_HOME": str(tmp_path / "home"), **environment},
            "place": str(tmp_path),
            "out": str(tmp_path / "out"),
            "err": str(tmp_path / "err"),
        }
        forker.stdin.write(json.dumps(job) + "\n")
        forker.stdin.flush()
        code = int(forker.stdout.readline())
        return Done(code, (tmp_path / "out").read_text(), (tmp_path / "err").read_text())

    return run


@pytest.fixture
def env(world: World, domiq_url: str) -> dict[str, str]:
    """The environment that points at the world."""
    return environment_for(domiq_url, world.standin.url)


def environment_for(database_url: str, standin_url: str) -> dict[str, str]:
    return {
        "DOMIQ_DATABASE_URL": database_url,
        "RESMAN_V1_URL": standin_url,
        "RESMAN_V2_URL": standin_url,
        "RESMAN_PARTNER_ID": "standin-partner",
        "RESMAN_API_KEY": "standin-key",
    }


def eventually(happened: Callable[[], object], seconds: float) -> None:
    """Waits until it has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not after {seconds:g} s"
        time.sleep(0.05)
