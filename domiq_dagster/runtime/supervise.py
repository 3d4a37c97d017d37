"""Runs a few programs side by side and ends all of them together. Knows nothing of what they are.

Each program leads a session and a process group of its own: its children are signalled with it, and Ctrl-C
in a terminal reaches the supervisor alone. How nothing is left over is told in `processes`.
"""

import contextlib
import http.client
import os
import select
import selectors
import signal
import socket
import subprocess
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO
from urllib.parse import urlsplit, urlunsplit

from .processes import KILL_SECONDS, MARK, end_marked, in_groups, reaper, signal_groups

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TICK_SECONDS = 0.1
_LINES_KEPT = 15
_LONGEST_LINE_BYTES = 65_536
_STALL_SECONDS = 1.0
_READS_TO_DRAIN = 16


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `env` is its whole environment; times are in seconds."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    """Asked every tenth of a second, so it must answer quickly. None: ready as soon as it runs."""
    ready_timeout: float = 60.0
    at_once: bool = False
    """Start, and later end, it together with the one before, not after that one is ready."""
    finishes: bool = False
    """It is to end by itself with exit code 0, and is ready when it has. For preparations."""


def run(
    programs: Sequence[Program],
    *,
    on_ready: Callable[[], None],
    out: TextIO,
    stop_signals: Sequence[signal.Signals] = STOP_SIGNALS,
    grace: float = 10.0,
    over: Callable[[], bool] = lambda: False,
    form: Callable[[str | None, str], str] | None = None,
) -> int:
    """Runs the programs until a stop signal comes or one of them dies; returns when all are gone. Main thread
    only.

    They start in order, and end in reverse order: SIGTERM, and SIGKILL to what is left `grace` seconds
    later, or at once on a second signal.

    Args:
        out: takes their output, each line after its program's name.
        on_ready: called once, when all are ready.
        over: asked every tenth of a second, so it must answer quickly; True ends all, as a stop signal does.
        form: how a line is written, given its program's name (None: it is our own) and its text; after the
            name, if not given.

    Returns:
        0 after a stop signal, or where it is over; 1 if a program died, could not be started or was not ready
        in time, and the last line in `out` says which and why.

    Raises:
        Exception: whatever `on_ready`, a `ready` or `out` raises, after everything has ended.
    """
    mark = uuid.uuid4().hex
    with _noting(stop_signals) as received, reaper(mark, grace):
        output = _Output(out, form or _after_the_name(max((len(p.name) for p in programs), default=0)))
        group = _ProcessGroup(output, mark, grace, received, over)
        failure: _Failure | None = None
        try:
            group.start(programs)
            on_ready()
            group.watch()
        except _Stopped:
            pass  # was asked for
        except _Failure as error:
            failure = error
        finally:
            group.end()
        if failure:
            output.line(str(failure))
    return 1 if failure else 0


def http_ready(url: str, *, timeout: float = 1.0) -> bool:
    """Whether a GET of this http URL is answered with 200 now. A proxy in the environment is not asked."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", urlunsplit(("", "", parts.path or "/", parts.query, "")))
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def port_open(port: int, *, timeout: float = 1.0) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens now; nothing keeps it free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def interruptible() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt in this block, as SIGINT does, so that clean-up runs;
    those that came are in the list, in order."""
    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM, signal.SIGHUP]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's script ignores it for what it starts in the background, and Dagster, once a run in this
        # process has ended, has SIGTERM do what SIGINT does: then nothing but SIGKILL would end it.
        numbers.append(signal.SIGINT)
    with _handling(numbers, interrupt):
        yield received


@contextlib.contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Each SIGTERM, SIGINT and SIGHUP calls `stop` in this block, and interrupts nothing. A SIGHUP that is
    ignored, as under nohup, stays so. Main thread only."""
    with _handling(STOP_SIGNALS, lambda _number, _frame: stop()):
        yield


def _after_the_name(width: int) -> Callable[[str | None, str], str]:
    return lambda program, text: text if program is None else f"{program:<{width}} | {text}"


class _Output:
    """Lines to the user. Whoever does not read them loses them: they never hold up the programs' end."""

    def __init__(self, out: TextIO, form: Callable[[str | None, str], str]) -> None:
        self._form = form
        self.ending = False
        """Everything is being ended, and that goes on if nobody can be told."""
        self._out = out
        self._stalled = False
        try:
            self._descriptor: int | None = out.fileno()
        except OSError:
            self._descriptor = None  # in memory

    def line(self, said: str, program: str | None = None) -> None:
        text = self._form(program, said)
        try:
            if self._descriptor is None:
                self._out.write(f"{text}\n")
                return
            data = f"{text}\n".encode(errors="replace")
            # That much fits into a pipe that is ready for writing: no write blocks.
            for start in range(0, len(data), select.PIPE_BUF):
                if not self._writable(self._descriptor):
                    return
                self._out.flush()
                os.write(self._descriptor, data[start : start + select.PIPE_BUF])
        except OSError:
            if not self.ending:
                raise

    def _writable(self, descriptor: int) -> bool:
        patience = 0 if self._stalled or self.ending else _STALL_SECONDS
        self._stalled = not select.select([], [descriptor], [], patience)[1]
        return not self._stalled


class _Stopped(Exception):
    """A stop signal came, or it is over."""


class _Failure(Exception):
    """Why everything has to end; the text is for the user."""


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    deadline: float
    ready: bool = False
    partial: bytes = b""
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))


