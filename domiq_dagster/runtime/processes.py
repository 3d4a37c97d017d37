"""Finds the processes that a supervisor started, and their descendants, and ends them.

They are found by process group, and by a mark in their environment, which children inherit and keep when
they leave the group. Run as a script, this file is a supervisor's reaper: it waits for the end of its
standard input and then ends whatever carries the mark, so nothing outlives even a supervisor that was
killed. PR_SET_PDEATHSIG would not do: Linux alone has it, and it reaches children but not grandchildren.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil

MARK = "DOMIQ_SUPERVISOR"
KILL_SECONDS = 10.0
_QUIET_SCANS = 3


class StillRunning(Exception):
    """Processes are left that even SIGKILL did not end; the text has their numbers."""


def end_marked(mark: str, grace: float, hurried: Callable[[], bool] = lambda: False) -> None:
    """End every process that carries the mark: SIGTERM, and SIGKILL to what is left `grace` seconds later,
    or as soon as somebody is hurried.

    Returns when several looks in a row found none, since one look can miss a process that is just being
    made. StillRunning if some are left all the same.
    """
    end_of_grace = time.monotonic() + grace
    asked: set[psutil.Process] = set()
    quiet = 0
    while quiet < _QUIET_SCANS:
        found = set(_marked(mark))
        quiet = 0 if found else quiet + 1
        if hurried():
            end_of_grace = min(end_of_grace, time.monotonic())
        late = time.monotonic() - end_of_grace
        if found and late > KILL_SECONDS:
            raise StillRunning(f"Still running after SIGKILL: {sorted(one.pid for one in found)}.")
        for process in found if late >= 0 else found - asked:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL if late >= 0 else signal.SIGTERM)
        asked |= found
        time.sleep(0.02)


def in_groups(groups: set[int]) -> list[int]:
    """The numbers of the live processes in these groups. A zombie is dead, even where nobody collects it."""
    return [pid for pid in psutil.pids() if _group(pid) in groups and not _is_zombie(pid)]


def signal_groups(groups: set[int], number: signal.Signals) -> None:
    """Signal all processes of these groups; a group that is gone is passed over."""
    for group in groups:
        # macOS says PermissionError of a group that has only zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


@contextlib.contextmanager
def reaper(mark: str, grace: float) -> Iterator[None]:
    """If this process dies inside the block, every process that carries the mark is ended nevertheless."""
    process = subprocess.Popen(
        # -P: the modules beside this file must not hide those of the standard library.
        [sys.executable, "-P", __file__, mark, str(grace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    try:
        yield
    finally:
        process.communicate(b"all have ended")


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's, whose environment is not ours to see


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _guard(mark: str, grace: float) -> None:
    if not sys.stdin.buffer.read():
        end_marked(mark, grace)


if __name__ == "__main__":
    _guard(sys.argv[1], float(sys.argv[2]))
