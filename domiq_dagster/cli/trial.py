"""domiq-sync demo and standin: trying it out, with a made-up world and a stand-in for ResMan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import Json, Usage, errors, fail, finish
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.home_lock import alone


def demo(
    json_output: Json = False, seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7
) -> None:
    """Everything from nothing: a made-up world, two sync cycles through Dagster, a summary."""
    from domiq_dagster.demo.run import run_demo  # Dagster takes a second to import; only here is it needed.

    with alone(home(), "demo"):
        result = run_demo(seed=seed, console=errors)
    views.print_demo(result)
    finish(json_output, result, bad=not result["ok"])


def standin(
    port: Annotated[int, typer.Option(help="0 takes a free one.")],
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    state: Annotated[Path | None, typer.Option(help="A file to keep its state in.")] = None,
) -> None:
    """A local server that speaks ResMan's wire, with faults on demand. Prints its address as JSON."""
    from domiq_dagster.resman.standin.app import StandinError, serve

    if state is not None and not state.absolute().parent.is_dir():
        raise Usage(f"{state.parent} is no directory: make it, or give --state a file elsewhere.")
    try:
        serve(port, seed, state)
    except StandinError as error:
        fail(str(error))
