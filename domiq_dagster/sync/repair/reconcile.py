"""Finding and mending what the ordinary way missed. Everything here may be repeated at any time, by several
at once; what was mended is not found again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync import trouble
from domiq_dagster.sync.decisions.apply import Applied, apply_property, decisions
from domiq_dagster.sync.decisions.decide import Action
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.linking import store
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.sync.queue import capture_misses, change_log, changes, lanes, sequences
from domiq_dagster.sync.status_map import load_status_map
from domiq_dagster.sync.trouble import Faults, PropertyFaults

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "reconcile.sql")
_BATCH = 500

SEQUENCES = "sequences that were set back"
MISSED = "changes that could not be logged when they were made"
UNADOPTED = "changes without a place in the order"
UNDELIVERED = "pending changes without a delivery"
PLACED = "changes that lacked their property"
EXPIRED = "expired leases"
ORPHANS = "changes without a conversation"
IDLE = "deliveries without a pending change"
HEADLESS = "lanes without a head"
UNSPOKEN = "leads that no conversation spoke for"
UNCAPTURED = "statuses without a change"
UNCAPTURED_TOURS = "tours that moved without a change"
APPLIED = "statuses of ResMan applied"
UNKNOWN = "unknown outcomes"
UNPLACED = "pending changes without a property"
INCOMPLETE = "rows nobody can act on"

MENDED = (
    *(SEQUENCES, MISSED, UNADOPTED, UNDELIVERED, PLACED, EXPIRED, ORPHANS, IDLE, HEADLESS, UNSPOKEN),
    *(UNCAPTURED, UNCAPTURED_TOURS, APPLIED),
)
"""Kinds that a sweep mends: a second one finds none of them."""
SEEN = {
    UNKNOWN: "the next push asks ResMan",
    UNPLACED: "their conversation needs a property",
    INCOMPLETE: "the application must give them a status and a direction",
}
"""Kinds that are shown each time until somebody else ends them, and who."""

_Find = Callable[[Connection, Faults], Sequence[UUID | None]]
"""Finds one kind, and mends it if that is to be: the property of each row of it. The faults take what is
wrong with changes that cannot be mended, by their ids."""


@dataclass(slots=True)
class Reconciled:
    """What one sweep found, by kind and then by the name of the property (see `PropertyNames`).

    Attributes:
        problems: a sentence for each kind, property or conversation that could not be dealt with.
    """

    found: dict[str, Counter[str]] = field(default_factory=lambda: {k: Counter() for k in (*MENDED, *SEEN)})
    applied: list[Applied] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

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
    undone, and of the rest it is only found what it would do.

    A kind, a property or a conversation that cannot be dealt with is in the `problems`; the others are. What
    capture could not log is accounted for by a sweep over every property, once it is done with all.

    Raises:
        Exception: the database is gone.
    """
    result = Reconciled()
    missed = None
    kinds = Faults("{} could not be looked for")
    with engine.begin() as connection:
        names = PropertyNames(connection)
        unadopted = Faults("change {} could not be given its place or its delivery")
        if property_ids is None:
            with kinds.of(MISSED, savepoint=connection):
                missed = capture_misses.outstanding(connection)
                result.found[MISSED].update({names.name(None): missed.changes} if missed.changes else {})
        for kind, find in {**_MEND_QUEUE, **_LOOK}.items():
            with kinds.of(kind, savepoint=connection):
                result.found[kind].update(names.name(row) for row in find(connection, unadopted))
        if not {UNADOPTED, UNDELIVERED}.intersection(kinds.sentences):
            with kinds.of(f"whether {UNADOPTED} are in trouble", savepoint=connection):
                changes.note_unadopted(connection, unadopted.sentences)
        integrations = load_integrations(connection, property_ids=property_ids)
        if dry_run:
            connection.rollback()
    result.problems += [f"change {key}: {said}" for key, said in unadopted.sentences.items()]
    properties = PropertyFaults(engine, "reconciliation", notes=not dry_run)
    deal_with = _foresee if dry_run else _mend_property
    for integration in integrations:
        with properties.of(integration.property_id, integration.partition_key):
            deal_with(engine, integration, result)
    result.problems += properties.sentences
    if missed is not None and not dry_run:
        # Not before: a sweep that dies on the way accounts for nothing.
        with kinds.of(MISSED), engine.begin() as connection:
            capture_misses.account_for(connection, missed)
    result.problems += [f"reconciling {kind}: {said}" for kind, said in kinds.sentences.items()]
    if not dry_run:
        for finding in result.by_property:
            logger.info("reconciled %(property)s: %(kind)s: %(count)d, %(then)s", finding)
    return result


