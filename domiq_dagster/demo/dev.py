"""`domiq-sync dev`: the demo's world kept running, with Dagster's webserver, daemon and code server, and a
worker. A screen says how it stands; what the programs say is in a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console

from domiq_dagster.demo.messenger import address, messenger
from domiq_dagster.demo.screen import Signpost, screen
from domiq_dagster.demo.stage import databases, set_up, standin, standin_environment
from domiq_dagster.runtime.dagster_home import PortTaken, environment, prepare, programs, worker
from domiq_dagster.runtime.dev_home import DAGSTER_UI, LOG, forget_environment, tell_environment
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.ports import kept_ports
from domiq_dagster.runtime.supervise import Program, http_ready, port_open, run
from domiq_dagster.wiring import Urls

_PORTS: Final = ("standin", "code", "worker", "messenger")
_LAST_LINES: Final = 16


def run_dev(
    *, port: int, seed: int, conversations: int, prospects: int, console: Console, with_worker: bool = True
) -> int:
    """Runs until SIGINT or SIGTERM, or until one of the processes dies; ends all it started. The world of
    last time is used again where there is one, at the ports of last time.

    Args:
        with_worker: a worker pushes what is committed; else runs do, which the sensor starts.

    Returns:
        The exit code.
    """
    if port_open(port):
        raise PortTaken(f"Port {port} of 127.0.0.1 is in use: stop what listens there, or give --port.")
    directory = home()
    forget_environment(directory)  # of one that was killed
    state_file = directory / "standin.json"
    console.print("Starting PostgreSQL ...")
    with databases(os.environ, directory, keep=True) as (urls, stands):
        if not (stands and state_file.exists()):
            console.print("Making the demo's world up ...")
            state_file.unlink(missing_ok=True)
            with standin(seed, state_file, prospects=prospects) as url:
                set_up(urls.domiq, url, seed, conversations=conversations)
        ports = kept_ports(directory, _PORTS)
        env = _environment(directory, urls, ports, port)
        prepare(directory)
        console.print("Starting Dagster, the stand-in for ResMan and the worker ...")
        with messenger(directory, ports["messenger"]), _log(directory) as log, ExitStack() as shown:

            def on_ready() -> None:
                shown.callback(forget_environment, directory)
                signposts = _signposts(port, ports, directory, tell_environment(directory, env))
                shown.enter_context(screen(console, urls.domiq, directory, signposts))

            code = run(
                _programs(env, ports, state_file, webserver_port=port, with_worker=with_worker),
                on_ready=on_ready,
                out=log,
            )
        if code:
            _tell_why(directory / LOG, console)
        return code


def _environment(directory: Path, urls: Urls, ports: Mapping[str, int], port: int) -> dict[str, str]:
    """Of the programs. Notices go to the made-up messenger, unless the user has named another."""
    env = environment(
        os.environ,
        home=directory,
        database_url=urls.domiq,
        dagster_pg_url=urls.dagster,
        resman=standin_environment(f"http://127.0.0.1:{ports['standin']}"),
    )
    ours = {"DOMIQ_SLACK_URL": address(ports["messenger"]), DAGSTER_UI: f"http://127.0.0.1:{port}"}
    return {**ours, **env}


def _programs(
    env: Mapping[str, str],
    ports: Mapping[str, int],
    state_file: Path,
    *,
    webserver_port: int,
    with_worker: bool,
) -> list[Program]:
    arguments = [sys.executable, "-m", "domiq_dagster.resman.standin", "--port", str(ports["standin"])]
    arguments += ["--state", str(state_file)]
    ready = partial(http_ready, f"{env['RESMAN_V1_URL']}/_standin/state?requests=false")
    return [
        Program("standin", arguments, env, ready=ready),
        *programs(env, webserver_port=webserver_port, code_port=ports["code"]),
        *([worker(env, port=ports["worker"], at_once=True)] if with_worker else []),
    ]


def _signposts(port: int, ports: Mapping[str, int], directory: Path, env_file: Path) -> list[Signpost]:
    return [
        Signpost("Ready.", "Ctrl-C ends everything; the world stays for next time."),
        Signpost("Dagster", f"http://127.0.0.1:{port}"),
        Signpost("Stand-in for ResMan", f"http://127.0.0.1:{ports['standin']}"),
        Signpost("Another shell", f". {env_file}   and then: domiq-sync status"),
        Signpost(
            "Break something", "domiq-sync dev --break refuse (or outage, conflict, diverge, rule, notice)"
        ),
        Signpost("What programs say", str(directory / LOG)),
    ]


@contextmanager
def _log(directory: Path) -> Iterator[TextIO]:
    """A new file for what the programs say; the one of last time is kept beside it."""
    path = directory / LOG
    if path.exists():
        path.replace(path.with_suffix(".old.log"))
    with path.open("w", encoding="utf-8") as file:
        yield file


def _tell_why(log: Path, console: Console) -> None:
    """Shows the last lines, which say what has ended, and how."""
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    console.print("\n".join(lines), markup=False, highlight=False)
    console.print(f"All of it: {log}", markup=False, highlight=False)
