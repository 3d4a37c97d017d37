"""The screen of `domiq-sync dev`: where everything is, how it stands, and the last changes both ways. What
the programs say is in a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.runtime.dev_home import Broken, broken_now
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.monitoring.figures import figures_row, property_figures, totals
from domiq_dagster.wiring import open_engine

QUERIES = load_queries(__package__, "screen.sql")
_LAST: Final = 10
_EVERY_SECONDS: Final = 2.0
_WAYS: Final = {"to_resman": "DomIQ → ResMan", "from_resman": "ResMan → DomIQ"}
_COLOURS: Final = {"success": "green", "failed": "red", "pending": "yellow"}
_FIGURES: Final = ("applied", "pushed", "pending", "failed", "diverged", "conflicts")


@dataclass(frozen=True, slots=True)
class Signpost:
    """One line of where something is."""

    what: str
    where: str


@dataclass(frozen=True, slots=True)
class State:
    """How the world stands. `figures` are counts over all properties, by name."""

    figures: dict[str, int]
    changes: Sequence[Row[Any]]
    broken: Sequence[Broken]


def read_state(connection: Connection, home: Path) -> State:
    """How things stand now."""
    sums = totals([figures_row(f) for f in property_figures(connection)])
    changes = connection.execute(QUERIES.last_changes, {"most": _LAST}).all()
    return State({name: sums[name] for name in _FIGURES}, changes, broken_now(home))


@contextmanager
def screen(console: Console, database_url: str, home: Path, signposts: Sequence[Signpost]) -> Iterator[None]:
    """Shows the signposts; on a terminal also how things stand, drawn anew every two seconds, as long as the
    block lasts."""
    if not console.is_terminal:
        console.print(_signposts(signposts))
        yield
        return
    over = threading.Event()
    with Live(_signposts(signposts), console=console, auto_refresh=False) as live:
        thread = threading.Thread(
            target=_keep_drawing, args=(live, database_url, home, signposts, over), name="screen", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)


def _keep_drawing(
    live: Live, database_url: str, home: Path, signposts: Sequence[Signpost], over: threading.Event
) -> None:
    with open_engine(database_url, check=False, pool_size=1) as engine:
        while not over.is_set():
            try:
                with engine.connect() as connection:
                    shown = draw(signposts, read_state(connection, home), datetime.now(UTC))
            except (DBAPIError, DatabaseError) as error:
                shown = Group(
                    _signposts(signposts), Text(f"The database does not answer: {type(error).__name__}")
                )
            live.update(shown, refresh=True)
            over.wait(_EVERY_SECONDS)


def draw(signposts: Sequence[Signpost], state: State, now: datetime) -> RenderableType:
    """The whole screen."""
    figures = Text("  ".join(f"{count} {name}" for name, count in state.figures.items()), style="bold")
    return Group(_signposts(signposts), Text(), figures, *_broken(state.broken, now), _changes(state.changes))


def _signposts(signposts: Sequence[Signpost]) -> Table:
    table = Table.grid(padding=(0, 2))
    for one in signposts:
        table.add_row(one.what, Text(one.where, style="cyan", overflow="fold"))
    return table


def _broken(broken: Sequence[Broken], now: datetime) -> list[Text]:
    if not broken:
        return []
    each = ", ".join(f"{one.name} ({in_words((now - one.broken_at).total_seconds())})" for one in broken)
    return [Text(f"Broken on purpose: {each}. To mend it: domiq-sync dev --mend", style="yellow")]


def _changes(changes: Sequence[Row[Any]]) -> RenderableType:
    if not changes:
        return Text("No change yet.")
    table = Table("time", "way", "property", "change", "", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    for row in changes:
        moved = f"{row.old_status or '(none)'} → {row.new_status}"
        settled = Text(row.sync_status, style=_COLOURS.get(row.sync_status, ""))
        when = row.logged_at.astimezone().strftime("%H:%M:%S")
        table.add_row(
            when, _WAYS.get(row.sync_direction, row.sync_direction), row.property, Text(moved), settled
        )
    return table
