"""Finding and mending what the ordinary way missed. Everything here may be repeated at any time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import queue
from domiq_dagster.sync.inbound import Applied, apply_property
from domiq_dagster.sync.integrations import load_integrations

logger = logging.getLogger(__name__)
_QUERIES = load_queries(__package__, "reconcile.sql")


@dataclass(slots=True)
class Reconciled:
    """What reconciliation found. The first six were mended; expired leases and unknown outcomes are
    taken up by the next push; incomplete rows can only be shown."""

    unadopted_changes: int = 0
    undelivered_changes: int = 0
    idle_deliveries: int = 0
    heads_mended: int = 0
    orphans: int = 0
    """Pending changes without a conversation: failed, since nobody can deliver them."""
    uncaptured: dict[str, int] = field(default_factory=dict)
    """Changes logged for conversations that had none, by partition key."""
    expired_leases: int = 0
    unknown_outcomes: int = 0
    incomplete_rows: int = 0
    applied: list[Applied] = field(default_factory=list)

    @property
    def findings(self) -> dict[str, int]:
        """The counts by kind, for a person to read."""
        return {
            "changes without a place in the order": self.unadopted_changes,
            "pending changes without a delivery": self.undelivered_changes,
            "deliveries without a pending change": self.idle_deliveries,
            "lanes without a head": self.heads_mended,
            "changes without a conversation": self.orphans,
            "statuses without a change": sum(self.uncaptured.values()) + sum(a.pushed for a in self.applied),
            "statuses of ResMan applied": sum(a.applied for a in self.applied),
            "expired leases": self.expired_leases,
            "unknown outcomes": self.unknown_outcomes,
            "rows nobody can act on": self.incomplete_rows,
        }


def reconcile(engine: Engine, *, property_ids: Sequence[UUID] | None = None) -> Reconciled:
    """One sweep over the queue and the connected properties."""
    found = Reconciled()
    with engine.begin() as connection:
        found.unadopted_changes = _adopt(connection, "unadopted_changes")
        found.undelivered_changes = _adopt(connection, "undelivered_changes")
        connection.execute(text(_QUERIES["place_properties"]))
        found.orphans = connection.execute(text(_QUERIES["fail_orphans"])).rowcount
        found.idle_deliveries = connection.execute(text(_QUERIES["drop_idle_deliveries"])).rowcount
        found.heads_mended = queue.heal_heads(connection)
        found.expired_leases = _count(connection, "expired_leases")
        found.unknown_outcomes = _count(connection, "unknown_outcomes")
        found.incomplete_rows = _count(connection, "incomplete_rows")
        integrations = load_integrations(connection, property_ids=property_ids)
    for integration in integrations:
        found.applied.append(apply_property(engine, integration))
        if integration.outbound:
            logged = _log_uncaptured(engine, integration.property_id)
            if logged:
                found.uncaptured[integration.partition_key] = logged
    logger.info("reconciled: %s", {k: v for k, v in found.findings.items() if v})
    return found


def retry_failed(
    engine: Engine,
    *,
    property_id: UUID | None = None,
    since: datetime | None = None,
    reason: str | None = None,
) -> int:
    """Puts failed outbound changes back into the queue, unless a later one of the same conversation has
    succeeded. `reason` is the outcome that they failed with, such as `unknown_source`. Returns how many."""
    with engine.begin() as connection:
        rows = connection.execute(
            text(_QUERIES["retry_failed"]), {"property_id": property_id, "since": since, "reason": reason}
        ).all()
        for row in rows:
            connection.execute(text(_QUERIES["adopt"]), dict(row._mapping))
        queue.heal_heads(connection)
    return len(rows)


def _adopt(connection: Connection, query: str) -> int:
    rows = connection.execute(text(_QUERIES[query])).all()
    if rows:
        connection.execute(text(_QUERIES["adopt"]), [dict(r._mapping) for r in rows])
    return len(rows)


def _count(connection: Connection, query: str) -> int:
    return int(connection.scalar(text(_QUERIES[query])) or 0)


def _log_uncaptured(engine: Engine, property_id: UUID) -> int:
    logged = 0
    with engine.begin() as connection:
        for row in connection.execute(
            text(_QUERIES["uncaptured_conversations"]), {"property_id": property_id}
        ).all():
            logged += connection.execute(text(_QUERIES["log_uncaptured"]), dict(row._mapping)).rowcount
    return logged
