"""How a command ends: a fault of the program's own, Ctrl-C, and a reader that goes away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.commands import PROGRAM, Done, Run
from tests.fixtures.world import World

CRASH = """
import sys
from domiq_dagster.cli import main, standing

def broken(*_arguments, **_options):
    lead = "Ada Example ada@example.com"
    try:
        raise KeyError(lead)
    except KeyError as error:
        raise {error} from error

standing.coverage = broken
sys.argv = ["domiq-sync", *sys.argv[1:]]
main.main()
"""


@pytest.mark.parametrize(
    ("level", "error", "kind"),
    [("ERROR", "ValueError(lead)", "ValueError"), ("DEBUG", "ZeroDivisionError(lead)", "ZeroDivisionError")],
)
def test_a_fault_of_our_own_ends_with_70_and_says_where_and_nothing_of_anybody(
    world: World, env: dict[str, str], tmp_path: Path, level: str, error: str, kind: str
) -> None:
    """A crash has a code of its own, says where and to whom, and tells no data; frames at DEBUG only."""
    ended = subprocess.run(
        [sys.executable, "-c", CRASH.format(error=error), "status", "--json"],
        env={**os.environ, "DOMIQ_LOG_LEVEL": level, **env},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 70
    *frames, line = [text for text in ended.stderr.splitlines() if " DEBUG " not in text]
    assert re.fullmatch(
        rf"domiq-sync: This is a fault of domiq-sync's own \({kind} at cli/standing\.py:\d+ in _look, "
        r"version [^)]+\); .* Please report this line as an issue of domiq-sync's repository; .*",
        line,
    )
    assert json.loads(ended.stdout)["error"] in line
    assert "Ada" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
    assert any("cli/standing.py" in frame for frame in frames) == (level == "DEBUG")


def test_ctrl_c_ends_with_130_and_a_sentence(world: World, env: dict[str, str]) -> None:
    """F13: Ctrl-C."""
    world.property(0)
    world.standin.faults({"kind": "hang", "seconds": 3, "endpoint": "Prospects"})
    with subprocess.Popen(
        [PROGRAM, "sync"],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = time.monotonic() + 30
        while not world.standin.requests("Prospects") and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert Done(process.returncode, out, err).sentence_with(130).startswith("Interrupted; what was done is")


def test_a_reader_that_goes_away_is_no_fault(world: World, env: dict[str, str]) -> None:
    """`domiq-sync status | head -0`: quiet, with the code that shells know of a broken pipe."""
    world.property(0)
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [PROGRAM, "status"], env={**os.environ, **env}, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, "")


def test_a_level_of_the_log_that_is_none_is_one_sentence(run: Run, env: dict[str, str]) -> None:
    """D17: DOMIQ_LOG_LEVEL=bogus."""
    assert run("status", **env, DOMIQ_LOG_LEVEL="bogus").sentence.startswith("DOMIQ_LOG_LEVEL is no level")