_MEND_QUEUE: Mapping[str, _Find] = {
    SEQUENCES: lambda c, _: [None] * len(sequences.set_right(c)),
    UNADOPTED: changes.adopt_unadopted,
    UNDELIVERED: changes.adopt_undelivered,
    PLACED: lambda c, _: changes.find_properties(c),
    EXPIRED: lambda c, _: lanes.expire_leases(c),
    ORPHANS: lambda c, _: lanes.fail_orphans(c),
    IDLE: lambda c, _: lanes.drop_idle(c),
    HEADLESS: lambda c, _: lanes.heal_heads(c),
    UNSPOKEN: lambda c, _: store.speak_for_leads(c),
}
"""What is mended in the queue, in this order: what was in flight may turn out idle, and whatever is taken out
may leave a lane without its head. Places in the order come first."""
_LOOK: Mapping[str, _Find] = {
    UNKNOWN: lambda c, _: c.scalars(QUERIES.unknown_outcomes).all(),
    UNPLACED: lambda c, _: c.scalars(QUERIES.unplaced_changes).all(),
    INCOMPLETE: lambda c, _: c.scalars(QUERIES.incomplete_rows).all(),
}
"""What is only shown."""


def _mend_property(engine: Engine, integration: Integration, result: Reconciled) -> None:
    """Statuses and tours of one property that the two sides, or the log, do not know of yet."""
    key = integration.partition_key
    applied = apply_property(engine, integration)
    result.applied.append(applied)
    logged, tours = _log_uncaptured(engine, integration, result) if _may_tell(integration) else (0, 0)
    found = {APPLIED: applied.applied, UNCAPTURED: applied.pushed + logged, UNCAPTURED_TOURS: tours}
    for kind, count in found.items():
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
        uncaptured, tours = (
            connection.scalars(query, values).all() if _may_tell(integration) else []
            for query in (QUERIES.uncaptured_conversations, QUERIES.uncaptured_tours)
        )
    applied = sum(action is Action.APPLY for action in taken.values())
    logged = len(taken) - applied + sum(conversation not in taken for conversation in uncaptured)
    moved = sum(conversation not in taken for conversation in tours)
    for kind, count in ((APPLIED, applied), (UNCAPTURED, logged), (UNCAPTURED_TOURS, moved)):
        if count:
            result.found[kind][integration.partition_key] += count


def _may_tell(integration: Integration) -> bool:
    """Whether statuses without a change are news for ResMan: before the first pull nobody knows what it
    has."""
    return integration.outbound and integration.was_pulled


def _log_uncaptured(engine: Engine, integration: Integration, result: Reconciled) -> tuple[int, int]:
    """In batches: the application can change the conversations of a batch only after it. Returns how many
    changes were logged of statuses, and how many of tours."""
    property_id, values = integration.property_id, {"property_id": integration.property_id}
    with engine.connect() as connection:
        statuses = connection.scalars(QUERIES.uncaptured_conversations, values).all()
        tours = connection.scalars(QUERIES.uncaptured_tours, values).all()
    faults = Faults("what conversation {} shows could not be logged")
    logged = {UNCAPTURED: 0, UNCAPTURED_TOURS: 0}

    def log_statuses(ids: Sequence[UUID]) -> None:
        with engine.begin() as connection:
            free = connection.scalars(QUERIES.lock_conversations, {"ids": list(ids)}).all()
            rows = change_log.log_uncaptured(connection, free)
            changes.no_news(connection, [row.id for row in rows if row.old_status is None])
        logged[UNCAPTURED] += len(rows)

    def log_tours(ids: Sequence[UUID]) -> None:
        with engine.begin() as connection:
            free = connection.scalars(QUERIES.lock_conversations, {"ids": list(ids)}).all()
            rows = change_log.log_uncaptured_tours(connection, property_id, free)
        logged[UNCAPTURED_TOURS] += len(rows)

    for found, log in ((statuses, log_statuses), (tours, log_tours)):
        for start in range(0, len(found), _BATCH):
            faults.together({str(i): i for i in found[start : start + _BATCH]}, log)
    with engine.begin() as connection:
        trouble.store(connection, trouble.UNLOGGED, property_id, faults)
    result.problems += [
        f"{integration.partition_key}: conversation {key}: {said}" for key, said in faults.sentences.items()
    ]
    return logged[UNCAPTURED], logged[UNCAPTURED_TOURS]
