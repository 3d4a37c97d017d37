"""domiq-sync accounts: how ResMan's accounts stand, and opening one that is paused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Engine

from domiq_dagster.cli import views
from domiq_dagster.cli.base import DryRun, Json, Usage, database, finish
from domiq_dagster.sync.accounts import list_accounts, open_account
from domiq_dagster.sync.queue.queue import bring_forward
from domiq_dagster.sync.request_counts import days

_DAYS = 7
"""So many days of requests are listed."""


def accounts(
    opening: Annotated[
        str | None, typer.Option("--open", help="The account whose pause is to end now.", metavar="ACCOUNT")
    ] = None,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """List ResMan's accounts with their pauses and the requests of the last days, or open one that is paused:
    the next request tries it."""
    with database() as engine:
        opened = None if opening is None else _open(engine, opening, dry_run=dry_run)
        with engine.connect() as connection:
            listed, requests = list_accounts(connection), days(connection, _DAYS)
    views.print_accounts(listed)
    views.print_requests(requests)
    result = {"accounts": [asdict(a) for a in listed], "requests": [asdict(r) for r in requests]}
    finish(json_output, result if opened is None else {**result, "opened": opened, "dry_run": dry_run})


def _open(engine: Engine, account_id: str, *, dry_run: bool) -> str:
    """Ends an account's pause, and lets what waited for it go. Raises Usage."""
    with engine.begin() as connection:
        known = [a.account_id for a in list_accounts(connection)]
        if account_id not in known:
            raise Usage(f"No account is called {account_id}. Known: {', '.join(known) or 'none'}.")
        reason = open_account(connection, account_id)
        if reason is None:
            raise Usage(f"Account {account_id} is not paused.")
        waited = bring_forward(connection, account_id)
        if dry_run:
            connection.rollback()
    would = "would be" if dry_run else "is"
    print(f"Account {account_id} {would} opened; it was paused ({reason}). Changes that go now: {waited}.")
    return account_id
