"""domiq-sync accounts: how ResMan's accounts stand, and opening one that is paused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Engine

from domiq_dagster.cli import views
from domiq_dagster.cli.base import By, DryRun, Json, Usage, Utc, Why, database, decider, finish, reason
from domiq_dagster.sync.accounts import list_accounts, open_account
from domiq_dagster.sync.queue.queue import bring_forward
from domiq_dagster.sync.request_counts import days

_DAYS = 7
"""So many days of requests are listed."""


def accounts(
    opening: Annotated[
        str | None, typer.Option("--open", help="The account whose pause is to end now.", metavar="ACCOUNT")
    ] = None,
    by: By = None,
    why: Why = None,
    dry_run: DryRun = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """List ResMan's accounts with their pauses and the requests of the last days, or open one that is paused:
    the next request tries it."""
    with database() as engine:
        opened = None
        if opening is not None:
            opened = _open(engine, opening, by=decider(by), why=reason(why), dry_run=dry_run)
        with engine.connect() as connection:
            listed, requests = list_accounts(connection), days(connection, _DAYS)
    views.print_accounts(listed)
    views.print_requests(requests)
    result = {"accounts": [asdict(a) for a in listed], "requests": [asdict(r) for r in requests]}
    finish(json_output, result if opened is None else {**result, "opened": opened, "dry_run": dry_run})


def _open(engine: Engine, account_id: str, *, by: str, why: str | None, dry_run: bool) -> str:
    """Ends an account's pause, and lets what waited for it go. Raises Usage."""
    with engine.begin() as connection:
        known = [a.account_id for a in list_accounts(connection)]
        if account_id not in known:
            raise Usage(f"No account is called {account_id}. Known: {', '.join(known) or 'none'}.")
        was_paused = open_account(connection, account_id, by=by, why=why)
        if was_paused is None:
            raise Usage(f"Account {account_id} is not paused.")
        waited = bring_forward(connection, account_id)
        if dry_run:
            connection.rollback()
    would = "would be" if dry_run else "is"
    print(
        f"Account {account_id} {would} opened; it was paused ({was_paused}). Changes that go now: {waited}."
    )
    return account_id
