"""Finding and mending what the ordinary way missed. Everything here may be repeated at any time, by several
at once; what was mended is not found again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.rows import rows_as
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.apply import Applied, apply_property, decisions
from domiq_dagster.sync.decisions.decide import Action
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.linking import store
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.queue import changes, lanes
from domiq_dagster.sync.status_map import load_status_map

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "reconcile.sql")
_BATCH = 500

UNADOPTED = "changes without a place in the order"
UNDELIVERED = "pending changes without a delivery"
PLACED = "changes that lacked their property"
EXPIRED = "expired leases"
ORPHANS = "changes without a conversation"
IDLE = "deliveries without a pending change"
HEADLESS = "lanes without a head"
UNSPOKEN = "leads that no conversation spoke for"
UNCAPTURED = "statuses without a change"
APPLIED = "statuses of ResMan applied"
UNKNOWN = "unknown outcomes"
UNPLACED = "pending changes without a property"
INCOMPLETE = "rows nobody can act on"

MENDED = (UNADOPTED, UNDELIVERED, PLACED, EXPIRED, ORPHANS, IDLE, HEADLESS, UNSPOKEN, UNCAPTURED, APPLIED)
"""Kinds that a sweep mends: a second one finds none of them."""
SEEN = {
    UNKNOWN: "the next push asks ResMan",
    UNPLACED: "their conversation needs a property",
    INCOMPLETE: "the application must give them a status and a direction",
}
"""Kinds that are shown each time until somebody else ends them, and who."""

_Finding = tuple[str, list[UUID | None]]
"""A kind, and the property of each row of it."""


@dataclass(slots=True)
class Reconciled:
    """What one sweep found, by kind and then by the name of the property (see `PropertyNames`)."""

    found: dict[str, Counter[str]] = field(default_factory=lambda: {k: Counter() for k in (*MENDED, *SEEN)})
    applied: list[Applied] = field(default_factory=list)

    @property
    def findings(self) -> dict[str, int]:
        """The counts by kind, every kind."""
        return {kind: counts.total() for kind, counts in self.found.items()}

    @property
    def by_property(self) -> list[dict[str, Any]]:
        """Every count that is not 0, with what becomes of it."""
        return [
            {"kind": kind, "property": key, "count": counts[key], "then": SEEN.get(kind, "mended")}
            for kind, counts in self.found.items()
            for key in sorted(counts)
        ]

    @property
    def uncaptured(self) -> Counter[str]:
        """Changes logged for statuses that had none, by partition key."""
        return self.found[UNCAPTURED]


def reconcile(
    engine: Engine, *, property_ids: Sequence[UUID] | None = None, dry_run: bool = False
) -> Reconciled:
    """One sweep over the queue and the connected properties. With `dry_run` what it mends in the queue is
    undone, and of the rest it is only found what it would do."""
    result = Reconciled()
    with engine.begin() as connection:
        names = PropertyNames(connection)
        for kind, rows in (*_mend_queue(connection), *_look(connection)):
            result.found[kind].update(names.name(row) for row in rows)
        integrations = load_integrations(connection, property_ids=property_ids)
        if dry_run:
            connection.rollback()
    if dry_run:
        for integration in integrations:
            _foresee(engine, integration, result)
        return result
    for integration in integrations:
        _mend_property(engine, integration, result)
    for finding in result.by_property:
        logger.info("reconciled %(property)s: %(kind)s: %(count)d, %(then)s", finding)
    return result


def _mend_queue(connection: Connection) -> Iterator[_Finding]:
    """What is mended in the queue, in this order: what was in flight may turn out idle, and whatever is
    taken out may leave a lane without its head."""
    yield UNADOPTED, changes.adopt_unadopted(connection)
    yield UNDELIVERED, changes.adopt_undelivered(connection)
    yield PLACED, changes.find_properties(connection)
    yield EXPIRED, lanes.expire_leases(connection)
    yield ORPHANS, lanes.fail_orphans(connection)
    yield IDLE, lanes.drop_idle(connection)
    yield HEADLESS, lanes.heal_heads(connection)
    yield UNSPOKEN, store.speak_for_leads(connection)


def _look(connection: Connection) -> Iterator[_Finding]:
    """What is only shown."""
    yield UNKNOWN, list(connection.scalars(QUERIES.unknown_outcomes))
    yield UNPLACED, list(connection.scalars(QUERIES.unplaced_changes))
    yield INCOMPLETE, list(connection.scalars(QUERIES.incomplete_rows))


def _mend_property(engine: Engine, integration: Integration, result: Reconciled) -> None:
    """Statuses of one property that the two sides, or the log, do not know of yet."""
    key = integration.partition_key
    applied = apply_property(engine, integration)
    result.applied.append(applied)
    logged = _log_uncaptured(engine, integration.property_id) if integration.outbound else 0
    for kind, count in ((APPLIED, applied.applied), (UNCAPTURED, applied.pushed + logged)):
        if count:
            result.found[kind][key] += count


def _foresee(engine: Engine, integration: Integration, result: Reconciled) -> None:
    """What `_mend_property` would do."""
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        statuses = load_status_map(connection, integration.property_id)
        taken = {
            lead.conversation_id: decision.action
            for lead, decision in decisions(connection, integration, statuses)
            if decision.action in (Action.APPLY, Action.PUSH)
        }
        values = {"property_id": integration.property_id}
        uncaptured = (
            connection.scalars(QUERIES.uncaptured_conversations, values).all() if integration.outbound else []
        )
    applied = sum(action is Action.APPLY for action in taken.values())
    logged = len(taken) - applied + sum(conversation not in taken for conversation in uncaptured)
    for kind, count in ((APPLIED, applied), (UNCAPTURED, logged)):
        if count:
            result.found[kind][integration.partition_key] += count


def _log_uncaptured(engine: Engine, property_id: UUID) -> int:
    """In batches: the application can change the conversations of a batch only after it."""
    with engine.connect() as connection:
        found = connection.scalars(QUERIES.uncaptured_conversations, {"property_id": property_id}).all()
    logged = 0
    for start in range(0, len(found), _BATCH):
        with engine.begin() as connection:
            free = connection.scalars(
                QUERIES.lock_conversations, {"ids": list(found[start : start + _BATCH])}
            ).all()
            batch = rows_as(
                changes.LoggedChange, connection.execute(QUERIES.log_uncaptured, {"ids": list(free)})
            )
            changes.no_news(connection, [change.id for change in batch if change.old_status is None])
            logged += len(batch)
    return logged
