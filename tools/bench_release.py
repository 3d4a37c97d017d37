"""The figures that a release has: runs some of benchmarks/ one after the other, `make bench-release`.

    python -m tools.bench_release [NAME...]

Writes build/benchmarks-VERSION.jsonl: a line for each, with the version, the commit and the machine, and what
the benchmark said. It takes some minutes, and says nothing of good or bad: two files are compared where they
come from the same kind of machine. Ends with 1 where a benchmark gave no figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.release import version_of

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "latency": ("--only", "quiet", "--changes", "200"),
    "push_rate": (),
    "push_cost": (),
    "pull_rate": (),
    "queue_rate": ("--log", "200000", "--pending", "20000", "--hold", "20", "--rounds", "3"),
    "rules_rate": (),
    "capture_cost": (),
    "many_properties": (),
}
"""What of benchmarks/ is run, and with which arguments: what takes a minute or two at most."""


class NoFigures(Exception):
    """A benchmark ended without a line of JSON; the text says how."""


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}


def commit() -> str | None:
    """The commit that is measured, with a `+` where the tree differs from it; None outside of a clone."""
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def run(program: Sequence[str]) -> dict[str, Any]:
    """What a benchmark printed, with the seconds that it took and how it ended."""
    began = time.monotonic()
    done = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    try:
        result = json.loads(done.stdout)
    except ValueError as trouble:
        raise NoFigures(f"ended with {done.returncode} and without one line of JSON") from trouble
    return {"seconds": round(time.monotonic() - began, 1), "exit_code": done.returncode, "result": result}


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where a benchmark gave no figures; the others are written all the same."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench_release", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all if left out"
    )
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(BENCHMARKS)):
        parser.error(f"no benchmark of a release: {', '.join(unknown)}. There are {', '.join(BENCHMARKS)}.")
    version, code = version_of(ROOT), 0
    written = ROOT / "build" / f"benchmarks-{version}.jsonl"
    written.parent.mkdir(exist_ok=True)
    about = {"version": version, "commit": commit(), "machine": machine()}
    with written.open("w", encoding="utf-8") as file:
        for name in given.names or BENCHMARKS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                told = run([sys.executable, f"benchmarks/{name}.py", *BENCHMARKS[name]])
            except NoFigures as trouble:
                print(f"{name} {trouble}.", file=sys.stderr)
                code = 1
                continue
            line = {**about, "benchmark": name, "arguments": BENCHMARKS[name], **told}
            file.write(f"{json.dumps(line)}\n")
    print(written.relative_to(ROOT).as_posix())
    return code


if __name__ == "__main__":
    sys.exit(main())
