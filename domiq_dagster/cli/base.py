"""What the commands of domiq-sync share: their common options, the database, naming a property, and how they
end."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer
from sqlalchemy import Engine

from domiq_dagster.cli.views import times
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import Screen, escape
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.wiring import (
    domiq_database,
    open_engine,
)

errors = Screen(stderr=True)
_LARGEST_FILE = 4 * 2**20
ACTOR = "DOMIQ_ACTOR"
"""The variable that says who decides, where several people share a login."""
LONGEST_REASON = 500
"""Characters of why something was decided: it is shown in one line."""


@dataclass(slots=True)
class _Result:
    """Where the result goes as JSON, once --json was given: what is for people goes to stderr then."""

    stream: TextIO | None = None


_result = _Result()


def _only_json(context: typer.Context, wanted: bool) -> bool:
    """With --json stdout is one JSON object. Nobody is asked anything then."""
    if wanted and _result.stream is None:
        result_to_stdout()
        context.with_resource(redirect_stdout(sys.stderr))
    return wanted


def result_to_stdout() -> None:
    """From now on stdout is for the result as JSON, whatever it is."""
    if _result.stream is None:
        _result.stream = sys.stdout


def wants_json() -> bool:
    """Whether the result is for a program, so that there is nobody to ask."""
    return _result.stream is not None


Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object on stdout, and what is for people on stderr; ask nothing.",
        callback=_only_json,
    ),
]
PropertyOption = Annotated[
    str | None, typer.Option("--property", help="A property's id or partition key; all, if not given.")
]


def _exact(wanted: bool) -> bool:
    if wanted:
        times.be_exact()
    return wanted


Utc = Annotated[
    bool,
    typer.Option("--utc", help="Times to the second, in UTC, rather than how long ago.", callback=_exact),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]


By = Annotated[
    str | None,
    typer.Option("--by", help="Who goes on record; DOMIQ_ACTOR, else your login, if not given."),
]
Why = Annotated[
    str | None,
    typer.Option("--why", help="Why, for whoever wonders later: `domiq-sync history` shows it."),
]


class Usage(Exception):
    """The user named something that does not exist; the text says what."""


def fail(sentence: str, code: int = 2) -> NoReturn:
    """Says why nothing more could be done, and ends with this exit code; with --json on stdout as well."""
    sentence = "".join(c if c.isprintable() else " " for c in sentence)  # names may hold anything
    errors.print(f"[bold red]domiq-sync:[/] {escape(sentence)}", soft_wrap=True, highlight=False)
    if _result.stream is not None:
        print(json.dumps({"ok": False, "error": sentence}), file=_result.stream, flush=True)
    sys.exit(code)


@contextmanager
def database(check: bool = True) -> Iterator[Engine]:
    """DomIQ's database; the embedded server is started where none is named, which takes a moment."""
    with ExitStack() as stack:
        with at_work("Opening the database"):
            url = stack.enter_context(domiq_database(os.environ))
            engine = stack.enter_context(open_engine(url, check=check))
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


def read_file(path: Path) -> str:
    """The text of a file that the user named: a file of reasonable size, and no device, pipe or directory.
    Raises Usage."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Usage(f"{path} is no file.")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise Usage(f"{path} is larger than {_LARGEST_FILE // 2**20} MB.")
        return content.decode("utf-8")
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Usage(f"{path} cannot be read: it is not UTF-8.") from None


def login() -> str:
    """Who runs this: as DOMIQ_ACTOR says, else as the machine knows them."""
    named = " ".join(os.environ.get(ACTOR, "").split())
    if named:
        return named
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers may have
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def decider(by: str | None) -> str:
    """Who goes on record for a decision. Raises Usage."""
    who = login() if by is None else " ".join(by.split())
    if not who:
        raise Usage("--by is empty: say who goes on record, or leave it out.")
    return who


def reason(why: str | None, option: str = "--why") -> str | None:
    """Why somebody decides, in one line; None where they do not say. Raises Usage."""
    told = " ".join((why or "").split())
    if len(told) > LONGEST_REASON:
        raise Usage(f"Say why with {option}, in {LONGEST_REASON} characters at most.")
    return told or None


def parse_time(value: str | None) -> datetime | None:
    """An ISO time; without a zone it is UTC. Raises Usage."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Usage(f"'{value}' is no ISO time: write it like 2026-03-01T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_AGO = re.compile(r"(\d{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_since(value: str, now: datetime) -> datetime:
    """A span before `now`, such as 7d, 12h or 30m, or an ISO time. Raises Usage."""
    if (ago := _AGO.fullmatch(value.strip())) is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    moment = parse_time(value if value[:1].isdigit() else None)
    if moment is None:
        raise Usage(f"'{value}' is no time: write 7d, 12h or 30m, or an ISO time like 2026-03-01T12:00:00Z.")
    return moment


def finish(json_output: bool, result: dict[str, Any], *, bad: bool = False) -> None:
    """Prints the JSON object where asked for, and sets the exit code."""
    if json_output:
        print(json.dumps(result, default=str), file=_result.stream)
    raise typer.Exit(1 if bad else 0)
