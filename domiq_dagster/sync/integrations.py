"""The settings of each connected property, as DomIQ's database has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.status_map import ConflictPolicy

QUERIES = load_queries(__package__, "integrations.sql")
SETTING_NAMES = ("agent_id", "source_id", "lost_reason_id", "time_zone")
"""The settings that ResMan can answer for."""
_RESMAN_IDS = ("resman_property_id", "agent_id", "source_id", "lost_reason_id")


@dataclass(frozen=True, slots=True)
class Integration:
    """One connected property, as `domiq_sync.integration` has it.

    Attributes:
        was_pulled: whether ResMan was ever read here since it was connected.
    """

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
    tour_times: str
    was_pulled: bool

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
        return tuple(name for name in SETTING_NAMES if getattr(self, name) is None)


def load_integrations(
    connection: Connection, *, property_ids: Iterable[UUID] | None = None, enabled_only: bool = True
) -> list[Integration]:
    """The connected properties, in the order of their partition keys."""
    values = {"enabled_only": enabled_only, "ids": None if property_ids is None else list(property_ids)}
    rows = connection.execute(QUERIES.load, values).mappings()
    return [
        Integration(**{**row, **_canonical(row), "policy": ConflictPolicy(row["policy"])}) for row in rows
    ]


def partition_keys(connection: Connection) -> dict[str, bool]:
    """The partition keys of all connected properties, in their order, each with whether its sync is on."""
    return {row.partition_key: row.enabled for row in connection.execute(QUERIES.partition_keys)}


def _canonical(row: RowMapping) -> dict[str, str | None]:
    """The ids of ResMan's among the settings, however they were typed."""
    return {name: canonical_id(row[name]) if row[name] else None for name in _RESMAN_IDS}
