"""Dagster's processes: their home directory, their environment, and how to start them under `supervise`.

One code server is shared by webserver and daemon. With the workspace.yaml that is shipped, each of them
starts a code server of its own, and the daemon starts its own anew every 60 s. This module does not import
Dagster, which takes seconds.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg

from domiq_dagster.runtime.files import shipped, write_if_different
from domiq_dagster.runtime.supervise import Program, free_port, http_ready, port_open

MODULE = "domiq_dagster.definitions"
LOCATION = "domiq_dagster"

_START_SECONDS = 180.0
_DRIVER = re.compile(r"\A\w+(?:\+\w+)?://")
"""A URL may name SQLAlchemy's driver, of which libpq knows nothing."""
_CREATE_TABLES = "from dagster import DagsterInstance\nwith DagsterInstance.get(): pass"
_DAEMONS = ("QUEUED_RUN_COORDINATOR", "SCHEDULER", "SENSOR")


class PortTaken(Exception):
    """Something else listens on the webserver's port; the text says so and what to do."""


def prepare(home: Path) -> Path:
    """Make DAGSTER_HOME in the state directory `home`, with the shipped dagster.yaml in it; return it."""
    directory = _dagster_home(home)
    directory.mkdir(parents=True, exist_ok=True)
    write_if_different(directory / "dagster.yaml", shipped("dagster.yaml").read_text())
    return directory


def environment(
    base_env: Mapping[str, str],
    *,
    home: Path,
    database_url: str,
    dagster_pg_url: str,
    resman: Mapping[str, str],
) -> dict[str, str]:
    """The environment of Dagster's processes: `base_env`, and what they must know on top.

    Args:
        home: the state directory.
        resman: the variables that say where ResMan is, and who asks.
    """
    return {
        **base_env,
        "DOMIQ_HOME": str(home.absolute()),
        "DOMIQ_DATABASE_URL": database_url,
        **resman,
        "DAGSTER_HOME": str(_dagster_home(home)),
        "DAGSTER_PG_URL": dagster_pg_url,
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        # How often the daemon looks for crashed runs to start again. Nobody waits for that: what died is
        # taken up by the next run in any case.
        "DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "30",
        # How often is looked whether what must be fresh is: its windows are of hours.
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "60",
        "PYTHONUNBUFFERED": "1",
    }


def programs(
    env: Mapping[str, str],
    *,
    webserver_port: int,
    code_port: int | None = None,
    module: str = MODULE,
    location: str = LOCATION,
) -> list[Program]:
    """Everything that Dagster needs, for `supervise.run`: tables and code server, then daemon and webserver.

    The first two start at once, also with a program of the caller's before them; the others wait for all
    of those. `env` is made by `environment`, its home by `prepare`, and its PostgreSQL runs. PortTaken.

    Args:
        code_port: the code server's; any that is free, if not given.
    """
    code_port = code_port or free_port()
    server = {"host": "127.0.0.1", "port": code_port, "location_name": location}
    workspace = Path(env["DAGSTER_HOME"]) / "workspace.yaml"
    # JSON is YAML. The port may be another one at each start, so the file is written at each start.
    write_if_different(workspace, json.dumps({"load_from": [{"grpc_server": server}]}) + "\n")
    return [
        storage(env),
        code_server(env, code_port, module=module, location=location),
        daemon(env, workspace=workspace),
        webserver(env, webserver_port, workspace=workspace, at_once=True),
    ]


def storage(env: Mapping[str, str]) -> Program:
    """Creates Dagster's tables unless they are there. Upgrading is `dagster instance migrate`'s work."""
    argv = [sys.executable, "-c", _CREATE_TABLES]
    return Program("storage", argv, env, ready_timeout=_START_SECONDS, at_once=True, finishes=True)


