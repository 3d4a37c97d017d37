"""The demo's stage: both databases, DomIQ's world as it was before the sync came, the stand-in, and the
sync set up as a user would set it up. Used by `domiq-sync demo` and `domiq-sync dev`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql
from rich.console import Console
from sqlalchemy import Engine, text

from domiq_dagster.db.embedded import EmbeddedServer, running
from domiq_dagster.db.engine import resolve_url
from domiq_dagster.db.migrate import create_domiq_tables_if_empty, migrate
from domiq_dagster.demo.connect import connect_all, connections
from domiq_dagster.demo.world import load_world
from domiq_dagster.runtime.home import home
from domiq_dagster.wiring import DAGSTER_DATABASE, DATABASE, ConfigurationError, Urls, open_engine

PARTNER_ID = "standin-partner"
API_KEY = "standin-key"


def standin_environment(url: str) -> dict[str, str]:
    """The variables that say where a stand-in is, and who asks it."""
    return {
        "RESMAN_V1_URL": url,
        "RESMAN_V2_URL": url,
        "RESMAN_PARTNER_ID": PARTNER_ID,
        "RESMAN_API_KEY": API_KEY,
    }


_MARK = "made-up world of domiq-sync demo"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is while the stage stands."""

    urls: Urls
    standin_url: str
    home: Path


@contextmanager
def stage(env: Mapping[str, str], *, seed: int, console: Console, keep: bool) -> Iterator[Stage]:
    """Sets the stage up, and takes down what it started.

    With `keep`, a world that stands from last time is used again. Raises ConfigurationError rather than
    write into a database that holds anything else.
    """
    directory = home(env)
    state_file = directory / "standin.json"
    with databases(env, directory, keep=keep) as (urls, stands):
        stands = stands and state_file.exists()
        if not stands:
            state_file.unlink(missing_ok=True)
        console.print("Starting the stand-in for ResMan ...")
        with standin(seed, state_file) as standin_url:
            if not stands:
                console.print("Making DomIQ's world up, migrating, connecting its properties ...")
                set_up(urls.domiq, standin_url, seed)
            yield Stage(urls, standin_url, directory)


def set_up(database_url: str, standin_url: str, seed: int, *, conversations: int = 2000) -> None:
    """An empty database becomes DomIQ's, with its past; then the sync comes."""
    state = standin_state(standin_url)
    with open_engine(database_url, check=False) as engine:
        with engine.begin() as connection:
            create_domiq_tables_if_empty(connection)
        load_world(engine, state, seed=seed, conversations=conversations)
        migrate(engine)
        connect_all(engine, connections(engine, state))
        _mark(engine)


def set_up_once(database_url: str, standin_url: str, seed: int) -> bool:
    """Sets the world up beside a stand-in that runs elsewhere, or migrates the one that stands; whether it
    is new. Raises ConfigurationError where the database holds anything else, or the stand-in is not there."""
    if _stands(database_url, keep=True):
        with open_engine(database_url, check=False) as engine:
            migrate(engine)
        return False
    try:
        set_up(database_url, standin_url, seed)
    except requests.RequestException as error:
        raise ConfigurationError(
            f"No stand-in answers at {standin_url} ({type(error).__name__}): start one with domiq-sync "
            "standin, and give its address."
        ) from None
    return True


def standin_state(standin_url: str) -> dict[str, Any]:
    """What the stand-in holds, without the requests it has seen."""
    answer = requests.get(f"{standin_url}/_standin/state", params={"requests": "false"}, timeout=60)
    answer.raise_for_status()
    state: dict[str, Any] = answer.json()
    return state


@contextmanager
def standin(seed: int, state_file: Path | None, *, prospects: int = 1500) -> Iterator[str]:
    """The stand-in as a process of its own; its address. Ended with SIGTERM, on which it saves its state."""
    arguments = [sys.executable, "-m", "domiq_dagster.resman.standin", "--port", "0", "--seed", str(seed)]
    arguments += ["--prospects", str(prospects)]
    if state_file is not None:
        state_file.parent.mkdir(parents=True, exist_ok=True)
        arguments += ["--state", str(state_file)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=_standin_env())
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise ConfigurationError(
                f"The stand-in did not start (exit code {process.wait()}); see the lines above."
            )
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def _standin_env() -> dict[str, str]:
    return {**os.environ, "RESMAN_PARTNER_ID": PARTNER_ID, "RESMAN_API_KEY": API_KEY}


@contextmanager
def databases(env: Mapping[str, str], directory: Path, *, keep: bool) -> Iterator[tuple[Urls, bool]]:
    """The URLs of both databases, and whether the demo's world stands in DomIQ's."""
    own = resolve_url(env)
    dagster = env.get("DAGSTER_PG_URL", "").strip() or None
    if own and dagster:
        yield Urls(own, dagster), _stands(own, keep=keep)
        return
    with running(directory / "pg") as server:
        if own is None:
            if not keep:
                _drop_if_demo(server, DATABASE)
            server.ensure_database(DATABASE)
        if dagster is None:
            if not keep:
                _drop(server, DAGSTER_DATABASE)
            server.ensure_database(DAGSTER_DATABASE)
        urls = Urls(own or server.url(DATABASE), dagster or server.url(DAGSTER_DATABASE))
        yield urls, _stands(urls.domiq, keep=keep)


def _stands(url: str, *, keep: bool) -> bool:
    """Whether the demo's world is there. Raises ConfigurationError where anything else is."""
    with open_engine(url, check=False) as engine, engine.connect() as connection:
        tables = connection.scalar(
            text(
                "SELECT count(*) FROM pg_class "
                "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            )
        )
        if not tables:
            return False
        if keep and _comment(connection.connection.driver_connection) == _MARK:
            return True
    raise ConfigurationError(
        "The demo makes its world up in an empty database, and this one is not empty: "
        "unset DOMIQ_DATABASE_URL, or point it at an empty database."
    )


def is_made_up(engine: Engine) -> bool:
    """Whether a database holds the demo's world, and is the demo's to do as it likes with."""
    with engine.connect() as connection:
        return _comment(connection.connection.driver_connection) == _MARK


def _drop_if_demo(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if not exists:
        return
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        ours = _comment(connection) == _MARK
    if ours:
        _drop(server, name)


def _drop(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _comment(connection: Any) -> str | None:
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    return row[0] if row else None


def _mark(engine: Engine) -> None:
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"COMMENT ON DATABASE {name} IS '{_MARK}'"))
