"""domiq-sync demo and standin: trying it out, with a made-up world and a stand-in for ResMan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import Json, Usage, errors, fail, finish
from domiq_dagster.db.engine import resolve_url
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.home_lock import alone


def demo(
    json_output: Json = False,
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    set_up: Annotated[
        str | None,
        typer.Option(
            help="The address of a stand-in that runs elsewhere: make its world up in DOMIQ_DATABASE_URL, "
            "connect its properties, and end. For an installation to try out; safe to repeat.",
        ),
    ] = None,
) -> None:
    """Everything from nothing: a made-up world, two sync cycles through Dagster, a summary."""
    if set_up is not None:
        _set_up(set_up, seed, json_output)
        return
    from domiq_dagster.demo.run import run_demo  # Dagster takes a second to import; only here is it needed.

    with alone(home(), "demo"):
        result = run_demo(seed=seed, console=errors)
    views.print_demo(result)
    finish(json_output, result, bad=not result["ok"])


def _set_up(standin_url: str, seed: int, json_output: bool) -> None:
    from domiq_dagster.demo.stage import set_up_once

    url = resolve_url(os.environ)
    if url is None:
        raise Usage("DOMIQ_DATABASE_URL is not set: set it to the address of an empty database.")
    new = set_up_once(url, standin_url, seed)
    print("The made-up world is set up." if new else "The made-up world was there; its schema is up to date.")
    finish(json_output, {"new": new}, bad=False)


def standin(
    port: Annotated[int, typer.Option(help="0 takes a free one.")],
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    state: Annotated[Path | None, typer.Option(help="A file to keep its state in.")] = None,
    host: Annotated[
        str, typer.Option(help="The IPv4 address to listen at; in a container, 0.0.0.0.")
    ] = "127.0.0.1",
) -> None:
    """A local server that speaks ResMan's wire, with faults on demand. Prints its address as JSON."""
    from domiq_dagster.resman.standin.app import StandinError, serve

    if state is not None and not state.absolute().parent.is_dir():
        raise Usage(f"{state.parent} is no directory: make it, or give --state a file elsewhere.")
    try:
        serve(port, seed, state, host=host)
    except StandinError as error:
        fail(str(error))
