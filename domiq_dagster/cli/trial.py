"""domiq-sync demo, dev and standin: trying it out, with a made-up world and a stand-in for ResMan."""

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


def dev(
    port: Annotated[int, typer.Option(help="Of the Dagster UI, on 127.0.0.1.", min=1, max=65535)] = 3000,
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    conversations: Annotated[int, typer.Option(help="How many conversations are made up.", min=0)] = 2000,
    prospects: Annotated[int, typer.Option(help="How many prospects are made up.", min=0)] = 1500,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Have runs push, which the sensor starts.")
    ] = False,
) -> None:
    """The demo's world kept running, with a worker, Dagster's UI, daemon, sensors and schedules."""
    from domiq_dagster.demo.dev import run_dev

    with alone(home(), "dev"):
        code = run_dev(
            port=port,
            seed=seed,
            conversations=conversations,
            prospects=prospects,
            console=errors,
            with_worker=not no_worker,
        )
    raise typer.Exit(code)


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
