"""domiq-sync properties: both sides' properties, and which are connected."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import Json, Utc, finish
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.sync.setup.properties import AtResman, ask_resman, domiq_properties, pair
from domiq_dagster.wiring import ConfigurationError, domiq_database, open_client, open_engine, resman_config

_LONGEST_WAIT_SECONDS = 30.0
"""For a slot of an account: a person waits."""


def properties(
    account: Annotated[
        list[str] | None,
        typer.Option(help="Ask this account as well, of which nothing is connected yet. Can be repeated."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask ResMan: DomIQ's side and what is connected.")
    ] = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """List the properties of both sides, with their names and ids: what is connected with what and how, and
    what is not, with the command that connects it."""
    not_asked = None
    with domiq_database(os.environ) as url, open_engine(url) as engine:
        with engine.connect() as connection:
            listed = domiq_properties(connection)
        accounts = sorted({p.account_id for p in listed if p.account_id} | set(account or ()))
        there = AtResman({}, {})
        if not offline and accounts:
            try:
                config = resman_config(os.environ)
            except ConfigurationError as error:
                if account:
                    raise
                not_asked = str(error)
            else:
                with (
                    at_work("Asking ResMan for its properties"),
                    open_client(config, url, longest_wait=_LONGEST_WAIT_SECONDS) as client,
                ):
                    there = ask_resman(client, accounts)
    result = views.properties_result(pair(listed, there), there, not_asked)
    views.print_properties(result)
    finish(json_output, result, bad=not result["ok"])
