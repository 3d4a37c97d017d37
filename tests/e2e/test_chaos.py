"""The chaos run in its short form (`make chaos` runs the full one): real processes, killed and cut off while
changes are made, and in the end nothing lost, doubled, out of order or held."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def run(*options: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "tests.chaos.run", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            out, err = process.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # on which it ends what it started
            out, err = process.communicate(timeout=60)
            pytest.fail(f"the run did not end:\n{err}")
    return process.returncode, json.loads(out.splitlines()[-1]) if out else {}, err


def test_nothing_is_lost_doubled_misordered_or_held() -> None:
    code, result, err = run("--short", "--seed", "4")

    wrong = (
        "lost",
        "doubled",
        "out_of_order",
        "invented",
        "diverged",
        "held",
        "checksum_mismatches",
        "pending",
    )
    assert {name: result.get(name) for name in wrong} == dict.fromkeys(wrong, 0), err
    assert (code, result["ok"], result["misbehaved"]) == (0, True, []), (result, err)
    # It proves something only if it was rough.
    assert result["changes"] >= 150
    assert result["kills"] >= 1 and result["terms"] >= 1
    assert result["database_restarts"]["immediate"] >= 1
    assert result["stalls"] >= 2 and result["connections_cut"]["database"] >= 1
    # By the stand-in, or on the way: which of the two comes in time is the machine's matter.
    assert result["faults"].get("drop_after", 0) + result["answers_lost"]["standin"] >= 1
    assert result["unknown_outcomes"] >= 1 and result["confirmed_by_read"] >= 1