def code_server(
    env: Mapping[str, str], port: int, *, module: str = MODULE, location: str = LOCATION
) -> Program:
    """Loads the definitions, and starts runs.

    Definitions that cannot be loaded do not end it: the UI shows why. `dagster code-server` could load them
    anew when the UI asks for it, with a process more, which costs as much again: they are a package's, and
    change when that does.
    """
    argv = [sys.executable, "-m", "dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(port)]
    # Its children are to run in this virtual environment even if PATH does not name it.
    argv += ["-m", module, "--location-name", location, "--use-python-environment-entry-point"]
    argv += ["--lazy-load-user-code", "--log-level", "warning"]
    ready = partial(port_open, port)  # it opens its port once the process that loads the code is up
    return Program("code", argv, env, ready=ready, ready_timeout=_START_SECONDS, at_once=True)


def webserver(
    env: Mapping[str, str], port: int, *, workspace: Path | None = None, at_once: bool = False
) -> Program:
    """The UI, on 127.0.0.1. `workspace` is the shipped one by default. Raises PortTaken."""
    if port_open(port):
        raise PortTaken(f"Port {port} of 127.0.0.1 is in use: stop what listens there, or choose another.")
    argv = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
    argv += ["-w", str(workspace or shipped("workspace.yaml"))]
    ready = partial(http_ready, f"http://127.0.0.1:{port}/server_info")
    return Program("webserver", argv, env, ready=ready, ready_timeout=_START_SECONDS, at_once=at_once)


def daemon(env: Mapping[str, str], *, workspace: Path | None = None, at_once: bool = False) -> Program:
    """Schedules, sensors and the run queue; ready when each has reported in. PostgreSQL must run already."""
    ready = _heartbeat_of_another_daemon(env["DAGSTER_PG_URL"])
    alone = lone_daemon(env, workspace=workspace)
    return replace(alone, ready=ready, ready_timeout=_START_SECONDS, at_once=at_once)


def lone_daemon(
    env: Mapping[str, str], *, workspace: Path | None = None, log_format: str | None = None
) -> Program:
    """The same, ready as soon as it runs: for who asks for nothing of its own in Dagster's database.

    Args:
        log_format: one of Dagster's.
    """
    # A line for each tick is no news.
    argv = [sys.executable, "-m", "dagster._daemon", "run", "--log-level", "warning"]
    argv += ["-w", str(workspace or shipped("workspace.yaml"))]
    argv += ["--log-format", log_format] if log_format else []
    return Program("daemon", argv, env)


def worker(env: Mapping[str, str], *, port: int | None = None, at_once: bool = False) -> Program:
    """What pushes each change as soon as it is committed; ready when it has reported in. `port`: of its
    probes; any that is free, if not given."""
    port = port or free_port()
    argv = [sys.executable, "-m", "domiq_dagster.cli", "worker", "--http", f"127.0.0.1:{port}"]
    ready = partial(http_ready, f"http://127.0.0.1:{port}/readyz")
    return Program("worker", argv, env, ready=ready, ready_timeout=_START_SECONDS, at_once=at_once)


def _heartbeat_of_another_daemon(database_url: str) -> Callable[[], bool]:
    """Whether a daemon process that was not there at the time of this call keeps the records now.

    Each one writes an id of its own. Its time says less: PostgreSQL stores it in the session's time zone.
    """
    before = _heartbeats(database_url)

    def ready() -> bool:
        now = _heartbeats(database_url)
        return all(kind in now and now[kind] != before.get(kind) for kind in _DAEMONS)

    return ready


def _heartbeats(database_url: str) -> dict[str, str]:
    """The id of the daemon process that last did each kind of work."""
    url = _DRIVER.sub("postgresql://", database_url.strip(), count=1)
    with psycopg.connect(url, application_name="domiq-sync dev", connect_timeout=10) as connection:
        if connection.execute("SELECT to_regclass('daemon_heartbeats')").fetchone() == (None,):
            return {}
        return dict(connection.execute("SELECT daemon_type, daemon_id FROM daemon_heartbeats").fetchall())


def _dagster_home(home: Path) -> Path:
    return home.absolute() / "dagster"
