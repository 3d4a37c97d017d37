"""Reading the rules, the properties that they are of, and what this installation has to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.rules.compile import RuleRow
from domiq_dagster.sync.rules.facts import Catalogue, FieldKind
from domiq_dagster.sync.status_map import LeadStatus, WordMap

QUERIES = load_queries(__package__, "store.sql")

_TYPES = {
    "timestamptz": FieldKind.MOMENT,
    "timestamp": FieldKind.LOCAL_MOMENT,
    "date": FieldKind.DATE,
    "json": FieldKind.ANY,
    "jsonb": FieldKind.ANY,
    "uuid": FieldKind.TEXT,
}
_CATEGORIES = {
    "N": FieldKind.NUMBER,
    "S": FieldKind.TEXT,
    "E": FieldKind.TEXT,
    "B": FieldKind.BOOLEAN,
    "A": FieldKind.ARRAY,
}


@dataclass(frozen=True, slots=True)
class RuledProperty:
    """A connected property, as far as its rules need it.

    Attributes:
        connected_at: what was logged before that is no news.
        zone: its time zone.
        zone_problem: why there is none.
    """

    property_id: UUID
    partition_key: str
    property_name: str
    sync_direction: str
    connected_at: datetime
    zone: ZoneInfo | None
    zone_problem: str | None


def load_properties(
    connection: Connection, property_ids: Iterable[UUID] | None = None, *, due: bool = False
) -> list[RuledProperty]:
    """Reads the connected properties, by partition key.

    Args:
        property_ids: only these, if given.
        due: only those where changes wait for the rules.
    """
    query = QUERIES.due_properties if due else QUERIES.all_properties
    rows = connection.execute(query, {"ids": None if property_ids is None else list(property_ids)})
    properties = []
    for row in rows:
        zone, problem = _zone(row.partition_key, row.time_zone)
        properties.append(
            RuledProperty(
                property_id=row.property_id,
                partition_key=row.partition_key,
                property_name=row.property_name,
                sync_direction=row.sync_direction,
                connected_at=row.connected_at,
                zone=zone,
                zone_problem=problem,
            )
        )
    return properties


def _zone(key: str, name: str | None) -> tuple[ZoneInfo | None, str | None]:
    if name is None:
        ask = "the next pull asks ResMan, or set it with domiq-sync connect"
        return None, f"{key} has no time zone yet: {ask}"
    try:
        return ZoneInfo(name), None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None, f"the time zone {name!r} of {key} is none: set one such as America/Chicago"


def load_rule_rows(connection: Connection, property_id: UUID) -> list[RuleRow]:
    """Reads the active rules of a property, the older first."""
    rows = connection.execute(QUERIES.rules, {"property_id": property_id})
    return rows_as(RuleRow, rows)


def load_every_rule(connection: Connection) -> list[RuleRow]:
    """Reads all active rules, by property, those of no property and of unconnected ones too."""
    return rows_as(RuleRow, connection.execute(QUERIES.every_rule))


def load_meanings(connection: Connection, property_id: UUID | None) -> Mapping[str, LeadStatus]:
    """Reads DomIQ's words for a lead status as they hold at a property."""
    rows = connection.execute(QUERIES.meanings, {"property_id": property_id})
    return WordMap({row.domiq_status: LeadStatus(row.lead_status) for row in rows})


def load_catalogue(connection: Connection) -> Catalogue:
    """Reads what this installation's tables conversation and message have."""
    conversation = {}
    for column in connection.execute(QUERIES.columns, {"table": "public.conversation"}):
        by_category = _CATEGORIES.get(column.category, FieldKind.OTHER)
        conversation[column.name] = _TYPES.get(column.type, by_category)
    message = {c.name: c.type for c in connection.execute(QUERIES.columns, {"table": "public.message"})}
    return Catalogue(conversation, "conversation_id" in message, message.get("timestamp") == "timestamptz")
