"""The drill: plants each bug of bugs.py in a copy of the project and looks for it, seed after seed.

Progress goes to stderr, one JSON line to stdout; exit code 1 if a bug was not caught, or if the project
without any bug does not pass what is to catch them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.drill.bugs import BUGS, DELIVERY, TWO_SIDES, Bug

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("domiq_dagster", "sql", "tests", "pyproject.toml", "dagster.yaml", "workspace.yaml")
_FAILED = 1
"""pytest's exit code where tests failed. Any other but 0 says that they did not run."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drill.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="how many each search may take")
    parser.add_argument("--jobs", type=int, default=2, help="how many bugs are looked for at once")
    parser.add_argument("--only", default="", help="the bugs whose names contain this")
    options = parser.parse_args(arguments)
    chosen = [bug for bug in BUGS if options.only in bug.name]
    began = time.monotonic()
    sound = _passes_without_bugs(chosen)
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda bug: _look_for(bug, options.seeds), chosen))
    missed = [entry["bug"] for entry in found if entry["by"] is None]
    print(
        json.dumps(
            {
                "benchmark": "drill",
                "bugs": len(chosen),
                "caught": len(chosen) - len(missed),
                "missed": missed,
                "most_seeds": max((entry["seeds"] for entry in found), default=0),
                "passes_without_bugs": sound,
                "seconds": round(time.monotonic() - began, 1),
                "each": found,
            }
        )
    )
    return 1 if missed or not sound else 0


def _passes_without_bugs(bugs: Sequence[Bug]) -> bool:
    """Whether what is to catch the bugs is quiet where there is none: else it would catch anything."""
    catchers = dict.fromkeys(catcher for bug in bugs for catcher in bug.catchers)
    with _copy() as tree:
        failed = [catcher for catcher in catchers if _fails(tree, catcher, seed=1)]
    for catcher in failed:
        _tell(f"{catcher} fails without any bug")
    return not failed


def _look_for(bug: Bug, seeds: int) -> dict[str, Any]:
    began, tried = time.monotonic(), 0
    with _copy() as tree:
        plant(bug, tree)
        for catcher in bug.catchers:
            for seed in range(1, (seeds if catcher in (DELIVERY, TWO_SIDES) else 1) + 1):
                tried += 1
                if _fails(tree, catcher, seed=seed):
                    _tell(f"{bug.name}: caught by {catcher}, seed {seed}")
                    return _entry(bug, catcher, tried, began)
    _tell(f"{bug.name}: NOT caught by {', '.join(bug.catchers)}")
    return _entry(bug, None, tried, began)


def _entry(bug: Bug, caught_by: str | None, tried: int, began: float) -> dict[str, Any]:
    seconds = round(time.monotonic() - began, 1)
    return {"bug": bug.name, "by": caught_by, "seeds": tried, "seconds": seconds}


def plant(bug: Bug, tree: Path) -> None:
    """Writes the bug into the copy of the project at `tree`.

    Raises:
        LookupError: what it replaces is not there, or more than once.
    """
    path = tree / bug.path
    sound = path.read_text(encoding="utf-8")
    if not bug.old or sound.count(bug.old) != 1:
        raise LookupError(f"{bug.path} has not once what '{bug.name}' replaces: plant it in another way")
    path.write_text(sound.replace(bug.old, bug.new), encoding="utf-8")


def _fails(tree: Path, catcher: str, *, seed: int) -> bool:
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--no-header",
        f"--hypothesis-seed={seed}", catcher,
    ]  # fmt: skip
    ended = subprocess.run(
        command, cwd=tree, env=_environment(tree), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if ended.returncode not in (0, _FAILED) or "ImportError" in ended.stdout:
        raise RuntimeError(f"{catcher} did not run:\n{ended.stdout}")
    return ended.returncode == _FAILED


def _environment(tree: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DOMIQ_SOAK_MINUTES"}
    return {**kept, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="domiq-drill-") as made:
        tree = Path(made)
        for part in _PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / part)
        yield tree


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
