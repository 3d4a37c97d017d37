"""`domiq-sync daemon`: Dagster's daemon under a lock, so that several may stand ready and one runs."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy.exc import SQLAlchemyError

from domiq_dagster.cli.base import Usage
from domiq_dagster.db.daemon_lock import DaemonLock
from domiq_dagster.db.errors import DatabaseError, UnsuitablePooler
from domiq_dagster.runtime import dagster_home, logs
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.supervise import Program, run, told_to_stop

logger = logging.getLogger(__name__)
LOCK_URL: Final = "DOMIQ_DAEMON_LOCK_URL"
"""Dagster's database for the lock, where DAGSTER_PG_URL leads through a pooler that shares sessions."""
HEARTBEAT_TOLERANCE: Final = "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE"
_TOLERATED: Final = "120"
_NOTICING_SECONDS: Final = 2.0
"""How long it takes until who lost the lock has begun to end its daemon."""
_LOOK_SECONDS: Final = 1.0


def daemon(
    standby: Annotated[
        bool,
        typer.Option("--standby", help="Wait while another runs the daemon; take over when it is gone."),
    ] = False,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="Dagster's workspace.yaml; the one shipped, if not given."),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(
            help="Seconds that Dagster's daemon has to end in before it is killed; the same for all that "
            "stand ready.",
            min=1,
            max=60,
        ),
    ] = 10.0,
) -> None:
    """Run Dagster's daemon, of which there may be one, under a lock in Dagster's database (DAGSTER_PG_URL).

    Any number may stand ready with --standby, on any machines: one runs. Where it ends, is killed or is cut
    off from the database, another takes over. The lock needs PostgreSQL itself, or a pooler in session mode:
    where DAGSTER_PG_URL leads through one in transaction mode, DOMIQ_DAEMON_LOCK_URL says where.
    """
    program = _program(os.environ, workspace)
    logging.getLogger("domiq_dagster").setLevel(logging.INFO)
    url = os.environ.get(LOCK_URL, "").strip() or os.environ["DAGSTER_PG_URL"]
    stop = threading.Event()
    with closing(DaemonLock(url)) as lock, told_to_stop(stop.set):
        code = _Stand(lock, program, stop, grace, standby).go()
    logger.info("daemon: has ended")
    if code:
        raise typer.Exit(code)


def _program(env: Mapping[str, str], workspace: Path | None) -> Program:
    if not env.get("DAGSTER_PG_URL", "").strip():
        raise Usage(
            "DAGSTER_PG_URL is not set: set it to the address of the database in which Dagster keeps its "
            "records."
        )
    if workspace is not None and not workspace.is_file():
        raise Usage(f"{workspace} is no file: give --workspace the path of Dagster's workspace.yaml.")
    dagster = env.get("DAGSTER_HOME", "").strip() or str(dagster_home.prepare(home(env)))
    own = {HEARTBEAT_TOLERANCE: _TOLERATED, **env, "DAGSTER_HOME": dagster, "PYTHONUNBUFFERED": "1"}
    as_json = logs.format_of(env) == logs.JSON
    return dagster_home.lone_daemon(own, workspace=workspace, log_format="json" if as_json else None)


def _form() -> Callable[[str | None, str], str] | None:
    """How a line of Dagster's daemon is written: where the log is JSON lines, as one of ours."""
    if logs.format_of(os.environ) != logs.JSON:
        return None
    (handler,) = logging.getLogger().handlers
    return lambda program, line: handler.format(logs.record_of(line, program or __name__))


class _Stand:
    """One that stands by, runs the daemon, and stands by again."""

    def __init__(
        self, lock: DaemonLock, program: Program, stop: threading.Event, grace: float, standby: bool
    ) -> None:
        self._lock, self._program, self._stop = lock, program, stop
        self._grace, self._standby = grace, standby
        self._said = ""

    def go(self) -> int:
        """The exit code: 0 where it was told to stop, 1 where the daemon ended by itself or, without
        --standby, the lock was lost."""
        first = True
        while self._taken(first):
            first = False
            code = self._run()
            told, lost = self._stop.is_set(), not self._lock.holds()
            self._lock.let_go()
            if told:
                return 0
            if not lost:
                return code
            self._say("lost its session in Dagster's database, and has ended Dagster's daemon")
            if not self._standby:
                return 1
        return 0

    def _taken(self, first: bool) -> bool:
        """Waits for the lock, and for the end of what its last holder ran. False: told to stop."""
        while not self._stop.is_set():
            try:
                if self._lock.try_take():
                    if self._fenced():
                        return True
                    continue
                holder = self._lock.holder()
            except (DatabaseError, SQLAlchemyError) as error:
                self._lock.let_go()
                if isinstance(error, UnsuitablePooler) or first or not self._standby:
                    raise
                self._say("stands by: Dagster's database cannot be reached")
            else:
                if not self._standby:
                    raise Usage(f"Already {holder}: end that, or give --standby to wait for its end.")
                self._say(f"stands by: {holder}")
            first = False
            self._stop.wait(_LOOK_SECONDS)
        return False

    def _fenced(self) -> bool:
        """Whether the lock is held still when whoever had it last must have ended its daemon: it has as long
        as that for it, also where it was killed a moment ago."""
        seconds = self._grace + _NOTICING_SECONDS
        self._say(
            f"holds the lock, and starts Dagster's daemon in {seconds:g} s, when no other runs any more"
        )
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._lock.holds():
            if self._stop.wait(0.1):
                break
        if self._lock.holds() and not self._stop.is_set():
            return True
        self._lock.let_go()
        return False

    def _run(self) -> int:
        def over() -> bool:
            return self._stop.is_set() or not self._lock.holds()

        return run(
            [self._program],
            on_ready=lambda: self._say("runs Dagster's daemon"),
            out=sys.stderr,
            stop_signals=(),
            grace=self._grace,
            over=over,
            form=_form(),
        )

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            logger.info("daemon: %s", what)
