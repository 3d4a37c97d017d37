"""At a terminal of 80 columns: one screen, watching, and Ctrl-C."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable

import pytest

from tests.fixtures.world import World

ROWS = 24
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A command at a pseudo-terminal of 80 columns and 24 lines."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._read = b""
        self.pid, self._fd = pty.fork()
        if not self.pid:
            command = [sys.executable, "-m", "domiq_dagster.cli", *arguments]
            os.execve(sys.executable, command, {**os.environ, "TERM": "xterm", **environment})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, 80, 0, 0))

    def read_until(self, happened: Callable[[str], bool], seconds: float = 60.0) -> bool:
        """Reads on until it has happened; False where the command ends first."""
        deadline = time.monotonic() + seconds
        while not happened(self.shown):
            assert time.monotonic() < deadline, self.shown[-500:]
            if not select.select([self._fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # it has ended
                return happened(self.shown)
            if not data:
                return happened(self.shown)
            self._read += data
        return True

    def end(self) -> int:
        """Its exit code."""
        self.read_until(lambda _: False)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def shown(self) -> str:
        """All that it wrote; a character that is still to come whole is left out."""
        return self._read.decode(errors="ignore")

    @property
    def lines(self) -> list[str]:
        """What stands there, without colours."""
        return _ESCAPES.sub("", self.shown).replace("\r", "").rstrip().split("\n")


@pytest.fixture
def troubled(world: World) -> World:
    """Twelve properties, the last of which has the trouble, and more to say than a screen holds."""
    ids = [world.property(number) for number in range(12)]
    world.do("UPDATE domiq_sync.integration SET partition_key = 'zz-last' WHERE property_id = :p", p=ids[5])
    world.log(
        world.conversation(ids[5], "active"), "new", sync_status="failed",
        context_data='{"sync": {"outcome": "refused"}}',
    )  # fmt: skip
    world.do(
        "INSERT INTO domiq_sync.watermark (property_id, failing_since, last_error) SELECT property_id, "
        "'2026-03-02 10:00Z', 'unreachable: nobody answers' FROM domiq_sync.integration"
    )
    return world


def test_status_is_one_screen_of_80_columns_with_the_worst_first(
    troubled: World, env: dict[str, str]
) -> None:
    terminal = Terminal("status", **env)
    assert terminal.end() == 1
    lines = terminal.lines
    assert len(lines) < ROWS
    first_row = next(n for n, line in enumerate(lines) if line.startswith("──")) + 1
    assert lines[first_row].startswith("zz-last ")
    assert any(re.match(r"and \d+ more", line) for line in lines)
    assert lines[-1].startswith("and ")


def test_watching_shows_it_anew_and_ends_with_ctrl_c(troubled: World, env: dict[str, str]) -> None:
    """F13: exit code 130, and the screen is as it was before."""
    terminal = Terminal("status", "--watch", "--every", "1", **env)
    assert terminal.read_until(lambda shown: shown.count("Status sync") >= 2)
    os.kill(terminal.pid, signal.SIGINT)
    assert terminal.end() == 128 + signal.SIGINT
    assert terminal.shown.index("\x1b[?1049h") < terminal.shown.index("\x1b[?1049l")
    assert "Traceback" not in terminal.shown


def test_what_takes_longer_than_a_moment_says_what_it_does(world: World, env: dict[str, str]) -> None:
    """On stderr, and only at a terminal; gone once it is done."""
    world.property(0)
    world.standin.faults({"kind": "latency", "seconds": 1.5, "endpoint": "Properties"})
    terminal = Terminal("properties", **env)
    assert terminal.end() == 0
    assert "Asking ResMan for its properties ..." in terminal.shown
    assert terminal.lines[-1].strip() != ""


@pytest.mark.parametrize(
    "command",
    ["sync --dry-run", "doctor", "accounts", "alerts thresholds", "notifications", "history", "failures"],
)
def test_tables_and_ids_fit_80_columns(world: World, env: dict[str, str], command: str) -> None:
    """Nothing is cut, and no id is broken."""
    flats = world.property(0)
    world.do("UPDATE domiq_sync.integration SET partition_key = 'sagebrush-terrace'")
    world.log(
        world.conversation(flats, "active"), "new", sync_status="failed",
        context_data='{"sync": {"outcome": "refused", "reason": "Not today"}}',
    )  # fmt: skip
    world.do(
        "INSERT INTO domiq_sync.notification (property_id, channel, recipient, subject, body, state, "
        "state_reason, settled_at) VALUES (:p, 'in_app', 'manager', 's', 'b', 'undeliverable', 'why', now())",
        p=flats,
    )
    terminal = Terminal(*command.split(), **env)
    assert terminal.end() in (0, 1)
    told = terminal.lines
    assert not any("\u2026" in line or (len(line) > 80 and "\u2500" in line) for line in told)
    ids = [found.span() for line in told for found in _ID.finditer(line)]
    assert [span for span in ids if span[0] // 80 != (span[1] - 1) // 80] == []


def test_watching_is_for_a_terminal(run: Callable[..., object], env: dict[str, str]) -> None:
    done = run("status", "--watch", **env)
    assert done.sentence.startswith("--watch is for a terminal")  # type: ignore[attr-defined]
