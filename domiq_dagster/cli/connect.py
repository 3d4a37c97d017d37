"""`domiq-sync connect`: what ResMan says of a property, what the first sync would do, and then, if wanted,
the row that connects it.

At a terminal the proposal is shown and asked about. A script (no terminal to ask at) and `--yes` connect at
once after the checks, also where ResMan does not answer or no credentials are set yet: properties are set up
while one still waits for ResMan's approval, and until it comes, changes wait. `--dry-run` never writes.
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
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.dry_run import Forecast, OpenDryRun, forecast_property
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.pull.pull import PullOptions
from domiq_dagster.sync.setup.connect import connect_property
from domiq_dagster.sync.setup.survey import Survey, survey
from domiq_dagster.wiring import (
    ConfigurationError,
    domiq_database,
    dry_run_sessions,
    open_client,
    open_engine,
    resman_config,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user gave; settings that are None stay as they are."""

    property_id: UUID
    account_id: str
    resman_property_id: str
    settings: Mapping[str, Any]

    def store(self, engine: Engine, *, dry_run: bool = False, **more: Any) -> Integration:
        settings = {**more, **self.settings}
        return connect_property(
            engine, self.property_id, self.account_id, self.resman_property_id, dry_run=dry_run, **settings
        )


def connect(wanted: Wanted, *, yes: bool, dry_run: bool) -> dict[str, Any]:
    """Does it, printing as it goes. The result is what --json prints; `ok` is false where ResMan has
    something against it. Raises CannotConnect, and ConfigurationError where a dry run lacks credentials."""
    asks = not yes and not dry_run and sys.stdin.isatty() and sys.stdout.isatty()
    with domiq_database(os.environ) as url, open_engine(url) as engine:
        proposed = wanted.store(engine, dry_run=True)
        found, forecast = _survey(proposed, dry_run_sessions(url), url, whole=asks or dry_run)
        proposals = _open_settings(proposed, found)
        if found is not None:
            views.print_survey(found, proposed, proposals, with_choices=asks or dry_run)
        if forecast is not None:
            views.print_forecasts([forecast.as_json()])
        result = {
            "property": proposed.partition_key,
            "connected": False,
            "findings": found.findings if found else [],
            "proposals": proposals,
            "forecast": forecast.as_json() if forecast else None,
            "ok": found is None or found.ok,
        }
        if dry_run or (asks and not typer.confirm("Connect it so?", default=found is not None and found.ok)):
            print("Nothing was written.")
            return result
        # What was proposed is stored only where somebody agreed to it; else the first pass asks ResMan.
        agreed: dict[str, Any] = {k: v for k, v in proposals.items() if v is not None} if asks or yes else {}
        integration = wanted.store(engine, **agreed)
    print(f"Connected {integration.property_name} as {integration.partition_key}.")
    if integration.missing_settings:
        print(f"To be asked of ResMan at the first pass: {', '.join(integration.missing_settings)}.")
    return {**result, "property": integration.partition_key, "connected": True}


def _survey(
    proposed: Integration, open_dry_run: OpenDryRun, url: str, *, whole: bool
) -> tuple[Survey | None, Forecast | None]:
    """What ResMan says and, if the whole is wanted, what the first sync would do."""
    try:
        config = resman_config(os.environ)
    except ConfigurationError as error:
        if whole and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise
        print(f"ResMan was not asked: {error}")
        return None, None
    with open_client(config, url) as client:
        found = survey(client, proposed.account_id, proposed.resman_property_id)
        return found, _forecast(proposed, found, open_dry_run, client) if whole else None


def _forecast(
    proposed: Integration, found: Survey, open_dry_run: OpenDryRun, client: ResManClient
) -> Forecast | None:
    if not proposed.enabled or found.silent is not None:
        return None
    # In full: a property that is connected anew must not be read from where another one's pull ended.
    return forecast_property(open_dry_run, client, proposed, PullOptions(full=True))[0]


def _open_settings(proposed: Integration, found: Survey | None) -> dict[str, str | None]:
    """What is proposed for the settings that nobody gave."""
    if found is None:
        return {}
    offers = found.proposals(proposed.resman_property_id)
    return {name: offers[name] for name in proposed.missing_settings}
