"""`domiq-sync connect`: what ResMan says of a property, what the first sync would do, and then, if wanted,
the row that connects it.

At a terminal the proposal is shown and asked about. A script (no terminal to ask at) and `--yes` connect at
once after the checks, also where ResMan does not answer or no credentials are set yet: properties are set up
while one still waits for ResMan's approval, and until it comes, changes wait. What ResMan says it does not
have (the account, the property, an agent, a source, a lost reason) is refused, unless with `--force`.
`--dry-run` never writes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import typer
from sqlalchemy import Engine

from domiq_dagster.cli import views as views
from domiq_dagster.cli.base import wants_json
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import say
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.dry_run import Forecast, OpenDryRun, forecast_property
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.sync.setup.connect import CannotConnect, connect_property
from domiq_dagster.sync.setup.objections import is_same_id, objections
from domiq_dagster.sync.setup.survey import Survey, survey
from domiq_dagster.wiring import (
    ConfigurationError,
    domiq_database,
    dry_run_sessions,
    open_client,
    open_engine,
    resman_config,
)

_MOVES = (
    "it is another property at ResMan until now, whose links end with the move: once it is connected, "
    "`domiq-sync sync --dry-run` tells what the first sync would do"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user gave; settings that are None stay as they are."""

    property_id: UUID
    account_id: str
    resman_property_id: str
    settings: Mapping[str, Any]
    by: str
    why: str | None = None

    def store(self, engine: Engine, *, dry_run: bool = False, **more: Any) -> Integration:
        settings = {**more, **self.settings}
        return connect_property(
            engine,
            self.property_id,
            self.account_id,
            self.resman_property_id,
            dry_run=dry_run,
            by=self.by,
            why=self.why,
            **settings,
        )

    def moves(self, engine: Engine) -> bool:
        """Whether the property is connected already, to another one at ResMan."""
        with engine.connect() as connection:
            stored = load_integrations(connection, property_ids=[self.property_id], enabled_only=False)
        return any(
            i.account_id != self.account_id or not is_same_id(i.resman_property_id, self.resman_property_id)
            for i in stored
        )


def connect(wanted: Wanted, *, yes: bool, dry_run: bool, force: bool = False) -> dict[str, Any]:
    """Does it, printing as it goes. The result is what --json prints; `ok` is false where ResMan has
    something against it.

    Args:
        force: also where ResMan does not have what was given.

    Raises:
        CannotConnect: a setting is wrong, or ResMan does not have what was given.
        ConfigurationError: a dry run lacks credentials.
    """
    asks = not yes and not dry_run and not wants_json() and sys.stdin.isatty() and sys.stdout.isatty()
    with domiq_database(os.environ) as url, open_engine(url) as engine:
        proposed = wanted.store(engine, dry_run=True)
        with at_work("Asking ResMan"):
            found, forecast = _survey(
                proposed, dry_run_sessions(url), url, moves=wanted.moves(engine), whole=asks or dry_run
            )
        against = objections(found, proposed.resman_property_id, wanted.settings) if found else []
        proposals = _open_settings(proposed, found)
        if found is not None:
            views.print_survey(found, proposed, proposals, with_choices=asks or dry_run)
        if forecast is not None:
            views.print_forecasts([forecast.as_json()])
        result = {
            "property": proposed.partition_key,
            "connected": False,
            "findings": found.findings if found else [],
            "objections": against,
            "proposals": proposals,
            "forecast": forecast.as_json() if forecast else None,
            "ok": found is None or (found.ok and not against),
        }
        if against and not dry_run and not force:
            raise CannotConnect(
                f"Nothing was connected, since at ResMan {'; '.join(against)}: correct what you gave, or "
                "connect it all the same with --force."
            )
        for objection in against:
            print(f"At ResMan {objection}.")
        if dry_run or (asks and not typer.confirm("Connect it so?", default=found is not None and found.ok)):
            print("Nothing was written.")
            return result
        # What was proposed is stored only where somebody agreed to it; else the first pass asks ResMan.
        agreed: dict[str, Any] = {k: v for k, v in proposals.items() if v is not None} if asks or yes else {}
        integration = wanted.store(engine, **agreed)
    say(f"Connected {integration.property_name} as {integration.partition_key}.")
    if not integration.enabled:
        print(
            f"It is switched off: nothing is sent or read there until domiq-sync resume "
            f"{integration.partition_key}."
        )
    if integration.missing_settings:
        print(f"To be asked of ResMan at the first pass: {', '.join(integration.missing_settings)}.")
    return {**result, "property": integration.partition_key, "connected": True}


def _survey(
    proposed: Integration, open_dry_run: OpenDryRun, url: str, *, moves: bool, whole: bool
) -> tuple[Survey | None, Forecast | None]:
    """What ResMan says and, if the whole is wanted, what the first sync would do.

    Args:
        moves: the property is connected to another one at ResMan until now.
    """
    try:
        config = resman_config(os.environ)
    except ConfigurationError as error:
        if whole and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise
        say(f"ResMan was not asked: {error}")
        return None, None
    with open_client(config, url, asks_refused=True) as client:
        found = survey(client, proposed.account_id, proposed.resman_property_id)
        if whole and moves:
            return found, Forecast(proposed.partition_key, error=_MOVES)
        return found, _forecast(proposed, found, open_dry_run, client) if whole else None


def _forecast(
    proposed: Integration, found: Survey, open_dry_run: OpenDryRun, client: ResManClient
) -> Forecast | None:
    """What the first sync would do; nothing but the reason where the property could not be read, since then
    nobody knows."""
    unknown = found.properties is not None and found.at_resman is None
    if not proposed.enabled or found.silent is not None or unknown:
        return None
    # In full: a property that is connected anew must not be read from where another one's pull ended.
    forecast, pulled = forecast_property(open_dry_run, client, proposed, PullOptions(full=True))
    return forecast if pulled is not None else Forecast(forecast.partition_key, error=forecast.error)


def _open_settings(proposed: Integration, found: Survey | None) -> dict[str, str | None]:
    """What is proposed for the settings that nobody gave."""
    if found is None:
        return {}
    offers = found.proposals(proposed.resman_property_id)
    return {name: offers[name] for name in proposed.missing_settings}
