"""`domiq-sync dev`: the demo's world kept running, with Dagster's webserver, daemon and code server, and a
worker."""

from __future__ import annotations

import os
import sys
from functools import partial

from rich.console import Console

from domiq_dagster.demo.stage import databases, set_up, standin, standin_environment
from domiq_dagster.runtime.dagster_home import PortTaken, environment, prepare, programs, worker
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.supervise import Program, free_port, http_ready, port_open, run


def run_dev(
    *, port: int, seed: int, conversations: int, prospects: int, console: Console, with_worker: bool = True
) -> int:
    """Runs until SIGINT or SIGTERM, or until one of the processes dies; ends all it started. The world of
    last time is used again where there is one.

    Args:
        with_worker: a worker pushes what is committed; else runs do, which the sensor starts.

    Returns:
        The exit code.
    """
    if port_open(port):
        raise PortTaken(f"Port {port} of 127.0.0.1 is in use: stop what listens there, or give --port.")
    directory = home()
    state_file = directory / "standin.json"
    console.print("Starting PostgreSQL ...")
    with databases(os.environ, directory, keep=True) as (urls, stands):
        if not (stands and state_file.exists()):
            console.print("Making the demo's world up ...")
            state_file.unlink(missing_ok=True)
            with standin(seed, state_file, prospects=prospects) as url:
                set_up(urls.domiq, url, seed, conversations=conversations)
        standin_port = free_port()
        standin_url = f"http://127.0.0.1:{standin_port}"
        env = environment(
            os.environ,
            home=directory,
            database_url=urls.domiq,
            dagster_pg_url=urls.dagster,
            resman=standin_environment(standin_url),
        )
        prepare(directory)
        arguments = [sys.executable, "-m", "domiq_dagster.resman.standin", "--port", str(standin_port)]
        arguments += ["--state", str(state_file)]
        ready = partial(http_ready, f"{standin_url}/_standin/state?requests=false")
        all_programs = [
            Program("standin", arguments, env, ready=ready),
            *programs(env, webserver_port=port),
            *([worker(env, at_once=True)] if with_worker else []),
        ]

        def on_ready() -> None:
            console.print(f"[bold]Ready.[/] Dagster: http://127.0.0.1:{port}  Stand-in: {standin_url}")
            console.print("To ask from another shell:", highlight=False)
            for name in (
                "DOMIQ_DATABASE_URL",
                "RESMAN_V1_URL",
                "RESMAN_V2_URL",
                "RESMAN_PARTNER_ID",
                "RESMAN_API_KEY",
            ):
                console.print(f"  export {name}='{env[name]}'", highlight=False, soft_wrap=True)
            console.print("Ctrl-C ends everything; the world stays for next time.")

        return run(all_programs, on_ready=on_ready, out=sys.stderr)
