"""Reading what rules need: the rules themselves, what this installation has, and the facts of changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Row, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.rules.comparisons import Needs
from domiq_dagster.sync.rules.compile import RuleRow
from domiq_dagster.sync.rules.fields import CHANGE_FIELDS, Catalogue, Facts, Kind
from domiq_dagster.sync.status_map import LeadStatus

QUERIES = load_queries(__package__, "rules.sql")

_TYPES = {
    "timestamptz": Kind.MOMENT,
    "timestamp": Kind.LOCAL_MOMENT,
    "date": Kind.DATE,
    "json": Kind.ANY,
    "jsonb": Kind.ANY,
    "uuid": Kind.TEXT,
}
_CATEGORIES = {"N": Kind.NUMBER, "S": Kind.TEXT, "E": Kind.TEXT, "B": Kind.BOOLEAN, "A": Kind.ARRAY}
_MAY_BE_INFINITE = frozenset({Kind.DATE, Kind.MOMENT, Kind.LOCAL_MOMENT})


@dataclass(frozen=True, slots=True)
class Place:
    """A connected property, as far as rules look at it."""

    property_id: UUID
    partition_key: str
    property_name: str
    sync_direction: str
    connected_at: datetime
    zone: ZoneInfo | None
    zone_problem: str | None
    """Why there is no zone."""


def load_places(
    connection: Connection, property_ids: Iterable[UUID] | None = None, *, due: bool = False
) -> list[Place]:
    """The connected properties; with `due`, those where changes wait for the rules."""
    query = QUERIES["due_properties" if due else "all_properties"]
    rows = connection.execute(query, {"ids": None if property_ids is None else list(property_ids)})
    places = []
    for r in rows:
        zone, problem = _zone(r.partition_key, r.time_zone)
        places.append(
            Place(
                r.property_id,
                r.partition_key,
                r.property_name,
                r.sync_direction,
                r.connected_at,
                zone,
                problem,
            )
        )
    return places


def _zone(key: str, name: str | None) -> tuple[ZoneInfo | None, str | None]:
    if name is None:
        return (
            None,
            f"{key} has no time zone yet: the next pull asks ResMan, or set it with domiq-sync connect",
        )
    try:
        return ZoneInfo(name), None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None, f"the time zone {name!r} of {key} is none: set one such as America/Chicago"


def load_rule_rows(connection: Connection, property_id: UUID) -> list[RuleRow]:
    """The active rules of a property, the older first."""
    return [_rule(r) for r in connection.execute(QUERIES.rules, {"property_id": property_id})]


def load_every_rule(connection: Connection) -> list[RuleRow]:
    """All active rules, those of no property and of unconnected ones too."""
    return [_rule(r) for r in connection.execute(QUERIES.every_rule)]


def load_one_rule(connection: Connection, rule_id: UUID) -> RuleRow | None:
    """A rule, active or not."""
    row = connection.execute(QUERIES.one_rule, {"rule_id": rule_id}).first()
    return _rule(row) if row else None


def _rule(r: Row[Any]) -> RuleRow:
    return RuleRow(r.id, r.property_id, r.trigger_status, r.target_status, r.conditions, r.actions)


def load_meanings(connection: Connection, property_id: UUID | None) -> dict[str, LeadStatus]:
    """DomIQ's words for a lead status as they hold at a property."""
    rows = connection.execute(QUERIES.words, {"property_id": property_id})
    return {r.domiq_status: LeadStatus(r.lead_status) for r in rows}


def load_catalogue(connection: Connection) -> Catalogue:
    """What this installation's tables conversation and message have."""
    conversation = {}
    for column in connection.execute(QUERIES.columns, {"table": "public.conversation"}):
        conversation[column.name] = _TYPES.get(column.type) or _CATEGORIES.get(column.category, Kind.OTHER)
    message = {c.name: c.type for c in connection.execute(QUERIES.columns, {"table": "public.message"})}
    return Catalogue(conversation, "conversation_id" in message, message.get("timestamp") == "timestamptz")


def load_conversations(
    connection: Connection,
    catalogue: Catalogue,
    columns: Iterable[str],
    ids: Sequence[UUID],
    *,
    lock: bool,
) -> dict[UUID, dict[str, Any]]:
    """The status and the given columns of these conversations. With `lock` they stay locked until the
    transaction ends, and those that somebody else is changing just now are left out."""
    chosen = sorted({"status", *columns}.intersection(catalogue.conversation))
    selected = "".join(f", {_selected(name, catalogue.conversation[name])}" for name in chosen)
    locking = "FOR NO KEY UPDATE SKIP LOCKED" if lock else ""
    found = (
        f"SELECT c.id{selected} FROM public.conversation c WHERE c.id = ANY (CAST(:ids AS uuid[])) {locking}"
    )
    rows = connection.execute(text(found), {"ids": list(ids)})
    return {row[0]: dict(zip(chosen, map(_plain, row[1:]), strict=True)) for row in rows}


def _selected(name: str, kind: Kind) -> str:
    quoted = 'c."' + name.replace('"', '""').replace(":", r"\:") + '"'
    return f"CASE WHEN isfinite({quoted}) THEN {quoted} END" if kind in _MAY_BE_INFINITE else quoted


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def count_messages(
    connection: Connection, catalogue: Catalogue, changes: Sequence[Row[Any]]
) -> Mapping[UUID, int]:
    """How many messages each change's conversation had by then."""
    query = "count_messages" if catalogue.message_times else "count_all_messages"
    rows = connection.execute(
        QUERIES[query],
        {
            "ids": [c.change_id for c in changes],
            "conversations": [c.conversation_id for c in changes],
            "times": [changed_at(c) for c in changes],
        },
    )
    return {r.change_id: r.messages for r in rows}


def changed_at(change: Row[Any]) -> datetime:
    """When the status changed, as the log has it."""
    found: datetime = change.created_at or change.logged_at
    return found


def gather_facts(
    connection: Connection,
    catalogue: Catalogue,
    needs: Needs,
    place: Place,
    changes: Sequence[Row[Any]],
    *,
    lock: bool,
) -> dict[UUID, Facts]:
    """The facts of changes, by change; a few statements for all of them. A change whose conversation is
    locked by somebody else has none."""
    ids = list({c.conversation_id for c in changes})
    conversations = load_conversations(connection, catalogue, needs.columns, ids, lock=lock)
    known = [c for c in changes if c.conversation_id in conversations]
    messages = count_messages(connection, catalogue, known) if needs.messages and known else {}
    return {
        c.change_id: Facts(
            {name: getattr(c, name) for name in CHANGE_FIELDS},
            conversations[c.conversation_id],
            c.context_data if isinstance(c.context_data, dict) else {},
            changed_at(c),
            place.zone,
            messages.get(c.change_id),
        )
        for c in known
    }
