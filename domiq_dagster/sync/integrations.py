"""The settings of each connected property: reading them, and filling from ResMan what was left open."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.sync.status_map import ConflictPolicy

logger = logging.getLogger(__name__)


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
