"""Our sync beside three tools that people would take instead, in one run, on the same bytes and latencies.

One JSON line. `pull`: dlt loads a property's prospects from the answer that our pull reads (peers_dlt.py).
`push`: drt posts pending changes to the stand-in that our push posts to (peers_drt.py). `queue`:
procrastinate works off as many jobs as our queue claims and settles (peers_procrastinate.py). Each of these
files says how its tool was set, and what one side does that the other does not: no two do quite the same.

The sides go by turns, and every round begins with another one. Each figure is the median over the rounds, and
`times` the median of the rounds' own ratios: how many times our seconds the other took. `load` is the
machine's before. The tools are in the extra `bench`; without it this ends with 2 and one sentence.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
from turns import Round, medians

from domiq_dagster.db.embedded import running

PARTS = ("pull", "push", "queue")
PACKAGES = ("dlt", "adbc-driver-postgresql", "pyarrow", "drt-core", "procrastinate")
_MODULES = ("dlt", "drt", "procrastinate", "psycopg_pool", "psycopg2", "pyarrow", "ijson")
_INSTALL = "pip install -c constraints.txt -e '.[bench]'"


def main() -> int:
    given = _options().parse_args()
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"What is measured here is not installed ({', '.join(missing)}): {_INSTALL}", file=sys.stderr)
        return 2
    began = time.perf_counter()
    result: dict[str, object] = {
        "benchmark": "peers",
        "cores": psutil.cpu_count(),
        "load": [round(load, 1) for load in psutil.getloadavg()],
        "python": platform.python_version(),
        "postgresql": _postgresql(),
        "versions": {package: version(package) for package in PACKAGES},
        **vars(given),
    }
    for part in given.parts:
        result |= measure(part, given)
    result["seconds"] = round(time.perf_counter() - began)
    print(json.dumps(result))
    return 0


def measure(part: str, given: argparse.Namespace) -> dict[str, object]:
    """The medians of one part, by case."""
    found: dict[str, list[Round]] = {}
    for case, sides in _rounds_of(part)(given):
        seconds = ", ".join(f"{name} {figures['seconds']:.2f} s" for name, figures in sides.items())
        print(f"{time.strftime('%H:%M:%S')} {part}, {case}: {seconds}", file=sys.stderr, flush=True)
        found.setdefault(case, []).append(sides)
    return {part: {case: medians(rounds) for case, rounds in found.items()}}


def _rounds_of(part: str) -> Callable[[argparse.Namespace], Iterator[tuple[str, Round]]]:
    # Not before it is known that they are installed.
    if part == "pull":
        import peers_dlt

        return peers_dlt.rounds
    if part == "push":
        import peers_drt

        return peers_drt.rounds
    import peers_procrastinate

    return peers_procrastinate.rounds


def _postgresql() -> str | None:
    with tempfile.TemporaryDirectory(prefix="domiq-bench-") as directory:
        Path(directory).chmod(0o755)
        with running(Path(directory) / "pg") as server, psycopg.connect(server.url("postgres")) as connection:
            return connection.info.parameter_status("server_version")


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options.add_argument("--prospects", type=int, default=100_000, help="of the answer that is pulled")
    options.add_argument("--changes", type=int, default=100, help="that are pushed, for each latency")
    options.add_argument("--jobs", type=int, default=2_000, help="that are in the queue")
    options.add_argument("--rounds", type=int, default=3)
    return options


if __name__ == "__main__":
    sys.exit(main())