class _ProcessGroup:
    """The programs that run now, in stages: those of one stage start and end together."""

    def __init__(
        self,
        output: _Output,
        mark: str,
        grace: float,
        received: Sequence[int],
        over: Callable[[], bool],
    ) -> None:
        self._output = output
        self._mark = mark
        self._grace = grace
        self._received = received
        self._over = over
        self._stages: list[list[_Running]] = []
        self._selector = selectors.DefaultSelector()

    def start(self, programs: Sequence[Program]) -> None:
        for program in programs:
            if not (program.at_once and self._stages):
                self._until_ready()
                self._stages.append([])
            self._stages[-1].append(self._launch(program))
        self._until_ready()

    def watch(self) -> None:
        while True:
            self._tick()

    def end(self) -> None:
        """End everything. StillRunning if that cannot be had."""
        self._output.ending = True
        while self._stages:
            self._end(self._stages[-1])
            self._stages.pop()
        self._selector.close()
        end_marked(self._mark, self._grace, self._hurried)

    def _hurried(self) -> bool:
        return len(self._received) > 1

    def _launch(self, program: Program) -> _Running:
        try:
            process = subprocess.Popen(
                program.argv,
                env={**program.env, MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise _Failure(f"{program.name} could not be started: {error}.") from error
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        running = _Running(program, process, time.monotonic() + program.ready_timeout)
        self._selector.register(process.stdout, selectors.EVENT_READ, running)
        return running

    def _until_ready(self) -> None:
        while not all(self._is_ready(one) for stage in self._stages for one in stage):
            self._tick()

    def _is_ready(self, one: _Running) -> bool:
        if one.ready or one.program.finishes:  # `_tick` sees one that finishes
            return one.ready
        one.ready = one.program.ready is None or one.program.ready()
        return one.ready

    def _tick(self) -> None:
        """Pass output on, then look for signals, deaths and deadlines: raises _Stopped or _Failure."""
        self._relay(_TICK_SECONDS)
        if self._received or self._over():
            raise _Stopped
        for one in [one for stage in self._stages for one in stage]:
            code = one.process.poll()
            if code == 0 and one.program.finishes:
                if not one.ready:
                    self._end([one])  # now, since its number may be another's later
                    one.ready = True
            elif code is not None:
                self._drain(one)
                raise _Failure(_with_last_lines(one, f"{one.program.name} {_manner(code)}"))
            elif not one.ready and time.monotonic() > one.deadline:
                after = f"was not ready after {one.program.ready_timeout:g} s"
                raise _Failure(_with_last_lines(one, f"{one.program.name} {after}"))

    def _end(self, stage: Sequence[_Running]) -> None:
        """End the process groups of a stage and close their pipes."""
        groups = {one.process.pid for one in stage if not (one.ready and one.program.finishes)}
        if not self._hurried():
            signal_groups(groups, signal.SIGTERM)
            deadline = time.monotonic() + self._grace
            while self._alive(stage, groups) and time.monotonic() < deadline and not self._hurried():
                self._relay(_TICK_SECONDS / 2)
        deadline = time.monotonic() + KILL_SECONDS
        while self._alive(stage, groups) and time.monotonic() < deadline:
            signal_groups(groups, signal.SIGKILL)
            self._relay(_TICK_SECONDS / 2)
        for one in stage:
            self._drain(one)

    def _alive(self, stage: Sequence[_Running], groups: set[int]) -> bool:
        for one in stage:
            one.process.poll()
        return bool(in_groups(groups))

    def _relay(self, seconds: float) -> None:
        if not self._selector.get_map():
            time.sleep(seconds)
        for key, _ in self._selector.select(seconds):
            self._read(key.data)

    def _read(self, one: _Running) -> bool:
        """Pass on what a program has said; False if that is nothing."""
        assert one.process.stdout is not None
        try:
            data = os.read(one.process.stdout.fileno(), _LONGEST_LINE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close(one)
            return False
        *lines, one.partial = (one.partial + data).split(b"\n")
        if len(one.partial) > _LONGEST_LINE_BYTES:
            lines, one.partial = [*lines, one.partial], b""
        for line in lines:
            self._line(one, line)
        return True

    def _drain(self, one: _Running) -> None:
        """Pass on what is left in the pipe, and close it: a process outside the group may hold its end."""
        for _ in range(_READS_TO_DRAIN):
            assert one.process.stdout is not None
            if one.process.stdout.closed or not self._read(one):
                break
        self._close(one)

    def _close(self, one: _Running) -> None:
        assert one.process.stdout is not None
        if one.process.stdout.closed:
            return
        self._selector.unregister(one.process.stdout)
        one.process.stdout.close()
        if one.partial:
            self._line(one, one.partial)
            one.partial = b""

    def _line(self, one: _Running, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        one.last_lines.append(text)
        self._output.line(text, one.program.name)


def _manner(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"


def _with_last_lines(one: _Running, what: str) -> str:
    if not one.last_lines:
        return f"{what}, without a word."
    return "\n".join([*(f"  {line}" for line in one.last_lines), f"{what}; its last lines are above."])


@contextlib.contextmanager
def _noting(numbers: Sequence[signal.Signals]) -> Iterator[list[int]]:
    """The signals that came in this block, in order."""
    received: list[int] = []
    with _handling(numbers, lambda number, _frame: received.append(number)):
        yield received


@contextlib.contextmanager
def _handling(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number, old in before.items():
            if not (number == signal.SIGHUP and old is signal.SIG_IGN):  # nohup
                signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
