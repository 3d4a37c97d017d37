"""`domiq-sync worker`: the service as a process, with its probes, until it is told to stop."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Engine, text

from domiq_dagster.cli.base import Usage
from domiq_dagster.db.checks import require_migrated
from domiq_dagster.db.revision import HEAD
from domiq_dagster.runtime import dagster_home
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.probes import Answer, ProbeServer
from domiq_dagster.runtime.supervise import told_to_stop
from domiq_dagster.sync import patience
from domiq_dagster.sync.service.database_figures import DatabaseFigures
from domiq_dagster.sync.service.service import Service, ServiceOptions
from domiq_dagster.sync.service.tally import Reports, Summary
from domiq_dagster.tracing.setting_up import FLUSH_SECONDS, asked_for, open_traces
from domiq_dagster.wiring import (
    Urls,
    databases,
    domiq_database,
    notice_channels,
    open_client,
    open_engine,
    outside_mark,
    resman_config,
)

logger = logging.getLogger(__name__)
DEFAULT_HTTP = "127.0.0.1:9273"
_OFF = "off"
_SWITCH_SECONDS = 0.001
"""How long one of its threads may keep Python from those that wait for it. A change on its way waits for that
after each answer of PostgreSQL's, a dozen times: five milliseconds, as is usual, are too long while another
thread decides about what a large pull brought."""


def worker(
    accounts: Annotated[
        int, typer.Option(help="ResMan accounts that are served side by side.", min=1, max=64)
    ] = 8,
    no_notify: Annotated[
        bool,
        typer.Option(
            "--no-notify",
            help="Look every second, and have PostgreSQL notify nobody: for a DomIQ that prepares "
            "transactions (two-phase commit), which PostgreSQL refuses after a NOTIFY.",
        ),
    ] = False,
    no_pull: Annotated[
        bool,
        typer.Option("--no-pull", help="Only push: ResMan is read by Dagster's runs, or by other workers."),
    ] = False,
    http: Annotated[
        str, typer.Option(help="Where /healthz, /readyz and /metrics are answered: host:port, or off.")
    ] = DEFAULT_HTTP,
    metrics_by_property: Annotated[
        bool,
        typer.Option(
            "--metrics-by-property", help="In /metrics, have each property's figures, too, by its name."
        ),
    ] = False,
    grace: Annotated[
        float, typer.Option(help="Seconds to end in, once it is told to stop.", min=10, max=3600)
    ] = patience.SERVICE_GRACE,
) -> None:
    """Push each change as soon as it is committed, and pull each property every minute or so, with rules and
    notices, until SIGTERM or Ctrl-C.

    Any number of workers may run, on any number of machines. Dagster shows what they do, and stands in where
    none is alive.
    """
    address = _address(http)
    config = resman_config(os.environ)
    channels = notice_channels(os.environ)
    options = ServiceOptions(
        max_accounts=accounts,
        hears_notify=not no_notify,
        grace=grace - (FLUSH_SECONDS if asked_for(os.environ) else 0.0),
        pulls=not no_pull,
        mark=outside_mark(os.environ),
    )
    logging.getLogger("domiq_dagster").setLevel(logging.INFO)
    with ExitStack() as stack:
        stack.enter_context(open_traces(os.environ))
        urls = stack.enter_context(_urls(os.environ))
        engine = stack.enter_context(open_engine(urls.domiq, pool_size=_connections(options)))
        client = stack.enter_context(open_client(config, urls.domiq))
        _compare_sessions(engine, _connections(options))
        service = Service(
            engine, client, options, channels=channels, reports=_reports(urls, engine, os.environ)
        )
        service.metrics.add(DatabaseFigures(engine, by_property=metrics_by_property))
        # A second signal has it give back what is in hand.
        stack.enter_context(told_to_stop(service.stop))
        if address is not None:
            _serve_probes(stack, address, service, engine)
        logger.info("worker %s goes on; it pushes for %d accounts at a time", service.name, accounts)
        sys.setswitchinterval(_SWITCH_SECONDS)
        service.run()
        logger.info("worker %s has ended", service.name)


def _connections(options: ServiceOptions) -> int:
    """How many the service and its figures need at most."""
    return 8 + 4 * options.max_accounts + (3 * options.max_pulls if options.pulls else 0)


def _compare_sessions(engine: Engine, most: int) -> None:
    """Says so where PostgreSQL takes fewer sessions than this worker alone may come to need."""
    with engine.connect() as connection:
        taken = int(connection.scalar(text("SELECT current_setting('max_connections')")) or 0)
    if most > taken:
        logger.warning(
            "this worker may open up to %d sessions, and PostgreSQL takes %d of all: raise its "
            "max_connections, or give the worker fewer --accounts",
            most,
            taken,
        )


def _address(http: str) -> tuple[str, int] | None:
    if http == _OFF:
        return None
    host, _, port = http.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise Usage(f"--http {http} is no address: write host:port, as in {DEFAULT_HTTP}, or off.")
    return host.strip("[]"), int(port)


@contextmanager
def _urls(env: Mapping[str, str]) -> Iterator[Urls]:
    """The databases; without an address of its own, Dagster's is the embedded server's, or none."""
    if env.get("DOMIQ_DATABASE_URL", "").strip() and not env.get("DAGSTER_PG_URL", "").strip():
        with domiq_database(env) as url:
            yield Urls(url, "")
        return
    with databases(env) as urls:
        yield urls


def _reports(urls: Urls, engine: Engine, env: Mapping[str, str]) -> Reports | None:
    if not urls.dagster:
        logger.warning(
            "DAGSTER_PG_URL is not set: the worker works, and what it does is not shown in Dagster"
        )
        return None
    if not env.get("DAGSTER_HOME", "").strip():
        os.environ["DAGSTER_HOME"] = str(dagster_home.prepare(home(env)))
    os.environ["DAGSTER_PG_URL"] = urls.dagster
    return _DagsterWhenNeeded(engine)


@dataclass(slots=True)
class _DagsterWhenNeeded:
    """Imports Dagster, which takes seconds, once there is something to tell, and opens its storage."""

    engine: Engine
    opened: Reports | None = None

    def tell(self, summary: Summary) -> None:
        if self.opened is None:
            from domiq_dagster.service_reports import DagsterReports

            self.opened = DagsterReports(self.engine)
        self.opened.tell(summary)


def _serve_probes(stack: ExitStack, address: tuple[str, int], service: Service, engine: Engine) -> None:
    probes = _Probes(service, engine)
    paths = {"/healthz": probes.healthz, "/readyz": probes.readyz, "/metrics": probes.metrics}
    try:
        server = stack.enter_context(ProbeServer(*address, paths))
    except OSError as error:
        raise Usage(
            f"Nothing can listen at {address[0]}:{address[1]} ({error.strerror}): give --http another "
            "address, or off."
        ) from None
    logger.info("probes at http://%s:%d/readyz", address[0], server.port)


class _Probes:
    """What is asked of a worker from outside."""

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service, self._engine = service, engine
        self._migrated_at = 0.0

    def healthz(self) -> Answer:
        """200 while its loop goes round."""
        if self._service.is_well:
            return Answer(200, b"ok\n")
        return Answer(503, b"The loop of this worker stands still: restart it.\n")

    def readyz(self) -> Answer:
        """200 where the database can be used and is migrated, and what is done reaches Dagster; else why
        not."""
        said = self._service.unready() or self._database()
        if said:
            return Answer(503, "".join(f"{one}\n" for one in said).encode())
        return Answer(200, b"ready\n")

    def metrics(self) -> Answer:
        return Answer(200, self._service.metrics.text(), "text/plain; version=0.0.4; charset=utf-8")

    def _database(self) -> list[str]:
        if time.monotonic() - self._migrated_at < _MIGRATED_KNOWN_SECONDS:
            return []
        try:
            with self._engine.connect() as connection:
                require_migrated(connection, HEAD)
        except Exception as error:
            return [f"The database cannot be used: {type(error).__name__}: {error}"]
        self._migrated_at = time.monotonic()
        return []


_MIGRATED_KNOWN_SECONDS = 10.0
