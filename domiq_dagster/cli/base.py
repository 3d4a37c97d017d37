"""What the commands of domiq-sync share: their common options, the database, naming a property, and how they
end."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy import Engine

from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.wiring import (
    domiq_database,
    open_engine,
)

errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
PropertyOption = Annotated[
    str | None, typer.Option("--property", help="A property's id or partition key; all, if not given.")
]


DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]


class Usage(Exception):
    """The user named something that does not exist; the text says what."""


def fail(sentence: str) -> None:
    """Says why nothing could be done, and ends with exit code 2."""
    errors.print(f"[bold red]domiq-sync:[/] {escape(sentence)}", soft_wrap=True, highlight=False)
    sys.exit(2)


@contextmanager
def database(check: bool = True) -> Iterator[Engine]:
    with domiq_database(os.environ) as url, open_engine(url, check=check) as engine:
        yield engine


def find_property(engine: Engine, name: str | None) -> Integration | None:
    """The connected property with this id or partition key; None for None. Raises Usage."""
    if name is None:
        return None
    with engine.connect() as connection:
        connected = load_integrations(connection, enabled_only=False)
    for integration in connected:
        if name in (integration.partition_key, str(integration.property_id)):
            return integration
    known = ", ".join(i.partition_key for i in connected) or "none"
    raise Usage(f"No connected property is called {name}. Connected: {known}.")


def login() -> str:
    """Who runs this, as the machine knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers may have
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def parse_time(value: str | None) -> datetime | None:
    """An ISO time; without a zone it is UTC. Raises Usage."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Usage(f"'{value}' is no ISO time: write it like 2026-03-01T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def finish(json_output: bool, result: dict[str, Any], *, bad: bool = False) -> None:
    """Prints the JSON line where asked for, and sets the exit code."""
    if json_output:
        print(json.dumps(result, default=str))
    raise typer.Exit(1 if bad else 0)
