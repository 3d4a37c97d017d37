"""The delivery queue: claiming, holding and giving back pending changes, and settling them.

Every write after a claim names the lease token that the claim gave. A worker that lost its lease
matches no row, and what it does is rolled back: `LostLease`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from domiq_dagster.db.sqlfile import load_queries

_QUERIES = load_queries(__package__, "queue.sql")


class LostLease(Exception):
    """Somebody else holds the change now (or it is gone): nothing was written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery that this worker holds until its lease ends. `may_have_left`: an earlier worker or
    attempt may have sent it, so it must be probed before it is sent."""

    change_id: UUID
    lane: UUID
    property_id: UUID
    attempts: int
    postponements: int
    lease_token: int
    enqueued_at: datetime
    worker: str
    may_have_left: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of getting a change to ResMan, for the record. `detail` holds no personal data."""

    action: str
    outcome: str
    detail: dict[str, Any]
    started_at: datetime
    duration_ms: int


@dataclass(frozen=True, slots=True)
class DueProperty:
    property_id: UUID
    account_id: str


def due_properties(connection: Connection, property_ids: Sequence[UUID] | None = None) -> list[DueProperty]:
    """Which connected properties have a delivery that may be claimed now."""
    rows = connection.execute(
        text(_QUERIES["due_properties"]),
        {"property_ids": None if property_ids is None else list(property_ids)},
    )
    return [DueProperty(r.property_id, r.resman_account_id) for r in rows]


def heal_heads(connection: Connection) -> int:
    """Marks the first of each lane that has none marked. Returns how many."""
    return connection.execute(text(_QUERIES["heal_heads"])).rowcount


def claim(connection: Connection, property_id: UUID, worker: str, lease_seconds: float) -> Claim | None:
    """Claims the longest-due delivery of a property, or None. Commits."""
    try:
        row = connection.execute(
            text(_QUERIES["claim"]),
            {"property_id": property_id, "worker": worker, "lease_seconds": lease_seconds},
        ).first()
        connection.commit()
    except IntegrityError:
        # Two rows of one lane were both taken for its head; the other one is in flight already.
        connection.rollback()
        return None
    if row is None:
        return None
    return Claim(
        change_id=row.change_id,
        lane=row.lane,
        property_id=row.property_id,
        attempts=row.attempts,
        postponements=row.postponements,
        lease_token=row.lease_token,
        enqueued_at=row.enqueued_at,
        worker=worker,
        may_have_left=row.found_state in ("in_flight", "unknown"),
    )


def extend_lease(connection: Connection, held: Claim, lease_seconds: float) -> None:
    """The heartbeat. Commits. Raises LostLease."""
    values = {**_key(held), "lease_seconds": lease_seconds}
    if connection.execute(text(_QUERIES["extend_lease"]), values).rowcount == 0:
        connection.rollback()
        raise LostLease(f"change {held.change_id}")
    connection.commit()


def postpone(
    connection: Connection,
    held: Claim,
    *,
    state: str,
    outcome: str,
    seconds: float,
    counted: bool,
    attempts: Sequence[Attempt],
) -> None:
    """Gives a delivery back, to be claimed again after `seconds`. Commits. Raises LostLease."""
    values = {**_key(held), "state": state, "outcome": outcome, "seconds": seconds, "counted": int(counted)}
    if connection.execute(text(_QUERIES["postpone"]), values).rowcount == 0:
        connection.rollback()
        raise LostLease(f"change {held.change_id}")
    _record(connection, held, attempts)
    connection.commit()


def settle(
    connection: Connection,
    held: Claim,
    *,
    sync_status: str,
    explanation: dict[str, Any],
    prospect_id: str | None,
    attempts: Sequence[Attempt],
) -> None:
    """Gives a change its final status, with the explanation under `context_data.sync`, and lets the next
    of its lane come forward. The caller commits, with what belongs to the same moment. Raises LostLease."""
    if connection.execute(text(_QUERIES["remove_settled"]), _key(held)).rowcount == 0:
        connection.rollback()
        raise LostLease(f"change {held.change_id}")
    connection.execute(
        text(_QUERIES["settle"]),
        {
            **_key(held),
            "sync_status": sync_status,
            "explanation": json.dumps(explanation),
            "prospect_id": prospect_id,
        },
    )
    connection.execute(text(_QUERIES["promote"]), {"lane": held.lane})
    _record(connection, held, attempts)


def _key(held: Claim) -> dict[str, Any]:
    return {"change_id": held.change_id, "lease_token": held.lease_token}


def _record(connection: Connection, held: Claim, attempts: Sequence[Attempt]) -> None:
    if not attempts:
        return
    connection.execute(
        text(_QUERIES["record_attempt"]),
        [
            {
                **_key(held),
                "worker": held.worker,
                "action": a.action,
                "outcome": a.outcome,
                "detail": json.dumps(a.detail),
                "started_at": a.started_at,
                "duration_ms": a.duration_ms,
            }
            for a in attempts
        ],
    )
