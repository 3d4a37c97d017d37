"""domiq-sync dev: the demo's world kept running; and, from another terminal, breaking and mending it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from domiq_dagster.cli.base import Json, Usage, errors, finish, login
from domiq_dagster.runtime.home import home
from domiq_dagster.runtime.home_lock import alone


class Breakage(StrEnum):
    """What can be broken on purpose."""

    REFUSE = "refuse"
    OUTAGE = "outage"
    CONFLICT = "conflict"
    DIVERGE = "diverge"
    RULE = "rule"
    NOTICE = "notice"


def dev(
    port: Annotated[int, typer.Option(help="Of the Dagster UI, on 127.0.0.1.", min=1, max=65535)] = 3000,
    seed: Annotated[int, typer.Option(help="Of the made-up world.")] = 7,
    conversations: Annotated[int, typer.Option(help="How many conversations are made up.", min=0)] = 2000,
    prospects: Annotated[int, typer.Option(help="How many prospects are made up.", min=0)] = 1500,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Have runs push, which the sensor starts.")
    ] = False,
    breaking: Annotated[
        Breakage | None,
        typer.Option("--break", help="Break this in the dev that runs here, and say where it shows."),
    ] = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Mend whatever was broken in the dev that runs here.")
    ] = False,
    json_output: Json = False,
) -> None:
    """The demo's world kept running, with a worker, Dagster's UI, daemon, sensors and schedules. With --break
    or --mend, from another terminal: what can go wrong, and how it is put right."""
    if breaking is not None and mend:
        raise Usage("Give --break or --mend: not both.")
    if breaking is not None or mend:
        _steer(breaking, json_output=json_output)
        return
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


def _steer(breaking: Breakage | None, *, json_output: bool) -> None:
    """Breaks one thing, or mends all, in the world that runs here, and shows what Dagster's checks say."""
    from domiq_dagster.demo.steering import break_it, mend_all  # Dagster takes a second to import

    directory = home()
    if breaking is not None:
        done = break_it(directory, str(breaking))
    else:
        done = mend_all(directory, by=f"{login()}, dev --mend")
    for line in done.lines:
        print(line)
    finish(json_output, done.as_json(), bad=breaking is None and bool(done.not_green))
