"""The settings of each connected property: reading them, and filling from ResMan what was left open."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import NotEntitled, ResManError, Scope
from domiq_dagster.resman.models import Employee, PickListItem
from domiq_dagster.sync.statuses import ConflictPolicy

logger = logging.getLogger(__name__)

PREFERRED_SOURCES = ("domiq", "chatbot", "chat", "website", "web")
PREFERRED_LOST_REASONS = ("other", "unknown", "no response", "lack of response", "inactive")


@dataclass(frozen=True, slots=True)
class Integration:
    """One connected property, as `domiq_sync.integration` has it."""

    property_id: UUID
    property_name: str
    partition_key: str
    account_id: str
    resman_property_id: str
    enabled: bool
    direction: str
    policy: ConflictPolicy
    agent_id: str | None
    source_id: str | None
    lost_reason_id: str | None
    time_zone: str | None

    @property
    def inbound(self) -> bool:
        """Whether DomIQ takes statuses from ResMan here."""
        return self.enabled and self.direction in ("both", "from_resman")

    @property
    def outbound(self) -> bool:
        """Whether DomIQ's statuses go to ResMan here."""
        return self.enabled and self.direction in ("both", "to_resman")

    @property
    def missing_settings(self) -> tuple[str, ...]:
        """What is still open of the settings that ResMan can answer for."""
        return tuple(
            name
            for name in ("agent_id", "source_id", "lost_reason_id", "time_zone")
            if getattr(self, name) is None
        )


_SELECT = """
SELECT i.*, p.name AS property_name FROM domiq_sync.integration i
JOIN public.property p ON p.id = i.property_id
"""


def load_integrations(
    connection: Connection, *, property_ids: Iterable[UUID] | None = None, enabled_only: bool = True
) -> list[Integration]:
    """The connected properties, in the order of their partition keys."""
    rows = connection.execute(
        text(
            _SELECT
            + "WHERE (i.sync_enabled OR NOT :enabled_only) "
            + "AND (CAST(:ids AS uuid[]) IS NULL OR i.property_id = ANY (CAST(:ids AS uuid[]))) "
            + "ORDER BY i.partition_key"
        ),
        {"enabled_only": enabled_only, "ids": None if property_ids is None else list(property_ids)},
    )
    return [_from_row(row) for row in rows]


def integration_for_key(connection: Connection, partition_key: str) -> Integration | None:
    """The property with this partition key, enabled or not."""
    row = connection.execute(text(_SELECT + "WHERE i.partition_key = :k"), {"k": partition_key}).first()
    return _from_row(row) if row else None


def _from_row(row: object) -> Integration:
    m = row._mapping  # type: ignore[attr-defined]
    return Integration(
        property_id=m["property_id"],
        property_name=m["property_name"],
        partition_key=m["partition_key"],
        account_id=m["resman_account_id"],
        resman_property_id=m["resman_property_id"],
        enabled=m["sync_enabled"],
        direction=m["sync_direction"],
        policy=ConflictPolicy(m["conflict_policy"]),
        agent_id=m["agent_id"],
        source_id=m["source_id"],
        lost_reason_id=m["lost_reason_id"],
        time_zone=m["time_zone"],
    )


def complete_settings(engine: Engine, client: ResManClient, integrations: Sequence[Integration]) -> list[str]:
    """Asks ResMan for what the settings leave open and stores it, so that later passes need not ask.

    Returns one sentence for each setting that could not be filled; such a property still pulls, and
    its changes wait.
    """
    problems: list[str] = []
    zones: dict[str, dict[str, str | None]] = {}
    for integration in integrations:
        if not integration.missing_settings:
            continue
        found: dict[str, str | None] = {}
        for name in integration.missing_settings:
            try:
                found[name] = _ask(client, integration, name, zones)
            except ResManError as error:
                if error.scope is Scope.SERVICE:
                    raise
                problems.append(
                    f"{integration.partition_key}: {name} is not set and cannot be asked ({error})"
                )
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
            zones[account] = {p.property_id.lower(): p.time_zone for p in client.properties(account)}
        return zones[account].get(prop.lower())
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
        if e.is_leasing and resman_property_id.lower() in (p.lower() for p in e.property_ids)
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
    sets = ", ".join(f"{name} = COALESCE({name}, :{name})" for name in values)
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE domiq_sync.integration SET {sets} WHERE property_id = :property_id"),
            {**values, "property_id": integration.property_id},
        )
        connection.execute(
            text(
                "UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp(), state = 'ready' "
                "WHERE property_id = :p AND state = 'waiting' AND last_outcome LIKE 'not_configured%'"
            ),
            {"p": integration.property_id},
        )
    logger.info("settings of %s filled from ResMan: %s", integration.partition_key, ", ".join(sorted(values)))
