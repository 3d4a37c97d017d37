"""Filling from ResMan what the settings of a connected property leave open: agent, source, lost reason, time
zone."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import NotEntitled, ResManError, Scope
from domiq_dagster.resman.ids import canonical_id, same_id
from domiq_dagster.resman.models import Employee, PickListItem
from domiq_dagster.sync.grants import missing_grants, not_needed
from domiq_dagster.sync.integrations import SETTING_NAMES, Integration
from domiq_dagster.sync.queue import lanes
from domiq_dagster.sync.trouble import PropertyFaults

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "fill_settings.sql")
PREFERRED_SOURCES = ("domiq", "chatbot", "chat", "website", "web")
ASKED_FOR = {
    "agent_id": "Leasing/GetEmployees",
    "source_id": "Leasing/GetProspectSources",
    "lost_reason_id": "Leasing/GetLostProspectReasons",
}
"""The endpoint that is asked for a setting, and for nothing else."""
PREFERRED_LOST_REASONS = ("other", "unknown", "no response", "lack of response", "inactive")


def complete_settings(engine: Engine, client: ResManClient, integrations: Sequence[Integration]) -> list[str]:
    """Asks ResMan for what the settings leave open and stores it, so that later passes need not ask.

    What goes wrong with one property is its own; an account that does not answer is left.

    Returns:
        One sentence for each setting that could not be filled; such a property still pulls, and its changes
        wait.

    Raises:
        Exception: the database is gone.
    """
    problems: list[str] = []
    zones: dict[str, dict[str, str | None]] = {}
    silent: set[str] = set()
    faults = PropertyFaults(engine, "settings")
    _forget_needless_grants(engine, integrations)
    for integration in integrations:
        if not integration.missing_settings or integration.account_id in silent:
            continue
        with faults.of(integration.property_id, integration.partition_key):
            try:
                problems += _fill(engine, client, integration, zones)
            except ResManError as error:
                silent.add(integration.account_id)
                where = f"from ResMan, account {integration.account_id}"
                problems.append(f"the settings could not be completed {where}: {error}")
    return problems + faults.sentences


def _forget_needless_grants(engine: Engine, integrations: Sequence[Integration]) -> None:
    """A setting that somebody has given since is not asked for again, so its endpoint need not be granted."""
    with engine.begin() as connection:
        lacking = {(g.property_id, g.endpoint) for g in missing_grants(connection)}
        for i in integrations if lacking else ():
            for name, endpoint in ASKED_FOR.items():
                if name not in i.missing_settings and (i.property_id, endpoint) in lacking:
                    not_needed(connection, i.property_id, i.account_id, endpoint)


def _fill(
    engine: Engine, client: ResManClient, integration: Integration, zones: dict[str, dict[str, str | None]]
) -> list[str]:
    """Fills what one property's settings leave open. Returns what could not be filled.

    Raises:
        ResManError: ResMan does not answer at all.
    """
    problems = []
    found: dict[str, str | None] = {}
    for name in integration.missing_settings:
        try:
            found[name] = _ask(client, integration, name, zones)
        except ResManError as error:
            if error.scope is Scope.SERVICE:
                raise
            problems.append(f"{integration.partition_key}: {name} is not set and cannot be asked ({error})")
            continue
        if found[name] is None:
            problems.append(f"{integration.partition_key}: ResMan offers no value for {name}")
    _store(engine, integration, {k: v for k, v in found.items() if v is not None})
    return problems


def _ask(
    client: ResManClient, integration: Integration, name: str, zones: dict[str, dict[str, str | None]]
) -> str | None:
    account, prop = integration.account_id, integration.resman_property_id
    if name == "time_zone":
        if account not in zones:
            zones[account] = {canonical_id(p.property_id): p.time_zone for p in client.properties(account)}
        return zones[account].get(canonical_id(prop))
    if name == "source_id":
        return prefer(client.prospect_sources(account, prop), PREFERRED_SOURCES)
    if name == "lost_reason_id":
        return prefer(client.lost_reasons(account), PREFERRED_LOST_REASONS)
    return _agent(client, account, prop)


def _agent(client: ResManClient, account: str, prop: str) -> str | None:
    """An employee who may post: ResMan wants one flagged as leasing. v1 gives the agent ids but not the
    flag, v2 the flag but person ids; the name is all that they share."""
    employees = client.employees(account, prop)
    try:
        leasing = client.employees_v2(account)
    except NotEntitled:
        leasing = []
    chosen = choose_agent(employees, leasing, prop)
    return chosen.id if chosen else None


def choose_agent(
    employees: Sequence[Employee], leasing: Sequence[Employee], resman_property_id: str
) -> Employee | None:
    """Of v1's employees the first whom v2 shows as leasing at the property; else the first."""
    names = {
        _same_name(e.name)
        for e in leasing
        if e.is_leasing and any(same_id(p, resman_property_id) for p in e.property_ids)
    }
    return next((e for e in employees if _same_name(e.name) in names), next(iter(employees), None))


def _same_name(name: str) -> frozenset[str]:
    """A name without order and case: 'Example, Ada' and 'Ada Example' are one."""
    return frozenset(name.lower().replace(",", " ").split())


def prefer(items: Sequence[PickListItem], words: Sequence[str]) -> str | None:
    """The id of the first item whose name has the first of the words that any has; else of the first."""
    for word in words:
        for item in items:
            if word in item.name.lower():
                return item.id
    return items[0].id if items else None


def _store(engine: Engine, integration: Integration, values: dict[str, str]) -> None:
    if not values:
        return
    with engine.begin() as connection:
        connection.execute(
            QUERIES.fill,
            {**dict.fromkeys(SETTING_NAMES), **values, "property_id": integration.property_id},
        )
        lanes.wake_property(connection, integration.property_id)
    logger.info("settings of %s filled from ResMan: %s", integration.partition_key, ", ".join(sorted(values)))
